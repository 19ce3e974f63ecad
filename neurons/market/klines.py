"""Binance's REST answers to questions about candles, as pure functions: parameters in, JSON text or refusal out.

Formats and refusals follow the exchange's public documentation of GET /api/v3/klines, /time and /exchangeInfo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from neurons.market.candles import CandleArrays, text_of_price
from neurons.market.sources import CandleSource, first_candles, last_candles
from protocol.units import HOUR_MS, MINUTE_MS

DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 1_000
INTERVALS: Final = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
}
_SYMBOL: Final = re.compile(r"[A-Z0-9\-_.]{1,20}")
_DIGITS: Final = re.compile(r"[0-9]{1,20}")


class KlineRefusal(Exception):
    """What the exchange answers with HTTP 400: its own code and sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    def body(self) -> str:
        return refusal_json(self.code, self.message)


@dataclass(frozen=True, slots=True)
class KlineQuery:
    """A question for candles, checked. Times are inclusive bounds on the candles' open; None is no bound."""

    symbol: str
    interval: str
    start_ms: int | None
    end_ms: int | None
    limit: int


def kline_query(params: Mapping[str, str], *, symbol: str, step_ms: int) -> KlineQuery:
    """Reads the query string as the exchange does. Raises KlineRefusal with its code.

    A limit above 1000 is served as 1000. Only `symbol` and the interval of `step_ms` exist here.
    """
    for name in ("symbol", "interval"):
        if not params.get(name):
            raise KlineRefusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    if _SYMBOL.fullmatch(params["symbol"]) is None:
        raise KlineRefusal(
            -1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
        )
    if INTERVALS.get(params["interval"]) != step_ms:
        raise KlineRefusal(-1120, "Invalid interval.")
    limit = _whole(params, "limit")
    start_ms, end_ms = _whole(params, "startTime"), _whole(params, "endTime")
    if limit == 0:
        raise KlineRefusal(-1130, "Data sent for parameter 'limit' is not valid.")
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise KlineRefusal(-1127, "Start time is greater than end time.")
    if params["symbol"] != symbol:
        raise KlineRefusal(-1121, "Invalid symbol.")
    return KlineQuery(symbol, params["interval"], start_ms, end_ms, min(limit or DEFAULT_LIMIT, MAX_LIMIT))


def select_klines(source: CandleSource, query: KlineQuery, *, now_ms: int) -> CandleArrays:
    """The candles asked for that have opened by `now_ms`, oldest first; the last one may still be running.

    With a start: the first `limit` from there. Without: the last `limit` up to the end (or now).
    """
    until_ms = min(now_ms, query.end_ms if query.end_ms is not None else now_ms) + 1
    if query.start_ms is not None:
        return first_candles(source, query.start_ms, until_ms, query.limit)
    return last_candles(source, until_ms, query.limit)


def klines_json(candles: CandleArrays, *, step_ms: int, now_ms: int) -> str:
    """The exchange's twelve fields a candle.

    A candle that still runs shows its opening price and no volume: what it will become is not known yet, and a
    stand-in exchange must not tell. Quote volume is volume times close; trades and taker volumes, which no source
    here records, are zero.
    """
    rows = []
    for candle in candles.candles():
        close_time = candle.open_time_ms + step_ms - 1
        prices = [candle.open_e8, candle.high_e8, candle.low_e8, candle.close_e8]
        volume = candle.volume
        if close_time >= now_ms:
            prices, volume = [candle.open_e8] * 4, 0.0
        quote_volume = volume * prices[3] / 1e8
        rows.append(
            [
                candle.open_time_ms,
                *(text_of_price(price) for price in prices),
                f"{volume:.8f}",
                close_time,
                f"{quote_volume:.8f}",
                0,
                "0.00000000",
                "0.00000000",
                "0",
            ]
        )
    return json.dumps(rows, separators=(",", ":"))


def exchange_info_json(*, symbol: str, base: str, quote: str, now_ms: int) -> str:
    """/exchangeInfo with the one spot symbol there is."""
    filters = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.01000000",
            "maxPrice": "1000000.00000000",
            "tickSize": "0.01000000",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "avgPriceMins": 5},
    ]
    listing = {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters,
        "permissions": ["SPOT"],
    }
    return json.dumps(
        {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [], "exchangeFilters": [], "symbols": [listing]},
        separators=(",", ":"),
    )


def refusal_json(code: int, message: str) -> str:
    """The exchange's error body, as in {"code":-1121,"msg":"Invalid symbol."}."""
    return json.dumps({"code": code, "msg": message}, separators=(",", ":"))


def _whole(params: Mapping[str, str], name: str) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    if _DIGITS.fullmatch(text) is None:
        legal = "'^[0-9]{1,20}$'"
        raise KlineRefusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is {legal}.")
    return int(text)
