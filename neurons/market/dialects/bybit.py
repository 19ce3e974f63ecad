"""Bybit v5 spot: GET /v5/market/kline, /time, /instruments-info, and the kline topics of /v5/public/spot.

Formats and refusals follow the exchange's public documentation: pages newest first, refusals with HTTP 200.
"""

from __future__ import annotations

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
from protocol.units import SECOND_MS

DEFAULT_LIMIT: Final = 200
MAX_LIMIT: Final = 1_000
STREAM_PATH: Final = "/v5/public/spot"
_CATEGORIES: Final = frozenset({"spot", "linear", "inverse", "option"})
_CONNECTION: Final = "stand-in"
_NO_PLACE: Final = (
    "<html><body>The Amazon CloudFront distribution is configured to block access from your country.</body></html>"
)


def answer(ask: Ask, shelf: Shelf) -> Reply:
    """As Dialect.answer."""
    match ask.path:
        case "/v5/market/kline":
            result = _kline(ask.params, shelf)
        case "/v5/market/time":
            seconds, milliseconds = divmod(shelf.now_ms, SECOND_MS)
            result = {"timeSecond": str(seconds), "timeNano": f"{seconds}{milliseconds:03d}000000"}
        case "/v5/market/instruments-info":
            result = _instruments(ask.params, shelf)
        case _:
            raise Refusal(Reply("<html><body>404 page not found</body></html>", 404))
    return Reply(_body(0, "OK", result, shelf.now_ms))


def trouble(status: int) -> str:
    """As Dialect.trouble. A country that is not served is refused with 403 by what stands before the exchange."""
    if status in {403, 451}:
        return _NO_PLACE
    if status == 429:
        return _body(10006, "Too many visits. Exceeded the API Rate Limit.", {}, 0)
    return _body(10016, "Internal System Error.", {}, 0)


def _kline(params: Mapping[str, str], shelf: Shelf) -> dict[str, object]:
    """Seven texts a candle, newest first. With a start alone: from there on. With an end: the last up to it.

    A candle that holds the start counts as within it. Times are inclusive.
    """
    if params.get("category", "linear") != "spot" or params.get("symbol") != _symbol(shelf.listing):
        raise _refusal(10001, "Not supported symbols", shelf)
    if params.get("interval") != _interval(shelf):
        raise _refusal(10001, "Invalid period!", shelf)
    limit = _whole(params, "limit", shelf)
    start_ms, end_ms = _whole(params, "start", shelf), _whole(params, "end", shelf)
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise _refusal(10001, "startTime is greater than endTime", shelf)
    count = min(DEFAULT_LIMIT if limit is None else max(1, limit), MAX_LIMIT)
    until_ms = (shelf.now_ms if end_ms is None else end_ms) + 1
    first_ms = 0 if start_ms is None else start_ms // shelf.step_ms * shelf.step_ms
    if start_ms is not None and end_ms is None:
        page = shelf.first(first_ms, until_ms, count)
    else:
        page = [shown for shown in shelf.last(until_ms, count) if shown.candle.open_time_ms >= first_ms]
    rows = [
        [str(one.candle.open_time_ms), *ohlc_texts(one, decimals=0), _amount(one.candle.volume), _amount(turnover(one))]
        for one in reversed(page)
    ]
    return {"category": "spot", "symbol": _symbol(shelf.named), "list": rows}


def _instruments(params: Mapping[str, str], shelf: Shelf) -> dict[str, object]:
    category, listing = params.get("category"), shelf.listing
    if category not in _CATEGORIES:
        raise _refusal(10001, "params error: Category is invalid", shelf)
    if category != "spot":
        return {"category": category, "list": [], "nextPageCursor": ""}
    if params.get("symbol", _symbol(listing)) != _symbol(listing):
        return {"category": "spot", "list": []}
    lot = {
        "basePrecision": "0.000001",
        "quotePrecision": "0.00000001",
        "minOrderQty": "0.000011",
        "maxOrderQty": "83",
        "minOrderAmt": "5",
        "maxOrderAmt": "8000000",
    }
    instrument = {
        "symbol": _symbol(listing),
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "lotSizeFilter": lot,
        "priceFilter": {"tickSize": "0.01"},
    }
    return {"category": "spot", "list": [instrument]}


def opens(ask: Ask, shelf: Shelf) -> Heard | None:
    """Only spot is listed here."""
    return Heard() if ask.path == STREAM_PATH else None


def hear(text: str, line: Line, shelf: Shelf) -> Heard:
    """subscribe, unsubscribe and ping. One topic that there is not refuses the whole message."""
    message = read_object(text)
    operation = message.get("op") if message is not None else None
    if message is None or operation not in ("subscribe", "unsubscribe", "ping"):
        return Heard((_ack(False, "error:invalid op", message or {}),))
    if operation == "ping":
        return Heard((_ack(True, "pong", message),))
    topics = texts_in(message.get("args"))
    unknown = [topic for topic in topics if topic != _topic(shelf)]
    if unknown:
        return Heard((_ack(False, f"error:handler not found,topic:{unknown[0][:80]}", message),))
    acknowledged = (_ack(True, "", message),)
    if operation == "unsubscribe":
        return Heard(acknowledged, ended=tuple(topics))
    if line.topics.intersection(topics):
        return Heard((_ack(False, f"error:already subscribed,topic:{topics[0]}", message),))
    return Heard(acknowledged, begun=tuple(topics))


def say(topic: str, candles: list[ShownCandle], line: Line, shelf: Shelf, is_first: bool) -> str:
    """One kline message; every one is called a snapshot, as the exchange does."""
    data = [_kline_event(shown, shelf) for shown in candles]
    named = f"kline.{_interval(shelf)}.{_symbol(shelf.named)}"
    return compact({"topic": named, "data": data, "ts": shelf.now_ms, "type": "snapshot"})


def _kline_event(shown: ShownCandle, shelf: Shelf) -> dict[str, object]:
    opened, high, low, close = ohlc_texts(shown, decimals=0)
    at = shown.candle.open_time_ms
    event: dict[str, object] = {"start": at, "end": at + shelf.step_ms - 1, "interval": _interval(shelf)}
    event |= {"open": opened, "close": close, "high": high, "low": low, "volume": _amount(shown.candle.volume)}
    return event | {"turnover": _amount(turnover(shown)), "confirm": shown.is_final, "timestamp": shelf.now_ms}


def _topic(shelf: Shelf) -> str:
    return f"kline.{_interval(shelf)}.{_symbol(shelf.listing)}"


def _symbol(listing: Listing) -> str:
    return listing.base + listing.quote


def _interval(shelf: Shelf) -> str:
    return str(MINUTES[shelf.step_ms])


def _amount(amount: float) -> str:
    return amount_text(amount, decimals=0)


def _ack(success: bool, said: str, message: Mapping[str, object]) -> str:
    ack = {"success": success, "ret_msg": said, "conn_id": _CONNECTION}
    if "req_id" in message:
        ack["req_id"] = str(message["req_id"])[:64]
    return compact(ack | {"op": str(message.get("op", ""))[:32]})


def _whole(params: Mapping[str, str], name: str, shelf: Shelf) -> int | None:
    text = params.get(name)
    try:
        return None if text is None else whole(text)
    except ValueError:
        raise _refusal(10001, f"params error: {name} invalid", shelf) from None


def _body(code: int, message: str, result: object, now_ms: int) -> str:
    return compact({"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms})


def _refusal(code: int, message: str, shelf: Shelf) -> Refusal:
    return Refusal(Reply(_body(code, message, {}, shelf.now_ms)))


BYBIT: Final = Dialect("bybit", answer, trouble, Stream(opens, hear, say))
