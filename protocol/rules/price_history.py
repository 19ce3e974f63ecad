"""What earlier closes teach about venues: each one's basis, and how far apart honest prices usually lie (rules.md 5).

A value: `with_close` gives the next history and leaves this one as it was. It holds one window of steps and depends on
nothing older, so a node that starts from the last window of stored closes, and the one before it for the first move,
judges exactly as one that never stopped.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from protocol.rules.exact import round_div
from protocol.units import NANO, PriceE8, UnixMs

STALE_REPEATS: Final = 3
"""A venue whose last so many closes all equal the new one stands still."""

_KNOWN_PART: Final = 8
"""A basis or a scale is known once an eighth of the window lies behind it."""


def median(ordered: Collection[int]) -> int:
    """The middle of ordered whole numbers; of an even count the mean of the middle two, rounded half to even.

    The mean, not the lower one: it favours neither side, and stays between the two it came from.
    """
    values = tuple(ordered)
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    return round_div(low + high, 2)


@dataclass(frozen=True, slots=True)
class Window:
    """Whole numbers with their instants, in time order and in order of size: the newest in, the expired out."""

    entries: tuple[tuple[UnixMs, int], ...] = ()
    ordered: tuple[int, ...] = ()

    def since(self, from_ms: int) -> Window:
        """Without what is older than that instant."""
        expired = 0
        while expired < len(self.entries) and self.entries[expired][0] < from_ms:
            expired += 1
        if expired == 0:
            return self
        ordered = list(self.ordered)
        for _, value in self.entries[:expired]:
            del ordered[bisect_left(ordered, value)]
        return Window(self.entries[expired:], tuple(ordered))

    def with_value(self, at_ms: UnixMs, value: int) -> Window:
        """With one value more, the newest."""
        ordered = list(self.ordered)
        insort(ordered, value)
        return Window((*self.entries, (at_ms, value)), tuple(ordered))

    @property
    def half_quartile_range(self) -> int:
        """Half the distance between the quartiles: how far a typical value lies from the middle."""
        return (self.ordered[3 * len(self.ordered) // 4] - self.ordered[len(self.ordered) // 4]) // 2


@dataclass(frozen=True, slots=True)
class _Seen:
    """One report of a venue beside the close agreed at that instant."""

    at_ms: UnixMs
    reported_e8: PriceE8
    agreed_e8: PriceE8


@dataclass(frozen=True, slots=True)
class _Venue:
    distances: Window = Window()
    """(reported - agreed) / agreed in nano."""
    latest: tuple[_Seen, ...] = ()

    def since(self, from_ms: int) -> _Venue:
        return _Venue(self.distances.since(from_ms), tuple(seen for seen in self.latest if seen.at_ms >= from_ms))


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """One window of agreed closes and of what each venue had reported at them.

    step_ms, window_steps: the grid, and how many steps back anything is remembered.
    """

    step_ms: int
    window_steps: int
    moves: Window = Window()
    """abs(close - close one step earlier) / the earlier one, in nano, where both were agreed."""
    venues: Mapping[str, _Venue] = field(default_factory=dict)
    last: tuple[UnixMs, PriceE8] | None = None

    def with_close(
        self,
        closed_at_ms: UnixMs,
        close_e8: PriceE8 | None,
        reported: Mapping[str, PriceE8],
        stale: Collection[str] = (),
    ) -> PriceHistory:
        """The history after the close of that instant, None where it is missing (then it only grows older).

        reported: what each venue gave, also the refused, so that a venue whose basis has moved for good is learnt
        anew.  stale: those of them that stood still; nothing is learnt from a price that is no price of its time.
        Raises ValueError (ours) when the instant is not after the last one remembered.
        """
        if self.last is not None and closed_at_ms <= self.last[0]:
            raise ValueError(f"closes come in time order: {closed_at_ms} ms is not after {self.last[0]} ms")
        from_ms = closed_at_ms - (self.window_steps - 1) * self.step_ms
        moves = self.moves.since(from_ms)
        venues = {name: venue.since(from_ms) for name, venue in self.venues.items()}
        if close_e8 is None:
            return replace(self, moves=moves, venues=_without_silent(venues))
        if self.last is not None and closed_at_ms - self.last[0] == self.step_ms:
            moves = moves.with_value(closed_at_ms, abs(_relative_nano(close_e8, self.last[1])))
        for name, reported_e8 in reported.items():
            venue = venues.get(name, _Venue())
            distances = venue.distances
            if name not in stale:
                distances = distances.with_value(closed_at_ms, _relative_nano(reported_e8, close_e8))
            latest = (*venue.latest, _Seen(closed_at_ms, reported_e8, close_e8))[-STALE_REPEATS:]
            venues[name] = _Venue(distances, latest)
        return replace(self, moves=moves, venues=_without_silent(venues), last=(closed_at_ms, close_e8))

    def bases_nano(self) -> dict[str, int]:
        """The basis of each venue with enough reports: the median of its distances to the agreed closes, in nano."""
        return {
            name: median(venue.distances.ordered)
            for name, venue in self.venues.items()
            if self._is_known(venue.distances)
        }

    def typical_distance_nano(self) -> int | None:
        """How far apart honest prices may usually be: the larger of the median move of the agreed close in one step
        and the venues' median half quartile range about their bases. None until enough closes are remembered."""
        if not self._is_known(self.moves):
            return None
        spreads = sorted(v.distances.half_quartile_range for v in self.venues.values() if self._is_known(v.distances))
        return max(median(self.moves.ordered), median(spreads) if spreads else 0)

    def is_stale(self, venue: str, reported_e8: PriceE8) -> bool:
        """Whether the venue repeats itself while the market moves: its last STALE_REPEATS closes equal this one, and
        the closes agreed beside them range over more than a typical step. Never, until a typical step is known."""
        latest = self.venues.get(venue, _Venue()).latest
        if len(latest) < STALE_REPEATS or any(seen.reported_e8 != reported_e8 for seen in latest):
            return False
        if not self._is_known(self.moves):
            return False
        agreed = [seen.agreed_e8 for seen in latest]
        return _relative_nano(max(agreed), min(agreed)) > median(self.moves.ordered)

    def _is_known(self, window: Window) -> bool:
        return len(window.ordered) * _KNOWN_PART >= self.window_steps


def _relative_nano(price: PriceE8, base: PriceE8) -> int:
    return round_div((price - base) * NANO, base)


def _without_silent(venues: dict[str, _Venue]) -> dict[str, _Venue]:
    return {name: venue for name, venue in venues.items() if venue.latest}
