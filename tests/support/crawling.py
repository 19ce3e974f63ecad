"""Crawlers at a market in virtual time: what they sampled, when, and what became of it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from structlog.typing import FilteringBoundLogger

from neurons.client.crawler import Crawler, CrawlSettings
from neurons.settings import LogSettings
from neurons.telemetry import open_log
from protocol.units import SECOND_MS
from tests.support.stream_market import MarketWriter, StreamMarket
from tests.support.stream_play import key
from tests.support.virtual_time import run_virtual

NORMAL = np.array([NormalDist().inv_cdf((rank + 0.5) / 225) for rank in range(225)])
QUICK = CrawlSettings(min_lags=3, delays=(70,))


class Sampling(Crawler):
    """Forecasts the newest value, moved by `shift` and spread by `width`. calls: (seconds, name, delay, lags)."""

    shift, width = 0.0, 1.0

    def __init__(self, *given, **named) -> None:
        super().__init__(*given, **named)
        self.calls: list[tuple[float, str, int, list[float]]] = []

    def sample(self, lagged_values, lagged_times, name, delay):
        self.calls.append((float(lagged_times[0]), name, delay, lagged_values.tolist()))
        return lagged_values[0] + self.shift + self.width * NORMAL


def quiet_log() -> FilteringBoundLogger:
    """A log that nobody reads."""
    return open_log(LogSettings(level="error", format="json"), io.StringIO())


def crawler(
    market: StreamMarket, name: str = "crawler", kind: type[Crawler] = Sampling, settings=QUICK, **more
) -> Crawler:
    """A crawler of its own key, whose log is in `crawler.told`."""
    told = io.StringIO()
    settings = replace(settings, **more)
    log = open_log(LogSettings(format="json", level="debug"), told)
    chance = np.random.default_rng(0)
    made = kind(MarketWriter(market, name), settings, chance=chance, log=log)
    made.told = told
    return made


@asynccontextmanager
async def crawling(*crawlers: Crawler, **more) -> AsyncIterator[None]:
    """They crawl while the block runs; a failure of one fails it."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one.crawl(**more), name="crawl") for one in crawlers]
        yield
        for task in running:
            task.cancel()


async def wait(market: StreamMarket, seconds: float) -> None:
    await market.clock.sleep_until(market.clock.now_ms() + round(seconds * SECOND_MS))


async def walk(market: StreamMarket, name: str, count: int, *, every: float = 60.0, seed: int = 0, **more) -> None:
    """Publishes a random walk of steps of deviation 1, and waits after each value."""
    market.named(key("publisher"))
    for step in np.random.default_rng(seed).standard_normal(count).cumsum().round(6).tolist():
        market.publish(name, step, **more)
        await wait(market, every)


def play(scenario: Callable[[StreamMarket], Awaitable[None]]) -> None:
    """Runs a scenario with a market of its own."""

    async def main() -> None:
        await scenario(StreamMarket())

    run_virtual(main())
