"""The plain HAR reference: fitted on the past alone, follows volatility, and knows the livelier hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mining_objects.plain_har import plain_har_scale
from mining_objects.walk_forward import ask_hourly, gaussian_crps, one_volatility
from tests.support.windows import STEP_MS, walk_window

WINDOW = walk_window(45 * 288, seed=3)
SPLIT_MS = int(WINDOW.open_time_ms[38 * 288])
ASKED = ask_hourly(WINDOW, SPLIT_MS, WINDOW.end_ms, steps=100, lead=1)


def test_it_beats_one_volatility_where_the_day_has_a_shape():
    plain = np.nanmean(gaussian_crps(ASKED.truth, plain_har_scale(ASKED, SPLIT_MS)))
    constant = np.nanmean(gaussian_crps(ASKED.truth, one_volatility(ASKED, "constant")))

    assert plain < 0.99 * constant


def test_the_deviation_grows_with_the_steps():
    scale = plain_har_scale(ASKED, SPLIT_MS)

    assert (len(ASKED.rows), 100) == scale.shape
    assert (np.diff(scale, axis=1) > -1e-5).all()
    assert (scale > 0).all()


def test_no_later_candle_changes_what_is_said_at_an_anchor():
    row = int(ASKED.rows[20])
    shaken = replace(WINDOW, close=np.where(np.arange(len(WINDOW)) >= row, WINDOW.close * 1.3, WINDOW.close))
    there = plain_har_scale(replace(ASKED, window=shaken), SPLIT_MS)

    assert row * STEP_MS + int(WINDOW.open_time_ms[0]) > SPLIT_MS
    np.testing.assert_allclose(plain_har_scale(ASKED, SPLIT_MS)[:21], there[:21], rtol=1e-9)
    assert not np.allclose(plain_har_scale(ASKED, SPLIT_MS)[22], there[22])
