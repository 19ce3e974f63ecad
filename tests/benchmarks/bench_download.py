"""Candles downloaded a second from the stand-in exchange: the whole path against bare requests for the same pages.

    python -m tests.benchmarks.bench_download [--days 60] [--turns 5] [--seconds 3]

The exchange is a process of its own on loopback with generated prices. `get` asks it for the pages with aiohttp and
json.loads and throws them away; `venue` asks through ccxt, as nodes do, and checks each candle; `ours` downloads them
into a new dataset on disk with checks, report and manifest; `ours x 3` does so from three venues at once. CPU is of
both sides together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from neurons.market.generated import THREE_VENUES
from neurons.market.history.request import HistoryRequest, VenueRequest, instant_ms, request_of
from neurons.market.history.session import download_history
from protocol.units import DAY_MS
from tests.benchmarks.interleaved import Rate, Round, interleaved, others_note

ROOT = Path(__file__).parents[2]
FROM = "2023-01-01"
STEP_MS = 300_000
PAGE = 1_000
VENUES = {"binance": "binance", "bybit": "bybit", "binanceus": "binance"}
"""Our name of a venue (ccxt's) -> how it speaks; the three give a thousand candles a page."""


@contextmanager
def exchange(venue: str, dialect: str, *, now_ms: int) -> Iterator[str]:
    """The URL of a stand-in exchange in a process of its own whose clock goes on from now_ms."""
    command = [
        sys.executable, str(ROOT / "runnable" / "price_venue.py"),
        "--generated", "5", "--venue", venue, "--dialect", dialect, "--sim-origin-ms", str(now_ms),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        if process.stdout is None:
            raise RuntimeError("the exchange has no output to read")
        try:
            yield process.stdout.readline().split()[1]
        finally:
            process.terminate()


def bare(url: str, session: aiohttp.ClientSession, request: HistoryRequest) -> Round:
    """The floor: the same pages, parsed and thrown away."""

    async def ask() -> int:
        done, at_ms = 0, request.from_ms
        while at_ms < request.until_ms:
            parameters = {"symbol": "BTCUSDT", "interval": "5m", "startTime": str(at_ms), "limit": str(PAGE)}
            async with session.get(f"{url}/api/v3/klines", params=parameters) as answer:
                rows = json.loads(await answer.read())
            done += len(rows)
            at_ms = rows[-1][0] + STEP_MS
        return done

    return ask


def through_venue(asked: VenueRequest, request: HistoryRequest) -> Round:
    """The same pages through the adapter that nodes use."""

    async def ask() -> int:
        venue = asked.open()
        done, at_ms = 0, request.from_ms
        while at_ms < request.until_ms:
            page = await venue.closed_candles(since_ms=at_ms, limit=PAGE)
            done += len(page.candles)
            at_ms = page.candles[-1].open_time_ms + STEP_MS
        await venue.aclose()
        return done

    return ask


def whole_path(request: HistoryRequest) -> Round:
    """A whole download into a new folder."""

    async def download() -> int:
        with tempfile.TemporaryDirectory() as folder:
            done = await download_history(request, Path(folder), agreeing=False)
            if any(outcome.problems for outcome in done.outcomes):
                raise RuntimeError(f"the download failed: {done.outcomes}")
            return sum(outcome.fetched for outcome in done.outcomes)

    return download


async def measure(*, days: int, turns: int, seconds: float) -> Mapping[str, Rate]:
    """Candles a second of each case."""
    now_ms = instant_ms(FROM) + (days + 5) * DAY_MS
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        urls = {
            name: stack.enter_context(exchange(shape.name, dialect, now_ms=now_ms))
            for shape, (name, dialect) in zip(THREE_VENUES, VENUES.items(), strict=True)
        }
        one, three = asked({"binance": urls["binance"]}, days, now_ms), asked(urls, days, now_ms)
        cases = {
            "get": bare(urls["binance"], session, one),
            "venue": through_venue(one.venues[0], one),
            "ours": whole_path(one),
            "ours x 3": whole_path(three),
        }
        return await interleaved(cases, turns=turns, seconds=seconds)


def asked(urls: Mapping[str, str], days: int, now_ms: int) -> HistoryRequest:
    until = datetime.fromtimestamp((instant_ms(FROM) + days * DAY_MS) / 1_000, UTC).isoformat()
    return request_of(
        "BTC-USD",
        since=FROM,
        until=until,
        step="5m",
        venues=",".join(f"{name}=BTC/USDT" for name in urls),
        base_urls=[f"{name}={url}" for name, url in urls.items()],
        now_ms=now_ms,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60, help="how many days of 5-minute candles a download holds")
    parser.add_argument("--turns", type=int, default=5, help="how often each case is measured")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each turn lasts at least")
    options = parser.parse_args()
    rates = asyncio.run(measure(days=options.days, turns=options.turns, seconds=options.seconds))
    floor = rates["get"]
    for case, rate in rates.items():
        print(f"{case:9}{rate}; this / get: {rate.median / floor.median:.2f}, by CPU {floor.cpu_us / rate.cpu_us:.2f}")
    print(others_note(rates))


if __name__ == "__main__":
    main()
