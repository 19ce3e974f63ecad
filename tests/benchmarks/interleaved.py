"""Rates of several cases side by side: turn by turn in one run, because only such ratios mean anything."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Round = Callable[[], Awaitable[int]]
"""Does some work once and says how many units of it were done."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Units a second: the median of the turns, and their extremes."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:9,.0f}/s [{self.lowest:,.0f}..{self.highest:,.0f}]"


async def interleaved(cases: Mapping[str, Round], *, turns: int, seconds: float) -> Mapping[str, Rate]:
    """Runs each case for `seconds` in every turn, after one round to warm up; the order turns round each time."""
    for work in cases.values():
        await work()
    rates: dict[str, list[float]] = {name: [] for name in cases}
    names = list(cases)
    for turn in range(turns):
        for name in names if turn % 2 == 0 else reversed(names):
            rates[name].append(await _rate(cases[name], seconds))
    return {name: Rate(statistics.median(seen), min(seen), max(seen)) for name, seen in rates.items()}


async def _rate(work: Round, seconds: float) -> float:
    started, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        done += await work()
    return done / passed
