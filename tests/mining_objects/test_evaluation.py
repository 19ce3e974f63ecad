"""Testing by the real rules: what the numbers mean, which rounds count, and that the future stays unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from mining_objects import models
from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.evaluation import anchors_of, bootstrap_gain, score_rounds, summarise
from protocol.params import MAIN, PATHS
from protocol.units import DAY_MS, HOUR_MS
from tests.support.windows import STEP_MS, walk_window

PARAMS = replace(MAIN, time=replace(MAIN.time, min_history_steps=600))
WINDOW = walk_window(1_600, gaps=(1_100,))
ANCHORS = anchors_of(PARAMS, PATHS, WINDOW.end_ms - 700 * STEP_MS, WINDOW.end_ms)


class Knowing(Forecaster):
    """Knows the whole window and answers what will happen: only a test may."""

    name: ClassVar[str] = "knowing"
    lookback, least = 10, 1

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        row = int(np.searchsorted(WINDOW.open_time_ms, windows[0].end_ms))
        known = np.log(WINDOW.close[row : row + steps] / WINDOW.close[row - 1])
        known = np.nan_to_num(known)
        return [Forecast(point=known, paths=np.tile(known, (paths, 1)))]


def _rounds(*names, **more):
    return list(score_rounds([models.create(n) for n in names], WINDOW, ANCHORS, params=PARAMS, paths=64, **more))


def test_answers_are_aligned_so_that_one_who_knows_the_future_loses_nothing():
    rounds = list(score_rounds([Knowing()], WINDOW, ANCHORS, params=PARAMS, paths=64, lead=2))

    assert len(rounds) > 20
    assert max(r.loss_nano["closes.point"]["knowing"] for r in rounds) < 10**5
    assert max(r.loss_nano["closes.paths"]["knowing"] for r in rounds) < 10**5


def test_the_flat_path_is_the_point_baseline():
    for scored in _rounds("flat"):
        assert scored.baseline_nano["closes.point"] == scored.loss_nano["closes.point"]["flat"]


def test_nothing_that_happens_after_the_newest_candle_changes_a_forecast():
    anchor = ANCHORS[20]
    row = (anchor - int(WINDOW.open_time_ms[0])) // STEP_MS
    later = {
        name: np.where(np.arange(len(WINDOW)) >= row - 1, 1.1, 1.0) * getattr(WINDOW, name)
        for name in ("open", "high", "low", "close")
    }
    forecasts = []
    for window in (WINDOW, replace(WINDOW, **later)):
        (scored,) = score_rounds(
            [models.create("ewma")], window, [anchor], params=PARAMS, lead=1, keep={anchor}, paths=64
        )
        forecasts.append(scored.forecasts["ewma"].paths)

    np.testing.assert_array_equal(*forecasts)


def test_a_round_without_its_anchor_close_or_history_is_left_out():
    hole_closes_at = int(WINDOW.open_time_ms[1_100]) + STEP_MS
    asked = [hole_closes_at, hole_closes_at + STEP_MS, int(WINDOW.open_time_ms[300])]
    rounds = list(score_rounds([models.create("flat")], WINDOW, asked, params=PARAMS, paths=64))

    assert [hole_closes_at + STEP_MS] == [r.anchor_at_ms for r in rounds]


def test_results_name_every_model_in_both_challenges_best_first():
    results = summarise(_rounds("flat", "drift"), PARAMS)

    assert {
        ("closes.point", "flat"),
        ("closes.point", "drift"),
        ("closes.paths", "flat"),
        ("closes.paths", "drift"),
    } == {(r.challenge, r.model) for r in results}
    for r in results:
        assert r.low <= r.gain <= r.high


def test_the_bootstrap_interval_covers_a_steady_gain_and_widens_with_noise():
    days = np.repeat(np.arange(40), 24)
    baseline = np.ones(len(days))
    noise = np.random.default_rng(1).standard_normal(40)[days] * 0.1
    steady = bootstrap_gain(baseline * 0.97, baseline, days, seed=1)
    noisy = bootstrap_gain(baseline * 0.97 + noise, baseline, days, seed=1)

    np.testing.assert_allclose((0.03, 0.03), steady, atol=1e-12)
    assert 0.03 < noisy[1] - noisy[0] < 0.12


def test_anchors_stand_on_the_hour_and_close_in_time():
    anchors = anchors_of(MAIN, PATHS, 10 * DAY_MS + 1, 11 * DAY_MS)

    assert 10 * DAY_MS + HOUR_MS == anchors[0]
    assert anchors[-1] + 100 * STEP_MS <= 11 * DAY_MS
