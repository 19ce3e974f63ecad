"""What is kept of a stream, and that a book changes forwards in time only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import NodeFault
from protocol.rules.stream_book.effects import Effects, Request
from protocol.rules.stream_book.restoring import Restoring
from protocol.rules.stream_book.state import ANSWERS_KEPT, BookState, StreamRecord
from protocol.rules.stream_values import lags_to_keep, read_value
from protocol.rules.streams import Publication, publish
from protocol.units import DAY_MS, UnixMs
from tests.support.stream_play import StreamPlay, T, about, key


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
        kept.keep(read_value(str(gap)), UnixMs(at_ms), 1, longest_delay=910)
    count = lags_to_keep(times, now_ms=UnixMs(at_ms), delays=(70, 910))
    assert times[:count] == [lag.at_ms for lag in reversed(kept.lags)]


def test_records_are_kept_apart_from_lags_and_a_thousand_of_them():
    kept = record()
    for number in range(1_010):
        kept.keep(read_value(f'{{"n": {number}}}'), UnixMs(T + number), number, longest_delay=70)
    assert (0, 1_000) == (len(kept.lags), len(kept.history))
    assert ('{"n": 1009}', T + 1009, 1009) == (kept.history[-1].value.text, *kept.history[-1][1:])


def test_numbers_are_picked_out_of_the_lags():
    kept = record()
    for text in ("1", "[1, 2]", "3", "4"):
        kept.keep(read_value(text), T, 1, longest_delay=70)
    assert [4.0, 3.0] == kept.newest_numbers(2)
    assert [4.0, 3.0, 1.0] == kept.newest_numbers(9)


def test_effects_older_than_the_newest_are_our_own_fault():
    state = BookState()
    state.apply(Effects(UnixMs(T)))
    with pytest.raises(NodeFault):
        state.apply(Effects(UnixMs(T - 1)))


def test_effects_are_kept_for_the_retries_of_the_newest_acts_alone():
    play = StreamPlay()
    for number in range(ANSWERS_KEPT + 10):
        play.do(Effects(play.at_ms, Request("submit", f"key {number}", "1")))
    play.do(Effects(play.at_ms, Request("submit", "key 10", "2")))
    answered = [slot for _, slot in play.book.state.answered]
    assert ANSWERS_KEPT == len(answered)
    assert ("key 11", "key 10") == (answered[0], answered[-1])


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


def restored(live, history):
    """The book as a node takes it back: from what each of these effects has left in its tables."""
    restoring = Restoring()
    for name, record in live.state.streams.items():
        restoring.stream(record.stream, record.rule)
        for sender, text in record.mailbox.items():
            restoring.letter(name, sender, text)
    for owner, letters in live.state.letters.items():
        restoring.letters(owner, letters)
    for edges in (*live.state.links.values(), *live.state.subscriptions.values()):
        for edge in edges:
            restoring.edge(edge)
    for effects in history:
        for taken in effects.taken:
            stream = taken.stream
            restoring.value(stream.name, stream.incarnation, stream.sequence, taken.value.text, taken.at_ms)
        for said in effects.said:
            restoring.word(said)
        for settled in effects.settled:
            amounts = zip(settled.settlement.owners, settled.settlement.amounts_micros, strict=True)
            earned = [(owner, amount) for owner, amount in amounts if amount]
            if earned:
                restoring.day(
                    settled.name,
                    settled.delay,
                    sponsor=settled.sponsor,
                    day=settled.at_ms // DAY_MS,
                    earned=earned,
                    moved_micros=sum(abs(amount) for _, amount in earned),
                )
    for account, amount in live.state.tallies.balances.items():
        restoring.balance(account, amount)
    return restoring.book()


def test_a_book_taken_back_from_its_tables_decides_alike():
    play = StreamPlay()
    owner, ann, bob = play.named("owner", "ann", "bob")
    play.value("cop.json", owner, 1.0)
    play.do(play.book.subscribe("cop.json", "rain.json", owner, now_ms=play.wait(5)))
    for number in range(5):
        play.submit(ann, "cop.json", 70, about(float(number)))
        play.submit(bob, "cop.json", 3555, about(float(number)))
        play.wait(60)
        play.value("cop.json", owner, number, with_percentiles=True)
    book = restored(play.book, play.history)
    book.state.answered.update(play.book.state.answered)
    assert play.book == book
    assert play.book.state.tallies == book.state.tallies
    later = {"sequence": 99, "value": "3", "now_ms": play.wait(3_600), "with_percentiles": True}
    assert play.book.publish("cop.json", owner, **later) == book.publish("cop.json", owner, **later)
