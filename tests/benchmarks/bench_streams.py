"""What open streams cost one validator's core: a value among 500 streams, and one value against a crowd.

    python -m tests.benchmarks.bench_streams [--streams 500] [--owners 20] [--minutes 5] [--freeze]

First one value of one stream that many owners predict, at one horizon or at all four, decided and applied.
Then a network in steady state: every stream takes a value a minute, arrivals spread, and every minute a fifth of the
owners send anew for all four horizons of every stream, in batches. Timed is the CPU of deciding and of applying, for
values and for batches; the share is that of one core, all of it at that pace. No store and no wire.
The worst batch is one that Python's garbage collector interrupts to look at everything that stands; with --freeze what
stands after the warm-up is taken out of its sight (`gc.freeze`), as a node can.
Both print, in the same run, the floor of one `numpy.sort` of as many pools (which are kept sorted, never sorted anew).
Values and scenarios are generated: walks, and normal numbers about their last value.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from protocol.rules.scenarios import SCENARIOS
from protocol.rules.stream_book.book import StreamBook
from protocol.rules.stream_book.effects import Effects
from protocol.rules.stream_book.submitting import Submission
from protocol.rules.stream_names import DELAYS
from protocol.units import MINUTE_MS, SECOND_MS, Hotkey, UnixMs

START_MS = 1_763_800_000_000
WARMUP_MINUTES = 62
"""By then the first scenarios have left the longest quarantine."""
ONE_IN = 5
"""Owners of a stream that send anew each minute: one in so many."""


def key(name: str) -> Hotkey:
    return Hotkey(hashlib.sha256(name.encode()).digest())


@dataclass
class Timed:
    """CPU milliseconds of each call."""

    decided: list[float] = field(default_factory=list)
    applied: list[float] = field(default_factory=list)

    def median(self) -> tuple[float, float]:
        return float(np.median(self.decided)), float(np.median(self.applied))

    def total(self) -> float:
        return sum(self.decided) + sum(self.applied)


class Network:
    """Streams and owners at a steady pace."""

    def __init__(self, streams: int, owners: int) -> None:
        self.rng = np.random.default_rng(1)
        self.book = StreamBook()
        self.names = [f"s{number}.json" for number in range(streams)]
        self.publishers = [key(name) for name in self.names]
        self.crawlers = [key(f"crawler {number}") for number in range(owners)]
        self.values = np.zeros(streams)
        self.sequence = 0
        self.at_ms = UnixMs(START_MS)
        for owner in (*self.publishers, *self.crawlers):
            self.book.apply(self.book.recognise(owner, 13, now_ms=self.at_ms))

    def decide_and_apply(self, timed: Timed | None, decide: Callable[[], Effects]) -> Effects:
        started = time.thread_time()
        effects = decide()
        decided = time.thread_time()
        self.book.apply(effects)
        if timed is not None:
            timed.decided.append(1e3 * (decided - started))
            timed.applied.append(1e3 * (time.thread_time() - decided))
        return effects

    def publish(self, place: int, timed: Timed | None = None) -> Effects:
        self.values[place] += self.rng.standard_normal()
        self.sequence += 1
        return self.decide_and_apply(
            timed,
            lambda: self.book.publish(
                self.names[place],
                self.publishers[place],
                sequence=self.sequence,
                value=repr(float(self.values[place])),
                now_ms=self.at_ms,
            ),
        )

    def submit(self, crawler: Hotkey, places: list[int], timed: Timed | None = None) -> Effects:
        """One batch of up to 1,000 horizons: all four of each stream."""
        self.sequence += 1
        drawn = self.rng.standard_normal((len(places), len(DELAYS), SCENARIOS))
        batch = [
            Submission(self.names[place], delay, self.values[place] + drawn[row, column])
            for row, place in enumerate(places)
            for column, delay in enumerate(DELAYS)
        ]
        return self.decide_and_apply(
            timed, lambda: self.book.submit(batch, crawler, sequence=self.sequence, now_ms=self.at_ms)
        )

    def minute(self, number: int, values: Timed | None, batches: Timed | None) -> None:
        """A value of every stream, spread over the minute, and a fifth of the owners anew, 250 streams a batch."""
        places = list(range(len(self.names)))
        due = self.crawlers[number % ONE_IN :: ONE_IN]
        work: list[tuple[int, Hotkey | None, list[int]]] = [(place, None, [place]) for place in places]
        for turn, crawler in enumerate(due):
            for start in range(0, len(places), 250):
                work.append((turn * len(places) // len(due), crawler, places[start : start + 250]))
        began = self.at_ms
        for place, crawler, which in sorted(work, key=lambda one: one[0]):
            self.at_ms = UnixMs(max(self.at_ms, began + place * MINUTE_MS // len(places)))
            if crawler is None:
                self.publish(place, values)
            else:
                self.submit(crawler, which, batches)
        self.at_ms = UnixMs(began + MINUTE_MS)


def steady(streams: int, owners: int, minutes: int, *, freeze: bool) -> Table:
    network = Network(streams, owners)
    for number in range(WARMUP_MINUTES):
        network.minute(number, None, None)
    if freeze:
        gc.collect()
        gc.freeze()
    values, batches = Timed(), Timed()
    started = time.thread_time()
    for number in range(minutes):
        network.minute(number, values, batches)
    spent_s = time.thread_time() - started
    pools = [np.sort(network.rng.standard_normal((owners + 1, SCENARIOS)), axis=1) for _ in DELAYS]
    table = Table(title=f"{streams} streams x {len(DELAYS)} horizons x {owners} owners, {minutes} minutes timed")
    for heading in ("", "decide, ms", "apply, ms", "worst, ms", "share of a core"):
        table.add_column(heading, justify="right" if heading else "left")
    for label, timed in (("a value", values), ("a batch of up to 1,000 sets", batches)):
        decide, apply = timed.median()
        worst = max(a + b for a, b in zip(timed.decided, timed.applied, strict=True))
        share = timed.total() / (minutes * MINUTE_MS)
        table.add_row(label, f"{decide:.2f}", f"{apply:.2f}", f"{worst:.1f}", f"{share:.1%}")
    table.add_row("floor: numpy.sort of a value's pools", f"{sort_ms(pools):.2f}", "", "", "")
    table.add_row("all, with making the inputs", "", "", "", f"{spent_s / (60 * minutes):.1%}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table.caption = f"peak memory {peak_mb:.0f} MB, load average {os.getloadavg()[0]:.1f}"
    return table


def sort_ms(pools: list[np.ndarray], rounds: int = 20) -> float:
    found = []
    for _ in range(rounds):
        started = time.thread_time()
        for rows in pools:
            np.sort(rows, axis=1)
        found.append(1e3 * (time.thread_time() - started))
    return float(np.median(found))


def crowd(owners: int, delays: tuple[int, ...], rounds: int) -> tuple[str, ...]:
    """A row of figures: one value against `owners` at each of these horizons, all of them out of quarantine."""
    network = Network(1, owners)
    network.publish(0)
    network.at_ms = UnixMs(network.at_ms + MINUTE_MS)
    network.publish(0)
    for crawler in network.crawlers:
        network.sequence += 1
        batch = [Submission(network.names[0], delay, network.rng.standard_normal(SCENARIOS)) for delay in delays]
        network.book.apply(network.book.submit(batch, crawler, sequence=network.sequence, now_ms=network.at_ms))
    network.at_ms = UnixMs(network.at_ms + max(DELAYS) * SECOND_MS)
    network.publish(0)
    timed = Timed()
    for _ in range(rounds):
        network.at_ms = UnixMs(network.at_ms + MINUTE_MS)
        effects = network.publish(0, timed)
    judged = sum(len(one.settlement.owners) for one in effects.settled)
    decide, apply = timed.median()
    best = min(a + b for a, b in zip(timed.decided, timed.applied, strict=True))
    floor = sort_ms([np.sort(network.rng.standard_normal((owners, SCENARIOS)), axis=1) for _ in delays])
    return (
        f"{owners:,}",
        str(len(delays)),
        f"{judged:,}",
        f"{decide:.2f}",
        f"{apply:.2f}",
        f"{best:.2f}",
        f"{floor:.2f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--owners", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=5, help="minutes timed (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="values of each crowd (default %(default)s)")
    parser.add_argument("--freeze", action="store_true", help="freeze what stands after the warm-up")
    options = parser.parse_args()
    console = Console(width=140)
    table = Table(title="one value against a crowd, CPU ms (medians)")
    for heading in ("owners", "horizons", "sets judged", "decide", "apply", "least of both", "floor: numpy.sort"):
        table.add_column(heading, justify="right")
    for owners, delays in ((20, DELAYS), (100, DELAYS), (1_000, DELAYS[:1]), (1_000, DELAYS)):
        table.add_row(*crowd(owners, delays, options.rounds))
    console.print(table)
    console.print(steady(options.streams, options.owners, options.minutes, freeze=options.freeze))


if __name__ == "__main__":
    main()
