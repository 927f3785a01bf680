"""Building, contents and golden forecasts of the shipped bundles."""

import hashlib
import tomllib

import numpy as np
import onnx
import pytest
from conftest import MODELS

from almanac_training import bundle
from almanac_training.forecaster import graph as forecaster_graph
from almanac_training.seasonal import examples
from almanac_training.seasonal import graph as seasonal_graph
from almanac_training.serving import Bundle, mean_absolute_scale
from build_seasonal import MANIFEST

# Maximum size of each model in bytes; the statistical graph has no weights.
MAX_BYTES = {"seasonal": 200_000, "almanac": 12_000_000}


def digests(folder) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_building_twice_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        bundle.write(tmp_path / name, seasonal_graph.build(), MANIFEST, examples.EXAMPLES)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def built(name: str) -> bytes:
    """Return the model built from source; a trained one with the weights of its file."""
    path = MODELS / name / "1" / "model.onnx"
    if name == "seasonal":
        model = seasonal_graph.build()
    else:
        model = forecaster_graph.build(forecaster_graph.trained_weights(onnx.load(path)))
    return model.SerializeToString(deterministic=True)


def test_the_bundle_is_what_the_source_builds(bundle_folder):
    assert (bundle_folder / "model.onnx").read_bytes() == built(bundle_folder.parent.name)


def test_the_manifest_names_every_file_with_its_digest(bundle_folder):
    manifest = tomllib.loads((bundle_folder / "manifest.toml").read_text())
    others = {name: f"sha256:{digest}" for name, digest in digests(bundle_folder).items()}
    del others["manifest.toml"]
    assert manifest["files"] == others


def test_golden_forecasts_repeat(bundle_folder, golden):
    loaded = Bundle.load(bundle_folder)
    for case in golden["cases"]:
        values = np.array(case["values"], dtype=float)
        (quantiles,) = loaded.forecast([values], [case["season_length"]], case["horizon"])
        expected = np.array(case["quantiles"])
        limit = golden["tolerance"]["relative"] * np.abs(expected).max()
        assert np.abs(quantiles - expected).max() <= limit, case["name"]


def test_the_file_is_small_and_old_runtimes_read_it(bundle_folder):
    path = bundle_folder / "model.onnx"
    assert path.stat().st_size < MAX_BYTES[bundle_folder.parent.name]
    loaded = onnx.load(path)
    assert loaded.opset_import[0].version <= 13
    assert not {"Loop", "Scan"} & {node.op_type for node in loaded.graph.node}
    assert {prop.key for prop in loaded.metadata_props} == {"name", "version", "description"}


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0.0, 0.0], 1.0), ([1.0, -1.0], 1.0), ([100.0], 128.0), ([3e-9], 2.0**-28), ([90.0], 64.0)],
)
def test_the_scale_is_the_nearest_power_of_two(values, scale):
    assert mean_absolute_scale(np.array(values)) == scale


def test_large_and_small_units_give_the_same_forecast(bundle_folder):
    loaded = Bundle.load(bundle_folder)
    values = np.array(examples.AIR_PASSENGERS, dtype=float)
    plain = loaded.forecast([values], [12], 12)
    for factor in (2.0**60, 2.0**-60):
        assert np.array_equal(loaded.forecast([values * factor], [12], 12), plain * factor)


def test_a_history_without_negative_values_has_a_forecast_without_them(bundle_folder):
    loaded = Bundle.load(bundle_folder)
    falling = np.array([9.0, 7.0, 6.0, 4.0, 2.0, 1.0, 0.0])
    positive, mixed = loaded.forecast([falling, falling - 1.0], [1, 1], 6)
    assert positive.min() == 0.0
    assert mixed.min() < 0.0


def test_a_context_without_any_value_is_refused(bundle_folder):
    with pytest.raises(ValueError, match="at least one observed value"):
        Bundle.load(bundle_folder).forecast([np.array([np.nan, np.nan])], [1], 3)
