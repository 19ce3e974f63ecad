"""The life of one horizon in a crawler's eyes: taken up, given up, tried again later. Pure.

    free ──take up──► played ──give up──► resting ──its rest is over──► free
      ▲                 │ └────refused───► waiting ──its wait is over──► free
      └────retire───────┘

What a crawler must not forget is how often it gave a horizon up, and that follows from what the validator remembers:
each full stop loss that was lost there is a strike (`strikes_of`). So nothing is kept on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from neurons.client.crawler.settings import CrawlSettings
from protocol.rules.stream_book.horizon import MAX_WAITING
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS, Micros

FIRST_WAIT_MS: Final = MINUTE_MS
LONGEST_WAIT_MS: Final = HOUR_MS
NOTHING: Final = Micros(0)
_MOST_DOUBLINGS: Final = 30

Key = tuple[str, int]
"""A stream's name and a delay in seconds."""


class HorizonState(StrEnum):
    FREE = "free"
    PLAYED = "played"
    RESTING = "resting"
    """Given up for a while, because of what was lost."""
    WAITING = "waiting"
    """Left alone for a while, because the validator refused."""


class Move(StrEnum):
    TAKE_UP = "take up"
    GIVE_UP = "give up"
    REFUSED = "refused"
    TIME = "time"
    """Its rest or wait is over."""
    RETIRE = "retire"
    """The stream has ended, or is not wanted any more."""


TRANSITIONS: Final[Mapping[tuple[HorizonState, Move], HorizonState]] = MappingProxyType(
    {
        (HorizonState.FREE, Move.TAKE_UP): HorizonState.PLAYED,
        (HorizonState.PLAYED, Move.GIVE_UP): HorizonState.RESTING,
        (HorizonState.PLAYED, Move.REFUSED): HorizonState.WAITING,
        (HorizonState.PLAYED, Move.RETIRE): HorizonState.FREE,
        (HorizonState.RESTING, Move.TIME): HorizonState.FREE,
        (HorizonState.WAITING, Move.TIME): HorizonState.FREE,
    }
)


@dataclass(frozen=True, slots=True)
class Horizon:
    """What a crawler knows of itself at one horizon.

    until_ms: the end of its rest or wait.  earned_micros: ever, as the validator counts.  floor_micros: earning less
    than this gives the horizon up.  strikes: how often that happened.  refusals, failures: one after another, until
    one succeeds.  looked, submitted: how many values of its stream had been heard then.
    """

    name: str
    delay: int
    floor_micros: Micros
    state: HorizonState = HorizonState.FREE
    until_ms: int = 0
    earned_micros: Micros = NOTHING
    strikes: int = 0
    refusals: int = 0
    failures: int = 0
    looked: int = 0
    submitted: int = 0
    submitted_at_ms: int | None = None

    @property
    def key(self) -> Key:
        return self.name, self.delay

    @property
    def is_played(self) -> bool:
        return self.state is HorizonState.PLAYED


def advance(horizon: Horizon, move: Move, *, now_ms: int, settings: CrawlSettings) -> Horizon:
    """The horizon after a move. Raises ValueError (ours) for one that is not in TRANSITIONS."""
    state = TRANSITIONS.get((horizon.state, move))
    if state is None:
        raise ValueError(f"{horizon.key} is {horizon.state}: no move is called {move!r} there")
    moved = replace(horizon, state=state)
    match move:
        case Move.TAKE_UP:
            floor = floor_of(horizon.earned_micros, horizon.strikes, settings)
            return replace(moved, floor_micros=floor, failures=0, looked=0, submitted=0, submitted_at_ms=None)
        case Move.GIVE_UP:
            strikes = horizon.strikes + 1
            return replace(moved, strikes=strikes, until_ms=now_ms + rest_ms(strikes, settings))
        case Move.REFUSED:
            refusals = horizon.refusals + 1
            return replace(moved, refusals=refusals, until_ms=now_ms + wait_ms(refusals))
        case _:
            return moved


def rebuilt(name: str, delay: int, earned_micros: Micros, *, last_ms: int, settings: CrawlSettings) -> Horizon:
    """A horizon as a crawler that starts finds it: resting, since it was last paid, where it had been given up.

    earned_micros: what the validator says was earned there ever.  last_ms: when it was last settled for us.
    """
    strikes = strikes_of(earned_micros, settings.stop_loss_micros)
    horizon = Horizon(
        name, delay, floor_of(earned_micros, strikes, settings), earned_micros=earned_micros, strikes=strikes
    )
    if strikes == 0:
        return horizon
    return replace(horizon, state=HorizonState.RESTING, until_ms=last_ms + rest_ms(strikes, settings))


def strikes_of(earned_micros: Micros, stop_loss_micros: int) -> int:
    """How many whole stop losses were lost: how often a crawler has given this horizon up, or should have."""
    return max(0, -earned_micros // stop_loss_micros) if earned_micros < 0 else 0


def floor_of(earned_micros: Micros, strikes: int, settings: CrawlSettings) -> Micros:
    """What a horizon may fall to before it is given up: what was won there may be lost again, and a stop loss more.

    After a strike only a stop loss more than what was lost when it is taken up again.
    """
    start = min(0, earned_micros) if strikes else 0
    return Micros(start - settings.stop_loss_micros)


def rest_ms(strikes: int, settings: CrawlSettings) -> int:
    """How long a horizon is left alone after so many strikes: twice as long each time."""
    return min(settings.first_rest_ms << min(strikes - 1, _MOST_DOUBLINGS), settings.longest_rest_ms)


def wait_ms(refusals: int) -> int:
    """How long after so many refusals one after another: a minute, twice as long each time, an hour at most."""
    return min(FIRST_WAIT_MS << min(refusals - 1, _MOST_DOUBLINGS), LONGEST_WAIT_MS)


def spacing_ms(delay: int) -> int:
    """The least time between two forecasts of a horizon: quarantine holds at most 64 words of one owner."""
    return -(-delay * SECOND_MS // (MAX_WAITING - 4))


def is_worth_a_line(times: int) -> bool:
    """Whether what happened so many times in a row is logged again: the 1st, 2nd, 4th, 8th ... time."""
    return times & (times - 1) == 0
