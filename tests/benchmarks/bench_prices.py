"""Agreed closes a second with five venues: the rule alone, and through the settling with its evidence as stored rows.

The floor is `numpy.median` of the same five numbers: no history, no bases, no outliers, no evidence. The history is
full (a window of 288 steps) before anything is timed, so that every close pays for what a window teaches.
Prices are generated: one Gaussian walk, each venue with a basis and a noise of its own.

Run: python -m tests.benchmarks.bench_prices [--turns 9] [--seconds 1]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from neurons.market.candles import CandleArrays
from neurons.market.evidence import row_of
from neurons.market.feed import agreed_closes
from neurons.market.recorded import RecordedSource
from neurons.market.settling import SettleRules
from protocol.params import MAIN
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import PriceReport, agree_close, remember
from protocol.units import PRICE_SCALE, PriceE8, UnixMs
from tests.benchmarks.interleaved import Round, interleaved, others_note

VENUES, STEPS, AT_ONCE = 5, 20_000, 100
STEP_MS = MAIN.time.step_ms
GOAL = 1_500
"""Closes a second."""

Closes = NDArray[np.int64]


def generated_closes(seed: int) -> Closes:
    """shape (STEPS, VENUES), in 1e-8 of a dollar: generated."""
    rng = np.random.default_rng(seed)
    walk = 60_000 * np.exp(np.cumsum(6e-4 * rng.standard_normal(STEPS)))
    bases = 1 + 1e-4 * np.array([0, 4, -4, 1, 22])
    noise = 1 + 2e-5 * rng.standard_normal((STEPS, VENUES))
    closes: Closes = np.rint(walk[:, None] * bases * noise * PRICE_SCALE).astype(np.int64)
    return closes


def cases() -> Mapping[str, Round]:
    """What is timed. Each has a walk of its own: logarithms are cached by price."""
    ruled, settled = rule_alone(generated_closes(1)), through_settling(generated_closes(2))
    rows = itertools.cycle(generated_closes(3))

    async def floor() -> int:
        for row in itertools.islice(rows, AT_ONCE):
            np.median(row)
        return AT_ONCE

    async def rule() -> int:
        return sum(1 for _ in itertools.islice(ruled, AT_ONCE))

    async def settling() -> int:
        return sum(1 for _ in itertools.islice(settled, AT_ONCE))

    return {"numpy.median, no history": floor, "the rule alone": rule, "settled, with rows of evidence": settling}


def rule_alone(closes: Closes) -> Iterator[object]:
    """Closes by `agree_close` and `remember`, for ever: each time round the walk begins again with an empty history."""
    while True:
        history = PriceHistory(STEP_MS, MAIN.truth)
        for at, row in enumerate(closes.tolist(), start=1):
            at_ms = UnixMs(at * STEP_MS)
            reports = [PriceReport(f"venue{i}", PriceE8(close), at_ms) for i, close in enumerate(row)]
            agreement = agree_close(reports, history)
            history = remember(history, at_ms, agreement)
            if at > MAIN.truth.basis_window_steps:
                yield agreement


def through_settling(closes: Closes) -> Iterator[object]:
    """Closes from candles, through `agreed_closes`, each made a row to store."""
    times = np.arange(STEPS, dtype=np.int64) * STEP_MS
    volume = 1 + np.random.default_rng(2).random(STEPS)
    sources = {
        f"venue{i}": RecordedSource("generated", CandleArrays(times, np.tile(column, (4, 1)), volume))
        for i, column in enumerate(closes.T)
    }
    while True:
        history = PriceHistory(STEP_MS, MAIN.truth)
        settled = agreed_closes(sources, SettleRules.of(MAIN), from_ms=STEP_MS, to_ms=STEPS * STEP_MS, history=history)
        for close in itertools.islice(settled, MAIN.truth.basis_window_steps, None):
            yield row_of(close, series="BTC-USD", agreed_at_ms=close.close_at_ms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each case in each turn")
    options = parser.parse_args()
    rates = asyncio.run(interleaved(cases(), turns=options.turns, seconds=options.seconds))
    print(f"closes of {VENUES} venues, {options.turns} turns, generated prices; goal {GOAL:,}/s by the rule alone")
    floor = rates["numpy.median, no history"]
    for name, rate in rates.items():
        print(f"{name:32}{rate}  {rate.cpu_us / floor.cpu_us:6.1f} times the floor's CPU")
    print(others_note(rates))


if __name__ == "__main__":
    main()
