"""Rates of several cases side by side: turn by turn in one run, because only such ratios mean anything.

Where other work shares the cores, rates jump about and the CPU time of a unit is the steadier figure.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import psutil

QUIET: Final = 0.3
"""So many cores of foreign work leave a wall-clock ratio believable."""

Round = Callable[[], Awaitable[int]]
"""Does some work once and says how many units of it were done."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Units a second: the median of the turns, and their extremes; CPU time of a unit: the median.

    others: cores that foreign processes burnt meanwhile; rates with more than 0.3 say little, CPU times still do.
    """

    median: float
    lowest: float
    highest: float
    cpu_us: float
    others: float

    def __str__(self) -> str:
        return f"{self.median:9,.0f}/s [{self.lowest:,.0f}..{self.highest:,.0f}], {self.cpu_us:,.0f} us of CPU each"


async def interleaved(cases: Mapping[str, Round], *, turns: int, seconds: float) -> Mapping[str, Rate]:
    """Runs each case for `seconds` in every turn, after one round to warm up; the order turns round each time."""
    for work in cases.values():
        await work()
    turns_of: dict[str, list[_Turn]] = {name: [] for name in cases}
    names = list(cases)
    for turn in range(turns):
        for name in names if turn % 2 == 0 else reversed(names):
            turns_of[name].append(await _turn(cases[name], seconds))
    return {name: _summed_up(seen) for name, seen in turns_of.items()}


class _Turn(NamedTuple):
    """Units a second, CPU microseconds of a unit (in this process and its children), cores burnt by others."""

    rate: float
    cpu_us: float
    others: float


async def _turn(work: Round, seconds: float) -> _Turn:
    cpu, busy, started, done = cpu_seconds(), _busy_seconds(), time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        done += await work()
    mine = cpu_seconds() - cpu
    others = max(0.0, _busy_seconds() - busy - mine) / passed
    return _Turn(done / passed, mine / done * 1e6, others)


def _summed_up(turns: list[_Turn]) -> Rate:
    rates = [turn.rate for turn in turns]
    return Rate(
        statistics.median(rates),
        min(rates),
        max(rates),
        statistics.median(turn.cpu_us for turn in turns),
        statistics.median(turn.others for turn in turns),
    )


def others_note(rates: Mapping[str, Rate]) -> str:
    """How busy the machine was with other work, and so which column to believe."""
    others = max(rate.others for rate in rates.values())
    verdict = "quiet enough for wall time" if others <= QUIET else "too busy for wall time, believe the CPU column"
    return f"others {others:.2f} cores: {verdict}"


def cpu_seconds() -> float:
    """CPU time of this process and of its children that run, so far."""
    me = psutil.Process()
    return sum(process.cpu_times().user + process.cpu_times().system for process in (me, *me.children()))


def _busy_seconds() -> float:
    """CPU time that anybody used on this machine, so far."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + getattr(times, "irq", 0) + getattr(times, "softirq", 0))
