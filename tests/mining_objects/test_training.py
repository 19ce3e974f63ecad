"""Training on a small generated market: it learns what is there, stops early, repeats and goes on to the bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mining_objects.datasets import Examples  # noqa: E402
from mining_objects.devices import pick_device  # noqa: E402
from mining_objects.errors import (  # noqa: E402
    BrokenCheckpoint,
    ResumeMismatch,
    TrainingDiverged,
    UnwritableFolder,
)
from mining_objects.lstm_training import LstmFamily  # noqa: E402
from mining_objects.models.lstm import LstmConfig  # noqa: E402
from mining_objects.trainable import step_weights  # noqa: E402
from mining_objects.training import BASELINE, FLAT, Data, Stopped, Training, Watcher, learning_rate_at  # noqa: E402
from mining_objects.training_numerics import has_bfloat16  # noqa: E402
from mining_objects.training_settings import TrainingSettings  # noqa: E402
from mining_objects.training_state import STATE_NAME  # noqa: E402
from protocol.errors import InvalidSetting  # noqa: E402

MODEL = LstmConfig(lookback=4, hidden=8, layers=2, dropout=0.2, anchors=(1, 10, 100))
QUICK = TrainingSettings(epochs=2, batch=256, learning_rate=0.02, device="cpu", looks=2, save_every=2)


def _told_volatility(seed: int, count: int = 1_500) -> Examples:
    """The last feature says whether the outcome is calm or wild; the scale does not know."""
    chance = np.random.default_rng(seed)
    features = chance.standard_normal((count + 4, len(MODEL.features))).astype(np.float32)
    rows = np.arange(3, count + 3)
    wild = np.where(features[rows, -1] > 0, 2.0, 0.5)
    deviation = 1e-3 * wild[:, None] * np.sqrt(np.array(MODEL.anchors))
    outcomes = (deviation * chance.standard_normal((count, 3))).astype(np.float32)
    scale = np.full(count, 1e-3, np.float32)
    return Examples(features, rows, outcomes, scale, 1.5 * scale, MODEL.lookback)


DATA = Data(_told_volatility(1), _told_volatility(2), {"config.hidden": 8, "data.sha256": ["ab"]})


class StoppingAfter(Watcher):
    """Asks to stop after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def is_stop_asked(self) -> bool:
        self.left -= 1
        return self.left == 0


def _training(folder, settings=QUICK, model=MODEL, data=DATA, watcher=None) -> Training:
    return Training(LstmFamily(), model, settings, data, folder=folder, watcher=watcher)


def _bits(trained) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in trained.network.state_dict().items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nothing disturbed."""
    return _training(tmp_path_factory.mktemp("whole")).run()


def test_it_learns_when_the_market_is_wild(tmp_path):
    settings = TrainingSettings(epochs=8, batch=64, learning_rate=0.02, device="cpu", patience=2)
    model = replace(MODEL, layers=1, dropout=0.0)
    trained = _training(tmp_path, settings, model).run()
    inputs = _told_volatility(3)
    _, log_scale = LstmFamily().forecaster(model, trained.network).term_structure(inputs.inputs(np.arange(500)))
    wild = inputs.features[inputs.rows[:500], -1] > 0

    best_possible = 0.5 * (0.5 + 2.0) / math.sqrt(math.pi)
    assert trained.best.score < 0.5 * (best_possible + trained.references[FLAT])
    assert trained.references[FLAT] < trained.references[BASELINE]
    assert np.exp(log_scale[wild].mean()) > 1.4
    assert np.exp(log_scale[~wild].mean()) < 0.7


def test_the_best_look_is_kept_and_training_stops_after_patience(tmp_path):
    settings = TrainingSettings(epochs=60, batch=16, learning_rate=0.05, device="cpu", patience=2)
    trained = _training(tmp_path, settings, replace(MODEL, layers=1, dropout=0.0)).run()
    best = min(trained.reports, key=lambda report: report.score)

    assert best == trained.best
    assert trained.best.epoch + 2 == len(trained.reports)
    np.testing.assert_allclose(1 - best.score / trained.references[BASELINE], best.skill)


def test_without_patience_it_goes_to_the_end_and_the_last_network_is_kept(tmp_path):
    settings = TrainingSettings(epochs=12, batch=16, learning_rate=0.05, device="cpu", patience=0)
    training = _training(tmp_path, settings, replace(MODEL, layers=1, dropout=0.0))
    trained = training.run()

    assert 12 == len(trained.reports)
    assert trained.reports[-1] == trained.best
    assert trained.best.score > min(report.score for report in trained.reports)
    assert all(torch.equal(training.best_weights[n], v) for n, v in training.network.named_parameters())


def test_the_same_seed_gives_the_same_bits_and_another_one_others(whole, tmp_path):
    assert _bits(whole) == _bits(_training(tmp_path / "again").run())
    assert _bits(whole) != _bits(_training(tmp_path / "other", replace(QUICK, seed=2)).run())


@pytest.mark.parametrize("batches", [1, 2, 3, 5, 8])
def test_a_training_that_stops_after_any_batch_goes_on_to_the_same_bits(whole, tmp_path, batches):
    with pytest.raises(Stopped):
        _training(tmp_path, watcher=StoppingAfter(batches)).run()
    resumed = _training(tmp_path)
    resumed.resume()

    assert batches == resumed.progress.step
    trained = resumed.run()
    assert _bits(whole) == _bits(trained)
    assert whole.reports == trained.reports


def test_what_is_killed_between_two_saves_goes_on_from_the_earlier_one(whole, tmp_path):
    class Killed(Watcher):
        def on_batch(self, epoch, done, of, loss):
            if (epoch, done) == (2, 2):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _training(tmp_path, watcher=Killed()).run()
    resumed = _training(tmp_path)
    resumed.resume()

    assert 6 == resumed.progress.step
    assert _bits(whole) == _bits(resumed.run())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"config.hidden": 16}, "config.hidden is 16 and was 8"),
        ({"data.sha256": ["cd"]}, r"data.sha256 is \['cd'\] and was \['ab'\]"),
        ({"training.new": 1}, "training.new is 1 and was None"),
    ],
)
def test_another_training_is_not_gone_on_with(tmp_path, change, sentence):
    with pytest.raises(Stopped):
        _training(tmp_path, watcher=StoppingAfter(1)).run()

    with pytest.raises(ResumeMismatch, match=sentence):
        _training(tmp_path, data=replace(DATA, identity={**DATA.identity, **change})).resume()


def test_a_state_that_is_absent_cut_short_or_altered_is_refused(tmp_path):
    with pytest.raises(BrokenCheckpoint, match="no training to go on with"):
        _training(tmp_path).resume()
    with pytest.raises(Stopped):
        _training(tmp_path, watcher=StoppingAfter(1)).run()
    path = tmp_path / STATE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(BrokenCheckpoint, match="no training to go on with"):
        _training(tmp_path).resume()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BrokenCheckpoint, match="damaged"):
        _training(tmp_path).resume()


def test_a_loss_that_is_no_number_stops_before_the_step_and_the_state_before_it_is_kept(tmp_path):
    outcomes = DATA.train.outcomes.copy()
    order = np.random.default_rng([QUICK.seed, 0]).permutation(len(outcomes))
    outcomes[np.array_split(order, 5)[3]] = np.nan
    poisoned = replace(DATA, train=replace(DATA.train, outcomes=outcomes))

    with pytest.raises(TrainingDiverged, match="batch 4 of epoch 1: the loss is nan") as told:
        _training(tmp_path, data=poisoned).run()

    assert {"epoch": 1, "batch": 4} == told.value.fields
    kept = _training(tmp_path)
    kept.resume()
    assert 3 == kept.progress.step
    assert all(torch.isfinite(tensor).all() for tensor in kept.network.state_dict().values())


def test_a_validation_score_that_is_no_number_ends_the_training(tmp_path):
    poisoned = replace(
        DATA, validation=replace(DATA.validation, outcomes=np.full_like(DATA.validation.outcomes, np.nan))
    )

    with pytest.raises(TrainingDiverged, match="the look after batch 3: the validation score is nan"):
        _training(tmp_path, data=poisoned).run()


def test_a_disk_that_is_full_leaves_the_state_before_it_to_go_on_from(whole, tmp_path):
    class FullLater(Watcher):
        def on_batch(self, epoch, done, of, loss):
            if (epoch, done) == (2, 1):
                (tmp_path / f"{STATE_NAME}.part").symlink_to("/dev/full")

    with pytest.raises(UnwritableFolder, match="cannot be written: No space left on device"):
        _training(tmp_path, watcher=FullLater()).run()
    assert [STATE_NAME] == [path.name for path in tmp_path.iterdir()]
    resumed = _training(tmp_path)
    resumed.resume()

    assert _bits(whole) == _bits(resumed.run())


def test_every_example_is_learnt_from_once_an_epoch(tmp_path):
    class Counting(LstmFamily):
        seen: list[float] = []  # noqa: RUF012 - the test's own

        def loss(self, config, network, batch):
            if torch.is_grad_enabled():
                self.seen += batch.inputs[:, -1, 0].tolist()
            return super().loss(config, network, batch)

    Training(Counting(), MODEL, replace(QUICK, epochs=1), DATA, folder=tmp_path).run()

    assert sorted(DATA.train.features[DATA.train.rows, 0].tolist()) == sorted(Counting.seen)


def test_the_learning_rate_falls_as_half_a_cosine():
    assert [1.0, 0.5, 0.0] == pytest.approx([learning_rate_at(step, 10, 1.0) for step in (0, 5, 10)])


def test_anchors_weigh_as_the_steps_they_stand_for():
    np.testing.assert_allclose([0.05, 0.495, 0.455], step_weights((1, 10, 100)), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"epochs": 0}, "epochs must be a number of at least 1"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0, was 0.0"),
        ({"clip": 0.0}, "clip must be a number above 0, was 0.0"),
        ({"precision": "float16"}, "precision must be float32 or bfloat16"),
        ({"compile": True}, "cannot take a lstm network whole"),
        ({"device": "tpu"}, "auto, cpu, cuda, mps"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(tmp_path, change, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        _training(tmp_path, replace(QUICK, **change))


def test_what_torch_cannot_compile_whole_is_refused_and_not_run_slowly(tmp_path):
    class Hopeful(LstmFamily):
        compiles = True

    with pytest.raises(InvalidSetting, match=r"torch\.compile cannot take this network: .*LSTM"):
        Training(Hopeful(), MODEL, replace(QUICK, compile=True), DATA, folder=tmp_path)


def test_half_precision_learns_as_well_and_scores_are_taken_in_float32(whole, tmp_path):
    if not has_bfloat16(torch.device("cpu")):
        with pytest.raises(InvalidSetting, match="no bfloat16 arithmetic"):
            _training(tmp_path, replace(QUICK, precision="bfloat16"))
        return

    class Watching(LstmFamily):
        kinds: set = set()  # noqa: RUF012 - the test's own

        def score(self, config, network, batch):
            self.kinds.add(network(batch.inputs)[0].dtype)
            return super().score(config, network, batch)

    settings = replace(QUICK, precision="bfloat16")
    halves = Training(Watching(), MODEL, settings, DATA, folder=tmp_path).run()

    assert {torch.float32} == Watching.kinds
    assert all(tensor.dtype == torch.float32 for tensor in halves.network.state_dict().values())
    assert _bits(whole) != _bits(halves)
    np.testing.assert_allclose(whole.best.score, halves.best.score, rtol=0.01)


def test_an_absent_device_is_refused():
    if not torch.cuda.is_available():
        with pytest.raises(InvalidSetting, match="no cuda device"):
            pick_device("cuda")
    assert pick_device("auto").type in ("cuda", "mps", "cpu")
