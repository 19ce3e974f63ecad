"""The ccxt adapter against the stand-in exchange, over real sockets: what each kind of trouble is called."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neurons.clock import HandClock
from neurons.market.candles import CandleArrays
from neurons.market.exchanges import pointed_at
from neurons.market.faults import Faults
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.problems import VenueProblem, problem_of
from neurons.market.recorded import RecordedSource
from neurons.market.server import PriceServer
from neurons.market.venues import LiveVenue, candle_from_row
from neurons.ports import VenueUnavailable
from protocol.errors import InvalidSetting
from protocol.units import MINUTE_MS

STEP_MS = 5 * MINUTE_MS
START_MS = 1_750_000_200_000
NOW_MS = START_MS + 100 * STEP_MS


def problem_with(faults: Faults, **settings: object) -> VenueProblem | None:
    """What the adapter calls the trouble of a venue with these faults; None when it got candles."""

    async def main() -> VenueProblem | None:
        source = GeneratedMarket(MarketShape(seed=3, origin_ms=START_MS)).sources()[0]
        async with PriceServer(source, HandClock(NOW_MS)) as server:
            server.faults = faults
            venue = LiveVenue("v", base_url=server.url, **settings)  # type: ignore[arg-type]
            try:
                await venue.closed_candles(since_ms=NOW_MS - 10 * STEP_MS, limit=20)
            except VenueUnavailable as error:
                return problem_of(error)
            finally:
                await venue.aclose()
            return None

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        (Faults(), None),
        (Faults(hang=True), VenueProblem.TIMEOUT),
        (Faults(latency_ms=60_000), VenueProblem.TIMEOUT),
        (Faults(status=500), VenueProblem.SERVER_ERROR),
        (Faults(status=503), VenueProblem.SERVER_ERROR),
        (Faults(status=429), VenueProblem.RATE_LIMITED),
        (Faults(status=418), VenueProblem.RATE_LIMITED),
        (Faults(status=451), VenueProblem.GEO_BLOCKED),
        (Faults(status=403), VenueProblem.GEO_BLOCKED),
        (Faults(status=404), VenueProblem.HTTP_STATUS),
        (Faults(malformed=True), VenueProblem.MALFORMED),
        (Faults(repeat_last=True), VenueProblem.OUT_OF_ORDER),
        (Faults(junk_field="NaN"), VenueProblem.BAD_PRICE),
        (Faults(junk_field="-1"), VenueProblem.BAD_PRICE),
        (Faults(junk_field="1e400"), VenueProblem.BAD_PRICE),
        (Faults(junk_field="0"), VenueProblem.BAD_PRICE),
        (Faults(junk_field="9" * 5_000), VenueProblem.BAD_PRICE),
        (Faults(junk_field="1"), VenueProblem.BAD_PRICE),
        (Faults(junk_field="1_0"), VenueProblem.BAD_PRICE),
        (Faults(junk_field="\uff11\uff10\uff10"), VenueProblem.BAD_PRICE),
    ],
    ids=lambda value: str(value)[:60],
)
def test_every_kind_of_trouble_has_its_name(faults, problem):
    slow = faults.hang or faults.latency_ms > 0
    assert problem == problem_with(faults, timeout_s=0.3 if slow else 30.0)


def test_a_price_arrives_to_the_last_digit_that_the_venue_wrote():
    """900000000.00000001 has more digits than a float holds."""

    async def main() -> int:
        prices = np.full((4, 3), 90_000_000_000_000_001, dtype=np.int64)
        candles = CandleArrays(START_MS + np.arange(3) * STEP_MS, prices, np.ones(3))
        async with PriceServer(RecordedSource("r", candles), HandClock(NOW_MS)) as server:
            venue = LiveVenue("v", base_url=server.url)
            shown = (await venue.closed_candles(since_ms=START_MS, limit=2)).candles
            await venue.aclose()
        return shown[0].close_e8

    assert 90_000_000_000_000_001 == asyncio.run(main())


def test_a_symbol_that_the_exchange_does_not_have_is_called_wrong():
    assert VenueProblem.WRONG_SYMBOL == problem_with(Faults(), symbol="NOPE/USDT")


def test_nobody_listening_is_unreachable():
    async def main() -> None:
        async with PriceServer(GeneratedMarket(MarketShape(seed=3)).sources()[0], HandClock(NOW_MS)) as server:
            url = server.url
        venue = LiveVenue("v", base_url=url)
        with pytest.raises(VenueUnavailable) as caught:
            await venue.closed_candles(since_ms=START_MS, limit=1)
        await venue.aclose()
        assert VenueProblem.UNREACHABLE == problem_of(caught.value)

    asyncio.run(main())


def test_a_reply_that_does_not_end_is_given_up():
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900000000\r\n\r\n")
        try:
            while True:
                writer.write(b"[" * 65_536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(endless, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            venue = LiveVenue("v", base_url=f"http://127.0.0.1:{port}")
            with pytest.raises(VenueUnavailable) as caught:
                await venue.closed_candles(since_ms=START_MS, limit=1)
            await venue.aclose()
        assert VenueProblem.TOO_LARGE == problem_of(caught.value)

    asyncio.run(main())


def test_a_venue_that_hangs_answers_again_once_it_recovers():
    async def main() -> None:
        source = GeneratedMarket(MarketShape(seed=3, origin_ms=START_MS)).sources()[0]
        async with PriceServer(source, HandClock(NOW_MS)) as server:
            venue = LiveVenue("v", base_url=server.url, timeout_s=0.5)
            server.faults = Faults(hang=True)
            for _ in range(3):
                with pytest.raises(VenueUnavailable):
                    await venue.closed_candles(since_ms=START_MS, limit=1)
            server.faults = Faults()
            assert 1 == len((await venue.closed_candles(since_ms=START_MS, limit=1)).candles)
            await venue.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    "row", ["x", [], [1, "1"], ["1", "1", "1", "1", "1", "1"], [True, "1", "1", "1", "1", "1"], None]
)
def test_what_is_no_candle_is_malformed(row):
    with pytest.raises(VenueUnavailable) as caught:
        candle_from_row("v", row)
    assert VenueProblem.MALFORMED == problem_of(caught.value)


@pytest.mark.parametrize("volume", ["nan", "inf", "-1", "1e300", None, "much"])
def test_a_volume_that_is_no_amount_is_refused(volume):
    with pytest.raises(VenueUnavailable):
        candle_from_row("v", [START_MS, "1", "1", "1", "1", volume])


def test_only_scheme_and_host_of_the_endpoints_change():
    urls = {"public": "https://api.binance.com/api/v3", "deep": {"x": "https://h.example/a?b=c"}}
    moved = {"public": "http://127.0.0.1:9/api/v3", "deep": {"x": "http://127.0.0.1:9/a?b=c"}}
    assert moved == pointed_at(urls, "http://127.0.0.1:9")


def test_every_kind_of_trouble_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "prices.md").read_text(encoding="utf-8")
    assert [] == [problem.value for problem in VenueProblem if f"`{problem}`" not in page]


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: LiveVenue("v", exchange="nowhere"), "nowhere"),
        (lambda: LiveVenue("v", exchange="../binance"), "binance"),
        (lambda: LiveVenue("v", symbol="BTCUSDT"), "BTCUSDT"),
        (lambda: LiveVenue("v", step_ms=7), "7 ms"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(make: Callable[[], LiveVenue], names: str):
    with pytest.raises(InvalidSetting, match=names):
        make()


def test_a_process_with_a_live_venue_imports_one_exchange_and_neither_pandas_nor_torch():
    program = (
        "import sys; from neurons.market.venues import LiveVenue; LiveVenue('v');"
        "heavy = ('pandas', 'torch', 'pyarrow', 'ccxt.kraken', 'ccxt.async_support.kraken');"
        "print([module for module in heavy if module in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
