"""What the TCN is shown: the past alone, in training as when it is asked; and what the moves after T tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.har_fitting import learn_season
from mining_objects.models.har import ANCHORS, FITTED_LEAD, SEASON_TRUST, SEASON_WIDTH, Har, stretched
from mining_objects.models.neural_har import known_at
from mining_objects.new_york_week import learn_week
from mining_objects.season import season_of, slots_of
from mining_objects.tcn_inputs import (
    CANDLE,
    NAMES,
    SHOWN,
    WARM_UP,
    candle_columns,
    newest_columns,
    realised_deviation,
    training_rows,
)
from tests.support.windows import walk_window

WINDOW = walk_window(WARM_UP + 900, gaps=(WARM_UP + 100, WARM_UP + 101))
SEASON, WEEK = learn_season([WINDOW]), learn_week([WINDOW])
ROWS = training_rows(WINDOW, SEASON, WEEK)
FILLED = range(WARM_UP, len(WINDOW) - max(ANCHORS) - FITTED_LEAD)


def shaken(row, factor):
    """The window with every candle from this row on changed."""
    late = np.arange(len(WINDOW)) >= row
    return replace(WINDOW, close=np.where(late, WINDOW.close * factor, WINDOW.close))


def test_every_row_is_whole_and_finite():
    assert (len(WINDOW), len(NAMES)) == ROWS.shape
    assert np.isfinite(ROWS).all()
    assert (ROWS[FILLED, len(CANDLE) :] != 0.0).any(axis=1).all()
    assert not ROWS[:WARM_UP, len(CANDLE) :].any()


@settings(max_examples=50, deadline=None)
@given(row=st.integers(WARM_UP + 1, len(WINDOW) - 1), factor=st.floats(0.5, 2.0))
def test_a_row_does_not_change_with_any_candle_after_it(row, factor):
    changed = training_rows(shaken(row, factor), SEASON, WEEK)

    np.testing.assert_array_equal(ROWS[:row], changed[:row])


def test_a_row_does_change_with_its_own_candle():
    row = WARM_UP + 300
    changed = training_rows(shaken(row, 1.01), SEASON, WEEK)

    assert (ROWS[row, : len(CANDLE)] != changed[row, : len(CANDLE)]).all()
    assert (ROWS[row, len(CANDLE) : SHOWN] != changed[row, len(CANDLE) : SHOWN]).any()


@pytest.mark.parametrize("row", [WARM_UP, WARM_UP + 287, WARM_UP + 500])
def test_a_row_holds_what_is_shown_when_it_is_the_newest(row):
    seen = WINDOW.rows(row + 1 - Har.lookback, row + 1)
    season = season_of(seen, SEASON, SEASON_TRUST, width=SEASON_WIDTH)
    known = known_at(seen, season, WEEK, 1, np.array([0]), FITTED_LEAD, max(ANCHORS))

    np.testing.assert_allclose(newest_columns(known)[0], ROWS[row, len(CANDLE) : SHOWN], atol=2e-2)
    np.testing.assert_allclose(candle_columns(seen, SEASON)[-64:], ROWS[row - 63 : row + 1, : len(CANDLE)], atol=1e-4)


def test_the_unit_is_the_scale_that_level_and_shape_give():
    row = WARM_UP + 400
    seen = WINDOW.rows(row + 1 - Har.lookback, row + 1)
    season = season_of(seen, SEASON, SEASON_TRUST, width=SEASON_WIDTH)
    level = known_at(seen, season, WEEK, 1, np.array([0]), FITTED_LEAD, max(ANCHORS)).level[0]
    scale = stretched(seen, season, np.full(max(ANCHORS), level), FITTED_LEAD)[np.array(ANCHORS) - 1]
    day = np.sqrt(np.mean(seen.log_returns()[-288:] ** 2))

    np.testing.assert_allclose(scale, np.exp(ROWS[row, SHOWN:]) * day * np.sqrt(ANCHORS), rtol=1e-3)


def test_what_is_realised_is_the_mean_size_of_the_moves_from_t_on():
    told = realised_deviation(WINDOW, SEASON)
    row = WARM_UP + 300
    shape = SEASON.ravel()[slots_of(WINDOW.open_time_ms, WINDOW.step_ms)]
    moves = np.abs(WINDOW.log_returns())
    for column, steps in enumerate(ANCHORS):
        ahead = slice(row + FITTED_LEAD + 1, row + FITTED_LEAD + 1 + steps)
        mean = np.sqrt(np.pi / 2) * (moves[ahead] / shape[ahead]).mean()
        assert mean * np.sqrt((shape[ahead] ** 2).sum()) == pytest.approx(told[row, column], rel=1e-9)


def test_a_normal_walk_of_known_size_realises_its_deviation():
    sigma = 1e-3
    close = 30_000.0 * np.exp(np.cumsum(sigma * np.random.default_rng(3).standard_normal(len(WINDOW))))
    told = realised_deviation(replace(WINDOW, close=close), np.ones((2, 288)))

    np.testing.assert_allclose(sigma * np.sqrt(ANCHORS), np.nanmean(told, axis=0), rtol=0.03)


def test_what_is_realised_is_unknown_where_a_move_is_or_where_the_candles_end():
    told = realised_deviation(WINDOW, SEASON)
    hole = WARM_UP + 100
    column = ANCHORS.index(12)
    unknown = np.flatnonzero(np.isnan(told[WARM_UP:, column])) + WARM_UP

    assert list(range(hole - 13, hole + 1)) == unknown[unknown < len(WINDOW) - 100].tolist()
    assert list(range(len(WINDOW) - 13, len(WINDOW))) == unknown[unknown >= len(WINDOW) - 100].tolist()


def test_a_market_in_which_nothing_moves_is_shown_as_numbers():
    still = replace(WINDOW, close=np.full(len(WINDOW), 30_000.0))

    assert np.isfinite(training_rows(still, np.ones((2, 288)), np.ones((7, 288)))).all()
