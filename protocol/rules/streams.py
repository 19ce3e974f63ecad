"""The life of an open stream: who may do what with it, how long it lives, and when its name is free again.

    free ──first value──► live ──no value, no touch for a life──► dormant ──reservation over──► free
                           ▲ └────────────── deleted by its owner ──────────────────────────────►─┘
                           └───────────── a value or a touch ──────────────┘ (dormant, by its owner)

Nothing sweeps: a stream's state is read off its record and the clock (`state_of`), so it changes at one instant for
everybody. A dormant stream keeps its name, its lags and its owner; the original lost all three at a pause.
Amounts are micro-points, instants UTC epoch ms by the validator's receipt clock, delays whole seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.errors import InvalidRequest, NotFound, RateLimited, Replayed
from protocol.params import MAIN, StreamLimits
from protocol.rules.stream_names import check_plain_name, is_derived_name
from protocol.units import MICRO, Hotkey, Micros, UnixMs


class StreamState(StrEnum):
    """Where a name stands."""

    FREE = "free"
    """Nobody's: whoever publishes to it first owns it."""
    LIVE = "live"
    DORMANT = "dormant"
    """Nothing came for a life: no longer listed, still its owner's, still readable."""


class Action(StrEnum):
    """What somebody may want of a stream."""

    PUBLISH = "publish"
    TOUCH = "touch"
    DELETE = "delete"
    LINK = "link"
    """State that its delayed values may explain another stream."""
    SUBSCRIBE = "subscribe"
    READ_MESSAGES = "read-messages"
    READ_PREDICTIONS = "read-predictions"
    """Read what others submitted, owner by owner."""
    READ = "read"
    """Read values, lags, distributions and boards."""
    SUBMIT = "submit"
    CANCEL = "cancel"


class Who(StrEnum):
    """Who may."""

    ANYBODY = "anybody"
    OWNER = "owner"
    NOBODY = "nobody"
    """There is no such stream."""


_OWNERS: Final = (
    Action.PUBLISH, Action.TOUCH, Action.DELETE, Action.LINK, Action.SUBSCRIBE, Action.READ_MESSAGES,
    Action.READ_PREDICTIONS,
)  # fmt: skip
_KEPT: Final = {action: Who.OWNER if action in _OWNERS else Who.ANYBODY for action in Action}
PERMISSIONS: Final[Mapping[StreamState, Mapping[Action, Who]]] = MappingProxyType(
    {
        StreamState.FREE: dict.fromkeys(Action, Who.NOBODY) | {Action.PUBLISH: Who.ANYBODY},
        StreamState.LIVE: _KEPT,
        StreamState.DORMANT: _KEPT,
    }
)


NETWORK_LIMITS: Final = MAIN.streams
DEFAULT_BUDGET_MICROS: Final = Micros(MICRO)


@dataclass(frozen=True, slots=True)
class Stream:
    """What is kept of a name, also after it is free again: its owners are counted and its sequence never falls."""

    name: str
    owner: Hotkey
    incarnation: int
    """How many times the name was created, this one included; submissions for an earlier one are void."""
    created_at_ms: UnixMs
    budget_micros: Micros
    sequence: int
    """The publisher's number of the newest value."""
    value_at_ms: UnixMs
    alive_until_ms: UnixMs
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Publication:
    """A value that somebody wants to publish, without the value: settlement and lags take that."""

    name: str
    owner: Hotkey
    sequence: int
    budget_micros: Micros = DEFAULT_BUDGET_MICROS


def state_of(stream: Stream | None, now_ms: UnixMs, limits: StreamLimits = NETWORK_LIMITS) -> StreamState:
    """Where a name stands at an instant. None: nobody ever used it."""
    if stream is None or stream.deleted or now_ms >= stream.alive_until_ms + limits.reserved_ms:
        return StreamState.FREE
    return StreamState.LIVE if now_ms < stream.alive_until_ms else StreamState.DORMANT


def permitted(
    stream: Stream | None, action: Action, by: Hotkey | None, now_ms: UnixMs, limits: StreamLimits = NETWORK_LIMITS
) -> Stream:
    """The stream, where they may do it. by: None for a reader without a key.

    Raises NotFound where there is no such stream (yet, or any more), InvalidRequest (theirs) where it is another's.
    """
    who = PERMISSIONS[state_of(stream, now_ms, limits)][action]
    if stream is None or who is Who.NOBODY:
        raise NotFound(f"there is no such stream to {action}", field="name")
    if who is Who.OWNER and by != stream.owner:
        raise InvalidRequest(f"only its owner may {action} {stream.name}", field="owner", limit=stream.owner.hex())
    return stream


def publish(
    stream: Stream | None, publication: Publication, *, now_ms: UnixMs, limits: StreamLimits = NETWORK_LIMITS
) -> Stream:
    """The stream after a value; a free name is created anew, which `points.creation_transaction` charges for.

    stream: what is kept of the name, None for nothing; it was created now when `created_at_ms` is now.
    A derived stream is published by the node for the owner of its streams, with their sequence number; only a plain
    one's budget has bounds of its own.
    Raises InvalidRequest (theirs) for a name, a budget or a sequence out of bounds and for another's stream; Replayed
    for a sequence that is not above the last, whoever published that; RateLimited for a value too soon after the last.
    """
    if not is_derived_name(publication.name):
        check_plain_name(publication.name)
        check_budget(publication.budget_micros, limits)
    state = state_of(stream, now_ms, limits)
    if stream is not None and state is not StreamState.FREE:
        permitted(stream, Action.PUBLISH, publication.owner, now_ms, limits)
    _check_sequence(stream, publication.sequence, now_ms, limits)
    alive_until_ms = UnixMs(now_ms + limits.life_ms)
    if stream is None or state is StreamState.FREE:
        return Stream(
            name=publication.name,
            owner=publication.owner,
            incarnation=1 if stream is None else stream.incarnation + 1,
            created_at_ms=now_ms,
            budget_micros=publication.budget_micros,
            sequence=publication.sequence,
            value_at_ms=now_ms,
            alive_until_ms=alive_until_ms,
        )
    if now_ms < stream.value_at_ms + limits.min_interval_ms:
        raise RateLimited(
            f"{stream.name} takes a value every {limits.min_interval_ms} ms",
            field="value",
            limit=limits.min_interval_ms,
        )
    return replace(
        stream,
        budget_micros=publication.budget_micros,
        sequence=publication.sequence,
        value_at_ms=now_ms,
        alive_until_ms=max(stream.alive_until_ms, alive_until_ms),
    )


def touch(stream: Stream | None, *, by: Hotkey, now_ms: UnixMs, limits: StreamLimits = NETWORK_LIMITS) -> Stream:
    """The stream with its life extended to 104 h from now, lags and all. Raises as `permitted` does."""
    touched = permitted(stream, Action.TOUCH, by, now_ms, limits)
    return replace(touched, alive_until_ms=max(touched.alive_until_ms, UnixMs(now_ms + limits.touch_ms)))


def delete(stream: Stream | None, *, by: Hotkey, now_ms: UnixMs, limits: StreamLimits = NETWORK_LIMITS) -> Stream:
    """The stream deleted: its name is free at once, and its links, subscriptions and submissions go with it.

    Raises as `permitted` does.
    """
    return replace(permitted(stream, Action.DELETE, by, now_ms, limits), deleted=True, alive_until_ms=now_ms)


def check_budget(budget_micros: Micros, limits: StreamLimits = NETWORK_LIMITS) -> Micros:
    """The multiplier of everything that a stream's settlements move. Raises InvalidRequest (theirs) out of bounds."""
    if not limits.min_budget_micros <= budget_micros <= limits.max_budget_micros:
        raise InvalidRequest(
            f"a budget lies within {limits.min_budget_micros} and {limits.max_budget_micros} micros",
            field="budget",
            limit=limits.max_budget_micros,
        )
    return budget_micros


def required_difficulty(action: Action, limits: StreamLimits = NETWORK_LIMITS, *, with_copulas: bool = False) -> int:
    """Letters that a key's animal must have: 12 to publish, 13 to publish a set with copulas, 6 to predict; else 0."""
    match action:
        case Action.PUBLISH:
            return limits.copula_difficulty if with_copulas else limits.stream_difficulty
        case Action.SUBMIT | Action.CANCEL:
            return limits.submit_difficulty
        case _:
            return 0


def life_seconds_2021(value_bytes: int, budget: float, *, delays: int = 4, longest: int = 345_600) -> int:
    """The original's life of a value: min(longest, budget x ceil(seconds in 30 days / credits a month)), in its floats.

    value_bytes: the size of the value as CPython holds it, 24 for a float.
    """
    credits_a_month = (1 + 2 * delays) * 3 * (value_bytes + 10) * (10_000.0 / (10 * 1000 * 1000))
    return int(min(budget * math.ceil(2_592_000.0 / credits_a_month), longest))


def touch_seconds_2023(budget: float) -> int:
    """The original's life after a touch since 2022; in 2021 it was that of a float, and of the live value alone."""
    return max(4 * 24 * 65 * 60, life_seconds_2021(24, budget))


def _check_sequence(stream: Stream | None, sequence: int, now_ms: UnixMs, limits: StreamLimits) -> None:
    newest = now_ms + limits.sequence_ahead_ms
    if not 0 < sequence <= newest:
        raise InvalidRequest(
            f"a sequence number lies above 0 and up to the time in ms, was {sequence}", field="sequence", limit=newest
        )
    if stream is not None and sequence <= stream.sequence:
        raise Replayed(f"{stream.name} is at {stream.sequence} already", field="sequence", limit=stream.sequence)
