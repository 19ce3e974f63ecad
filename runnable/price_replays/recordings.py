"""The recorded venues of March 2023 as candle sources on the 5-minute grid, and what one currency was worth there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from neurons.market.candles import CandleArrays
from neurons.market.recorded import RecordedSource, read_recording
from protocol.units import MINUTE_MS

STEP_MS: Final = 5 * MINUTE_MS
_MARCH: Final = "multi_exchange_2023-03"
_LONG: Final = "candles"

DOLLAR, TETHER, USD_COIN = "USD", "USDT", "USDC"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded venue: what it is called in tables, its file below the recordings, and its quote currency."""

    name: str
    file: str
    quote: str


BINANCE: Final = Recorded("binance", f"{_LONG}/binance_spot_BTCUSDT_5m.parquet", TETHER)
BINANCE_PERPETUAL: Final = Recorded("binance-perpetual", f"{_LONG}/binance_perp_BTCUSDT_5m.parquet", TETHER)
BINANCE_US: Final = Recorded("binance-us", f"{_MARCH}/5m/binance_us_spot_BTCUSDT_5m.parquet", TETHER)
KUCOIN: Final = Recorded("kucoin", f"{_MARCH}/5m/kucoin_spot_BTCUSDT_5m.parquet", TETHER)
KRAKEN_TETHER: Final = Recorded("kraken-usdt", f"{_LONG}/kraken_spot_XBTUSDT_5m.parquet", TETHER)
COINBASE_TETHER: Final = Recorded("coinbase-usdt", f"{_MARCH}/5m/coinbase_spot_BTCUSDT_5m.parquet", TETHER)
COINBASE: Final = Recorded("coinbase", f"{_MARCH}/5m/coinbase_spot_BTCUSD_5m.parquet", DOLLAR)
KRAKEN: Final = Recorded("kraken", f"{_LONG}/kraken_spot_XBTUSD_5m.parquet", DOLLAR)
CRYPTO_COM: Final = Recorded("crypto.com", f"{_MARCH}/5m/cryptocom_spot_BTCUSD_5m.parquet", DOLLAR)
BYBIT_USD_COIN: Final = Recorded("bybit-usdc", f"{_MARCH}/5m/bybit_spot_BTCUSDC_5m.parquet", USD_COIN)
BINANCE_US_USD_COIN: Final = Recorded("binance-us-usdc", f"{_MARCH}/5m/binance_us_spot_BTCUSDC_5m.parquet", USD_COIN)
KRAKEN_USD_COIN: Final = Recorded("kraken-usdc", f"{_MARCH}/5m/kraken_spot_XBTUSDC_5m.parquet", USD_COIN)

RATE_VENUES: Final[Mapping[str, tuple[Recorded, ...]]] = {
    TETHER: (
        Recorded("coinbase", f"{_MARCH}/coinbase_spot_USDTUSD_1m.parquet", DOLLAR),
        Recorded("kraken", f"{_MARCH}/kraken_spot_USDTUSD_1m.parquet", DOLLAR),
    ),
    USD_COIN: (Recorded("kraken", f"{_MARCH}/kraken_spot_USDCUSD_1m.parquet", DOLLAR),),
}
"""What converts a currency into dollars: all that was recorded of it."""


@cache
def candles_of(venue: Recorded, recordings: Path) -> RecordedSource:
    """A venue's candles of five minutes. Raises BadRecording when its file breaks a rule, or is not there."""
    path = recordings / venue.file
    if path.stem.endswith("_1m"):
        return RecordedSource(venue.name, in_fives(read_recording(path, step_ms=MINUTE_MS).candles(0, 2**62)))
    return read_recording(path, step_ms=STEP_MS)


def in_fives(minutes: CandleArrays) -> CandleArrays:
    """Candles of five minutes made from those of one; a span without any has none."""
    spans = minutes.open_time_ms // STEP_MS
    first = np.flatnonzero(np.concatenate(([True], np.diff(spans) != 0)))
    last = np.concatenate((first[1:], [len(spans)])) - 1
    highest, lowest = np.maximum.reduceat(minutes.high_e8, first), np.minimum.reduceat(minutes.low_e8, first)
    prices = np.stack([minutes.open_e8[first], highest, lowest, minutes.close_e8[last]])
    return CandleArrays(spans[first] * STEP_MS, prices, np.add.reduceat(minutes.volume, first))


def closes_on_grid(candles: CandleArrays, instants_ms: np.ndarray) -> np.ndarray:
    """The close that a venue shows for each instant, in whole units of its quote; NaN where it shows none."""
    at = np.searchsorted(candles.open_time_ms, instants_ms - STEP_MS)
    found = np.zeros(len(instants_ms), bool)
    inside = at < len(candles)
    found[inside] = candles.open_time_ms[at[inside]] == instants_ms[inside] - STEP_MS
    closes = np.full(len(instants_ms), np.nan)
    closes[found] = candles.close_e8[at[found]] / 1e8
    return closes


def middle_rate(currency: str, recordings: Path, instants_ms: np.ndarray) -> np.ndarray:
    """The middle of what the rate venues showed at each instant, by no rule at all; NaN where none did."""
    if currency == DOLLAR:
        return np.ones(len(instants_ms))
    return row_medians(closes_on_grid(_all(v, recordings), instants_ms) for v in RATE_VENUES[currency])


def row_medians(columns: Iterable[np.ndarray]) -> np.ndarray:
    """The median at each instant of what is there; NaN where nothing is."""
    rows = np.stack(list(columns), axis=1)
    there = ~np.isnan(rows).all(axis=1)
    medians = np.full(len(rows), np.nan)
    medians[there] = np.nanmedian(rows[there], axis=1)
    return medians


def _all(venue: Recorded, recordings: Path) -> CandleArrays:
    return candles_of(venue, recordings).candles(0, 2**62)
