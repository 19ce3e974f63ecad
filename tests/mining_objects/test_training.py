"""Training on a small generated market: it learns what is there, stops early, and repeats to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mining_objects.datasets import Examples  # noqa: E402
from mining_objects.devices import pick_device  # noqa: E402
from mining_objects.losses import gaussian_crps, gaussian_nll  # noqa: E402
from mining_objects.models.lstm import LstmConfig  # noqa: E402
from mining_objects.training import TrainingConfig, step_weights, train_lstm  # noqa: E402
from protocol.errors import InvalidSetting  # noqa: E402

MODEL = LstmConfig(lookback=4, hidden=8, layers=1, dropout=0.0, anchors=(1, 10, 100))
CONFIG = TrainingConfig(epochs=8, batch=64, learning_rate=0.02, seed=1, device="cpu", threads=1, patience=2)


def _told_volatility(seed: int, count: int = 1_500) -> Examples:
    """The last feature says whether the outcome is calm or wild; the scale does not know."""
    chance = np.random.default_rng(seed)
    features = chance.standard_normal((count + 4, len(MODEL.features))).astype(np.float32)
    rows = np.arange(3, count + 3)
    wild = np.where(features[rows, -1] > 0, 2.0, 0.5)
    deviation = 1e-3 * wild[:, None] * np.sqrt(np.array(MODEL.anchors))
    outcomes = (deviation * chance.standard_normal((count, 3))).astype(np.float32)
    return Examples(features, rows, outcomes, np.full(count, 1e-3, np.float32), MODEL.lookback)


def _train(config: TrainingConfig = CONFIG):
    reports = []
    trained = train_lstm(
        _told_volatility(1), _told_volatility(2), MODEL, config, on_batch=lambda *_: None, on_epoch=reports.append
    )
    return trained, reports


def test_it_learns_when_the_market_is_wild():
    trained, _ = _train()
    inputs = _told_volatility(3)
    _, log_scale = trained.model.term_structure(inputs.inputs(np.arange(500)))
    wild = inputs.features[inputs.rows[:500], -1] > 0

    best_possible = 0.5 * (0.5 + 2.0) / math.sqrt(math.pi)
    assert trained.validation_loss < 0.5 * (best_possible + trained.flat_loss)
    assert np.exp(log_scale[wild].mean()) > 1.4
    assert np.exp(log_scale[~wild].mean()) < 0.7


def test_the_best_epoch_is_kept_and_training_stops_after_patience():
    trained, reports = _train(TrainingConfig(epochs=60, batch=16, learning_rate=0.05, device="cpu", threads=1))
    best = min(reports, key=lambda r: r.validation_loss)

    assert (best.epoch, best.validation_loss) == (trained.best_epoch, trained.validation_loss)
    assert trained.best_epoch + 3 == len(reports)


def test_the_same_seed_gives_the_same_weights():
    first, again = (_train(TrainingConfig(epochs=1, device="cpu", threads=1, seed=5))[0] for _ in range(2))

    for name, values in first.model.network.state_dict().items():
        assert torch.equal(values, again.model.network.state_dict()[name]), name


def test_anchors_weigh_as_the_steps_they_stand_for():
    np.testing.assert_allclose([0.05, 0.495, 0.455], step_weights((1, 10, 100)), atol=1e-6)


def test_torch_crps_is_the_integral_of_its_definition():
    grid = np.linspace(-12, 12, 240_001)
    for outcome, mean, deviation in ((0.3, 0.0, 1.0), (-1.7, 0.4, 0.6)):
        law = 0.5 * (1 + np.array([math.erf(v) for v in ((grid[::24] - mean) / deviation / 2**0.5)]))
        integral = np.trapezoid((law - (grid[::24] >= outcome)) ** 2, grid[::24])
        got = gaussian_crps(*(torch.tensor(v, dtype=torch.float64) for v in (outcome, mean, deviation)))

        np.testing.assert_allclose(integral, got.item(), atol=2e-3)


def test_torch_nll_is_minus_the_log_density():
    want = -math.log(math.exp(-0.5 * ((0.3 - 0.1) / 2) ** 2) / (2 * math.sqrt(2 * math.pi)))

    np.testing.assert_allclose(want, gaussian_nll(*(torch.tensor(v) for v in (0.3, 0.1, 2.0))).item(), rtol=1e-6)


def test_an_unknown_or_absent_device_is_refused():
    with pytest.raises(InvalidSetting, match="auto, cpu, cuda, mps"):
        pick_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InvalidSetting, match="no cuda device"):
            pick_device("cuda")
    assert pick_device("auto").type in ("cuda", "mps", "cpu")
