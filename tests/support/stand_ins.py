"""Stand-in exchanges on loopback and downloads from them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from neurons.clock import HandClock
from neurons.market.generated import GeneratedMarket, MarketShape, VenueShape
from neurons.market.history.download import Patience
from neurons.market.history.request import HistoryRequest, instant_ms, request_of
from neurons.market.server import PriceServer
from neurons.market.sources import CandleSource

NOW_MS = instant_ms("2023-06-01")
HASTY = Patience(tries=3, first_wait_s=0.01, longest_wait_s=0.02, save_every_s=0.0)
SYMBOLS = {"coinbase": "BTC/USD", "kraken": "BTC/USD"}


def generated_venues(*names: str, seed: int = 5) -> dict[str, CandleSource]:
    """A generated market's candles at these venues: gaps and bad prints at each of its own."""
    shapes = tuple(VenueShape(name, basis_bp=2.0 * i, gap_ppm=900) for i, name in enumerate(names))
    return {source.name: source for source in GeneratedMarket(MarketShape(seed=seed, venues=shapes)).sources()}


@asynccontextmanager
async def stand_ins(
    sources: Mapping[str, CandleSource], *, clock: HandClock | None = None
) -> AsyncIterator[dict[str, PriceServer]]:
    """A server for each venue, in the dialect of its name; its clock stands at NOW_MS unless another is given."""
    async with AsyncExitStack() as stack:
        servers = {}
        for name, source in sources.items():
            quote = SYMBOLS.get(name, "BTC/USDT").partition("/")[2]
            server = PriceServer(source, clock or HandClock(NOW_MS), dialect=name, quote=quote)
            servers[name] = await stack.enter_async_context(server)
        yield servers


def asked(
    servers: Mapping[str, PriceServer], since: str, until: str, *, venues: str | None = None, step: str = "5m"
) -> HistoryRequest:
    """A request for BTC-USD at the stand-ins."""
    return request_of(
        "BTC-USD",
        since=since,
        until=until,
        step=step,
        venues=venues or ",".join(servers),
        base_urls=[f"{name}={server.url}" for name, server in servers.items()],
        now_ms=NOW_MS,
    )


def digests(dataset: Path) -> dict[str, str]:
    """Every file of a dataset but the lock, by path, with its SHA-256."""
    return {
        str(path.relative_to(dataset)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(dataset.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
