"""The demo's market: recorded candles where they are given, else a generated market that says so everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from mining_objects.base_mining_model import Window
from neurons.market.candles import CandleArrays
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.recorded import RecordedSource, read_recording
from neurons.market.sources import CandleSource
from protocol.errors import InvalidSetting, TooLittleHistory
from protocol.units import DAY_MS, HOUR_MS, PRICE_SCALE

GENERATED_NOW_MS = 1_750_032_000_000
"""Where live rounds of a generated market begin: 2025-06-16 00:00 UTC."""
LIVE_SPAN_MS = 24 * HOUR_MS
"""How much market the live part may use up."""


EXCHANGES = {"binance": "BTC/USDT", "kraken": "BTC/USD", "okx": "BTC/USDT"}
"""The exchanges that the demo's venues speak like, each with its market; the first one's history reaches furthest."""


@dataclass(frozen=True, slots=True)
class DemoVenue:
    """One venue of the demo: the exchange it speaks like, its market, and what price_venue.py serves it with."""

    exchange: str
    symbol: str
    candles: list[str]

    @property
    def flags(self) -> list[str]:
        return ["--dialect", self.exchange, "--symbol", self.symbol, *self.candles]

    def settings(self, name: str, url: str) -> dict[str, object]:
        """The venue as validator and miners are told of it. A stream has nothing to add on a clock so fast."""
        label = name.lower()[-40:]
        return {"exchange": self.exchange, "symbol": self.symbol, "name": label, "base_url": url, "stream": False}


@dataclass(frozen=True, slots=True)
class DemoMarket:
    """The venues' candles, the instant at which live rounds begin, and what to call it all."""

    sources: dict[str, CandleSource]
    live_from_ms: int
    label: str
    venues: dict[str, DemoVenue]


def generated(seed: int) -> DemoMarket:
    """Three venues of a generated market, each speaking like another exchange."""
    sources: dict[str, CandleSource] = {s.name: s for s in GeneratedMarket(MarketShape(seed=seed)).sources()}
    venues = _venues({name: ["--generated", str(seed), "--venue", name] for name in sources})
    return DemoMarket(sources, GENERATED_NOW_MS, f"generated prices (seed {seed})", venues)


def recorded(paths: Sequence[Path], *, before_ms: int) -> DemoMarket:
    """Recorded venues, at the end of the period they have in common; before_ms of it must lie before live rounds.

    Raises BadRecording for a broken file, and InvalidSetting when fewer than three are given, two have one name or they
    share too little.
    """
    names = {path.stem for path in paths}
    if len(names) < max(3, len(paths)):
        given = f"were {len(paths)} files of {len(names)} names"
        raise InvalidSetting(f"--candles wants three venues or more, each of its own name; {given}", setting="candles")
    read: dict[str, RecordedSource] = {path.stem: read_recording(path) for path in paths}
    first = max(source.first_ms for source in read.values())
    last = min(source.end_ms for source in read.values())
    live_from = (last - LIVE_SPAN_MS) // HOUR_MS * HOUR_MS
    if live_from - before_ms < first:
        days = (before_ms + LIVE_SPAN_MS) / DAY_MS
        shared = max(0.0, (last - first) / DAY_MS)
        raise InvalidSetting(
            f"--candles: the files share {shared:.1f} days and the demo needs {days:.1f}", setting="candles"
        )
    venues = _venues({path.stem: ["--candles", str(path)] for path in paths})
    sources: dict[str, CandleSource] = dict(read)
    return DemoMarket(sources, live_from, f"recorded prices ({', '.join(read)})", venues)


def _venues(candles: dict[str, list[str]]) -> dict[str, DemoVenue]:
    """Venue -> how it is served: the exchanges in turn, whatever the candles are called."""
    turns = zip(candles.items(), cycle(EXCHANGES.items()), strict=False)
    return {name: DemoVenue(exchange, symbol, served) for (name, served), (exchange, symbol) in turns}


class ArrayFeed:
    """A miner's window cut out of one array: for the weeks that are fast-forwarded."""

    def __init__(self, series: str, candles: CandleArrays, *, step_ms: int, lookback: int) -> None:
        self._lookback, self._step_ms = lookback, step_ms
        prices = candles.prices_e8 / PRICE_SCALE
        columns = dict(zip(("open", "high", "low", "close"), prices, strict=True)) | {"volume": candles.volume}
        self._all = Window.on_grid(series, step_ms, np.asarray(candles.open_time_ms), columns)

    def at(self, until_ms: int) -> Window:
        """The last candles that end at or before until_ms. Raises TooLittleHistory when there are none."""
        stop = (until_ms - int(self._all.open_time_ms[0])) // self._step_ms
        if stop <= 0:
            raise TooLittleHistory("the feed begins later", until_ms=until_ms)
        return self._all.rows(max(0, stop - self._lookback), min(stop, len(self._all)))
