"""Kraken spot: GET /0/public/OHLC, /Time, /AssetPairs, /Assets, /SystemStatus, and the ohlc channel of WebSocket v2.

Formats and refusals follow the exchange's public documentation: the last 720 finished candles and never more, the
running one always at the end, `since` excludes what it names, refusals with HTTP 200. What no source here records
(trades, the volume-weighted price) is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
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
    iso_text,
    ohlc_texts,
    read_object,
    texts_in,
    whole,
)
from protocol.units import SECOND_MS

KEPT: Final = 720
STREAM_PATH: Final = "/v2"
SNAPSHOT: Final = 10
_OLD_ASSETS: Final[Mapping[str, str]] = {"BTC": "XXBT"} | {
    code: letter + code
    for letter, codes in (("X", ("ETH", "LTC", "XRP", "XLM", "XMR", "ZEC", "ETC")), ("Z", ("USD", "EUR", "GBP", "JPY")))
    for code in codes
}
"""Assets that the exchange has listed since long, with the class letter that it still puts before them."""
_ALTERNATIVES: Final[Mapping[str, str]] = {"BTC": "XBT", "DOGE": "XDG"}
_OTHER_PAIRS: Final[Mapping[str, str]] = {"USDTUSD": "USDTZUSD"}
_DECIMALS: Final = 1
_TROUBLES: Final[Mapping[int, str]] = {
    429: "EAPI:Rate limit exceeded",
    502: "EService:Unavailable",
    503: "EService:Busy",
    504: "EService:Deadline elapsed",
}


def answer(ask: Ask, shelf: Shelf) -> Reply:
    """As Dialect.answer."""
    match ask.path:
        case "/0/public/OHLC":
            return _result(_ohlc(ask.params, shelf))
        case "/0/public/Time":
            seconds = shelf.now_ms // SECOND_MS
            date = datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %y %H:%M:%S +0000")
            return _result(compact({"unixtime": seconds, "rfc1123": date}))
        case "/0/public/SystemStatus":
            return _result(compact({"status": "online", "timestamp": iso_text(shelf.now_ms, digits=0)}))
        case "/0/public/Assets":
            return _result(compact({_asset(code): _asset_info(code) for code in _codes(shelf.listing)}))
        case "/0/public/AssetPairs":
            if ask.params.get("pair", _pair(shelf.listing)) not in _pair_names(shelf.listing):
                raise _refusal("EQuery:Unknown asset pair")
            return _result(compact({_pair(shelf.listing): _pair_info(shelf.listing)}))
    raise _refusal("EGeneral:Unknown method")


def trouble(status: int) -> str:
    """As Dialect.trouble."""
    if status in {403, 418, 451}:
        return "<html><head><title>Access denied</title></head><body>Cloudflare</body></html>"
    return compact({"error": [_TROUBLES.get(status, "EGeneral:Internal error")]})


def _ohlc(params: Mapping[str, str], shelf: Shelf) -> str:
    """Eight fields a candle, oldest first; `last` is the opening second of the newest finished one."""
    if "pair" not in params:
        raise _refusal("EGeneral:Invalid arguments")
    if params["pair"] not in _pair_names(shelf.listing):
        raise _refusal("EQuery:Unknown asset pair")
    if params.get("interval", "1") != str(MINUTES[shelf.step_ms]):
        raise _refusal("EGeneral:Invalid arguments")
    try:
        since_ms = whole(params.get("since", "0")) * SECOND_MS
    except ValueError:
        raise _refusal("EGeneral:Invalid arguments") from None
    page = shelf.last(shelf.now_ms + 1, KEPT + 1)
    finished = [shown for shown in page if shown.is_final][-KEPT:]
    last_ms = finished[-1].candle.open_time_ms if finished else since_ms
    shown_rows = [one for one in finished if one.candle.open_time_ms > since_ms]
    rows = ",".join(_row(one) for one in shown_rows + [one for one in page if not one.is_final])
    return f'{{"{_pair(shelf.named)}":[{rows}],"last":{last_ms // SECOND_MS}}}'


def _row(shown: ShownCandle) -> str:
    prices = ohlc_texts(shown, decimals=_DECIMALS)
    volume = amount_text(shown.candle.volume, decimals=8)
    return compact([shown.candle.open_time_ms // SECOND_MS, *prices, "0.0", volume, 0])


def _asset_info(code: str) -> dict[str, object]:
    alternative = _ALTERNATIVES.get(code, code)
    return {"aclass": "currency", "altname": alternative, "decimals": 10, "display_decimals": 5, "status": "enabled"}


def _pair_info(listing: Listing) -> dict[str, object]:
    base, quote = _alternatives(listing)
    return {
        "altname": base + quote,
        "wsname": f"{base}/{quote}",
        "aclass_base": "currency",
        "base": _asset(listing.base),
        "aclass_quote": "currency",
        "quote": _asset(listing.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": _DECIMALS,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": "0.1",
        "status": "online",
    }


def opens(ask: Ask, shelf: Shelf) -> Heard | None:
    """Version 2 greets with its status."""
    if ask.path != STREAM_PATH:
        return None
    status = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 1}
    return Heard((compact({"channel": "status", "type": "update", "data": [status]}),))


def hear(text: str, line: Line, shelf: Shelf) -> Heard:
    """subscribe and unsubscribe to ohlc, one answer for each symbol, and ping."""
    message = read_object(text)
    if message is None:
        return Heard((_answered({"error": "Malformed request", "success": False}, {}, shelf),))
    method, params = message.get("method"), message.get("params")
    if method == "ping":
        return Heard((_answered({"method": "pong"}, message, shelf),))
    if method not in ("subscribe", "unsubscribe") or not isinstance(params, dict):
        return Heard((_answered({"error": "Unsupported method", "success": False}, message, shelf),))
    replies, topics = [], []
    for symbol in texts_in(params.get("symbol")):
        wrong = _wrong(symbol, params, shelf)
        if wrong:
            refused = {"error": wrong, "method": method, "success": False, "symbol": symbol[:40]}
            replies.append(_answered(refused, message, shelf))
            continue
        result: dict[str, object] = {"channel": "ohlc", "symbol": symbol, "interval": params["interval"]}
        if method == "subscribe":
            result["snapshot"] = True
        replies.append(_answered({"method": method, "result": result, "success": True}, message, shelf))
        topics.append(symbol)
    if method == "subscribe":
        return Heard(tuple(replies), begun=tuple(topics))
    return Heard(tuple(replies), ended=tuple(topics))


def say(topic: str, candles: list[ShownCandle], line: Line, shelf: Shelf, is_first: bool) -> str:
    """One ohlc message; its prices are JSON numbers, written to the digit."""
    kind, data = ("snapshot" if is_first else "update"), ",".join(_ohlc_event(shown, shelf) for shown in candles)
    written = iso_text(shelf.now_ms, digits=9)
    return f'{{"channel":"ohlc","type":"{kind}","timestamp":"{written}","data":[{data}]}}'


def _ohlc_event(shown: ShownCandle, shelf: Shelf) -> str:
    opened, high, low, close = ohlc_texts(shown, decimals=_DECIMALS)
    volume, at = amount_text(shown.candle.volume, decimals=1), shown.candle.open_time_ms
    begin, end = iso_text(at, digits=9), iso_text(at + shelf.step_ms, digits=6)
    return (
        f'{{"symbol":"{_symbol(shelf.named)}","open":{opened},"high":{high},"low":{low},"close":{close},"trades":0,'
        f'"volume":{volume},"vwap":0.0,"interval_begin":"{begin}","interval":{MINUTES[shelf.step_ms]},'
        f'"timestamp":"{end}"}}'
    )


def _wrong(symbol: str, params: Mapping[str, object], shelf: Shelf) -> str:
    """Why this subscription cannot be; empty where it can."""
    if params.get("channel") != "ohlc":
        return f"Subscription channel {str(params.get('channel'))[:40]} not supported"
    if symbol != _symbol(shelf.listing):
        return f"Currency pair not supported {symbol[:40]}"
    if params.get("interval") != MINUTES[shelf.step_ms]:
        return "Subscription ohlc interval not supported"
    return ""


def _answered(said: Mapping[str, object], message: Mapping[str, object], shelf: Shelf) -> str:
    now = iso_text(shelf.now_ms, digits=6)
    numbered = {"req_id": message["req_id"]} if isinstance(message.get("req_id"), int) else {}
    return compact({**said, "time_in": now, "time_out": now, **numbered})


def _codes(listing: Listing) -> tuple[str, str]:
    return listing.base, listing.quote


def _asset(code: str) -> str:
    return _OLD_ASSETS.get(code, _ALTERNATIVES.get(code, code))


def _alternatives(listing: Listing) -> tuple[str, str]:
    return _ALTERNATIVES.get(listing.base, listing.base), _ALTERNATIVES.get(listing.quote, listing.quote)


def _pair(listing: Listing) -> str:
    """The pair's key: with class letters where both assets have one, else without any."""
    if listing.base in _OLD_ASSETS and listing.quote in _OLD_ASSETS:
        return _asset(listing.base) + _asset(listing.quote)
    plain = "".join(_alternatives(listing))
    return _OTHER_PAIRS.get(plain, plain)


def _pair_names(listing: Listing) -> frozenset[str]:
    return frozenset({_pair(listing), "".join(_alternatives(listing)), "/".join(_alternatives(listing))})


def _symbol(listing: Listing) -> str:
    """As version 2 of the stream writes it."""
    return f"{listing.base}/{listing.quote}"


def _result(text: str) -> Reply:
    return Reply(f'{{"error":[],"result":{text}}}')


def _refusal(error: str) -> Refusal:
    return Refusal(Reply(compact({"error": [error]})))


KRAKEN: Final = Dialect("kraken", answer, trouble, Stream(opens, hear, say, snapshot=SNAPSHOT))
