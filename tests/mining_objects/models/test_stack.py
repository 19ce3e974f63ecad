"""The stack: quantiles averaged by step, ranks of the first member, weights learnt by CRPS and found again."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from mining_objects import models
from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.errors import BrokenCheckpoint
from mining_objects.fitted_cards import save_card
from mining_objects.models.ewma import Ewma
from mining_objects.models.stack import ANCHORS, INSTALLED_WEIGHTS, Stack, average_quantiles, weights_along
from mining_objects.stack_fitting import GROUPS, ToldLaws, ask_members, crps_of_average, learn_weights, simplex
from mining_objects.walk_forward import ask_hourly, ensemble_crps, one_volatility
from tests.support.windows import walk_window

WINDOW = walk_window(31 * 288)


class Wide(Forecaster):
    """A Gaussian walk of a fixed size, and a point that is its size."""

    lookback, least = 10, 1

    def __init__(self, name: str, sigma: float) -> None:
        self.name, self.sigma = name, sigma

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        return [
            Forecast(np.full(steps, self.sigma), np.cumsum(self.sigma * c.standard_normal((paths, steps)), axis=1))
            for c in chances
        ]


def test_installed_weights_share_everything_and_saw_nothing_of_2025():
    card = json.loads((INSTALLED_WEIGHTS / "card.json").read_text())
    weights = np.array(card["numbers"]["weights"])

    assert ["neural_har_v1", "garch", "ewma"] == card["settings"]["members"]
    assert "2025-01-01" == card["training"]["until"]
    assert (weights >= 0).all()
    np.testing.assert_allclose(1.0, weights.sum(axis=1))


@pytest.mark.parametrize(
    ("members", "weights", "sentence"),
    [
        (["har", "stack"], [[0.5, 0.5]] * 3, "must be other models"),
        (["har", "stack_v1"], [[0.5, 0.5]] * 3, "must be other models"),
        ([], [[]] * 3, "must be other models"),
        (["flat", "ewma"], [[0.5, 0.6]] * 3, "shares of one"),
        (["flat", "ewma"], [[1.5, -0.5]] * 3, "shares of one"),
        (["flat"], [[0.5, 0.5]] * 3, "want \\(3, 1\\)"),
    ],
)
def test_a_card_that_is_no_stack_is_refused(tmp_path, members, weights, sentence):
    save_card(
        tmp_path, model="stack", numbers={"weights": np.array(weights)}, training={}, settings={"members": members}
    )

    with pytest.raises(BrokenCheckpoint, match=sentence):
        models.create("stack", weights=tmp_path)


def test_any_models_may_be_members(tmp_path):
    save_card(
        tmp_path,
        model="stack",
        numbers={"weights": np.tile([0.25, 0.75], (3, 1))},
        training={},
        settings={"members": ["flat", "seasonal"]},
    )

    assert ["flat", "seasonal"] == [member.name for member in models.create("stack", weights=tmp_path).members]


def test_the_average_of_two_walks_has_the_size_between_them():
    stack = Stack((Wide("a", 1e-3), Wide("b", 3e-3)), np.tile([0.25, 0.75], (len(ANCHORS), 1)))
    (answer,) = stack.forecast([WINDOW], steps=50, paths=1_000, seed=1, lead=1)

    np.testing.assert_allclose(2.5e-3 * np.sqrt(np.arange(1, 51)), answer.paths.std(axis=0), rtol=0.06)
    np.testing.assert_allclose(0.0, answer.point, atol=1e-8)  # equal sizes at T and after cancel


def test_all_weight_on_one_member_is_that_member():
    stack = Stack((Ewma(), Wide("b", 3e-3)), np.tile([1.0, 0.0], (len(ANCHORS), 1)))
    (mine,) = stack.forecast([WINDOW], steps=20, paths=128, seed=1, lead=1)
    (theirs,) = Ewma().forecast([WINDOW], steps=20, paths=128, seed=1, lead=1)

    np.testing.assert_allclose(theirs.paths, mine.paths, atol=1e-9)


def test_paths_keep_the_order_of_the_first_member():
    chance = np.random.default_rng(1)
    first, second = chance.standard_normal((64, 5)), chance.standard_normal((64, 5))
    averaged = average_quantiles([first, second], np.tile([0.5, 0.5], (5, 1)))

    np.testing.assert_array_equal(np.argsort(first, axis=0), np.argsort(averaged, axis=0))
    np.testing.assert_allclose((np.sort(first, 0) + np.sort(second, 0)) / 2, np.sort(averaged, 0))


def test_weights_stand_at_the_anchors_and_go_straight_between():
    weights = weights_along(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), 289)

    np.testing.assert_allclose([1.0, 0.0], weights[0])
    np.testing.assert_allclose([0.5, 0.5], weights[ANCHORS[1] - 1])
    np.testing.assert_allclose([0.0, 1.0], weights[288])
    np.testing.assert_allclose(1.0, weights.sum(axis=1))


def test_every_share_is_tried_once_and_sums_to_one():
    tried = [tuple(w) for w in simplex(3)]

    assert 231 == len(tried) == len(set(tried))
    np.testing.assert_allclose(1.0, np.sum(tried, axis=1))


def test_the_loss_of_an_average_is_the_crps_of_its_members():
    chance = np.random.default_rng(4)
    laws = np.sort(chance.standard_normal((2, 3, 4, 64)), axis=-1).astype(np.float32)
    outcome = chance.standard_normal((3, 4))
    average = 0.3 * laws[0] + 0.7 * laws[1]
    wanted = np.mean([ensemble_crps(average[i].T.astype(float), outcome[i]) for i in range(3)])

    assert wanted == pytest.approx(crps_of_average(laws, outcome, np.array([0.3, 0.7])), abs=1e-5)


def test_weights_that_make_the_outcomes_law_are_learnt():
    chance = np.random.default_rng(5)
    scores = np.sort(chance.standard_normal(64))
    columns = sum(map(len, GROUPS))
    laws = np.stack([np.broadcast_to(size * scores, (3_000, columns, 64)) for size in (0.5, 2.0)]).astype(np.float32)
    weights, losses = learn_weights([ToldLaws(laws, 1.25 * chance.standard_normal((3_000, columns)))])

    np.testing.assert_allclose([[0.5, 0.5]] * len(GROUPS), weights, atol=0.11)
    assert (losses > 0).all()


def test_members_are_asked_with_what_they_could_know():
    asked = ask_hourly(WINDOW, 0, WINDOW.end_ms, steps=100, lead=1)
    told = ask_members([Wide("a", 1e-3)], asked.every(4), one_volatility(asked.every(4), "288"))

    assert len(told.outcome) == told.quantiles.shape[1] > 1
    assert (np.diff(told.quantiles, axis=-1) >= 0).all()


def test_a_stack_answers_like_any_model():
    (answer,) = models.create("stack").forecast([WINDOW], steps=289, paths=64, seed=1, lead=1)

    assert (64, 289) == answer.paths.shape
    assert not answer.point.any()
