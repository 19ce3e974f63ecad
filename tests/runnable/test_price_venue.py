"""The price venue as a process: serves, says where, ends when told to, and refuses in one sentence."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.venues import LiveVenue
from protocol.units import MINUTE_MS

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
STEP_MS = 5 * MINUTE_MS
SIM_MS = 1_750_000_200_000


def command(*flags: str) -> list[str]:
    return [sys.executable, str(ROOT / "runnable" / "price_venue.py"), *flags]


def test_it_serves_the_generated_market_until_it_is_told_to_end():
    flags = ("--generated", "5", "--venue", "gen-birch", "--sim-origin-ms", str(SIM_MS), "--scale", "1")
    with subprocess.Popen(command(*flags), stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            said, url, *label = process.stdout.readline().split()
            assert ("listening", "gen-birch (generated, seed 5)") == (said, " ".join(label))

            async def ask() -> list[int]:
                venue = LiveVenue("v", base_url=url)
                candles = (await venue.closed_candles(since_ms=SIM_MS - 50 * STEP_MS, limit=5)).candles
                await venue.aclose()
                return [candle.close_e8 for candle in candles]

            source = GeneratedMarket(MarketShape(seed=5)).venue("gen-birch")
            assert source.candles(SIM_MS - 50 * STEP_MS, SIM_MS).close_e8[:5].tolist() == asyncio.run(ask())
        finally:
            process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=10)


def test_it_speaks_like_the_exchange_it_is_told_to_and_begins_with_a_fault():
    flags = ("--generated", "5", "--dialect", "kraken", "--fault", "retry_after_s=7", "--fault", "status=429")
    with subprocess.Popen(command(*flags), stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1]
            with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(f"{url}/0/public/Time"):
                pass
            assert (429, "7") == (refused.value.code, refused.value.headers["Retry-After"])
            assert b'{"error":["EAPI:Rate limit exceeded"]}' == refused.value.read()
        finally:
            process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=10)


def test_a_taken_port_a_missing_file_and_an_impossible_setting_end_it_with_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wrong = {
            f"cannot listen on 127.0.0.1:{port}": ("--generated", "1", "--port", str(port)),
            "the file exists": ("--candles", "nowhere.parquet"),
            "a port lies in": ("--generated", "1", "--port", "70000"),
            "a clock's scale": ("--generated", "1", "--scale", "0"),
            "no fault lies=3": ("--generated", "1", "--fault", "lies=3"),
            "candles of 7 minutes": ("--candles", "nowhere.parquet", "--step-minutes", "7"),
            "BASE/QUOTE": ("--generated", "1", "--symbol", "BTCUSDT"),
        }
        for sentence, flags in wrong.items():
            done = subprocess.run(command(*flags), capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
            assert 2 == done.returncode
            assert sentence in done.stderr
            assert 1 == len(done.stderr.splitlines())
