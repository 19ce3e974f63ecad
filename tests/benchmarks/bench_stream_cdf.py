"""How long a validator's event loop waits for a distribution of many owners: drawn where it is asked, and by a thread.

python -m tests.benchmarks.bench_stream_cdf [--owners 10000] [--times 20]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Final

import numpy as np

from neurons.clock import SystemClock
from neurons.validating.streams import readings
from protocol.messages import CdfQuestion
from protocol.rules.stream_book.submitting import Submission
from tests.support.stream_market import StreamMarket
from tests.support.stream_play import key

NAME: Final = "cop.json"
ASKER: Final = key("asker")


def predicted_by(owners: int) -> StreamMarket:
    """A stream of which that many owners have said what they expect at 70 s."""
    market, rng = StreamMarket(), np.random.default_rng(1)
    market.clock = market.readings.keeper.clock = SystemClock()
    market.named(key("publisher"))
    market.publish(NAME, 1.0)
    for number in range(owners):
        owner = market.named(key(f"owner {number}"))
        said = [Submission(NAME, 70, rng.normal(size=225))]
        market.apply(market.book.submit(said, owner, sequence=market.next_sequence(), now_ms=market.now_ms()))
    return market


async def lateness(market: StreamMarket, form: str, times: int) -> tuple[float, float]:
    """(milliseconds until the answer, the longest that the loop was late meanwhile): medians."""
    late = 0.0

    async def look() -> None:
        nonlocal late
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            late = max(late, 1e3 * (time.perf_counter() - started) - 1)

    looking = asyncio.create_task(look())
    answered, lates = [], []
    for _ in range(times):
        await asyncio.sleep(0.01)
        late, started = 0.0, time.perf_counter()
        await market.readings.answer(CdfQuestion(NAME, 70, form), ASKER)
        answered.append(1e3 * (time.perf_counter() - started))
        await asyncio.sleep(0.005)
        lates.append(late)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    return float(np.median(answered)), float(np.median(lates))


async def run(owners: int, times: int) -> None:
    market, aside = predicted_by(owners), readings.DRAWN_AT_ONCE
    print(f"{owners} owners, {times} times each, load average {os.getloadavg()[0]:.2f}")
    for form in readings.FORMS:
        for words, most in (("on the loop", owners + 1), ("by a thread", aside)):
            readings.DRAWN_AT_ONCE = most  # type: ignore[misc]
            answered, late = await lateness(market, form, times)
            print(f"{form or 'default':10} {words}: answered in {answered:5.1f} ms, the loop late by {late:5.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--owners", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(run(given.owners, given.times))


if __name__ == "__main__":
    main()
