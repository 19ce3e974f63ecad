"""Training the TCN by the trainer of all families: it learns, goes on to the same bits, and is compiled whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mining_objects.models.har import ANCHORS, FITTED_LEAD, members_of  # noqa: E402
from mining_objects.models.tcn import TcnConfig, TcnNetwork  # noqa: E402
from mining_objects.tcn_inputs import SHOWN, WARM_UP, realised_deviation  # noqa: E402
from mining_objects.tcn_training import TcnFamily  # noqa: E402
from mining_objects.training import BASELINE, FLAT, Stopped, Training, Watcher  # noqa: E402
from mining_objects.training_batches import ExampleBatches  # noqa: E402
from mining_objects.training_data import Series, load_data  # noqa: E402
from mining_objects.training_numerics import Cast, compiled  # noqa: E402
from mining_objects.training_recipe import recipe_of  # noqa: E402
from protocol.errors import InvalidSetting  # noqa: E402
from protocol.units import HOUR_MS  # noqa: E402
from tests.support.windows import STEP_MS, walk_window  # noqa: E402

ROWS, BORDER = WARM_UP + 4_200, WARM_UP + 2_400


def wavy_window():
    """Generated closes whose size changes over half a day, with noise, so that the last candles tell of the next."""
    window = walk_window(ROWS)
    chance = np.random.default_rng(4)
    size = np.exp(1.2 * np.sin(np.arange(ROWS) * 2 * np.pi / 411) + 0.1 * chance.standard_normal(ROWS))
    close = 30_000.0 * np.exp(np.cumsum(5e-4 * size * chance.standard_normal(ROWS)))
    close[WARM_UP + 900] = np.nan
    return replace(window, close=close)


WINDOW = wavy_window()


def _at(row):
    return datetime.fromtimestamp((int(WINDOW.open_time_ms[row]) + STEP_MS) / 1_000, UTC).isoformat()


ON_THE_HOUR = BORDER + int(-(WINDOW.open_time_ms[BORDER] + STEP_MS) % HOUR_MS // STEP_MS)
RECIPE = recipe_of(
    {
        "model": "tcn",
        "config": {"lookback": 16, "channels": 4, "hidden": 8, "members": 2, "dropout": 0.1},
        "data": {"validation_from": _at(ON_THE_HOUR), "until": _at(ROWS - 1), "stride": 2},
        "training": {"epochs": 4, "batch": 128, "learning_rate": 0.01, "device": "cpu", "save_every": 3},
    }
)
DATA = load_data(RECIPE, [Series(WINDOW, "ab")])


class StoppingAfter(Watcher):
    """Asks to stop after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def is_stop_asked(self):
        self.left -= 1
        return self.left == 0


def _training(folder, watcher=None, **settings):
    chosen = replace(RECIPE.training, **settings)
    return Training(RECIPE.family, RECIPE.config, chosen, DATA, folder=folder, watcher=watcher)


def _bits(network):
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nothing disturbed."""
    return _training(tmp_path_factory.mktemp("whole")).run()


def test_it_learns_how_much_the_next_steps_move(whole):
    assert whole.best.skill > 0.03
    assert whole.best.score < whole.references[FLAT]
    assert whole.best.score < whole.references[BASELINE]
    assert {"networks": 2} == whole.facts


def test_its_network_keeps_the_shapes_of_training_and_those_of_the_law_in_validation(whole):
    network = whole.network
    sizes = np.abs(members_of(network.shapes.numpy().astype(np.float64), 256)).mean(axis=1)

    np.testing.assert_allclose(DATA.prior["season"], network.season.numpy(), rtol=1e-6)
    np.testing.assert_allclose(DATA.prior["week"], network.week.numpy(), rtol=1e-6)
    assert ((0.4 < sizes) & (sizes < 1.6)).all()


def test_examples_are_outcomes_from_t_which_is_one_step_after_the_newest_candle():
    log_close = np.log(WINDOW.close)
    batch = ExampleBatches(DATA.train, ANCHORS, torch.device("cpu")).take(np.arange(200))
    unit = DATA.train.scale[:200, None] * np.sqrt(ANCHORS)
    realised = realised_deviation(WINDOW, DATA.prior["season"])
    for place, row in enumerate(DATA.train.rows[:200]):
        want = log_close[row + FITTED_LEAD + np.array(ANCHORS)] - log_close[row + FITTED_LEAD]
        np.testing.assert_allclose(want, batch.outcomes[place].numpy() * unit[place], rtol=1e-3, atol=1e-7)
        np.testing.assert_allclose(realised[row], batch.realised[place].numpy() * unit[place], rtol=1e-3)


def test_the_loss_is_least_where_the_scale_is_what_the_moves_tell():
    batch = ExampleBatches(DATA.train, ANCHORS, torch.device("cpu")).take(np.arange(50))
    unit = batch.inputs[:, -1, SHOWN:].exp()
    told = (batch.realised / unit).log()[:, None]
    family, config = RECIPE.family, RECIPE.config
    right, low, high = (family.loss(config, lambda _, off=off: told + off, batch) for off in (0.0, -0.05, 0.05))
    scores = [family.score(config, lambda _, off=off: told + off, batch) for off in (0.0, -0.05, 0.05)]

    assert ((right < low) & (right < high)).all()
    assert ((scores[0] < scores[1]) & (scores[0] < scores[2])).all()


def test_the_score_of_a_law_is_that_of_the_reference_with_its_deviation():
    batch = ExampleBatches(DATA.train, ANCHORS, torch.device("cpu")).take(np.arange(50))
    family, config, deviation = RECIPE.family, RECIPE.config, torch.full((50,), 1.3)
    told = (1.3 / batch.inputs[:, -1, SHOWN:].exp()).log()[:, None]

    torch.testing.assert_close(family.reference(config, batch, deviation), family.score(config, lambda _: told, batch))


def test_validation_asks_on_the_hour_and_no_outcome_of_training_reaches_it():
    t_ms = WINDOW.open_time_ms[DATA.validation.rows] + (1 + FITTED_LEAD) * STEP_MS

    assert not (t_ms % HOUR_MS).any()
    assert ON_THE_HOUR == DATA.validation.rows[0] + FITTED_LEAD
    assert DATA.train.rows.max() + FITTED_LEAD + max(ANCHORS) <= ON_THE_HOUR - RECIPE.data.embargo_steps
    assert len({int(row) % 12 for row in DATA.train.rows}) >= 6


def test_no_candle_of_validation_changes_what_is_trained_on():
    late = np.arange(ROWS) >= ON_THE_HOUR - RECIPE.data.embargo_steps
    changed = load_data(RECIPE, [Series(replace(WINDOW, close=np.where(late, 2.0 * WINDOW.close, WINDOW.close)), "ab")])

    for name, values in DATA.prior.items():
        np.testing.assert_array_equal(values, changed.prior[name])
    for name in ("rows", "outcomes", "scale", "baseline", "realised"):
        np.testing.assert_array_equal(getattr(DATA.train, name), getattr(changed.train, name))
    took = np.arange(len(DATA.train.rows))
    np.testing.assert_array_equal(DATA.train.inputs(took), changed.train.inputs(took))


@pytest.mark.parametrize("batches", [1, 4, 9])
def test_a_training_that_stops_after_any_batch_goes_on_to_the_same_bits(whole, tmp_path, batches):
    with pytest.raises(Stopped):
        _training(tmp_path, watcher=StoppingAfter(batches)).run()
    resumed = _training(tmp_path)
    resumed.resume()
    trained = resumed.run()

    assert _bits(whole.network) == _bits(trained.network)
    assert whole.reports == trained.reports


def test_another_seed_gives_other_bits(whole, tmp_path):
    assert _bits(whole.network) != _bits(_training(tmp_path, seed=2).run().network)


def test_torch_compile_takes_the_network_whole_forwards_and_backwards():
    torch.manual_seed(1)
    network = TcnNetwork(replace(RECIPE.config, dropout=0.0))
    torch.nn.init.normal_(network.last.weight)
    traced = torch.compile(network, fullgraph=True, backend="aot_eager")
    inputs = torch.randn(6, RECIPE.config.lookback, SHOWN)
    gradients = []
    for computed in (network, traced):
        network.zero_grad()
        computed(inputs).square().sum().backward()
        gradients.append([values.grad.clone() for values in network.parameters()])

    assert TcnFamily.compiles
    torch.testing.assert_close(network(inputs), traced(inputs))
    torch.testing.assert_close(*gradients)


def test_the_trainer_compiles_it_as_it_compiles_any_family(monkeypatch):
    import torch as seen

    asked = []

    def tracing(network, *, fullgraph):
        asked.append(fullgraph)
        return compile_as_it_is(network, fullgraph=fullgraph, backend="eager")

    compile_as_it_is = seen.compile
    monkeypatch.setattr(seen, "compile", tracing)
    network = TcnNetwork(RECIPE.config)
    inputs = torch.randn(6, RECIPE.config.lookback, SHOWN)
    settings = replace(RECIPE.training, compile=True)
    whole = Cast(compiled(network, settings, inputs), torch.device("cpu"), settings)

    assert [True] == asked
    assert (6, RECIPE.config.members, len(ANCHORS)) == whole(inputs).shape
    assert all(values.grad is None for values in network.parameters())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lookback": 48}, "lookback must be a power of kernel, which is 4; was 48"),
        ({"kernel": 1}, "kernel must be at least 2"),
        ({"members": 0}, "members must be at least 1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
    ],
)
def test_a_config_that_no_network_can_be_built_of_is_refused(change, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        recipe_of({"model": "tcn", "config": change})


def test_the_family_brings_settings_of_its_own_and_a_recipe_goes_over_them():
    plain, changed = recipe_of({"model": "tcn"}), recipe_of({"model": "tcn", "training": {"batch": 77}})

    assert (1_024, 320) == (plain.training.batch, plain.data.embargo_steps)
    assert (77, plain.training.epochs) == (changed.training.batch, changed.training.epochs)
    assert 128 == recipe_of({"model": "lstm"}).training.batch


def test_a_series_too_short_for_an_example_shapes_nothing():
    short = walk_window(2_000)

    assert (np.ones(576) == TcnFamily().learn(TcnConfig(), [short])["season"].ravel()).all()
