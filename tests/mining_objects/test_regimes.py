"""Kinds of hours: limits that only the past decides, hours and weekdays in UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from mining_objects.regimes import REGIMES, WEEKDAYS, VolatilityTerciles, hour_of, weekday_of
from tests.support.windows import walk_window

WINDOW = walk_window(40 * 288)
UNTIL_MS = int(WINDOW.open_time_ms[36 * 288])


def _terciles(window):
    return VolatilityTerciles.of_past(window, UNTIL_MS, half_life=72, steps=100, lead=1)


def test_a_third_of_the_past_is_calm_and_a_third_wild():
    found = _terciles(WINDOW)

    assert 0.0 < found.low < found.high
    assert ["calm", "usual", "wild"] == [
        REGIMES[place] for place in found.regime_of(np.array([found.low / 2, (found.low + found.high) / 2, found.high]))
    ]


def test_nothing_after_the_past_moves_the_limits():
    later = np.where(np.arange(len(WINDOW)) >= 36 * 288, 1.5, 1.0)
    shaken = replace(WINDOW, **{name: later * getattr(WINDOW, name) for name in ("open", "high", "low", "close")})

    assert _terciles(WINDOW) == _terciles(shaken)


def test_hours_and_weekdays_are_those_of_the_calendar():
    at_ms = np.array([1_709_251_200_000, 1_709_305_200_000, 1_709_510_399_000])
    days = [datetime.fromtimestamp(int(at) / 1_000, UTC) for at in at_ms]

    assert [day.hour for day in days] == hour_of(at_ms).tolist()
    assert [f"{day:%a}" for day in days] == [WEEKDAYS[place] for place in weekday_of(at_ms)]
