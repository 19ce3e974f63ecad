"""The pool that is kept from value to value is the pool that quarantine says, whatever was said when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import Overloaded, RateLimited, Replayed
from protocol.rules.pot import MAX_OWNERS
from protocol.rules.quarantine import Word, current, judged, still_needed
from protocol.rules.stream_book.effects import Said, Speaker
from protocol.rules.stream_book.horizon import MAX_WAITING, Horizon
from protocol.units import UnixMs

T = 1_763_800_000_000
LIFE_MS = 200_000
WAIT_MS = 70_000

words = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 40), st.booleans()),
    max_size=40,
)


def said(owner="a", at=T, sequence=1, *, cancels=False, speaker=Speaker.OWNER):
    row = np.array([sequence, sequence + 1.0, at], dtype="<f8")
    word = Word(owner, UnixMs(at), sequence, cancels)
    return Said("cop.json", 1, 70, word, b"" if cancels else row.tobytes(), speaker)


def pool_of(horizon, at):
    pool = horizon.pool_at(UnixMs(at))
    return {owner: tuple(pool.columns[:, place]) for place, owner in enumerate(pool.owners)}


def by_quarantine(every, at):
    rows = {one.word: tuple(one.row()) for one in every if not one.word.cancels}
    words = [one.word for one in every if one.word.received_at_ms <= at]
    return {owner: rows[word] for owner, word in judged(words, at_ms=UnixMs(at), delay=70, life_ms=LIFE_MS).items()}


@settings(max_examples=200, deadline=None)
@given(words, st.lists(st.integers(0, 60), max_size=6))
def test_the_kept_pool_is_who_quarantine_judges(spoken, looks):
    horizon, every, at = Horizon(70, count=3, life_ms=LIFE_MS), [], T
    for sequence, (owner, seconds, cancels) in enumerate(spoken, start=1):
        at += 1_000 * seconds
        one = said(owner, at, sequence, cancels=cancels)
        every.append(one)
        horizon.take(one)
        if sequence % 3 == 0:
            assert by_quarantine(every, at) == pool_of(horizon, at)
            horizon.settle_down(UnixMs(at))
    for seconds in looks:
        at += 5_000 * seconds
        assert by_quarantine(every, at) == pool_of(horizon, at)
        standing = {one.word.owner: one.word for one in horizon.current(UnixMs(at))}
        assert current([one.word for one in every], at_ms=UnixMs(at), life_ms=LIFE_MS) == standing
    horizon.settle_down(UnixMs(at))
    needed = still_needed([one.word for one in every], at_ms=UnixMs(at), delay=70, life_ms=LIFE_MS)
    assert set(needed) <= {one.word for kept in horizon.words.values() for one in kept}


def test_words_that_are_over_are_let_go():
    horizon = Horizon(70, count=3, life_ms=LIFE_MS)
    for sequence in range(1, 6):
        horizon.take(said(at=T + 1_000 * sequence, sequence=sequence))
    horizon.settle_down(UnixMs(T + 5_000 + WAIT_MS))
    assert [5] == [one.word.sequence for one in horizon.words["a"]]
    horizon.settle_down(UnixMs(T + 5_000 + WAIT_MS + LIFE_MS))
    assert {} == horizon.words


def test_an_earlier_instant_is_answered_as_it_was():
    horizon = Horizon(70, count=3)
    horizon.take(said(sequence=1))
    horizon.take(said(at=T + 10_000, sequence=2))
    later = pool_of(horizon, T + 10_000 + WAIT_MS)
    assert by_quarantine([said(sequence=1)], T + WAIT_MS) == pool_of(horizon, T + WAIT_MS)
    assert later == pool_of(horizon, T + 10_000 + WAIT_MS)


def test_words_of_one_millisecond_count_by_their_numbers_however_they_come():
    benchmark, own = said(sequence=0, speaker=Speaker.BENCHMARK), said(sequence=5)
    for order in ([benchmark, own], [own, benchmark]):
        horizon = Horizon(70, count=3)
        for one in order:
            horizon.take(one)
        assert 5 == horizon.newest("a").word.sequence


def test_a_number_not_above_the_last_is_ignored():
    horizon = Horizon(70, count=3)
    horizon.take(said(sequence=5))
    with pytest.raises(Replayed):
        horizon.check_word("a", 5, UnixMs(T + 1))


def test_a_flood_is_refused_while_sixty_four_words_wait():
    horizon = Horizon(70, count=3)
    for sequence in range(1, MAX_WAITING + 1):
        horizon.check_word("a", sequence, UnixMs(T))
        horizon.take(said(sequence=sequence))
    with pytest.raises(RateLimited):
        horizon.check_word("a", 100, UnixMs(T))
    horizon.check_word("a", 100, UnixMs(T + WAIT_MS))
    horizon.check_word("b", 1, UnixMs(T))


def test_ten_thousand_owners_are_as_many_as_a_horizon_takes():
    horizon = Horizon(70, count=3)
    for number in range(MAX_OWNERS):
        horizon.words[f"owner {number}"] = [said()]
    with pytest.raises(Overloaded):
        horizon.check_word("one more", 1, UnixMs(T))
