"""Step-by-step scores: equal to the rules' own, aligned, blind to the future, with honest intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import ClassVar

import numpy as np
import pytest

from mining_objects import models
from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.walk_forward import (
    ask_hourly,
    best_half_life,
    ensemble_crps,
    ensemble_pit,
    gaussian_crps,
    one_volatility,
    score_gaussian,
    score_model,
)
from protocol.rules.scores import crps_numerators, quantize_answer
from protocol.units import HOUR_MS, NANO
from tests.support.windows import STEP_MS, walk_window

WINDOW = walk_window(36 * 288, gaps=(35 * 288 + 7,))
ASKED = ask_hourly(WINDOW, 0, WINDOW.end_ms, steps=20, lead=1)


class Knowing(Forecaster):
    """Answers what will happen: only a test may."""

    name: ClassVar[str] = "knowing"
    lookback, least = 10, 1

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        row = int(np.searchsorted(WINDOW.open_time_ms, windows[0].end_ms))
        known = np.nan_to_num(np.log(WINDOW.close[row : row + steps] / WINDOW.close[row - 1]))
        return [Forecast(point=known, paths=np.tile(known, (paths, 1)))]


def test_anchors_stand_on_the_hour_after_a_month_and_leave_room_for_the_steps():
    assert (ASKED.at_ms % HOUR_MS == 0).all()
    assert ASKED.rows[0] - ASKED.lead >= 30 * 288
    assert ASKED.at_ms[-1] + 20 * STEP_MS <= WINDOW.end_ms
    np.testing.assert_array_equal(WINDOW.open_time_ms[ASKED.rows] + STEP_MS, ASKED.at_ms)
    assert np.isnan(ASKED.truth).any()
    assert not np.isnan(ASKED.truth[:, -1]).any()


def test_one_who_knows_the_future_loses_nothing():
    scored = score_model(Knowing(), ASKED, paths=64)

    np.testing.assert_allclose(0.0, np.nan_to_num(scored.crps), atol=1e-6)
    known = ~np.isnan(ASKED.truth)
    np.testing.assert_allclose(ASKED.truth[known], scored.point[known], atol=1e-6)


def test_the_crps_is_that_of_the_rules():
    chance = np.random.default_rng(1)
    paths = (1e-3 * chance.standard_normal((100, 20))).astype(np.float32)
    truth = 1e-3 * chance.standard_normal(20)
    settled = quantize_answer(paths, max_abs_return_nano=2 * NANO)
    exact = crps_numerators(settled[None], [round(y * NANO) for y in truth])[0] / 100**2 / NANO

    np.testing.assert_allclose(exact, ensemble_crps(np.sort(paths.astype(np.float64), axis=0), truth), atol=2e-9)


def test_the_gaussian_crps_is_that_of_many_members():
    members = np.sort(np.random.default_rng(2).standard_normal((200_000, 1)), axis=0)

    for y in (-3.0, 0.0, 0.4, 2.0):
        wanted = ensemble_crps(members, np.array([y]))[0]
        assert wanted == pytest.approx(float(gaussian_crps(np.array([y]), np.ones(1))[0]), abs=4e-3)


def test_the_level_of_an_outcome_is_where_it_lies_among_the_members():
    members = np.array([[0.0], [1.0], [2.0], [3.0]])
    levels = {-9.0: 0.125, 0.0: 0.125, 0.5: 0.25, 1.0: 0.375, 2.5: 0.75, 9.0: 0.875}

    for outcome, level in levels.items():
        assert level == pytest.approx(float(ensemble_pit(members, np.array([outcome]))[0]))
    assert 0.5 == ensemble_pit(np.zeros((4, 1)), np.zeros(1))[0]
    assert np.isnan(ensemble_pit(members, np.array([np.nan]))[0])


def test_the_level_of_an_outcome_is_uniform_under_the_law_that_made_it():
    members = np.array([[NormalDist().inv_cdf((i + 0.5) / 256)] for i in range(256)])
    outcomes = np.random.default_rng(4).standard_normal(4_000)
    levels = [float(ensemble_pit(members, np.array([y]))[0]) for y in outcomes]

    np.testing.assert_allclose(0.1, np.histogram(levels, 10, (0.0, 1.0))[0] / 4_000, atol=0.02)


def test_a_gaussian_of_the_right_size_covers_what_it_should():
    scored = score_gaussian(np.full((5_000, 1), 2.0), _asked_of(2.0 * np.random.default_rng(3).standard_normal(5_000)))

    np.testing.assert_allclose([0.5, 0.8, 0.95], scored.inside.mean(axis=(0, 1)), atol=0.02)


def test_an_ensemble_is_covered_like_the_law_it_stands_for():
    model = models.create("flat")
    scored = score_model(model, ASKED, paths=256)
    gaussian = score_gaussian(one_volatility(ASKED, "288"), ASKED)

    np.testing.assert_allclose(gaussian.inside.mean(axis=(0, 1)), scored.inside.mean(axis=(0, 1)), atol=0.03)
    np.testing.assert_allclose(np.nanmean(gaussian.crps), np.nanmean(scored.crps), rtol=0.01)


@pytest.mark.parametrize("how", ["constant", "month", "36"])
def test_a_reference_sees_nothing_after_the_newest_candle(how):
    row = int(ASKED.rows[50])
    shaken = replace(WINDOW, close=np.where(np.arange(len(WINDOW)) >= row, WINDOW.close * 1.3, WINDOW.close))
    there = one_volatility(replace(ASKED, window=shaken), how)

    np.testing.assert_allclose(one_volatility(ASKED, how)[50], there[50], rtol=1e-12)
    assert not np.allclose(one_volatility(ASKED, how)[52], there[52])


def test_the_best_half_life_of_changing_volatility_is_a_short_one():
    assert "36" == best_half_life(WINDOW, 0, WINDOW.end_ms, steps=5, lead=1, tried=("36", "288", "2000"))


def _asked_of(truth):
    rows = np.arange(len(truth))
    return replace(ASKED, rows=rows, at_ms=rows * HOUR_MS, truth=truth[:, None])
