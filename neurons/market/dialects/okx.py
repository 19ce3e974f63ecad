"""OKX v5 spot: GET /api/v5/market/candles, /history-candles, /public/time, /public/instruments, and candle channels.

Formats and refusals follow the exchange's public documentation: pages newest first, `after` and `before` exclude
what they name, /candles reaches 1440 candles back, candle channels exist on /ws/v5/business alone.
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
from neurons.market.dialects.writing import MINUTES, amount_text, compact, ohlc_texts, read_object, turnover, whole

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 300
RECENT: Final = 1_440
"""How many candles /candles reaches back; older ones are history."""
STREAM_PATH: Final = "/ws/v5/business"
_OTHER_STREAMS: Final = frozenset({"/ws/v5/public", "/ws/v5/private"})
_CONNECTION: Final = "a4d3ae55"
_INSTRUMENT_TYPES: Final = frozenset({"SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"})
_NONE_OF_SPOT: Final = (
    *("alias", "auctionEndTime", "ctMult", "ctType", "ctVal", "ctValCcy", "expTime", "instFamily", "lever", "optType"),
    *("settleCcy", "stk", "uly"),
)
"""Fields of an instrument that are empty for spot."""


def answer(ask: Ask, shelf: Shelf) -> Reply:
    """As Dialect.answer."""
    match ask.path:
        case "/api/v5/market/candles":
            return _data(_candles(ask.params, shelf, is_recent=True))
        case "/api/v5/market/history-candles":
            return _data(_candles(ask.params, shelf, is_recent=False))
        case "/api/v5/public/time":
            return _data([{"ts": str(shelf.now_ms)}])
        case "/api/v5/public/instruments":
            return _data(_instruments(ask.params, shelf))
    raise Refusal(Reply(trouble(404), 404))


def trouble(status: int) -> str:
    """As Dialect.trouble."""
    if status == 429:
        return compact({"msg": "Too Many Requests", "code": "50011"})
    if status in {403, 451}:
        return "<html><body><h1>Sorry, you have been blocked</h1></body></html>"
    if status == 404:
        return compact({"msg": "API endpoint request not found", "code": "50404", "data": []})
    return compact({"msg": "Service temporarily unavailable. Try again later", "code": "50001", "data": []})


def _candles(params: Mapping[str, str], shelf: Shelf, *, is_recent: bool) -> list[list[str]]:
    """Nine texts a candle: the newest `limit` of those that open after `before` and before `after`."""
    if "instId" not in params:
        raise _refusal("50014", "Parameter instId can not be empty.", 400)
    if params["instId"] != _instrument(shelf.listing):
        raise _refusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.", 200)
    if params.get("bar", "1m") != _bar(shelf):
        raise _refusal("51000", "Parameter bar error", 400)
    limit, after_ms, before_ms = (_whole(params, name) for name in ("limit", "after", "before"))
    count = min(DEFAULT_LIMIT if limit is None else max(1, limit), MAX_LIMIT)
    page = shelf.last(shelf.now_ms + 1 if after_ms is None else after_ms, count)
    earliest_ms = -1 if before_ms is None else before_ms
    if is_recent:
        earliest_ms = max(earliest_ms, shelf.now_ms - RECENT * shelf.step_ms)
    return [_row(shown) for shown in reversed(page) if shown.candle.open_time_ms > earliest_ms]


def _row(shown: ShownCandle) -> list[str]:
    volume, quoted = amount_text(shown.candle.volume, decimals=0), amount_text(turnover(shown), decimals=0)
    prices = ohlc_texts(shown, decimals=0)
    return [str(shown.candle.open_time_ms), *prices, volume, quoted, quoted, "1" if shown.is_final else "0"]


def _instruments(params: Mapping[str, str], shelf: Shelf) -> list[dict[str, str]]:
    kind, instrument = params.get("instType"), _instrument(shelf.listing)
    if kind not in _INSTRUMENT_TYPES:
        raise _refusal("51000", "Parameter instType error", 400)
    if kind != "SPOT" or params.get("instId", instrument) != instrument:
        return []
    listed = {"instId": instrument, "instType": "SPOT", "baseCcy": shelf.listing.base, "quoteCcy": shelf.listing.quote}
    sizes = {
        "category": "1",
        "listTime": "1548133413000",
        "lotSz": "0.00000001",
        "maxIcebergSz": "9999999999.0000000000000000",
        "maxLmtAmt": "20000000",
        "maxLmtSz": "9999999999",
        "maxMktAmt": "1000000",
        "maxMktSz": "1000000",
        "maxStopSz": "1000000",
        "maxTriggerSz": "9999999999.0000000000000000",
        "maxTwapSz": "9999999999.0000000000000000",
        "minSz": "0.00001",
        "ruleType": "normal",
        "state": "live",
        "tickSz": "0.01",
    }
    return [listed | sizes | dict.fromkeys(_NONE_OF_SPOT, "")]


def opens(ask: Ask, shelf: Shelf) -> Heard | None:
    """All three of the exchange's streams open; candles are on one of them."""
    return Heard() if ask.path == STREAM_PATH or ask.path in _OTHER_STREAMS else None


def hear(text: str, line: Line, shelf: Shelf) -> Heard:
    """ping as bare text; subscribe and unsubscribe with one answer for each argument."""
    if text == "ping":
        return Heard(("pong",))
    message = read_object(text)
    arguments = message.get("args") if message is not None else None
    operation = message.get("op") if message is not None else None
    if operation not in ("subscribe", "unsubscribe") or not isinstance(arguments, list):
        return Heard((_error("60012", f"Illegal request: {text[:200]}"),))
    replies, topics = [], []
    for argument in arguments:
        topic = argument.get("channel") if isinstance(argument, dict) else None
        if argument != {"channel": _channel(shelf), "instId": _instrument(shelf.listing)} or line.path != STREAM_PATH:
            named = f"channel:{topic},instId:{argument.get('instId')}" if isinstance(argument, dict) else "argument"
            return Heard((_error("60018", f"Wrong URL or {named[:120]} doesn't exist. Please use the correct URL."),))
        topics.append(str(topic))
        replies.append(compact({"event": operation, "arg": argument, "connId": _CONNECTION}))
    if operation == "subscribe":
        return Heard(tuple(replies), begun=tuple(topics))
    return Heard(tuple(replies), ended=tuple(topics))


def say(topic: str, candles: list[ShownCandle], line: Line, shelf: Shelf, is_first: bool) -> str:
    """One push of a candle channel."""
    argument = {"channel": topic, "instId": _instrument(shelf.named)}
    return compact({"arg": argument, "data": [_row(shown) for shown in reversed(candles)]})


def _channel(shelf: Shelf) -> str:
    return f"candle{_bar(shelf)}"


def _instrument(listing: Listing) -> str:
    return f"{listing.base}-{listing.quote}"


def _bar(shelf: Shelf) -> str:
    minutes = MINUTES[shelf.step_ms]
    return "1H" if minutes == 60 else f"{minutes}m"


def _whole(params: Mapping[str, str], name: str) -> int | None:
    text = params.get(name)
    try:
        return None if text is None else whole(text)
    except ValueError:
        raise _refusal("51000", f"Parameter {name} error", 400) from None


def _data(data: object) -> Reply:
    return Reply(compact({"code": "0", "msg": "", "data": data}))


def _error(code: str, message: str) -> str:
    return compact({"event": "error", "msg": message, "code": code, "connId": _CONNECTION})


def _refusal(code: str, message: str, status: int) -> Refusal:
    return Refusal(Reply(compact({"code": code, "msg": message, "data": []}), status))


OKX: Final = Dialect("okx", answer, trouble, Stream(opens, hear, say))
