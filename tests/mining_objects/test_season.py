"""The day's shape: learnt per slot, kept within the hour, blended, and blind to the day it is used on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mining_objects.season import is_weekend, season_of, shape_of, slots_of
from tests.support.windows import STEP_MS, walk_window

DAY = 288
WINDOW = walk_window(40 * DAY)
SLOT = slots_of(WINDOW.open_time_ms, STEP_MS)
FLAT = np.ones((2, DAY))


def _shaped(size, seed=1):
    """A window whose moves have exactly these sizes, up or down."""
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), len(WINDOW))
    close = 30_000.0 * np.exp(np.cumsum(1e-3 * size * signs))
    return replace(WINDOW, open=close, high=close, low=close, close=close)


def test_monday_is_slot_zero_and_sunday_is_the_last_of_the_weekend():
    monday_ms = 1_704_067_200_000  # 2024-01-01 00:00 UTC

    assert [0, 2 * DAY - 1] == slots_of(np.array([monday_ms, monday_ms - STEP_MS]), STEP_MS).tolist()
    assert [False, True] == is_weekend(np.array([monday_ms, monday_ms - 1])).tolist()


def test_a_shape_is_found_again_where_it_is_smooth_and_within_the_hour():
    lively = 1.0 + 0.5 * np.sin(2 * np.pi * (SLOT % DAY) / DAY)
    size = lively * np.where(SLOT % 12 == 0, 1.8, 1.0) * np.where(SLOT >= DAY, 0.5, 1.0)
    shape, count = shape_of(size, SLOT, DAY, 7)
    truth = np.zeros(2 * DAY)
    truth[SLOT] = size / size.mean()

    np.testing.assert_allclose(truth, shape.ravel(), rtol=0.04)
    assert len(size) == count.sum()


def test_one_crash_hardly_shapes_the_day():
    size = np.ones(len(SLOT))
    size[5_000] = 1_000.0
    shape, _ = shape_of(size, SLOT, DAY, 7)

    np.testing.assert_allclose(1.0, shape, rtol=0.2)


def test_unknown_sizes_carry_no_weight_and_no_size_gives_ones():
    size = np.where(np.arange(len(SLOT)) < 3_000, np.nan, 2.0)

    np.testing.assert_allclose(np.ones((2, DAY)), shape_of(size, SLOT, DAY, 7)[0])
    np.testing.assert_array_equal(np.ones((2, DAY)), shape_of(np.full(len(SLOT), np.nan), SLOT, DAY, 7)[0])


def test_trust_moves_from_the_learnt_shape_to_the_windows_own():
    size = np.where(SLOT % DAY < 144, 2.0, 1.0)
    window = _shaped(size)
    own = season_of(window, FLAT, (1.0, 1.0), width=1)
    half = season_of(window, FLAT, (0.5, 0.5), width=1)

    np.testing.assert_array_equal(np.ones(2 * DAY), season_of(window, FLAT, (0.0, 0.0), width=1))
    np.testing.assert_allclose(np.sqrt(own), half, rtol=1e-12)
    np.testing.assert_allclose(2.0, own[10] / own[200], rtol=0.02)


def test_a_window_of_a_week_is_believed_a_quarter_as_much():
    window = _shaped(np.where(SLOT % DAY < 144, 2.0, 1.0))
    today = int(np.flatnonzero(WINDOW.open_time_ms % (DAY * STEP_MS) == 0)[-1])
    week = window.rows(today - 7 * DAY, today + 5)
    shape = season_of(week, FLAT, (1.0, 1.0), width=1)

    np.testing.assert_allclose(2.0**0.25, shape[10] / shape[200], rtol=0.02)


def test_the_shape_used_on_a_day_does_not_see_that_day():
    window = _shaped(np.where(SLOT % DAY < 144, 2.0, 1.0))
    midnight = int(np.flatnonzero(WINDOW.open_time_ms % (DAY * STEP_MS) == 0)[-1])
    shaken = replace(window, close=np.where(np.arange(len(window)) >= midnight, window.close * 1.3, window.close))
    shapes = [season_of(w.rows(0, midnight + 100), FLAT, (1.0, 1.0), width=7) for w in (window, shaken)]

    np.testing.assert_array_equal(*shapes)
