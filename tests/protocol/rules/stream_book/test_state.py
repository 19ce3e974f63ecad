"""What is kept of a stream, and that a book changes forwards in time only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import NodeFault
from protocol.rules.stream_book.effects import Effects
from protocol.rules.stream_book.state import BookState, StreamRecord
from protocol.rules.stream_values import lags_to_keep, read_value
from protocol.rules.streams import Publication, publish
from protocol.units import UnixMs
from tests.support.stream_play import StreamPlay, T, key


def record() -> StreamRecord:
    stream = publish(None, Publication("cop.json", key("owner"), 1), now_ms=T)
    return StreamRecord(stream, "micro", read_value("0"))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 60]), min_size=1_000, max_size=1_100))
def test_as_many_lags_are_kept_as_the_rules_say(gaps):
    kept, times, at_ms = record(), [], T
    for gap in gaps:
        at_ms += 1_000 * gap
        times.insert(0, at_ms)
        kept.keep(read_value(str(gap)), UnixMs(at_ms), longest_delay=910)
    count = lags_to_keep(times, now_ms=UnixMs(at_ms), delays=(70, 910))
    assert times[:count] == [lag.at_ms for lag in reversed(kept.lags)]


def test_records_are_kept_apart_from_lags_and_a_thousand_of_them():
    kept = record()
    for number in range(1_010):
        kept.keep(read_value(f'{{"n": {number}}}'), UnixMs(T + number), longest_delay=70)
    assert (0, 1_000) == (len(kept.lags), len(kept.history))
    assert '{"n": 1009}' == kept.history[-1][1].text


def test_numbers_are_picked_out_of_the_lags():
    kept = record()
    for text in ("1", "[1, 2]", "3", "4"):
        kept.keep(read_value(text), T, longest_delay=70)
    assert [4.0, 3.0] == kept.newest_numbers(2)
    assert [4.0, 3.0, 1.0] == kept.newest_numbers(9)


def test_effects_older_than_the_newest_are_our_own_fault():
    state = BookState()
    state.apply(Effects(UnixMs(T)))
    with pytest.raises(NodeFault):
        state.apply(Effects(UnixMs(T - 1)))


def test_a_deleted_stream_holds_nothing_but_its_owner_and_number():
    play, state = StreamPlay(), BookState()
    (owner,) = play.named("owner")
    play.value("cop.json", owner, 1.0)
    play.do(play.book.delete("cop.json", owner, now_ms=play.wait(5)))
    for effects in play.history:
        state.apply(effects)
    kept = state.streams["cop.json"]
    assert ({}, 0, "") == (kept.horizons, len(kept.lags), kept.value.text)
    assert (owner, 1) == (kept.stream.owner, kept.stream.sequence)
