"""Boards of open streams: who earned what where, with a memory that fades by itself.

    every settlement --board_scores--> (board, owner, day) sums --faded_scores--> a board as of now --ranked--> places

Boards are derived: kept are the sums of days, which are added to and nothing else. A score is the sum over its days of
amount * 0.5 ** (age / half-life), so neither the order of settlements nor the instant of a sweep can matter, and no
operator multiplies boards by hand. Half-life None remembers everything alike.
Source: rediz 0.16.3 and 1.0.12, `_msettle`; microconventions `custom_leaderboard_name`. Theirs wrote the sponsor's
category by month twice; ours counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from protocol.rules.exact import EXACT, round_div, to_integer
from protocol.rules.pot import Settlement
from protocol.rules.stream_names import DELAYS, horizon_name, is_derived_name, parse_derived_name
from protocol.units import DAY_MS, Micros, UnixMs

ROWS: Final = 1_200
"""Places that a board by stream and horizon shows."""
CONTEST_ROWS: Final = 200
"""Places that a sponsor's board shows."""
IDLE_DAYS: Final = 60
"""A board on which nothing was earned or lost for so long is empty."""

_WEIGHT_SCALE: Final = 10**15
_HALF: Final = Decimal("0.5")


class Category(StrEnum):
    """Which streams a sponsor's board counts."""

    ALL = "all_streams"
    REGULAR = "regular"
    Z1 = "zscores_univariate"
    Z2 = "zcurves_bivariate"
    Z3 = "zcurves_trivariate"


class Board(NamedTuple):
    """The usual boards. None counts every stream, or every horizon."""

    stream: str | None = None
    delay: int | None = None


class Contest(NamedTuple):
    """A sponsor's boards. sponsor: its hotkey in hex, None for everybody's streams.  month: "2026-11", None for all."""

    sponsor: str | None
    category: Category
    month: str | None


BoardKey = Board | Contest


class DaySum(NamedTuple):
    """What a settlement adds to the sums of days."""

    board: BoardKey
    owner: str
    day: int
    amount_micros: Micros


@dataclass(frozen=True, slots=True)
class Memory:
    """How a board forgets.

    half_life_days: after so many days an amount counts half; None: for ever whole.
    since_day: what was earned before does not count (an owner may clear its stream's boards, a key its performance).
    """

    half_life_days: int | None = None
    since_day: int = 0


FOR_EVER: Final = Memory()


def category_of(stream: str) -> Category:
    """The category of a stream by its name."""
    if not is_derived_name(stream):
        return Category.REGULAR
    return (Category.Z1, Category.Z2, Category.Z3)[len(parse_derived_name(stream).names) - 1]


def month_of(at_ms: UnixMs) -> str:
    """The month of an instant in UTC, as in "2026-11".

    Source: the civil calendar from a count of days, eras of 146,097 days that begin in March (Hinnant 2013,
    "chrono-compatible low-level date algorithms").
    """
    era, day = divmod(at_ms // DAY_MS + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    month = (5 * (day - (365 * year + year // 4 - year // 100)) + 2) // 153
    return f"{400 * era + year + (month >= 10):04d}-{month + 3 - 12 * (month >= 10):02d}"


def boards_of(
    stream: str, delay: int, *, sponsor: str, at_ms: UnixMs, contest_delays: Sequence[int] = DELAYS[-1:]
) -> tuple[BoardKey, ...]:
    """Every board that a settlement counts on.

    sponsor: the stream's owner.  contest_delays: the horizons that count on sponsors' boards; by default the longest,
    as in the last version (in 2021 all did).
    """
    usual = (Board(), Board(stream), Board(delay=delay), Board(stream, delay))
    if delay not in contest_delays:
        return usual
    category, month = category_of(stream), month_of(at_ms)
    return (
        *usual,
        Contest(None, Category.ALL, None),
        Contest(None, Category.ALL, month),
        Contest(sponsor, Category.ALL, None),
        Contest(sponsor, category, None),
        Contest(sponsor, Category.ALL, month),
        Contest(sponsor, category, month),
    )


def board_sums(
    settlement: Settlement,
    stream: str,
    delay: int,
    *,
    sponsor: str,
    at_ms: UnixMs,
    contest_delays: Sequence[int] = DELAYS[-1:],
) -> list[DaySum]:
    """What one settlement adds to each board; owners whose amount is 0 are left out."""
    day = at_ms // DAY_MS
    boards = boards_of(stream, delay, sponsor=sponsor, at_ms=at_ms, contest_delays=contest_delays)
    moved = [pair for pair in zip(settlement.owners, settlement.amounts_micros, strict=True) if pair[1] != 0]
    return [DaySum(board, owner, day, amount) for board in boards for owner, amount in moved]


def added(
    sums: Mapping[tuple[BoardKey, str, int], Micros], new: Iterable[DaySum]
) -> dict[tuple[BoardKey, str, int], Micros]:
    """The sums of days with these in them, in whatever order they come."""
    total = dict(sums)
    for one in new:
        key = one.board, one.owner, one.day
        total[key] = Micros(total.get(key, 0) + one.amount_micros)
    return total


def faded_score(by_day: Mapping[int, Micros], *, as_of_day: int, memory: Memory = FOR_EVER) -> Micros:
    """The sum of days, each as much as is remembered of it, rounded once, half to even.

    by_day: day -> sum of that day (days are UTC, at_ms // 86,400,000). Days after `as_of_day` do not count.
    """
    counted = [(day, amount) for day, amount in by_day.items() if memory.since_day <= day <= as_of_day]
    if memory.half_life_days is None:
        return Micros(sum(amount for _, amount in counted))
    weighed = sum(amount * _weight(as_of_day - day, memory.half_life_days) for day, amount in counted)
    return Micros(round_div(weighed, _WEIGHT_SCALE))


def board_scores(
    sums: Mapping[tuple[BoardKey, str, int], Micros], board: BoardKey, *, as_of_day: int, memory: Memory = FOR_EVER
) -> dict[str, Micros]:
    """Every owner's score on one board; nobody's when the board has been idle for IDLE_DAYS."""
    by_owner: dict[str, dict[int, Micros]] = {}
    for (where, owner, day), amount in sums.items():
        if where == board and memory.since_day <= day <= as_of_day:
            by_owner.setdefault(owner, {})[day] = amount
    newest = max((day for days in by_owner.values() for day in days), default=as_of_day)
    if as_of_day - newest >= IDLE_DAYS:
        return {}
    return {owner: faded_score(days, as_of_day=as_of_day, memory=memory) for owner, days in by_owner.items()}


def ranked(scores: Mapping[str, Micros], *, rows: int = ROWS) -> list[tuple[str, Micros]]:
    """A board's places, the best first; equal scores by owner."""
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:rows]


def volume_micros(settlement: Settlement) -> Micros:
    """What a settlement adds to the volume of its horizon: everything that moved, whichever way."""
    return Micros(sum(map(abs, settlement.amounts_micros)))


def performance(amounts: Iterable[tuple[str, int, Micros]]) -> list[tuple[str, Micros]]:
    """What one key earned by horizon, as "70::cop.json", the best first; equal ones by name.

    amounts: (stream, delay, amount) of each settlement, or sums of them; what the key chose to forget is left out.
    """
    total: dict[str, Micros] = {}
    for stream, delay, amount in amounts:
        key = horizon_name(stream, delay)
        total[key] = Micros(total.get(key, 0) + amount)
    return ranked(total, rows=len(total))


def worst_horizons(
    performed: Iterable[tuple[str, Micros]], active: Iterable[str], *, stop_loss_micros: Micros
) -> list[str]:
    """The active horizons on which a key lost more than its stop loss, the worst first: where it should withdraw."""
    playing = set(active)
    lost = [(amount, name) for name, amount in performed if name in playing and amount < -stop_loss_micros]
    return [name for _, name in sorted(lost)]


@lru_cache(maxsize=16_384)
def _weight(age_days: int, half_life_days: int) -> int:
    """0.5 ** (age / half-life) in units of 10**-15, correctly rounded."""
    age = EXACT.divide(Decimal(age_days), Decimal(half_life_days))
    return to_integer(EXACT.exp(EXACT.multiply(EXACT.ln(_HALF), age)), _WEIGHT_SCALE)
