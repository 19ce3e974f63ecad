"""What is on disk decides what is fetched: nothing twice, nothing left out; and equal blocks are equal bytes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow")

from neurons.market.candles import CandleArrays, no_candles
from neurons.market.history.blocks import (
    Block,
    DatasetUnwritable,
    Origin,
    block_bytes,
    block_path,
    read_block,
    remove_leftovers,
    replace_file,
    write_block,
)
from neurons.market.history.checks import Hole, holes_of
from neurons.market.history.folder import ForeignDataset, Held, missing_parts, read_venue
from neurons.market.history.months import Month, months_between
from neurons.market.history.request import instant_ms
from neurons.market.recorded import read_recording
from protocol.units import DAY_MS

STEP_MS = 300_000
ORIGIN = Origin("binance", "binance", "exchange", "BTC/USDT", STEP_MS)
JANUARY = Month(2023, 1)


def block(days: int = 31) -> Block:
    times = JANUARY.start_ms + STEP_MS * np.arange(days * 288)
    chance = np.random.default_rng(4)
    close = 2_300_000_000_000 + np.cumsum(chance.integers(-(10**9), 10**9, len(times)))
    prices = np.stack([close - 7, close + 10**6, close - 10**6, close])
    candles = CandleArrays(times, prices, np.round(chance.exponential(9, len(times)), 5))
    return Block.empty(ORIGIN, JANUARY.start_ms).extended(candles, JANUARY.start_ms + days * DAY_MS)


def test_months_are_calendar_months():
    assert ("2024-02", instant_ms("2024-02-01"), instant_ms("2024-03-01")) == (
        str(Month(2024, 2)), Month(2024, 2).start_ms, Month(2024, 2).end_ms,
    )  # fmt: skip
    assert Month(2024, 1) == Month(2023, 12).next() == Month.of(instant_ms("2024-01-31T23:59"))
    assert ["2023-12", "2024-01"] == [
        str(m) for m in months_between(instant_ms("2023-12-31"), instant_ms("2024-02-01"))
    ]
    assert [None, None] == [Month.named("2023-13"), Month.named("2023-01.old")]


def test_a_block_comes_back_as_it_was_and_equal_blocks_are_equal_bytes(tmp_path):
    whole = block()
    grown = Block.empty(ORIGIN, JANUARY.start_ms)
    for day in (3, 4, 31):
        until_ms = JANUARY.start_ms + day * DAY_MS
        grown = grown.extended(whole.candles.window(grown.until_ms, until_ms), until_ms)
    write_block(tmp_path, whole)
    found = read_block(block_path(tmp_path, "binance", JANUARY))

    assert block_bytes(whole) == block_bytes(grown) == block_path(tmp_path, "binance", JANUARY).read_bytes()
    np.testing.assert_array_equal(whole.candles.prices_e8, found.candles.prices_e8)
    np.testing.assert_array_equal(whole.candles.volume, found.candles.volume)
    assert (ORIGIN, whole.from_ms, whole.until_ms) == (found.origin, found.from_ms, found.until_ms)
    assert len(whole.candles) == len(read_recording(block_path(tmp_path, "binance", JANUARY)).candles(0, 2**62))


def test_a_block_takes_only_what_follows():
    half = block(15)
    later = block().candles.window(half.until_ms, JANUARY.end_ms)
    wrong = [
        (later, half.until_ms - STEP_MS),
        (later, half.until_ms + DAY_MS),
        (half.candles.rows(0, 1), half.until_ms + STEP_MS),
    ]
    for candles, until_ms in wrong:
        with pytest.raises(ValueError, match="do not follow"):
            half.extended(candles, until_ms)


def test_a_month_without_candles_is_kept_too(tmp_path):
    write_block(tmp_path, Block.empty(ORIGIN, JANUARY.start_ms).extended(no_candles(), JANUARY.end_ms))
    assert 0 == len(read_block(block_path(tmp_path, "binance", JANUARY)).candles)


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    write_block(tmp_path, block(1))
    leftovers = [tmp_path / ".manifest.json.partial", tmp_path / "venue=binance" / ".2023-02.parquet.partial"]
    for path in leftovers:
        path.write_bytes(b"PAR1")

    assert 2 == remove_leftovers(tmp_path)
    assert [False, False] == [path.exists() for path in leftovers]
    assert read_venue(tmp_path, "binance") is not None


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetUnwritable, match="cannot write"):
        replace_file(tmp_path / "file" / "manifest.json", b"{}")


days = st.integers(0, 200)


@settings(max_examples=150, deadline=None)
@given(kept=st.lists(st.booleans(), max_size=8), first=days, last=st.integers(1, 120), since=days, until=days)
def test_what_is_held_and_what_is_missing_make_the_whole_period_and_no_instant_is_fetched_twice(
    kept, first, last, since, until
):
    """Months from a day on, some lost; then a request for any period: replay the parts and look at what is covered."""
    origin_ms = instant_ms("2023-01-10")
    from_ms, until_ms = origin_ms + first * DAY_MS, origin_ms + (first + last) * DAY_MS
    months = list(months_between(from_ms, until_ms))
    held = {
        month: Held(max(from_ms, month.start_ms), min(until_ms, month.end_ms))
        for month, there in zip(months, [*kept, *[True] * len(months)], strict=False)
        if there
    }
    asked = sorted((origin_ms + since * DAY_MS, origin_ms + until * DAY_MS + STEP_MS))
    parts = missing_parts(held, *asked)

    covered = dict(held)
    fetched = 0
    for part in parts:
        fetched += part.until_ms - part.at_ms
        for month in months_between(part.from_ms, part.until_ms):
            begun = max(part.from_ms, month.start_ms)
            before = covered.get(month)
            if before is not None and begun == part.from_ms < part.at_ms:
                assert (before.from_ms, before.until_ms) == (begun, part.at_ms), "it goes on where the file ends"
            covered[month] = Held(begun, min(part.until_ms, month.end_ms))
    blocks = [covered[month] for month in sorted(covered)]
    hull = (
        min([asked[0], *(one.from_ms for one in held.values())]),
        max([asked[1], *(o.until_ms for o in held.values())]),
    )
    assert hull == (blocks[0].from_ms, blocks[-1].until_ms)
    assert all(a.until_ms == b.from_ms for a, b in pairwise(blocks))
    again = sum(part.keep_until_ms - held[Month.of(part.from_ms)].from_ms for part in parts if part.keep_until_ms)
    assert (hull[1] - hull[0]) == sum(one.until_ms - one.from_ms for one in held.values()) + fetched - again
    assert [] == missing_parts(covered, *asked)


def test_a_month_that_is_not_there_yet_is_missing_and_blocks_of_two_markets_are_not_read_as_one(tmp_path):
    write_block(tmp_path, block())
    march = Block.empty(ORIGIN, Month(2023, 3).start_ms).extended(no_candles(), Month(2023, 3).end_ms)
    write_block(tmp_path, march)
    whole = read_venue(tmp_path, "binance")
    assert (JANUARY.start_ms, Month(2023, 3).end_ms) == (whole.from_ms, whole.until_ms)
    missing = holes_of(whole.candles, from_ms=whole.from_ms, until_ms=whole.until_ms, step_ms=STEP_MS)
    assert [Hole(JANUARY.end_ms, (28 + 31) * 288)] == missing
    february = Block.empty(replace(ORIGIN, symbol="BTC/USDC"), JANUARY.end_ms)
    write_block(tmp_path, february.extended(no_candles(), Month(2023, 2).end_ms))
    with pytest.raises(ForeignDataset, match=r"BTC/USDT .* then BTC/USDC"):
        read_venue(tmp_path, "binance")
