"""What is told about an open stream's life: transactions, confirmations, errors and warnings, as plain data.

Notices are private to the key they are about. Nothing secret is in them: a write key, which the original had to mask in
its logs, does not exist here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.rules.pot import Settlement
from protocol.units import DAY_MS, HOUR_MS, MINUTE_MS, Micros, UnixMs


@dataclass(frozen=True, slots=True)
class StreamTransaction:
    """One owner's side of a settlement, as it is shown. Names are the original's, whose `reliable` was always 1.

    mass: the part of all scenarios that won.  density: mass by unit of the stream.  average: winners that break even.
    submissions_count: all scenarios.  submissions_close: the winners.
    """

    settlement_time_ms: UnixMs
    amount_micros: Micros
    budget_micros: Micros
    rule: str
    stream: str
    delay: int
    value: float
    window: float
    mass: float
    density: float
    average: float
    submissions_count: int
    submissions_close: int
    stream_owner: str
    recipient: str


def transactions_of(
    settlement: Settlement, *, stream: str, delay: int, stream_owner: str, at_ms: UnixMs
) -> list[StreamTransaction]:
    """What a settlement shows each of its owners; those it moved nothing for are left out."""
    return [
        StreamTransaction(
            settlement_time_ms=at_ms,
            amount_micros=amount,
            budget_micros=settlement.budget_micros,
            rule=settlement.rule,
            stream=stream,
            delay=delay,
            value=settlement.value,
            window=settlement.window,
            mass=settlement.mass,
            density=settlement.density,
            average=settlement.break_even,
            submissions_count=settlement.count * len(settlement.owners),
            submissions_close=settlement.winners,
            stream_owner=stream_owner,
            recipient=owner,
        )
        for owner, amount in zip(settlement.owners, settlement.amounts_micros, strict=True)
        if amount != 0
    ]


class NoticeKind(StrEnum):
    """Where a notice is read."""

    CONFIRM = "confirm"
    ERROR = "error"
    WARNING = "warning"


class Operation(StrEnum):
    """What a notice is about."""

    SET = "set"
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"
    TOUCH = "touch"
    TRANSFER = "transfer"
    BANKRUPTCY = "bankruptcy"


FREQUENT: Final = frozenset((Operation.SET, Operation.SUBMIT))
"""What a busy key does all day; `infrequent` leaves it out."""
VALUES_SHOWN: Final = 5
"""Scenarios that the confirmation of a submission repeats."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of a key's log. fields: what the operation was about, ready to be shown."""

    kind: NoticeKind
    operation: Operation
    at_ms: UnixMs
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How many notices of a kind a key keeps, and for how long."""

    count: int
    life_ms: int


LOG_LIMITS: Final[Mapping[str, Mapping[NoticeKind, LogLimits]]] = MappingProxyType(
    {
        "network": {kind: LogLimits(1_000, 7 * DAY_MS) for kind in NoticeKind},
        "2021": {
            NoticeKind.CONFIRM: LogLimits(1_000, HOUR_MS),
            NoticeKind.ERROR: LogLimits(1_000, DAY_MS),
            NoticeKind.WARNING: LogLimits(1_000, HOUR_MS),
        },
        "2023": {
            NoticeKind.CONFIRM: LogLimits(20, 10 * MINUTE_MS),
            NoticeKind.ERROR: LogLimits(100, 10 * MINUTE_MS),
            NoticeKind.WARNING: LogLimits(20, 20 * MINUTE_MS),
        },
    }
)
"""By rule set. The original's life was that of the whole log after its newest line; here it is each line's own."""


def kept_notices(
    notices: Iterable[Notice], *, now_ms: UnixMs, limits: Mapping[NoticeKind, LogLimits] = LOG_LIMITS["network"]
) -> list[Notice]:
    """The notices that a key still has, newest first; of one instant in the order given, the last first."""
    left: dict[NoticeKind, int] = {kind: limit.count for kind, limit in limits.items()}
    kept = []
    for notice in sorted(notices, key=lambda one: one.at_ms)[::-1]:
        if notice.at_ms > now_ms - limits[notice.kind].life_ms and left[notice.kind] > 0:
            left[notice.kind] -= 1
            kept.append(notice)
    return kept


def infrequent(notices: Iterable[Notice]) -> list[Notice]:
    """The notices without what a busy key does all day."""
    return [notice for notice in notices if notice.operation not in FREQUENT]
