"""A stand-in exchange for tests: one generated market, every dialect, and unmodified ccxt clients pointed at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from neurons.market.ccxt_light import load_exchange
from neurons.market.dialects.speech import Ask, Listing
from neurons.market.exchanges import pointed_at
from neurons.market.faults import Faults
from neurons.market.generated import GeneratedMarket, GeneratedSource, MarketShape, VenueShape
from neurons.market.server import PriceServer
from neurons.market.shelf import SourceShelf
from protocol.units import MINUTE_MS

STEP_MS = 5 * MINUTE_MS
START_MS = 1_750_000_200_000
RUNNING_MS = START_MS + 1_500 * STEP_MS
"""The open of the candle that runs at NOW_MS, a minute into it."""
NOW_MS = RUNNING_MS + MINUTE_MS
SYMBOLS = {
    "binance": "BTC/USDT",
    "bybit": "BTC/USDT",
    "coinbase": "BTC/USD",
    "coinbaseexchange": "BTC/USD",
    "kraken": "BTC/USD",
    "okx": "BTC/USDT",
}
"""Each dialect with a market that its exchange has."""


def gapless_source() -> GeneratedSource:
    """Candles from START_MS on, none missing, none bad."""
    venue = VenueShape("gen-plain", gap_ppm=0, bad_print_ppm=0)
    return GeneratedMarket(MarketShape(seed=5, origin_ms=START_MS, venues=(venue,))).venue("gen-plain")


def listing_of(dialect: str) -> Listing:
    return Listing(*SYMBOLS[dialect].split("/"))


def shelf_at(dialect: str, at_ms: int = NOW_MS, faults: Faults | None = None) -> SourceShelf:
    """What the venue of a dialect shows at an instant."""
    return SourceShelf(gapless_source(), listing_of(dialect), faults or Faults(), at_ms=at_ms)


def ask(path: str, **params: object) -> Ask:
    return Ask(path, {name.rstrip("_"): str(value) for name, value in params.items()})


def stand_in(dialect: str, clock: Any, **settings: Any) -> PriceServer:
    """A server of the dialect's own market."""
    listing = listing_of(dialect)
    return PriceServer(gapless_source(), clock, dialect=dialect, base=listing.base, quote=listing.quote, **settings)


@asynccontextmanager
async def client_of(server: PriceServer, exchange: str, *, streaming: bool = False) -> AsyncIterator[Any]:
    """ccxt's own client of the exchange with nothing changed but where its URLs point; prices stay text."""
    client = load_exchange(exchange, streaming=streaming)()
    client.timeout_on_exit = 0
    client.number = str
    client.enableRateLimit = False
    client.newUpdates = False
    client.urls["api"] = pointed_at(client.urls["api"], server.url)
    if exchange == "binance" and streaming:
        # ccxt takes a stream for one of spot by "/stream" in its URL, which the exchange has in the host's name.
        client.urls["api"]["ws"]["spot"] = client.urls["api"]["ws"]["spot"].replace("/ws", "/stream")
    try:
        yield client
    finally:
        await client.close()
