"""Which candles a page holds and in which order: each exchange's own idea of bounds, limits and last ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from neurons.market.dialects.known import DIALECTS
from neurons.market.faults import Faults
from protocol.units import SECOND_MS
from tests.support.stand_in import NOW_MS, RUNNING_MS, STEP_MS, ask, shelf_at

PRODUCT = "/api/v3/brokerage/market/products/BTC-USD/candles"
HISTORY = "/api/v5/market/history-candles"


def at(step: int) -> int:
    """The open of the candle that many steps from the one that runs, in ms."""
    return RUNNING_MS + step * STEP_MS


def seconds(step: int) -> int:
    return at(step) // SECOND_MS


def rows_of(dialect: str, path: str, params: dict[str, Any], faults: Faults | None = None) -> list[Any]:
    body = json.loads(DIALECTS[dialect].answer(ask(path, **params), shelf_at(dialect, NOW_MS, faults)).text)
    match dialect:
        case "bybit":
            return body["result"]["list"]
        case "kraken":
            return body["result"]["XXBTZUSD"]
        case "coinbase":
            return [[row["start"]] for row in body["candles"]]
        case "okx":
            return body["data"]
    return body


def page(dialect: str, path: str, faults: Faults | None = None, **params: Any) -> list[int]:
    """Steps from the running candle of each row, in the order sent."""
    unit = 1 if dialect in {"binance", "bybit", "okx"} else SECOND_MS
    return [(int(row[0]) * unit - RUNNING_MS) // STEP_MS for row in rows_of(dialect, path, params, faults)]


SPOT = {"category": "spot", "symbol": "BTCUSDT", "interval": 5}
OKX = {"instId": "BTC-USDT", "bar": "5m"}
KRAKEN = {"pair": "XBTUSD", "interval": 5}
BROKERAGE = {"granularity": "FIVE_MINUTE"}


@pytest.mark.parametrize(
    ("dialect", "path", "params", "steps"),
    [
        # Bybit: bounds included, newest first; a start alone goes forward, an end goes backward.
        ("bybit", "/v5/market/kline", SPOT | {"limit": 3}, [0, -1, -2]),
        ("bybit", "/v5/market/kline", SPOT | {"start": at(-5), "limit": 3}, [-3, -4, -5]),
        ("bybit", "/v5/market/kline", SPOT | {"start": at(-5), "end": at(-3)}, [-3, -4, -5]),
        ("bybit", "/v5/market/kline", SPOT | {"start": at(-5), "end": at(-1), "limit": 2}, [-1, -2]),
        ("bybit", "/v5/market/kline", SPOT | {"end": at(-7), "limit": 2}, [-7, -8]),
        # OKX: bounds excluded, newest first, and the newest of what lies between.
        ("okx", HISTORY, OKX | {"limit": 3}, [0, -1, -2]),
        ("okx", HISTORY, OKX | {"before": at(-3)}, [0, -1, -2]),
        ("okx", HISTORY, OKX | {"after": at(-3), "limit": 2}, [-4, -5]),
        ("okx", HISTORY, OKX | {"before": at(-6), "after": at(-3)}, [-4, -5]),
        ("okx", HISTORY, OKX | {"before": at(-9), "after": at(-3), "limit": 2}, [-4, -5]),
        # Kraken: oldest first, since excluded, the running one always.
        ("kraken", "/0/public/OHLC", KRAKEN | {"since": seconds(-3)}, [-2, -1, 0]),
        ("kraken", "/0/public/OHLC", KRAKEN | {"since": seconds(-3) - 1}, [-3, -2, -1, 0]),
        ("kraken", "/0/public/OHLC", KRAKEN | {"since": seconds(50)}, [0]),
        # Coinbase: bounds included, newest first.
        ("coinbase", PRODUCT, BROKERAGE | {"start": seconds(-2), "end": seconds(9)}, [0, -1, -2]),
        ("coinbase", PRODUCT, BROKERAGE | {"start": seconds(-5), "end": seconds(-3)}, [-3, -4, -5]),
        ("coinbase", PRODUCT, BROKERAGE | {"start": seconds(-9), "end": seconds(-3), "limit": 2}, [-3, -4]),
        (
            "coinbaseexchange",
            "/products/BTC-USD/candles",
            {"granularity": 300, "start": seconds(-5), "end": seconds(-3)},
            [-3, -4, -5],
        ),
    ],
)
def test_a_page_holds_what_its_exchange_means_by_its_bounds(dialect, path, params, steps):
    assert steps == page(dialect, path, **params)


def test_kraken_s_last_is_the_newest_finished_candle_and_keeps_720_when_none_runs():
    gap = Faults(gap_from_ms=RUNNING_MS, gap_to_ms=RUNNING_MS + STEP_MS)
    assert list(range(-720, 0)) == page("kraken", "/0/public/OHLC", gap, **KRAKEN)
    body = DIALECTS["kraken"].answer(ask("/0/public/OHLC", **KRAKEN), shelf_at("kraken", NOW_MS, gap)).text
    assert seconds(-1) == json.loads(body)["result"]["last"]


@pytest.mark.parametrize(("dialect", "path"), [("okx", HISTORY), ("okx", "/api/v5/market/candles")])
def test_okx_says_which_candles_are_complete(dialect, path):
    assert ["0", "1", "1"] == [row[8] for row in rows_of(dialect, path, OKX | {"limit": 3})]
