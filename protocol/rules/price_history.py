"""What one window of earlier reports teaches about venues: each one's basis, and how far apart honest prices lie
(rules.md 5).

A pure function of the reports themselves, never of what was agreed from them: nothing older than the window reaches
in, so two validators that started on different days, and heard the same, judge alike to the last bit from one window
on (docs/decisions/0049). Everything is in natural logarithms of prices, in nano, where moving all prices together
moves nothing else.

    steps (venue x log price) --plain middles--> first bases --> middles less basis --> bases, spreads, moves
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocol.params import TruthParams
from protocol.rules.exact import log_return_nano, round_div
from protocol.units import NANO, PRICE_SCALE, PriceE8, UnixMs

Int64s = NDArray[np.int64]

STALE_REPEATS: Final = 3
"""A venue whose last so many closes all equal the new one stands still."""

BP_PER_ONE: Final = 10_000
_KNOWN_PART: Final = 8
"""A basis or a scale is known once an eighth of the window lies behind it."""
_MISSING: Final = 2**62
"""Where there is no logarithm: above all there are, so that sorting puts it last."""


def median(ordered: Sequence[int]) -> int:
    """The middle of ordered whole numbers; of an even count the mean of the middle two, rounded half to even.

    The mean, not the lower one: it favours neither side, and stays between the two it came from.
    """
    return round_div(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2)


@dataclass(frozen=True, slots=True)
class Reported:
    """One venue's close at one instant: as it wrote it, and in the series' currency (None where no rate was known)."""

    told_e8: PriceE8
    worth_e8: PriceE8 | None


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a window taught. Bases and distances are logarithms in nano: 100_000 is one basis point.

    bases: venue -> how far it usually stands from the middle of all; only venues with enough reports.
    level: the median of the bases, where an agreed close stands.  move: the median step of the middle.
    typical: how far apart honest prices may usually be, the larger of `move` and the venues' median half quartile
    range about their bases.  None: too little seen.
    """

    bases: Mapping[str, int] = field(default_factory=dict)
    level: int = 0
    move: int | None = None
    typical: int | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One instant: a log price for each venue of the history, in its order, _MISSING where there is none."""

    at_ms: UnixMs
    told: tuple[int, ...]
    worth: tuple[int, ...]
    middle: int
    """Of `worth`, as it stands; _MISSING where the reports alone make no agreement."""


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """The reports of one window of steps, oldest first. A value: `with_reports` gives the next one.

    The window is counted in closes that anybody reported, so that it outlasts a night or a weekend without trade.
    step_ms: the grid.  venues: those with a report in the window, by name.
    """

    step_ms: int
    truth: TruthParams
    venues: tuple[str, ...] = ()
    steps: tuple[_Step, ...] = ()
    last_ms: UnixMs | None = None

    def with_reports(self, closed_at_ms: UnixMs, reported: Mapping[str, Reported]) -> PriceHistory:
        """The history after the close of that instant. reported: what each venue gave, also the refused, so that one
        whose basis has moved for good is learnt anew.

        Raises ValueError (ours) when the instant is not after the last one remembered.
        """
        if self.last_ms is not None and closed_at_ms <= self.last_ms:
            raise ValueError(f"closes come in time order: {closed_at_ms} ms is not after {self.last_ms} ms")
        history = self._of_venues(reported)
        if reported:
            history = replace(history, steps=(*history.steps, history._step(closed_at_ms, reported)))
        return replace(history._newest(self.truth.basis_window_steps), last_ms=closed_at_ms)

    def lessons(self) -> Lessons:
        """What this window teaches. Costs some sorts of window x venues numbers."""
        taught = [step for step in self.steps if step.middle != _MISSING]
        if not taught:
            return Lessons()
        worth = np.array([step.worth for step in taught], dtype=np.int64)
        middle = np.array([step.middle for step in taught], dtype=np.int64)
        first = _distances(worth, middle)
        middle = _medians(_distances(worth.T, _medians(first.T)).T)
        distances = _distances(worth, middle)
        return self._summed_up(distances, self._moves(taught, middle))

    def is_stale(self, venue: str, told_e8: PriceE8, lessons: Lessons) -> bool:
        """Whether the venue repeats itself while the market moves: its last STALE_REPEATS closes equal this one, and
        the middles beside them range over more than a typical step, and over `stale_range_bp` at least: a currency
        that is pegged to another stands still honestly. Never, until a typical step is known."""
        if lessons.move is None or venue not in self.venues:
            return False
        middles = self._beside_repeats(self.venues.index(venue), _log(told_e8))
        least = self.truth.stale_range_bp * NANO // BP_PER_ONE
        return max(middles, default=0) - min(middles, default=0) > max(lessons.move, least)

    def _step(self, at_ms: UnixMs, reported: Mapping[str, Reported]) -> _Step:
        """The reports of one instant. A close that its venue has repeated while the middle moved teaches nothing: it
        is no price of its time, and must not be taken for a basis."""
        known = [reported.get(name) for name in self.venues]
        told = tuple(_log(r.told_e8) if r else _MISSING for r in known)
        worth = tuple(_log(r.worth_e8) if r and r.worth_e8 else _MISSING for r in known)
        middle = _plain_middle(worth, self.truth)
        stuck = {at for at, log in enumerate(told) if len({*self._beside_repeats(at, log), middle}) > 1}
        taught = tuple(_MISSING if at in stuck else log for at, log in enumerate(worth))
        return _Step(at_ms, told, taught, middle)

    def _beside_repeats(self, at: int, told: int) -> list[int]:
        """The middles beside the last STALE_REPEATS closes of the venue in that place, if all equal this one."""
        latest = []
        for step in reversed(self.steps):
            if step.told[at] != _MISSING and step.middle != _MISSING:
                if step.told[at] != told:
                    return []
                latest.append(step.middle)
                if len(latest) == STALE_REPEATS:
                    return latest
        return []

    def _summed_up(self, distances: Int64s, moves: Int64s) -> Lessons:
        """distances: shape (steps, venues), from the middles less basis.  moves: from step to step."""
        bases, spreads = {}, []
        for name, column in zip(self.venues, distances.T, strict=True):
            seen = np.sort(column[column != _MISSING]).tolist()
            if self._is_known(len(seen)):
                bases[name] = median(seen)
                spreads.append((seen[3 * len(seen) // 4] - seen[len(seen) // 4]) // 2)
        level = median(sorted(bases.values())) if bases else 0
        if not self._is_known(len(moves)):
            return Lessons(bases, level)
        move = median(np.sort(moves).tolist())
        return Lessons(bases, level, move, max(move, median(sorted(spreads)) if spreads else 0))

    def _moves(self, taught: list[_Step], middle: Int64s) -> Int64s:
        """How far the middle went from each instant to the next one of the grid."""
        times = np.array([step.at_ms for step in taught], dtype=np.int64)
        follows = np.diff(times) == self.step_ms
        moves: Int64s = np.abs(np.diff(middle))[follows]
        return moves

    def _is_known(self, count: int) -> bool:
        return count > 0 and count * _KNOWN_PART >= self.truth.basis_window_steps

    def _of_venues(self, reported: Mapping[str, Reported]) -> PriceHistory:
        """With a place for each of these venues."""
        if all(name in self.venues for name in reported):
            return self
        return self._over(tuple(sorted({*self.venues, *reported})))

    def _newest(self, count: int) -> PriceHistory:
        """The newest so many steps, without venues that reported in none of them."""
        expired, kept = self.steps[:-count], replace(self, steps=self.steps[-count:])
        lost = {
            name
            for at, name in enumerate(self.venues)
            if any(step.told[at] != _MISSING for step in expired)
            and all(step.told[at] == _MISSING for step in kept.steps)
        }
        return kept._over(tuple(name for name in self.venues if name not in lost)) if lost else kept

    def _over(self, venues: tuple[str, ...]) -> PriceHistory:
        """The same steps with the columns of these venues."""
        places = [self.venues.index(name) if name in self.venues else None for name in venues]

        def columns(row: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(_MISSING if at is None else row[at] for at in places)

        steps = tuple(replace(step, told=columns(step.told), worth=columns(step.worth)) for step in self.steps)
        return replace(self, venues=venues, steps=steps)


def _plain_middle(worth: tuple[int, ...], truth: TruthParams) -> int:
    """The middle of logs of prices, where they agree without any history: 2f + 1 of them, or fewer close together."""
    seen = sorted(log for log in worth if log != _MISSING)
    enough = 2 * truth.tolerated_liars + 1
    if len(seen) < max(truth.min_reports, truth.tolerated_liars + 1):
        return _MISSING
    if len(seen) < enough and (seen[-1] - seen[0]) * BP_PER_ONE > truth.close_agreement_bp * NANO:
        return _MISSING
    return median(seen)


@lru_cache(maxsize=4_096)
def _log(price: PriceE8) -> int:
    """The natural logarithm of a price in nano, correctly rounded."""
    return log_return_nano(price, PriceE8(PRICE_SCALE))


def _distances(rows: Int64s, origins: Int64s) -> Int64s:
    """rows less each row's own origin, where there is something. rows: shape (n, m).  origins: shape (n,)."""
    there = (rows != _MISSING) & (origins != _MISSING)[:, None]
    return np.where(there, rows - origins[:, None], _MISSING)


def _medians(rows: Int64s) -> Int64s:
    """`median` of what is there in each row, shape (n,); _MISSING for a row with nothing."""
    ordered = np.sort(rows, axis=1)
    counts = np.count_nonzero(rows != _MISSING, axis=1)
    at = np.arange(len(rows))
    low, high = ordered[at, np.maximum(counts - 1, 0) // 2], ordered[at, np.minimum(counts // 2, rows.shape[1] - 1)]
    half = (low + high) >> 1
    rounded = half + ((low + high) & 1 & half & 1)
    return np.where(counts > 0, rounded, _MISSING)
