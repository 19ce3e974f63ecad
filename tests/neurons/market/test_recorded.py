"""Candle files: what is wrong with one is said by file, row and rule; what is right is read to the last digit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurons.market.candles import CandleArrays
from neurons.market.recorded import BadRecording, Gap, RecordedSource, read_recording, with_stand_in
from protocol.errors import InvalidSetting
from protocol.units import MINUTE_MS

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

STEP_MS = 5 * MINUTE_MS
START_MS = 1_750_000_200_000
RECORDINGS = Path(os.environ.get("AUGURY_RECORDINGS", Path(__file__).parents[4] / "shared" / "data"))

Columns = dict[str, Any]


def columns() -> Columns:
    close = np.array([27_345.67, 27_345.68, 27_344.01, 27_350.99, 27_351.0])
    return {
        "open_time_ms": START_MS + np.arange(5, dtype=np.int64) * STEP_MS,
        "open": close - 0.5,
        "high": close + 1.0,
        "low": close - 1.0,
        "close": close,
        "volume": np.arange(5.0),
    }


def write(path: Path, spoil: Callable[[Columns], Any] = lambda _: None) -> Path:
    values = columns()
    spoil(values)
    pq.write_table(pa.table(values), path)
    return path


def swap(values: Columns, row: int) -> None:
    times = values["open_time_ms"]
    times[[row, row + 1]] = times[[row + 1, row]]


def put(values: Columns, name: str, row: int, value: object) -> None:
    values[name][row] = value


def test_prices_are_read_exactly(tmp_path):
    source = read_recording(write(tmp_path / "venue_a.parquet"))
    candles = source.candles(START_MS, START_MS + 9 * STEP_MS).candles()
    assert [2_734_567_000_000, 2_734_568_000_000, 2_734_401_000_000] == [c.close_e8 for c in candles[:3]]
    assert "venue_a" == source.label
    assert (START_MS, START_MS + 5 * STEP_MS) == (source.first_ms, source.end_ms)
    assert [] == source.gaps()


@pytest.mark.parametrize(
    ("spoil", "row", "rule"),
    [
        (lambda v: put(v, "open_time_ms", 2, START_MS + STEP_MS), 2, "no time twice"),
        (lambda v: swap(v, 2), 3, "sorted by time"),
        (lambda v: put(v, "open_time_ms", 3, START_MS + 3 * STEP_MS + 1), 3, "grid"),
        (lambda v: put(v, "close", 1, np.nan), 1, "close is a finite number"),
        (lambda v: put(v, "high", 4, np.inf), 4, "high is a finite number"),
        (lambda v: put(v, "volume", 2, np.nan), 2, "volume is a finite number"),
        (lambda v: put(v, "low", 0, 0.0), 0, "low is above zero"),
        (lambda v: put(v, "high", 0, 1e12), 0, "high is above zero and below"),
        (lambda v: put(v, "volume", 3, -1.0), 3, "volume is not negative"),
        (lambda v: put(v, "low", 3, 27_351.5), 3, "low is at most"),
        (lambda v: put(v, "high", 3, 27_350.0), 3, "high is at least"),
        (lambda v: v.update(close=[1.0, None, 1.0, 1.0, 1.0]), 1, "close has no empty cell"),
        (lambda v: v.pop("volume"), None, "column volume is double"),
        (lambda v: v.update(close=v["close"].astype(np.float32)), None, "column close is double"),
        (lambda v: v.update(open_time_ms=v["open_time_ms"].astype(float)), None, "column open_time_ms is int64"),
        (lambda v: v.update({k: x[:0] for k, x in v.items()}), None, "1 to 5000000 rows"),
    ],
)
def test_a_broken_rule_is_named_with_its_file_and_row(tmp_path, spoil, row, rule):
    path = write(tmp_path / "bad.parquet", spoil)
    with pytest.raises(BadRecording) as caught:
        read_recording(path)
    assert (str(path), row) == (caught.value.file, caught.value.row)
    assert rule in caught.value.rule
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_no_parquet_is_said_to_be_so(tmp_path):
    with pytest.raises(BadRecording, match="the file exists"):
        read_recording(tmp_path / "nowhere.parquet")
    junk = tmp_path / "junk.parquet"
    junk.write_bytes(b"not candles" * 40)
    with pytest.raises(BadRecording, match="the file is Parquet"):
        read_recording(junk)


def test_gaps_are_listed_and_left_missing(tmp_path):
    def cut(values: Columns) -> None:
        for name in values:
            values[name] = values[name][[0, 1, 4]]

    source = read_recording(write(tmp_path / "gappy.parquet", cut))
    assert [Gap(START_MS + 2 * STEP_MS, 2)] == source.gaps()
    assert 3 == len(source.candles(START_MS, START_MS + 5 * STEP_MS))


def plain(name: str, steps: list[int], price: int) -> RecordedSource:
    """Flat candles at those steps after START_MS."""
    times = START_MS + np.array(steps, dtype=np.int64) * STEP_MS
    return RecordedSource(name, CandleArrays(times, np.full((4, times.size), price), np.ones(times.size)))


def test_another_venue_stands_in_for_long_holes_and_says_so():
    ours, theirs = plain("ours", [3, 4, 6, 7, 12, 13], 1), plain("theirs", list(range(1, 18)), 2)
    joined = with_stand_in(ours, theirs, hole_ms=2 * STEP_MS)
    steps = {(at - START_MS) // STEP_MS: price for at, price in zip(*_times_and_closes(joined), strict=True)}
    assert {1: 2, 2: 2, 3: 1, 4: 1, 6: 1, 7: 1, 8: 2, 9: 2, 10: 2, 11: 2, 12: 1, 13: 1} | dict.fromkeys(
        (14, 15, 16, 17), 2
    ) == steps
    assert "ours; where it has none for long, theirs" == joined.label
    assert [Gap(START_MS + 5 * STEP_MS, 1)] == joined.gaps()


def test_a_venue_that_misses_nothing_for_long_stays_as_it_is():
    ours, theirs = plain("ours", [3, 4, 6], 1), plain("theirs", [4, 5], 2)
    assert [1, 1, 1] == list(_times_and_closes(with_stand_in(ours, theirs))[1])
    with pytest.raises(InvalidSetting, match="another step"):
        with_stand_in(ours, RecordedSource("t", theirs.candles(0, 1), step_ms=MINUTE_MS))


def _times_and_closes(source: RecordedSource) -> tuple[list[int], list[int]]:
    candles = source.candles(0, source.end_ms)
    return candles.open_time_ms.tolist(), candles.close_e8.tolist()


@pytest.mark.recordings
def test_the_recorded_venues_are_read_whole():
    folder = RECORDINGS / "candles"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {RECORDINGS}: set AUGURY_RECORDINGS to test against real candles")
    source = read_recording(folder / "binance_spot_BTCUSDT_5m.parquet")
    assert 333_200 == len(source.candles(0, source.end_ms))
    assert [Gap(1_679_661_600_000, 16)] == source.gaps()
