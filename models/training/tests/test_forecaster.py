"""PyTorch and ONNX Runtime agree, and training lowers the loss."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from conftest import MODELS  # noqa: E402
from test_promises import SERIES  # noqa: E402

from almanac_training.data import mix, pool  # noqa: E402
from almanac_training.forecaster import evidence, gate, graph, mixture, settings  # noqa: E402
from almanac_training.forecaster.training import Recipe, Trainer, load_weights  # noqa: E402
from almanac_training.serving import mean_absolute_scale  # noqa: E402

torch.set_num_threads(1)

SHIPPED = MODELS / "almanac" / "1"


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.fixture(scope="module")
def evidence_session():
    return session(graph.build_evidence())


def by_torch(evidence_session, network, context, season_length, horizon) -> np.ndarray:
    """Forecast [Q, H] of one context, with the gate and the mixture in PyTorch."""
    names = [*evidence.NAMES, "scale"]
    feeds = {
        "context": context[None].astype(np.float32),
        "season_length": np.array([season_length]),
        "steps": np.arange(1, horizon + 1)[None],
    }
    found = dict(zip(names, evidence_session.run(names, feeds), strict=True))
    scale = found.pop("scale")
    found = {name: torch.from_numpy(array) for name, array in found.items()}
    trailing = len(context) - 1 - int(np.flatnonzero(np.isfinite(context))[-1])
    steps = torch.arange(1, horizon + 1)[None] + trailing
    with torch.no_grad():
        quantiles = mixture.quantiles(network(found["features"]), found, steps)
    return (quantiles.numpy() * scale)[0]


def network_of(weights: dict[str, np.ndarray]) -> gate.Gate:
    tensors = {name: torch.tensor(array) for name, array in weights.items()}
    network = gate.Gate(tensors["mean"], tensors["deviation"])
    network.load_state_dict(tensors)
    return network.eval()


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(3)
    features = evidence_features()
    network = gate.Gate(torch.zeros(features), torch.full((features,), 2.0)).eval()
    with torch.no_grad():
        # Scale the weights up, so that every part of the output affects the forecast.
        network.leave.weight.mul_(4.0)
    return network


def evidence_features() -> int:
    weights = graph.trained_weights(onnx.load(SHIPPED / "model.onnx"))
    return len(weights["mean"])


@pytest.fixture(scope="module")
def served(untrained):
    weights = {name: tensor.numpy() for name, tensor in untrained.state_dict().items()}
    return session(graph.build(weights))


@pytest.mark.parametrize(("context", "season_length"), SERIES.values(), ids=SERIES.keys())
@pytest.mark.parametrize("horizon", [1, 18, 400])
def test_the_graph_is_the_network(
    evidence_session, untrained, served, context, season_length, horizon
):
    feeds = {
        "context": context[None].astype(np.float32),
        "season_length": np.array([season_length]),
        "horizon": np.array(horizon),
    }
    (by_onnx,) = served.run(None, feeds)
    expected = by_torch(evidence_session, untrained, context, season_length, horizon)
    assert np.abs(by_onnx[0] - expected).max() <= 2e-5 * max(np.abs(expected).max(), 1e-6)


def test_the_shipped_weights_give_the_golden_forecasts(evidence_session):
    network = network_of(graph.trained_weights(onnx.load(SHIPPED / "model.onnx")))
    golden = json.loads((SHIPPED / "golden.json").read_text())
    for case in golden["cases"]:
        values = np.array(case["values"], dtype=float)
        scale = mean_absolute_scale(values)
        quantiles = scale * by_torch(
            evidence_session, network, values / scale, case["season_length"], case["horizon"]
        )
        if np.nanmin(values) >= 0.0:
            quantiles = np.maximum(quantiles, 0.0)
        expected = np.array(case["quantiles"])
        limit = golden["tolerance"]["relative"] * np.abs(expected).max()
        assert np.abs(quantiles - expected).max() <= limit, case["name"]


def test_knots_share_every_step():
    between = mixture.positions(torch.arange(1, 1025)[None])[0]
    assert torch.allclose(between.sum(1), torch.ones(1024))
    at_knots = between[torch.tensor(settings.KNOTS) - 1]
    assert torch.allclose(at_knots, torch.eye(len(settings.KNOTS)), atol=1e-5)


def test_the_loss_is_least_at_the_quantiles():
    levels = torch.tensor(evidence.LEVELS)
    targets = torch.randn(4000, 1)
    best = torch.quantile(targets[:, 0], levels)[None, :, None].expand(4000, -1, 1)
    scale = torch.ones(4000)
    least = gate.loss(best, targets, scale, levels)
    for wrong in (best * 1.3, best * 0.7, best + 0.2, best - 0.2):
        assert gate.loss(wrong, targets, scale, levels) > least


def test_unknown_targets_do_not_count():
    levels = torch.tensor(evidence.LEVELS)
    forecast = torch.randn(5, len(levels), 3).sort(dim=1).values
    target, scale = torch.randn(5, 3), torch.ones(5)
    target[:, 2] = float("nan")
    whole = gate.loss(forecast, target, scale, levels)
    known = gate.loss(forecast[:, :, :2], target[:, :2], scale, levels)
    assert torch.isclose(whole, known)


@pytest.fixture(scope="module")
def arrays():
    random = np.random.default_rng(2)
    return pool.Builder().build(random, mix.synthetic_windows(random, 800), lambda _: None)


def test_training_lowers_the_loss_and_resumes(arrays, tmp_path):
    chosen = np.arange(len(arrays["features"]))
    recipe = Recipe(steps=40, batch=128)
    device = torch.device("cpu")

    whole = Trainer(recipe, arrays, device)
    before = whole.validate(chosen).loss
    losses = list(whole.run(chosen))
    assert len(losses) == 40
    assert whole.validate(chosen).loss < 0.95 * before

    whole.save(tmp_path / "checkpoint.pt")
    resumed = Trainer(recipe, arrays, device)
    resumed.resume(tmp_path / "checkpoint.pt")
    assert resumed.step == 40 and not list(resumed.run(chosen))
    weights = load_weights(tmp_path / "checkpoint.pt")
    assert set(weights) == set(graph.trained_weights(graph.build(weights)))
