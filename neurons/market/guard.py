"""Leaving a venue alone when it asks for it or keeps failing: backoff with full jitter, and a circuit breaker.

What happens when is decided by values (`Breaker`, `after`); `GuardedVenue` only asks, tells and refuses. All times
are the node's clock's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from neurons.market.problems import VenueProblem, problem_of, retry_after_ms_of, unavailable
from neurons.ports import CandlePage, Clock, Entropy, PriceVenue, VenueUnavailable
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS

_CHANCE_BITS: Final = 64


class Circuit(StrEnum):
    """Whether questions pass: all, none, or one on trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Event(StrEnum):
    """What can happen to a circuit."""

    ANSWERED = "answered"
    FAILED = "failed"
    """A failure that leaves others to be borne."""
    TRIPPED = "tripped"
    """One failure too many, or one that asks for rest by itself."""
    RESTED = "rested"
    """The wait is over and somebody asks."""


LIFE: Final[Mapping[tuple[Circuit, Event], Circuit]] = {
    (Circuit.CLOSED, Event.ANSWERED): Circuit.CLOSED,
    (Circuit.CLOSED, Event.FAILED): Circuit.CLOSED,
    (Circuit.CLOSED, Event.TRIPPED): Circuit.OPEN,
    (Circuit.OPEN, Event.RESTED): Circuit.HALF_OPEN,
    (Circuit.HALF_OPEN, Event.ANSWERED): Circuit.CLOSED,
    (Circuit.HALF_OPEN, Event.TRIPPED): Circuit.OPEN,
}
"""Every change there is. On trial any failure is one too many; an open circuit hears of nothing but its rest."""


@dataclass(frozen=True, slots=True)
class GuardRules:
    """How much is borne and how long the waits are, in ms of the node's clock."""

    failures_borne: int = 3
    """This many failures in a row open the circuit."""
    first_wait_ms: int = 15 * SECOND_MS
    """The longest first wait; each following one may be twice as long."""
    longest_wait_ms: int = 10 * MINUTE_MS
    longest_asked_ms: int = HOUR_MS
    """A venue's own wish for rest is honoured to the millisecond up to this."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """One venue's circuit. `failures` counts those in a row, `trips` how often it opened since the last answer."""

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    trips: int = 0
    opens_at_ms: int = 0
    """While the circuit is open: when one question may pass again."""
    reason: str = ""
    """What opened it."""


_OUR_QUESTIONS: Final = frozenset({VenueProblem.NO_HISTORY})
"""Problems of the question, not of the venue's health."""
_ASKS_FOR_REST: Final = frozenset({VenueProblem.RATE_LIMITED, VenueProblem.GEO_BLOCKED})
"""Problems that asking again makes worse: the first one opens the circuit."""


def full_jitter_ms(entropy: Entropy, attempt: int, *, first_ms: int, longest_ms: int) -> int:
    """A wait drawn evenly from 0 to the bound of the attempt-th try (1, 2, ...), which doubles until `longest_ms`.

    Source: M. Brooker, "Exponential Backoff And Jitter" (2015): of the jitters it compares, the least work in total.
    """
    bound_ms = min(longest_ms, first_ms << min(attempt - 1, 40))
    chance = int.from_bytes(entropy.bytes(_CHANCE_BITS // 8), "big")
    return (bound_ms + 1) * chance >> _CHANCE_BITS


def rested(breaker: Breaker, now_ms: int) -> Breaker:
    """The circuit as a question at `now_ms` finds it; HALF_OPEN is for this question alone."""
    if breaker.circuit is Circuit.OPEN and breaker.opens_at_ms <= now_ms:
        return replace(breaker, circuit=LIFE[breaker.circuit, Event.RESTED])
    return breaker


def after_answer(breaker: Breaker) -> Breaker:
    """The circuit after an answer. One that comes from before it opened closes nothing."""
    if (breaker.circuit, Event.ANSWERED) not in LIFE:
        return breaker
    return Breaker(LIFE[breaker.circuit, Event.ANSWERED])


def after_failure(
    breaker: Breaker, rules: GuardRules, entropy: Entropy, *, now_ms: int, error: VenueUnavailable
) -> Breaker:
    """The circuit after a failure; where it opens, the wait is the venue's own wish or one of full jitter."""
    problem = problem_of(error)
    if problem in _OUR_QUESTIONS:
        return after_answer(breaker)
    failures, asked_ms = breaker.failures + 1, retry_after_ms_of(error)
    trips_now = (
        breaker.circuit is Circuit.HALF_OPEN
        or failures >= rules.failures_borne
        or problem in _ASKS_FOR_REST
        or asked_ms is not None
    )
    event = Event.TRIPPED if trips_now else Event.FAILED
    if (breaker.circuit, event) not in LIFE:
        return breaker
    circuit = LIFE[breaker.circuit, event]
    if circuit is Circuit.CLOSED:
        return replace(breaker, failures=failures)
    trips = breaker.trips + 1
    if asked_ms is not None:
        wait_ms = min(asked_ms, rules.longest_asked_ms)
    else:
        wait_ms = full_jitter_ms(entropy, trips, first_ms=rules.first_wait_ms, longest_ms=rules.longest_wait_ms)
    return Breaker(circuit, failures, trips, now_ms + wait_ms, problem.value)


class GuardedVenue:
    """A PriceVenue that asks the one inside only while its circuit lets it."""

    def __init__(self, venue: PriceVenue, clock: Clock, entropy: Entropy, rules: GuardRules | None = None) -> None:
        self._venue, self._clock, self._entropy = venue, clock, entropy
        self._rules = rules or GuardRules()
        self._breaker = Breaker()

    @property
    def name(self) -> str:
        return self._venue.name

    @property
    def breaker(self) -> Breaker:
        """The circuit as it stands."""
        return self._breaker

    async def closed_candles(self, *, since_ms: int, limit: int) -> CandlePage:
        """As PriceVenue. Raises VenueUnavailable at once (CIRCUIT_OPEN) while the venue is left alone."""
        found = rested(self._breaker, self._clock.now_ms())
        if found is self._breaker and found.circuit is not Circuit.CLOSED:
            raise self._left_alone(found)
        self._breaker = found
        try:
            page = await self._venue.closed_candles(since_ms=since_ms, limit=limit)
        except VenueUnavailable as error:
            self._failed(error)
            raise
        except BaseException:
            # Most often our caller's deadline: a venue that cannot meet it counts as silent.
            self._failed(unavailable(self.name, VenueProblem.TIMEOUT, "given up by the one who asked"))
            raise
        self._breaker = after_answer(self._breaker)
        return page

    async def aclose(self) -> None:
        await self._venue.aclose()

    def _failed(self, error: VenueUnavailable) -> None:
        now_ms = self._clock.now_ms()
        self._breaker = after_failure(self._breaker, self._rules, self._entropy, now_ms=now_ms, error=error)

    def _left_alone(self, breaker: Breaker) -> VenueUnavailable:
        left_ms = max(0, breaker.opens_at_ms - self._clock.now_ms())
        how_long = "on trial with another question" if breaker.circuit is Circuit.HALF_OPEN else f"for {left_ms} ms"
        told = f"left alone {how_long} after {breaker.failures} failures, the last one {breaker.reason}"
        return unavailable(self.name, VenueProblem.CIRCUIT_OPEN, told)
