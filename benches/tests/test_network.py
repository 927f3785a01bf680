"""The synthetic network."""

import hashlib
import json
import tomllib

import numpy as np
import onnxruntime
import pytest

from almanac_bench import network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return network.write(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def session(folder):
    return onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])


def test_the_manifest_pins_the_other_files(folder):
    manifest = tomllib.loads((folder / "manifest.toml").read_text())
    assert set(manifest["files"]) == {"model.onnx", "golden.json"}
    for name, digest in manifest["files"].items():
        assert digest == "sha256:" + hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_golden_forecasts_have_the_requested_shape(folder):
    for case in json.loads((folder / "golden.json").read_text())["cases"]:
        assert np.array(case["quantiles"]).shape == (len(network.LEVELS), case["horizon"])


def test_the_graph_is_reproducible():
    assert network.build() == network.build()


@pytest.mark.parametrize("length", [1, 144, network.CONTEXT, 700])
def test_quantiles_do_not_cross_for_any_length(session, length):
    context = np.random.default_rng(1).normal(1, 0.3, (3, length)).astype(np.float32)
    context[1, : length // 2] = np.nan
    (quantiles,) = session.run(None, {"context": context})
    assert quantiles.shape == (3, len(network.LEVELS), network.STEPS)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (np.abs(quantiles) < 10).all()


def test_padding_changes_nothing(session):
    context = np.linspace(0.5, 1.5, 24, dtype=np.float32)[None]
    padded = np.pad(context, ((0, 0), (30, 0)), constant_values=np.nan)
    short, long = (session.run(None, {"context": values})[0] for values in (context, padded))
    np.testing.assert_allclose(short, long, rtol=1e-6)


def test_it_has_about_two_million_weights():
    weights = sum(np.prod(weight.dims) for weight in network.build().graph.initializer)
    assert 2.3e6 < weights < 2.5e6
