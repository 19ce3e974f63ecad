"""Quarantine: judged, replaced and cancelled exactly on time, whoever else comes in the same instant."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.rules.quarantine import LIFE_MS, Word, current, judged, still_needed
from protocol.units import UnixMs

T = 1_700_000_000_000
WAIT = 70_000


def said(owner="a", at=T, sequence=1, *, cancels=False):
    return Word(owner, UnixMs(at), sequence, cancels)


def judged_at(words, at, **more):
    return judged(words, at_ms=UnixMs(at), delay=70, **more)


def test_a_submission_is_judged_from_its_delay_on_to_the_millisecond():
    word = said()
    assert {} == judged_at([word], T + WAIT - 1)
    assert {"a": word} == judged_at([word], T + WAIT)


def test_the_old_scenarios_are_judged_until_the_new_ones_have_waited_as_long():
    old, new = said(), said(at=T + WAIT + 5_000, sequence=2)
    assert {"a": old} == judged_at([old, new], T + 2 * WAIT + 4_999)
    assert {"a": new} == judged_at([old, new], T + 2 * WAIT + 5_000)


def test_a_cancellation_waits_as_long_as_a_submission():
    word, cancelled = said(), said(at=T + 10_000, sequence=2, cancels=True)
    assert {"a": word} == judged_at([word, cancelled], T + WAIT + 9_999)
    assert {} == judged_at([word, cancelled], T + WAIT + 10_000)


def test_a_cancellation_at_the_last_moment_changes_nothing_for_the_value_that_comes():
    word, cancelled = said(), said(at=T + WAIT - 1, sequence=2, cancels=True)
    assert {"a": word} == judged_at([word, cancelled], T + WAIT)


def test_two_owners_of_one_instant_are_both_judged():
    words = [said("b"), said("a")]
    assert ["a", "b"] == list(judged_at(words, T + WAIT))


def test_of_one_owners_words_in_one_millisecond_the_higher_number_counts():
    first, second = said(sequence=1), said(sequence=2)
    assert {"a": second} == judged_at([second, first], T + WAIT)
    assert {"a": second} == judged_at([first, second], T + WAIT)


def test_a_submission_that_is_never_renewed_ends():
    word = said()
    assert {"a": word} == judged_at([word], T + WAIT + LIFE_MS - 1)
    assert {} == judged_at([word], T + WAIT + LIFE_MS)


def test_a_streams_distribution_is_read_from_the_newest_words_at_once():
    old, new, gone = said(), said(at=T + 10, sequence=2), said(at=T + 20, sequence=3, cancels=True)
    assert {"a": new} == current([old, new], at_ms=UnixMs(T + 10))
    assert {} == current([old, new, gone], at_ms=UnixMs(T + 20))
    assert {} == current([old], at_ms=UnixMs(T + LIFE_MS))


WORDS = st.lists(
    st.builds(
        Word,
        st.sampled_from("abc"),
        st.integers(T, T + 400_000).map(UnixMs),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=14,
    unique_by=lambda word: (word.owner, word.received_at_ms, word.sequence),
)


@settings(max_examples=200, deadline=None)
@given(words=WORDS, at=st.integers(T, T + 700_000), later=st.integers(0, 600_000), chance=st.randoms())
def test_neither_the_order_of_arrival_nor_letting_go_changes_what_is_judged(words, at, later, chance):
    shuffled = chance.sample(words, len(words))
    life = 300_000
    kept = still_needed(words, at_ms=UnixMs(at), delay=70, life_ms=life)
    assert judged_at(words, at, life_ms=life) == judged_at(shuffled, at, life_ms=life)
    assert judged_at(words, at + later, life_ms=life) == judged_at(kept, at + later, life_ms=life)
    assert kept == still_needed(shuffled, at_ms=UnixMs(at), delay=70, life_ms=life)


@settings(max_examples=100, deadline=None)
@given(words=WORDS, at=st.integers(T, T + 700_000))
def test_no_word_younger_than_its_delay_moves_a_value(words, at):
    settled = [word for word in words if word.received_at_ms <= at - WAIT]
    assert judged_at(settled, at) == judged_at(words, at)
