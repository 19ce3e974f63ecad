"""The week of New York: its clock in summer and winter, its exchange's holidays, and shapes that are found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from mining_objects.new_york_week import learn_week, week_slots
from tests.support.windows import STEP_MS, walk_window


def _slot(text):
    return int(week_slots(np.array([int(datetime.fromisoformat(text + "+00:00").timestamp() * 1_000)]), STEP_MS)[0])


@pytest.mark.parametrize(
    ("utc", "day", "hour", "minute"),
    [
        ("2024-01-17T14:30", 2, 9, 30),  # a Wednesday in winter: five hours behind
        ("2024-07-17T13:30", 2, 9, 30),  # a Wednesday in summer: four
        ("2024-07-17T03:55", 1, 23, 55),  # there it is still Tuesday
        ("2024-03-10T06:55", 6, 1, 55),  # the last minutes of winter time, a Sunday
        ("2024-03-10T07:00", 6, 3, 0),
        ("2024-07-04T13:30", 6, 9, 30),  # Independence Day, a Thursday
    ],
)
def test_an_instant_has_the_slot_of_new_yorks_clock_and_day(utc, day, hour, minute):
    assert day * 288 + hour * 12 + minute // 5 == _slot(utc)


def test_every_slot_of_an_ordinary_week_is_met_once():
    monday_ms = int(datetime(2024, 8, 5, 4, tzinfo=UTC).timestamp() * 1_000)
    slots = week_slots(monday_ms + STEP_MS * np.arange(7 * 288, dtype=np.int64), STEP_MS)

    np.testing.assert_array_equal(np.arange(7 * 288), slots)


def test_a_livelier_weekday_is_found_whatever_the_level_does():
    window = walk_window(140 * 288)
    slots = week_slots(window.open_time_ms, STEP_MS)
    wave = 1.0 + 0.5 * np.sin(np.arange(len(window)) * 2 * np.pi / 288)
    growing = np.exp(np.linspace(0.0, 3.0, len(window)))
    lively = np.where(slots // 288 == 2, 2.0, 1.0)
    moves = np.diff(np.log(window.close), prepend=np.log(window.close[0])) / wave * lively * growing * 0.1
    week = learn_week([replace(window, close=30_000.0 * np.exp(np.cumsum(moves)))])

    assert (7, 288) == week.shape
    assert 2.0 == pytest.approx(week[2].mean() / week[[0, 1, 3, 4]].mean(), abs=0.15)
    assert 0.0 == pytest.approx(np.log(week[5].mean() / week[1].mean()), abs=0.1)


def test_missing_candles_count_for_nothing():
    full = walk_window(60 * 288)
    gaps = tuple(range(30 * 288, 31 * 288))

    np.testing.assert_allclose(learn_week([full]), learn_week([walk_window(60 * 288, gaps=gaps)]), rtol=0.2)
