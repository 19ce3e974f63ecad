"""Binance spot: GET /api/v3/klines, /time, /ping, /exchangeInfo, and the kline streams of /ws and /stream.

Formats and refusals follow the exchange's public documentation. What no source here records (trades, taker volumes)
is zero; quote volume is volume times close.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from neurons.market.dialects.speech import (
    Ask,
    Dialect,
    Heard,
    Line,
    Listing,
    Refusal,
    Reply,
    Shelf,
    ShownCandle,
    Stream,
)
from neurons.market.dialects.writing import (
    MINUTES,
    amount_text,
    compact,
    ohlc_texts,
    read_object,
    texts_in,
    turnover,
    whole,
)

DEFAULT_LIMIT: Final = 500
MAX_LIMIT: Final = 1_000
_SYMBOL: Final = re.compile(r"[A-Z0-9\-_.]{1,20}")
_NOTHING_LISTED: Final = compact(
    {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [], "symbols": []}
)
_TROUBLES: Final[Mapping[int, tuple[int, str]]] = {
    418: (-1003, "Way too much request weight used; IP banned until 1500000000000. Please use WebSocket Streams."),
    429: (-1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."),
    451: (
        0,
        "Service unavailable from a restricted location according to 'b. Eligibility' in "
        "https://www.binance.com/en/terms. Please contact customer service if you believe you received this "
        "message in error.",
    ),
}


def answer(ask: Ask, shelf: Shelf) -> Reply:
    """As Dialect.answer."""
    match ask.path:
        case "/api/v3/klines":
            return _klines(ask.params, shelf)
        case "/api/v3/time":
            return Reply(compact({"serverTime": shelf.now_ms}))
        case "/api/v3/ping":
            return Reply("{}")
        case "/api/v3/exchangeInfo":
            if ask.params.get("symbol", _symbol(shelf.listing)) != _symbol(shelf.listing):
                raise _refusal(-1121, "Invalid symbol.")
            return Reply(_exchange_info(shelf))
        case "/fapi/v1/exchangeInfo" | "/dapi/v1/exchangeInfo":
            return Reply(_NOTHING_LISTED)
    raise Refusal(Reply("<html><body><h2>404 Not found</h2></body></html>", 404))


def trouble(status: int) -> str:
    """As Dialect.trouble."""
    code, message = _TROUBLES.get(status, (-1000, "An unknown error occurred while processing the request."))
    return compact({"code": code, "msg": message})


def _klines(params: Mapping[str, str], shelf: Shelf) -> Reply:
    """Twelve fields a candle. With a start: the first `limit` from there. Without: the last `limit` up to the end.

    A limit above 1000 is served as 1000; times are inclusive bounds on the candles' open.
    """
    for name in ("symbol", "interval"):
        if not params.get(name):
            raise _refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    if _SYMBOL.fullmatch(params["symbol"]) is None:
        raise _refusal(-1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.")
    if params["interval"] != _interval(shelf):
        raise _refusal(-1120, "Invalid interval.")
    limit = _whole(params, "limit")
    start_ms, end_ms = _whole(params, "startTime"), _whole(params, "endTime")
    if limit == 0:
        raise _refusal(-1130, "Data sent for parameter 'limit' is not valid.")
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise _refusal(-1127, "Start time is greater than end time.")
    if params["symbol"] != _symbol(shelf.listing):
        raise _refusal(-1121, "Invalid symbol.")
    count = min(limit or DEFAULT_LIMIT, MAX_LIMIT)
    until_ms = (shelf.now_ms if end_ms is None else end_ms) + 1
    page = shelf.last(until_ms, count) if start_ms is None else shelf.first(start_ms, until_ms, count)
    return Reply(compact([_row(shown, shelf.step_ms) for shown in page]))


def _row(shown: ShownCandle, step_ms: int) -> list[int | str]:
    at = shown.candle.open_time_ms
    volumes = (amount_text(shown.candle.volume, decimals=8), amount_text(turnover(shown), decimals=8))
    prices = ohlc_texts(shown, decimals=8)
    return [at, *prices, volumes[0], at + step_ms - 1, volumes[1], 0, "0.00000000", "0.00000000", "0"]


def _exchange_info(shelf: Shelf) -> str:
    listing = shelf.listing
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
    symbol = {
        "symbol": _symbol(listing),
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
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
    listed = {"rateLimits": [], "exchangeFilters": [], "symbols": [symbol]}
    return compact({"timezone": "UTC", "serverTime": shelf.now_ms} | listed)


def opens(ask: Ask, shelf: Shelf) -> Heard | None:
    """/ws and /stream; both may name their first topics in the URL. What is no topic here is taken and ignored."""
    root, _, rest = ask.path.strip("/").partition("/")
    if root not in {"ws", "stream"}:
        return None
    named = ask.params.get("streams", "") if root == "stream" else rest
    return Heard(begun=_known(named.split("/"), shelf))


def hear(text: str, line: Line, shelf: Shelf) -> Heard:
    """SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS, as JSON."""
    message = read_object(text)
    if message is None:
        return Heard((compact({"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}}),))
    number, topics = message.get("id"), texts_in(message.get("params"))
    match message.get("method"):
        case "SUBSCRIBE":
            return Heard((compact({"result": None, "id": number}),), begun=_known(topics, shelf))
        case "UNSUBSCRIBE":
            return Heard((compact({"result": None, "id": number}),), ended=tuple(topics))
        case "LIST_SUBSCRIPTIONS":
            return Heard((compact({"result": sorted(line.topics), "id": number}),))
    wrong = {"code": 2, "msg": "Invalid request: unknown variant of `method`"}
    return Heard((compact({"error": wrong, "id": number}),))


def say(topic: str, candles: list[ShownCandle], line: Line, shelf: Shelf, is_first: bool) -> str:
    """One kline event; /stream wraps it with its topic. Of several candles, the stream only knows the last."""
    shown, symbol = candles[-1], _symbol(shelf.named)
    opened, high, low, close = ohlc_texts(shown, decimals=8)
    at = shown.candle.open_time_ms
    kline = {"t": at, "T": at + shelf.step_ms - 1, "s": symbol, "i": _interval(shelf), "f": -1, "L": -1}
    kline |= {"o": opened, "c": close, "h": high, "l": low, "v": amount_text(shown.candle.volume, decimals=8), "n": 0}
    kline |= {"x": shown.is_final, "q": amount_text(turnover(shown), decimals=8), "V": "0", "Q": "0", "B": "0"}
    event = {"e": "kline", "E": shelf.now_ms, "s": symbol, "k": kline}
    return compact({"stream": topic, "data": event} if line.path.startswith("/stream") else event)


def _known(topics: list[str], shelf: Shelf) -> tuple[str, ...]:
    ours = f"{_symbol(shelf.listing).lower()}@kline_{_interval(shelf)}"
    return (ours,) if ours in topics else ()


def _symbol(listing: Listing) -> str:
    return listing.base + listing.quote


def _interval(shelf: Shelf) -> str:
    minutes = MINUTES[shelf.step_ms]
    return "1h" if minutes == 60 else f"{minutes}m"


def _whole(params: Mapping[str, str], name: str) -> int | None:
    text = params.get(name)
    try:
        return None if text is None else whole(text)
    except ValueError:
        legal = "'^[0-9]{1,20}$'"
        raise _refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is {legal}.") from None


def _refusal(code: int, message: str) -> Refusal:
    return Refusal(Reply(compact({"code": code, "msg": message}), 400))


BINANCE: Final = Dialect("binance", answer, trouble, Stream(opens, hear, say))
