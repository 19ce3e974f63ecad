"""What counts as known and as final of a stream, push by push."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.market.stream_buffer import StreamBuffer
from neurons.ports import Candle
from protocol.units import PriceE8, UnixMs

STEP_MS = 300_000
START_MS = 1_750_000_200_000


def candle(step: int, close: int = 0, *, volume: float = 1.0) -> Candle:
    price = PriceE8(10**13 + step * 1_000 + close)
    return Candle(UnixMs(START_MS + step * STEP_MS), price, price, price, price, volume)


def shown(buffer: StreamBuffer, since: int = 0, limit: int = 100) -> list[int] | None:
    found = buffer.first(since_ms=START_MS + since * STEP_MS, limit=limit)
    return None if found is None else [(c.open_time_ms - START_MS) // STEP_MS for c in found]


def after(*candles: Candle) -> StreamBuffer:
    buffer = StreamBuffer(STEP_MS)
    for one in candles:
        buffer.push(one)
    return buffer


def test_a_candle_is_final_once_the_next_one_was_pushed_and_then_as_it_was_pushed_last():
    buffer = after(candle(0), candle(0, 5), candle(0, 7))
    assert [] == shown(buffer)
    buffer.push(candle(1))
    assert (candle(0, 7),) == buffer.first(since_ms=START_MS, limit=9)
    assert START_MS + STEP_MS == buffer.newest_end_ms


def test_what_came_before_the_first_push_is_not_known():
    assert shown(after(candle(5), candle(6)), since=4) is None


def test_a_candle_that_ran_when_the_connection_broke_is_final_only_if_the_next_connection_shows_it_again():
    buffer = after(candle(0), candle(1))
    buffer.lose_connection()
    buffer.push(candle(1, 3))
    buffer.push(candle(2))
    assert [0, 1] == shown(buffer)

    buffer = after(candle(0), candle(1))
    buffer.lose_connection()
    buffer.push(candle(2))
    assert shown(buffer) is None
    assert [] == shown(buffer, since=2)


def test_after_a_jump_only_what_follows_is_known():
    buffer = after(candle(0), candle(1), candle(4), candle(5))
    assert shown(buffer) is None
    assert [4] == shown(buffer, since=4)


def test_rest_fills_what_a_reconnection_left_out():
    buffer = after(candle(0), candle(1))
    buffer.lose_connection()
    for one in (candle(3), candle(4)):
        buffer.push(one)
    assert 1 == buffer.join([candle(0), candle(1), candle(2), candle(3)], since_ms=START_MS)
    assert [0, 1, 2, 3] == shown(buffer)


def test_a_page_of_rest_that_does_not_reach_the_stream_fills_nothing():
    buffer = after(candle(5), candle(6))
    assert 0 == buffer.join([candle(1), candle(2), candle(3)], since_ms=START_MS)
    assert shown(buffer) is None


def test_a_gap_that_rest_shows_stays_a_gap():
    buffer = after(candle(5), candle(6))
    assert 1 == buffer.join([candle(1), candle(4), candle(5)], since_ms=START_MS)
    assert [1, 4, 5] == shown(buffer)


def test_a_candle_that_rest_adds_later_where_it_had_none_is_a_contradiction():
    buffer = after(candle(5), candle(6))
    buffer.join([candle(1), candle(4), candle(5)], since_ms=START_MS)
    assert buffer.join([candle(1), candle(2), candle(4), candle(5)], since_ms=START_MS) is None
    assert 0 == len(buffer)


@pytest.mark.parametrize(
    "page",
    [
        [candle(0), candle(1, 1), candle(2)],
        [candle(0), candle(2)],
    ],
    ids=["another price", "a candle less"],
)
def test_what_rest_contradicts_is_forgotten(page):
    buffer = after(candle(0), candle(1), candle(2), candle(3))
    assert buffer.join(page, since_ms=START_MS) is None
    assert (None, 0) == (shown(buffer, since=3), len(buffer))


def test_a_push_that_changes_what_was_final_makes_everything_unknown():
    buffer = after(candle(0), candle(1), candle(2))
    buffer.push(candle(1, 9))
    assert shown(buffer, since=1) is None


def test_another_volume_is_no_contradiction():
    buffer = after(candle(0), candle(1))
    assert 1 == buffer.join([candle(0, volume=1.1)], since_ms=START_MS)


def test_no_more_is_held_than_was_said():
    buffer = StreamBuffer(STEP_MS, kept_steps=10)
    for step in range(50):
        buffer.push(candle(step))
    assert 10 == len(buffer)
    assert shown(buffer, since=38) is None
    assert list(range(39, 49)) == shown(buffer, since=39)


Push = st.tuples(st.sampled_from(["push", "late push", "break", "join"]), st.integers(0, 3), st.integers(0, 6))


@given(st.lists(Push, max_size=60))
@settings(max_examples=200, deadline=None)
def test_whatever_a_true_stream_and_its_breaks_do_no_candle_is_ever_shown_that_rest_would_not_show(steps):
    """The market has candles 0, 1, 2, ... A push shows the running one (half-way: another close) or its end."""
    buffer, now = StreamBuffer(STEP_MS), 0
    for what, ahead, back in steps:
        if what == "push":
            buffer.push(candle(now, 500))
            for step in range(now, now + ahead):
                buffer.push(candle(step))
            now += ahead
            buffer.push(candle(now, 500))
        elif what == "late push":
            buffer.push(candle(max(0, now - back), 0 if back else 500))
        elif what == "break":
            buffer.lose_connection()
            now += ahead
        else:
            first = max(0, now - back)
            assert buffer.join([candle(s) for s in range(first, now)], since_ms=START_MS + first * STEP_MS) is not None
        for since in range(now + 1):
            found = buffer.first(since_ms=START_MS + since * STEP_MS, limit=100)
            if found is not None:
                assert tuple(candle(step) for step in range(since, since + len(found))) == found
                assert since + len(found) <= now
