"""Trading calendars: daylight saving, holidays, early closes; another library's years; and real recordings."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from neurons.market.calendars import calendar_of, newest_close_ms, next_close_ms
from protocol.units import DAY_MS, MINUTE_MS
from tests.support.recordings import load_closes_e8, recordings_or_skip

STEP_MS = 5 * MINUTE_MS
NEW_YORK = ZoneInfo("America/New_York")


def utc_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("name", "at", "is_open"),
    [
        ("24/7", "2025-12-25 12:00", True),
        # Foreign exchange: Sunday 17:00 to Friday 17:00 in New York, which is 22:00 UTC in winter and 21:00 in summer.
        ("fx", "2025-01-12 22:00", False),
        ("fx", "2025-01-12 22:05", True),
        ("fx", "2025-01-17 22:00", True),
        ("fx", "2025-01-17 22:05", False),
        ("fx", "2025-07-13 21:05", True),
        ("fx", "2025-07-18 21:00", True),
        ("fx", "2025-07-18 21:05", False),
        # The clocks of New York change on 2025-03-09, on a Sunday morning, those of Europe three weeks later.
        ("fx", "2025-03-07 22:00", True),
        ("fx", "2025-03-09 21:05", True),
        ("fx", "2025-12-24 22:00", True),
        ("fx", "2025-12-24 22:05", False),
        ("fx", "2025-12-25 22:00", False),
        ("fx", "2025-12-25 22:05", True),
        # US stocks: 09:30 to 16:00 in New York.
        ("XNYS", "2025-01-15 14:30", False),
        ("XNYS", "2025-01-15 14:35", True),
        ("XNYS", "2025-01-15 21:00", True),
        ("XNYS", "2025-01-15 21:05", False),
        ("XNYS", "2025-03-10 13:35", True),
        ("XNYS", "2025-03-10 20:05", False),
        ("XNYS", "2025-01-09 15:00", False),  # a national day of mourning
        ("XNYS", "2025-07-03 17:00", True),  # closes at 13:00
        ("XNYS", "2025-07-03 17:05", False),
        ("XNYS", "2025-07-04 15:00", False),
        ("XNYS", "2025-07-05 15:00", False),
    ],
)
def test_an_instant_is_in_session_or_it_is_not(name, at, is_open):
    assert is_open == calendar_of(name).is_open(utc_ms(at))


@pytest.mark.parametrize("name", ["24/7", "fx", "XNYS"])
def test_the_closes_of_a_span_are_the_instants_that_are_open_in_it(name):
    calendar = calendar_of(name)
    for from_ms in (utc_ms("2025-03-06 00:00"), utc_ms("2025-12-23 00:02"), utc_ms("2025-12-30 21:59")):
        to_ms = from_ms + 6 * DAY_MS
        grid = range(-(-from_ms // STEP_MS) * STEP_MS, to_ms + 1, STEP_MS)
        closes = calendar.closes_between(from_ms, to_ms, step_ms=STEP_MS)
        assert [at for at in grid if calendar.is_open(at)] == list(closes)


def test_a_weekend_is_stepped_over_either_way():
    stocks, saturday = calendar_of("XNYS"), utc_ms("2025-07-05 12:01")

    assert utc_ms("2025-07-03 17:00") == newest_close_ms(stocks, saturday, step_ms=STEP_MS)
    assert utc_ms("2025-07-07 13:35") == next_close_ms(stocks, saturday, step_ms=STEP_MS)
    assert utc_ms("2025-07-07 13:35") == next_close_ms(stocks, utc_ms("2025-07-07 13:35"), step_ms=STEP_MS)


def test_sessions_of_us_stocks_are_those_of_another_library_in_twenty_years():
    """exchange_calendars, which needs pandas and so cannot serve a validator, keeps its own list of every closing."""
    exchange_calendars = pytest.importorskip("exchange_calendars")
    years = exchange_calendars.get_calendar("XNYS", start="2007-01-01", end="2026-12-31")
    theirs = [
        (opens.value // 10**6, closes.value // 10**6)
        for opens, closes in zip(years.schedule["open"].tolist(), years.schedule["close"].tolist(), strict=True)
    ]

    day = calendar_of("XNYS").closes_between(theirs[0][0], theirs[-1][1], step_ms=30 * MINUTE_MS)
    ours: list[list[int]] = []
    for at in day:
        if ours and at - ours[-1][1] == 30 * MINUTE_MS:
            ours[-1][1] = at
        else:
            ours.append([at - 30 * MINUTE_MS, at])
    assert 5_000 < len(theirs)
    assert theirs == [(opens, closes) for opens, closes in ours]


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("file", "name", "in_session", "days"),
    [
        # The bar of 16:00 of each day; the afternoons of three early closes; a week in March 2025 of extended hours.
        ("us_SPY_5m", "XNYS", 0.9648, {1: 247, 34: 1, 36: 2, 48: 1, 61: 1, 113: 2, 114: 2}),
        ("mt5_XAUUSD_5m", "fx", 1.0, {}),
        # This vendor ends its week half an hour late, on eleven Fridays.
        ("yahoo_EURUSD_5m", "fx", 0.9961, {6: 11}),
    ],
)
def test_recorded_candles_fall_in_session(file, name, in_session, days):
    """days: so many candles out of session -> on so many days."""
    closes = load_closes_e8(recordings_or_skip() / "candles" / f"{file}.parquet", step_ms=STEP_MS)
    calendar = calendar_of(name)

    outside = [at for at in closes if not calendar.is_open(at)]
    assert in_session == round(1 - len(outside) / len(closes), 4)
    by_day = Counter(datetime.fromtimestamp((at - STEP_MS) / 1_000, NEW_YORK).date() for at in outside)
    assert days == Counter(by_day.values())


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("file", "name", "holes", "most_missing"),
    [
        # The recording has nothing from 2025-04-03 to 2025-06-10.
        ("us_SPY_5m", "XNYS", [("2025-04-03 00:00", "2025-06-11 00:00")], 9),
        # Gold rests for an hour each day at 17:00 and keeps stock holidays; the calendar of currencies does not.
        ("mt5_XAUUSD_5m", "fx", [("2025-04-17 00:00", "2025-04-19 00:00")], 2_595),
        # This vendor begins its week two hours late on Sunday.
        ("yahoo_EURUSD_5m", "fx", [], 287),
    ],
)
def test_few_closes_are_missing_in_session(file, name, holes, most_missing):
    closes = load_closes_e8(recordings_or_skip() / "candles" / f"{file}.parquet", step_ms=STEP_MS)
    spans = [(utc_ms(begins), utc_ms(ends)) for begins, ends in holes]

    due = calendar_of(name).closes_between(min(closes), max(closes), step_ms=STEP_MS)
    missing = [at for at in due if at not in closes and not any(begins <= at < ends for begins, ends in spans)]
    assert most_missing == len(missing)


def test_a_calendar_brings_no_pandas_into_the_process():
    """In a process of its own: this one has loaded much else."""
    asks = (
        "import sys; from neurons.market.calendars import calendar_of; calendar_of('XNYS').is_open(1_750_000_000_000); "
        "print('pandas' in sys.modules, 'holidays' in sys.modules)"
    )

    told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert "False True" == told.stdout.strip()
