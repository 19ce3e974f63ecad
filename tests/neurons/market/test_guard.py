"""Leaving a venue alone: the circuit's table, the waits, and what a guarded venue asks and refuses."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.clock import HandClock
from neurons.market.guard import (
    LIFE,
    Breaker,
    Circuit,
    Event,
    GuardedVenue,
    GuardRules,
    after_answer,
    after_failure,
    full_jitter_ms,
    rested,
)
from neurons.market.problems import VenueProblem, problem_of, unavailable
from neurons.ports import CandlePage, VenueUnavailable
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS
from tests.support.world import SeededEntropy

NOW_MS = 1_750_000_200_000
RULES = GuardRules(failures_borne=3, first_wait_ms=10_000, longest_wait_ms=60_000, longest_asked_ms=HOUR_MS)
FAILURE = unavailable("v", VenueProblem.SERVER_ERROR, "500")
BUSY = unavailable("v", VenueProblem.RATE_LIMITED, "429", retry_after_ms=37_123)


class Loaded:
    """Chance that always comes out the same: 0 the shortest wait, 255 the longest."""

    def __init__(self, byte: int) -> None:
        self.byte = byte

    def bytes(self, count: int) -> bytes:
        return bytes([self.byte]) * count


def failed(breaker: Breaker, error: VenueUnavailable = FAILURE, *, now_ms: int = NOW_MS, byte: int = 255) -> Breaker:
    return after_failure(breaker, RULES, Loaded(byte), now_ms=now_ms, error=error)


def test_every_pair_that_is_not_in_the_table_leaves_the_circuit_as_it_is():
    tried = set()
    for circuit, event in itertools.product(Circuit, Event):
        breaker = Breaker(circuit, failures=1, trips=1, opens_at_ms=NOW_MS)
        happen: dict[Event, Callable[[Breaker], Breaker]] = {
            Event.ANSWERED: after_answer,
            Event.FAILED: failed,
            Event.TRIPPED: lambda b: failed(b, BUSY),
            Event.RESTED: lambda b: rested(b, NOW_MS),
        }
        after = happen[event](breaker)
        if (circuit, event) in LIFE:
            tried.add((circuit, event))
            assert LIFE[circuit, event] == after.circuit
        elif (circuit, event) != (Circuit.HALF_OPEN, Event.FAILED):  # on trial, a failure is one too many
            assert breaker == after
    assert set(LIFE) == tried


def test_failures_in_a_row_open_the_circuit_and_an_answer_between_them_forgives():
    twice = failed(failed(Breaker()))
    assert (Circuit.CLOSED, 2) == (twice.circuit, twice.failures)
    assert Circuit.OPEN == failed(twice).circuit
    assert Breaker() == after_answer(twice)


def test_a_trial_that_fails_waits_up_to_twice_as_long_and_one_that_succeeds_forgets_everything():
    breaker = failed(failed(failed(Breaker())))
    waits = [breaker.opens_at_ms - NOW_MS]
    for _ in range(4):
        trial = rested(breaker, breaker.opens_at_ms)
        breaker = failed(trial, now_ms=NOW_MS)
        waits.append(breaker.opens_at_ms - NOW_MS)
    assert [10_000, 20_000, 40_000, 60_000, 60_000] == waits
    assert Breaker() == after_answer(rested(breaker, breaker.opens_at_ms))


@given(st.integers(min_value=1, max_value=10_000), st.integers(min_value=0, max_value=2**32))
@settings(max_examples=100, deadline=None)
def test_a_jittered_wait_lies_within_its_bound_however_many_failed(attempt, seed):
    bound = min(60_000, 10_000 * 2 ** min(attempt - 1, 10))
    assert 0 <= full_jitter_ms(SeededEntropy(seed), attempt, first_ms=10_000, longest_ms=60_000) <= bound


def test_jitter_covers_the_whole_bound_evenly():
    entropy = SeededEntropy(1)
    waits = [full_jitter_ms(entropy, 1, first_ms=1_000, longest_ms=60_000) for _ in range(4_000)]
    assert 450 < sum(waits) / len(waits) < 550
    assert min(waits) < 10
    assert 990 < max(waits) <= 1_000


def test_a_venues_wish_for_rest_is_honoured_to_the_millisecond_and_only_up_to_the_limit():
    assert NOW_MS + 37_123 == failed(Breaker(), BUSY).opens_at_ms
    assert NOW_MS + 37_123 == failed(Breaker(), BUSY, byte=0).opens_at_ms
    endless = unavailable("v", VenueProblem.RATE_LIMITED, "429", retry_after_ms=10**12)
    assert NOW_MS + HOUR_MS == failed(Breaker(), endless).opens_at_ms


@pytest.mark.parametrize("problem", [VenueProblem.RATE_LIMITED, VenueProblem.GEO_BLOCKED])
def test_what_asking_again_makes_worse_opens_at_the_first_failure(problem):
    assert Circuit.OPEN == failed(Breaker(), unavailable("v", problem, "")).circuit


def test_a_question_about_too_long_ago_is_no_failure_of_the_venue():
    error = unavailable("v", VenueProblem.NO_HISTORY, "")
    assert Breaker() == failed(Breaker(failures=2), error)


class Venue:
    """Fails as told, counts who asks, and hangs while `gate` is shut."""

    name = "v"

    def __init__(self) -> None:
        self.error: VenueUnavailable | None = None
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        self.asked += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return CandlePage((), "memory")

    async def aclose(self) -> None: ...


async def problem_from(venue: GuardedVenue) -> VenueProblem | None:
    try:
        await venue.closed_candles(since_ms=0, limit=1)
    except VenueUnavailable as error:
        return problem_of(error)
    return None


def test_an_open_circuit_refuses_without_asking_until_the_very_millisecond_then_tries_once():
    async def main() -> None:
        clock, venue = HandClock(NOW_MS), Venue()
        guarded = GuardedVenue(venue, clock, Loaded(255), RULES)
        venue.error = BUSY
        assert VenueProblem.RATE_LIMITED == await problem_from(guarded)
        clock.at_ms = NOW_MS + 37_122
        assert VenueProblem.CIRCUIT_OPEN == await problem_from(guarded)
        assert (1, Circuit.OPEN) == (venue.asked, guarded.breaker.circuit)
        clock.at_ms, venue.error = NOW_MS + 37_123, None
        venue.gate.clear()
        trial = asyncio.create_task(problem_from(guarded))
        await asyncio.sleep(0)
        assert VenueProblem.CIRCUIT_OPEN == await problem_from(guarded)
        assert (2, Circuit.HALF_OPEN) == (venue.asked, guarded.breaker.circuit)
        venue.gate.set()
        assert await trial is None
        assert Breaker() == guarded.breaker

    asyncio.run(main())


def test_a_trial_given_up_by_its_caller_counts_as_failed_and_does_not_stay_on_trial():
    async def main() -> None:
        clock, venue = HandClock(NOW_MS), Venue()
        guarded = GuardedVenue(venue, clock, Loaded(255), RULES)
        venue.error = BUSY
        await problem_from(guarded)
        clock.at_ms += MINUTE_MS
        venue.gate.clear()
        trial = asyncio.create_task(problem_from(guarded))
        await asyncio.sleep(0)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
        assert (Circuit.OPEN, "timeout") == (guarded.breaker.circuit, guarded.breaker.reason)

    asyncio.run(main())


def test_the_refusal_says_how_long_and_why():
    async def main() -> str:
        clock, venue = HandClock(NOW_MS), Venue()
        guarded = GuardedVenue(venue, clock, Loaded(255), RULES)
        venue.error = BUSY
        await problem_from(guarded)
        clock.at_ms += SECOND_MS
        with pytest.raises(VenueUnavailable) as caught:
            await guarded.closed_candles(since_ms=0, limit=1)
        return str(caught.value)

    assert "v: circuit-open: left alone for 36123 ms after 1 failures, the last one rate-limited" == asyncio.run(main())
