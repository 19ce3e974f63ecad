"""Bodies that exchanges really sent, read by the adapter through ccxt; and Kraken's own list of its names."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from neurons.market.exchanges import kraken_pair
from neurons.market.problems import VenueProblem, problem_of
from neurons.market.venues import LiveVenue
from neurons.ports import CandlePage, VenueUnavailable
from protocol.units import HOUR_MS, MINUTE_MS, PRICE_SCALE
from tests.support.recordings import recordings_or_skip


def body_of(path: str) -> bytes:
    file = recordings_or_skip() / "api" / path
    if not file.exists():
        pytest.skip(f"NO RECORDED REPLY at {file}: set AUGURY_RECORDINGS to a folder that has it")
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def page_of(
    body: bytes,
    *,
    exchange: str,
    symbol: str,
    step_ms: int,
    since_ms: int,
    now_ms: int,
) -> CandlePage:
    """What the adapter makes of a reply with this body, whatever it asks for."""

    async def answer(_: web.BaseRequest) -> web.Response:
        date = formatdate(now_ms / 1_000, usegmt=True)
        return web.Response(body=body, content_type="application/json", headers={"Date": date})

    async def main() -> CandlePage:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        venue = LiveVenue("v", exchange=exchange, symbol=symbol, base_url=url, step_ms=step_ms)
        try:
            return await venue.closed_candles(since_ms=since_ms, limit=1_000)
        finally:
            await venue.aclose()
            await runner.cleanup()

    return asyncio.run(main())


def e8(text: str) -> int:
    return int(Decimal(text) * PRICE_SCALE)


KRAKEN_FILES = [
    ("recorded/nautilus_trader/kraken/http_ohlc.json", "BTC/USDT", "XBTUSDT"),
    ("recorded/xchange/kraken/example-ohlc-data.json.gz", "BTC/USD", "XXBTZUSD"),
]


@pytest.mark.recordings
@pytest.mark.parametrize(("path", "symbol", "pair"), KRAKEN_FILES)
def test_krakens_recorded_candles_arrive_to_the_last_digit_and_the_running_one_does_not(path, symbol, pair):
    body = body_of(path)
    rows: list[Any] = json.loads(body)["result"][pair]
    first_ms, last_ms = rows[0][0] * 1_000, rows[-1][0] * 1_000
    page = page_of(
        body, exchange="kraken", symbol=symbol, step_ms=MINUTE_MS, since_ms=first_ms, now_ms=last_ms + MINUTE_MS // 2
    )
    expected = [(row[0] * 1_000, *(e8(text) for text in row[1:5]), float(row[6])) for row in rows[:-1]]
    shown = [(c.open_time_ms, c.open_e8, c.high_e8, c.low_e8, c.close_e8, c.volume) for c in page.candles]
    assert expected == shown
    assert hashlib.sha256(body).digest() == page.raw_sha256


@pytest.mark.recordings
@pytest.mark.parametrize(("path", "symbol", "pair"), KRAKEN_FILES)
def test_kraken_asked_for_older_candles_than_it_keeps_is_told_so_not_served_later_ones(path, symbol, pair):
    body = body_of(path)
    first_ms = json.loads(body)["result"][pair][0][0] * 1_000
    with pytest.raises(VenueUnavailable) as caught:
        page_of(
            body,
            exchange="kraken",
            symbol=symbol,
            step_ms=MINUTE_MS,
            since_ms=first_ms - MINUTE_MS,
            now_ms=first_ms + 1_000 * MINUTE_MS,
        )
    assert VenueProblem.NO_HISTORY == problem_of(caught.value)
    assert first_ms == caught.value.fields["keeps_from_ms"]


@pytest.mark.recordings
def test_the_names_of_krakens_pairs_are_those_of_its_own_list():
    pairs = json.loads(body_of("recorded/xchange/kraken/example-assetpairs-data.json.gz"))["result"]
    coins = {"XBT": "BTC", "XDG": "DOGE"}
    tried = 0
    for name, told in pairs.items():
        base, slash, quote = told.get("wsname", "").partition("/")
        ours = kraken_pair(coins.get(base, base), quote) if slash else ""
        if ours and not name.endswith(".d"):
            tried += 1
            assert name == ours
    assert tried >= 12


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("path", "exchange", "symbol", "step_ms", "expected"),
    [
        (
            "format_samples/nautilus_trader/binance/spot/http_json/klines_response.json",
            "binance",
            "ETH/BTC",
            HOUR_MS,
            [(1_499_040_000_000, "0.01634790", "0.01577100")],
        ),
        (
            "format_samples/nautilus_trader/okx/http_get_candlesticks_full.json",
            "okx",
            "BTC/USDT",
            MINUTE_MS,
            [(1_747_093_980_000, "102806", "102806.1"), (1_747_094_040_000, "102806.1", "102820.4")],
        ),
        (
            "format_samples/nautilus_trader/coinbase/http_candles.json",
            "coinbase",
            "BTC/USD",
            HOUR_MS,
            [(1_712_188_800_000, "65984.18", "66314.59"), (1_712_192_400_000, "66312.4", "66181.6")],
        ),
    ],
)
def test_documented_bodies_arrive_oldest_first_with_every_digit(path, exchange, symbol, step_ms, expected):
    since_ms = expected[0][0]
    page = page_of(
        body_of(path), exchange=exchange, symbol=symbol, step_ms=step_ms, since_ms=since_ms, now_ms=since_ms + 10**8
    )
    assert [(at, e8(opened), e8(close)) for at, opened, close in expected] == [
        (c.open_time_ms, c.open_e8, c.close_e8) for c in page.candles
    ]


def test_numbers_that_an_exchange_sends_without_quotes_keep_every_digit():
    """A float holds no 900000000.00000001: it would be a round 900000000. Bybit's layout, with numbers for texts."""
    rows = "[1749999900000, 900000000.00000001, 900000000.00000001, 900000000.00000001, 900000000.00000001, 1.5, 1]"
    body = f'{{"retCode":0,"retMsg":"OK","result":{{"category":"spot","symbol":"BTCUSDT","list":[{rows}]}}}}'
    page = page_of(
        body.encode(),
        exchange="bybit",
        symbol="BTC/USDT",
        step_ms=5 * MINUTE_MS,
        since_ms=1_749_999_900_000,
        now_ms=1_750_001_000_000,
    )
    assert [90_000_000_000_000_001] == [c.close_e8 for c in page.candles]
