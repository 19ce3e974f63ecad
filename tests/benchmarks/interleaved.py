"""Rates of several cases side by side: turn by turn in one run, because only such ratios mean anything.

Where other work shares the cores, rates jump about and the CPU time of a unit is the steadier figure.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import psutil

Round = Callable[[], Awaitable[int]]
"""Does some work once and says how many units of it were done."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Units a second: the median of the turns, and their extremes; CPU time of a unit: the median."""

    median: float
    lowest: float
    highest: float
    cpu_us: float

    def __str__(self) -> str:
        return f"{self.median:9,.0f}/s [{self.lowest:,.0f}..{self.highest:,.0f}], {self.cpu_us:,.0f} us of CPU each"


async def interleaved(cases: Mapping[str, Round], *, turns: int, seconds: float) -> Mapping[str, Rate]:
    """Runs each case for `seconds` in every turn, after one round to warm up; the order turns round each time."""
    for work in cases.values():
        await work()
    turns_of: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    names = list(cases)
    for turn in range(turns):
        for name in names if turn % 2 == 0 else reversed(names):
            turns_of[name].append(await _turn(cases[name], seconds))
    return {name: _summed_up(seen) for name, seen in turns_of.items()}


async def _turn(work: Round, seconds: float) -> tuple[float, float]:
    """(units a second, CPU microseconds of a unit, in this process and its children) of one turn."""
    cpu, started, done = _cpu_seconds(), time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        done += await work()
    return done / passed, (_cpu_seconds() - cpu) / done * 1e6


def _summed_up(turns: list[tuple[float, float]]) -> Rate:
    rates = [rate for rate, _ in turns]
    return Rate(statistics.median(rates), min(rates), max(rates), statistics.median(cpu for _, cpu in turns))


def _cpu_seconds() -> float:
    me = psutil.Process()
    return sum(process.cpu_times().user + process.cpu_times().system for process in (me, *me.children()))
