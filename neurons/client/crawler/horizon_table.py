"""Every horizon that a crawler knows something of, by its life: who is played, who rests, what was earned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from neurons.client.crawler.horizons import NOTHING, Horizon, HorizonState, Key, Move, advance, floor_of, rebuilt
from neurons.client.crawler.settings import CrawlSettings
from protocol.errors import InvalidRequest
from protocol.messages import PerformanceLine, TransactionLine
from protocol.rules.stream_names import split_horizon_name
from protocol.units import Micros


@dataclass
class Horizons:
    """By (name, delay). A horizon that nothing is known of is free, and stands in no table."""

    settings: CrawlSettings
    by_key: dict[Key, Horizon] = field(default_factory=dict)
    played: dict[Key, None] = field(default_factory=dict)
    """In the order in which they were taken up."""
    played_of: dict[str, dict[Key, None]] = field(default_factory=dict)
    """The same by stream."""
    changed: set[Key] = field(default_factory=set)
    """At which something was earned or lost that nobody has looked at yet."""

    def of(self, name: str, delay: int) -> Horizon:
        known = self.by_key.get((name, delay))
        return known or Horizon(name, delay, floor_of(NOTHING, 0, self.settings))

    def keep(self, horizon: Horizon) -> None:
        self.by_key[horizon.key] = horizon
        if horizon.is_played:
            self.played[horizon.key] = None
            self.played_of.setdefault(horizon.name, {})[horizon.key] = None
        elif horizon.key in self.played:
            del self.played[horizon.key]
            del self.played_of[horizon.name][horizon.key]
            if not self.played_of[horizon.name]:
                del self.played_of[horizon.name]

    def move(self, name: str, delay: int, move: Move, *, now_ms: int) -> Horizon:
        """The horizon after a move, which is kept. Raises ValueError (ours) for one that it cannot make."""
        moved = advance(self.of(name, delay), move, now_ms=now_ms, settings=self.settings)
        self.keep(moved)
        return moved

    def rebuild(self, performed: Iterable[PerformanceLine], settled: Iterable[TransactionLine], *, now_ms: int) -> None:
        """Takes what a validator remembers of this key: what it earned where, and its newest settlements, newest first.

        A horizon of which none is among these rests since before them.
        """
        last_ms: dict[Key, int] = {}
        oldest_ms = now_ms
        for line in settled:
            last_ms.setdefault((line.stream, line.delay), line.settlement_time_ms)
            oldest_ms = line.settlement_time_ms
        for name, delay, earned in _earned(performed):
            last = last_ms.get((name, delay), oldest_ms)
            self.keep(rebuilt(name, delay, earned, last_ms=last, settings=self.settings))

    def correct(self, performed: Iterable[PerformanceLine]) -> None:
        """Takes what was earned from the validator's books, in place of what settlements that were heard add up to."""
        for name, delay, earned in _earned(performed):
            self._earn(name, delay, earned)

    def pay(self, name: str, delay: int, amount_micros: Micros) -> None:
        """Adds what one settlement moved."""
        self._earn(name, delay, Micros(self.of(name, delay).earned_micros + amount_micros))

    def take_changed(self) -> list[Key]:
        """Those that are played and earned or lost something since this was last asked."""
        changed = [key for key in self.played if key in self.changed]
        self.changed.clear()
        return changed

    def wake_up(self, now_ms: int) -> bool:
        """Frees those whose rest or wait is over; whether there were any."""
        over = [
            horizon
            for horizon in self.by_key.values()
            if horizon.state in (HorizonState.RESTING, HorizonState.WAITING) and horizon.until_ms <= now_ms
        ]
        for horizon in over:
            self.move(*horizon.key, Move.TIME, now_ms=now_ms)
        return bool(over)

    def looked(self, heard: Mapping[Key, int], failures: Iterable[Key]) -> None:
        """These have looked at the newest value. heard: how many values of its stream had been heard by then."""
        failed = set(failures)
        for key, count in heard.items():
            horizon = self.of(*key)
            self.keep(replace(horizon, looked=count, failures=horizon.failures + (key in failed)))

    def submitted(self, heard: Mapping[Key, int], *, now_ms: int) -> None:
        """The validator has taken forecasts of these."""
        for key, count in heard.items():
            taken = replace(self.of(*key), submitted=count, submitted_at_ms=now_ms, refusals=0, failures=0)
            self.keep(taken)

    def of_stream(self, name: str) -> list[Key]:
        """The horizons of a stream that are played."""
        return list(self.played_of.get(name, ()))

    def _earn(self, name: str, delay: int, earned_micros: Micros) -> None:
        horizon = self.of(name, delay)
        if earned_micros != horizon.earned_micros:
            self.keep(replace(horizon, earned_micros=earned_micros))
            self.changed.add(horizon.key)

    def states(self) -> Counter[HorizonState]:
        """How many are in each state."""
        return Counter(horizon.state for horizon in self.by_key.values())


def _earned(performed: Iterable[PerformanceLine]) -> Iterable[tuple[str, int, Micros]]:
    """(name, delay, amount), without what is no horizon."""
    for line in performed:
        try:
            yield (*split_horizon_name(line.horizon), line.amount_micros)
        except InvalidRequest:
            continue
