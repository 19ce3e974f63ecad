"""The life of a round: every pair that is not in the table is refused, and the windows come in order."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import DEMO, MAIN, PATHS, POINT
from protocol.rules.calendar import pack_steps
from protocol.rules.rounds import (
    CLOCK_EVENTS,
    TRANSITIONS,
    Effect,
    Event,
    NoSuchTransition,
    Round,
    RoundState,
    Truth,
    advance,
    look_for_truth,
    open_round,
    round_id,
)
from protocol.units import PriceE8, UnixMs

T = UnixMs(1_700_000_100_000 // 300_000 * 300_000)
TIME = MAIN.time


def a_round(state: RoundState = RoundState.OPENED) -> Round:
    opened = open_round(round_id(MAIN, "BTC-USD", POINT, T), POINT.name, T, TIME)
    return replace(opened, state=state)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(RoundState, Event)))
def test_every_event_that_is_not_in_the_table_is_refused(state: RoundState, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        moved, effects = advance(a_round(state), event, time=TIME, now_ms=T)
        assert TRANSITIONS[state, event] == (moved.state, effects)
    else:
        with pytest.raises(NoSuchTransition):
            advance(a_round(state), event, time=TIME, now_ms=T)


def test_a_round_left_to_the_clock_opens_its_windows_at_the_instants_of_the_rules() -> None:
    round_, seen = a_round(), []
    while round_.state in CLOCK_EVENTS and round_.due_at_ms is not None:
        seen.append((round_.state.value, round_.due_at_ms - T))
        round_, _ = advance(round_, CLOCK_EVENTS[round_.state], time=TIME, now_ms=round_.due_at_ms)
    assert [("opened", -60_000), ("committing", 0), ("locked", 15_000), ("revealing", 75_000)] == seen
    assert (RoundState.SCORING, T + 100 * 300_000 + 30_000) == (round_.state, round_.due_at_ms)


def test_scoring_keeps_the_answers_disputable_for_a_day_and_then_makes_the_round_final() -> None:
    resolved, effects = advance(a_round(RoundState.SCORING), Event.TRUTH_KNOWN, time=TIME, now_ms=T)
    assert (Effect.SCORE, Effect.TELL_MINERS) == effects
    assert T + 24 * 3_600_000 == resolved.due_at_ms
    revised, effects = advance(resolved, Event.TRUTH_REVISED, time=TIME, now_ms=T + 5)
    assert (Effect.RESCORE, Effect.TELL_MINERS) == effects
    assert resolved.due_at_ms == revised.due_at_ms
    final, _ = advance(revised, Event.DISPUTE_OVER, time=TIME, now_ms=T)
    assert (RoundState.FINAL, None) == (final.state, final.due_at_ms)


def test_an_incomplete_truth_is_looked_for_again_but_never_past_the_void_instant() -> None:
    void_at = T + 100 * 300_000 + 2 * 3_600_000
    waiting, _ = advance(a_round(RoundState.SCORING), Event.TRUTH_AWAITED, time=TIME, now_ms=void_at - 60_000)
    assert void_at - 30_000 == waiting.due_at_ms
    waiting, _ = advance(waiting, Event.TRUTH_AWAITED, time=TIME, now_ms=void_at - 10_000)
    assert void_at == waiting.due_at_ms


def closes(missing: set[int]) -> list[PriceE8 | None]:
    return [None if k in missing else PriceE8(6_000_000_000_000 + k) for k in range(1, 101)]


@settings(deadline=None, max_examples=60)
@given(missing=st.sets(st.integers(1, 99), max_size=14))
def test_ten_missing_steps_resolve_and_eleven_do_not(missing: set[int]) -> None:
    event, truth, reason = look_for_truth(
        PriceE8(1), closes(missing), anchor_at_ms=T, now_ms=T + 100 * 300_000, time=TIME
    )
    expected = Event.TRUTH_KNOWN if len(missing) <= 10 else Event.TRUTH_AWAITED
    assert (expected, expected is Event.TRUTH_KNOWN) == (event, truth is not None)
    assert (reason == "") == (event is Event.TRUTH_KNOWN)


@pytest.mark.parametrize(("anchor", "missing"), [(None, set()), (PriceE8(1), {100}), (PriceE8(1), set(range(1, 12)))])
def test_a_truth_that_is_incomplete_two_hours_after_the_last_step_is_given_up(
    anchor: PriceE8 | None, missing: set[int]
) -> None:
    void_at = T + 100 * 300_000 + 2 * 3_600_000
    for now, expected in ((void_at - 1, Event.TRUTH_AWAITED), (void_at, Event.TRUTH_GIVEN_UP)):
        event, truth, reason = look_for_truth(anchor, closes(missing), anchor_at_ms=T, now_ms=now, time=TIME)
        assert (expected, None) == (event, truth)
        assert reason


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (set(range(1, 6)), Event.TRUTH_KNOWN),
        (set(range(1, 7)), Event.TRUTH_AWAITED),
        ({50}, Event.TRUTH_AWAITED),
        (set(range(51, 101)), Event.TRUTH_KNOWN),
    ],
)
def test_of_steps_out_of_session_nothing_is_asked(missing: set[int], expected: Event) -> None:
    """Steps 1 to 50 of 100 lie in session: nine tenths of those must be agreed, and the fiftieth."""
    event, truth, _ = look_for_truth(
        PriceE8(1),
        closes(missing),
        anchor_at_ms=T,
        now_ms=T + 100 * 300_000,
        time=TIME,
        session_steps=pack_steps([k <= 50 for k in range(1, 101)]),
    )
    assert expected == event
    if truth is not None:
        assert (None,) * 50 == truth.closes_e8[50:]


def test_round_ids_differ_with_everything_that_makes_a_round_and_nothing_else() -> None:
    base = round_id(MAIN, "BTC-USD", POINT, T)
    assert base == round_id(replace(MAIN, pay=DEMO.pay), "BTC-USD", POINT, T)
    others = [
        round_id(DEMO, "BTC-USD", POINT, T),
        round_id(replace(MAIN, version=2), "BTC-USD", POINT, T),
        round_id(MAIN, "ETH-USD", POINT, T),
        round_id(MAIN, "BTC-USD", PATHS, T),
        round_id(MAIN, "BTC-USD", replace(POINT, cadence_ms=600_000), T),
        round_id(MAIN, "BTC-USD", POINT, UnixMs(T + 300_000)),
    ]
    assert 7 == len({base, *others})


def test_the_truth_digest_changes_with_any_close_and_with_a_missing_one() -> None:
    truth = Truth(PriceE8(5), tuple(closes(set())))
    assert truth.digest != Truth(PriceE8(6), truth.closes_e8).digest
    assert truth.digest != Truth(PriceE8(5), tuple(closes({3}))).digest
