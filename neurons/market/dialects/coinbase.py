"""Coinbase Advanced Trade: the public product endpoints of /api/v3/brokerage, /v2 lists, and the candles channel.

Formats and refusals follow the exchange's public documentation: pages newest first, no page without a start and an
end, fewer than 350 candles at a time, a stream of five-minute candles alone.
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
from neurons.market.dialects.writing import amount_text, compact, iso_text, ohlc_texts, read_object, texts_in, whole
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS

MOST_CANDLES: Final = 350
STREAMED_STEP_MS: Final = 5 * MINUTE_MS
SNAPSHOT: Final = 100
_GRANULARITIES: Final[Mapping[int, str]] = {
    MINUTE_MS: "ONE_MINUTE",
    5 * MINUTE_MS: "FIVE_MINUTE",
    15 * MINUTE_MS: "FIFTEEN_MINUTE",
    30 * MINUTE_MS: "THIRTY_MINUTE",
    HOUR_MS: "ONE_HOUR",
}
_PRODUCTS: Final = "/api/v3/brokerage/market/products"


def answer(ask: Ask, shelf: Shelf) -> Reply:
    """As Dialect.answer."""
    match ask.path:
        case "/api/v3/brokerage/time":
            at = {"epochSeconds": str(shelf.now_ms // SECOND_MS), "epochMillis": str(shelf.now_ms)}
            return Reply(compact({"iso": iso_text(shelf.now_ms, digits=0)} | at))
        case "/v2/time":
            at_v2 = {"iso": iso_text(shelf.now_ms, digits=0), "epoch": shelf.now_ms // SECOND_MS}
            return Reply(compact({"data": at_v2}))
        case "/v2/currencies":
            quote = {"id": shelf.listing.quote, "name": shelf.listing.quote, "min_size": "0.01000000"}
            return Reply(compact({"data": [quote]}))
        case "/v2/currencies/crypto":
            return Reply(compact({"data": [_coin(shelf.listing.base)]}))
        case "/v2/exchange-rates":
            return Reply(compact({"data": {"currency": "USD", "rates": {"USD": "1.0"}}}))
    if ask.path == _PRODUCTS:
        listed = [] if ask.params.get("product_type", "SPOT") != "SPOT" else [_product_info(shelf)]
        return Reply(compact({"products": listed, "num_products": len(listed)}))
    product, _, rest = ask.path.removeprefix(f"{_PRODUCTS}/").partition("/")
    if not ask.path.startswith(f"{_PRODUCTS}/") or rest not in {"", "candles"}:
        raise Refusal(Reply(trouble(404), 404))
    if product != _product(shelf.listing):
        raise _refusal("NOT_FOUND", "valid product_id is required", 404)
    return Reply(_candles(ask.params, shelf) if rest else compact(_product_info(shelf)))


def trouble(status: int) -> str:
    """As Dialect.trouble."""
    if status == 429:
        return compact({"error": "RESOURCE_EXHAUSTED", "error_details": "rate limited", "message": "rate limited"})
    if status in {403, 418, 451}:
        return "<html><body>Access denied</body></html>"
    if status == 404:
        return compact({"error": "NOT_FOUND", "error_details": "Not Found", "message": "Not Found"})
    return compact({"error": "INTERNAL", "error_details": "internal server error", "message": "internal server error"})


def _candles(params: Mapping[str, str], shelf: Shelf) -> str:
    """Six named texts a candle, newest first, of those that open in [start, end], both in seconds."""
    if params.get("granularity") != _GRANULARITIES.get(shelf.step_ms, ""):
        raise _refusal("INVALID_ARGUMENT", "granularity argument is invalid")
    try:
        start_ms, end_ms = (whole(params.get(name, "")) * SECOND_MS for name in ("start", "end"))
        limit = whole(params.get("limit", str(MOST_CANDLES)))
    except ValueError:
        raise _refusal("INVALID_ARGUMENT", "start and end argument is invalid") from None
    if start_ms > end_ms:
        raise _refusal("INVALID_ARGUMENT", "start must be before end")
    if (end_ms - start_ms) // shelf.step_ms >= MOST_CANDLES:
        detail = f"start and end argument is invalid - number of candles requested should be less than {MOST_CANDLES} "
        raise _refusal("INVALID_ARGUMENT", detail)
    page = shelf.last(end_ms + 1, max(1, min(limit, MOST_CANDLES)))
    rows = [_row(shown) for shown in reversed(page) if shown.candle.open_time_ms >= start_ms]
    return compact({"candles": rows})


def _row(shown: ShownCandle) -> dict[str, str]:
    opened, high, low, close = ohlc_texts(shown, decimals=0)
    at = str(shown.candle.open_time_ms // SECOND_MS)
    prices = {"low": low, "high": high, "open": opened, "close": close}
    return {"start": at} | prices | {"volume": amount_text(shown.candle.volume, decimals=0)}


def _product_info(shelf: Shelf) -> dict[str, object]:
    listing = shelf.listing
    latest = shelf.last(shelf.now_ms + 1, 1)
    return {
        "product_id": _product(listing),
        "price": ohlc_texts(latest[-1], decimals=0)[3] if latest else "",
        "price_percentage_change_24h": "",
        "volume_24h": "",
        "volume_percentage_change_24h": "",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": "0.00000001",
        "base_max_size": "3400",
        "base_name": listing.base,
        "quote_name": listing.quote,
        "status": "online",
        "is_disabled": False,
        "trading_disabled": False,
        "product_type": "SPOT",
        "quote_currency_id": listing.quote,
        "base_currency_id": listing.base,
        "base_display_symbol": listing.base,
        "quote_display_symbol": listing.quote,
        "price_increment": "0.01",
        "display_name": _product(listing),
        "product_venue": "CBE",
    }


def _coin(code: str) -> dict[str, object]:
    named = {"asset_id": "5b71fc48-3dd3-540c-809b-f8c94d0e68b5", "code": code, "name": code, "color": "#F7931A"}
    return named | {"sort_index": 100, "exponent": 8, "type": "crypto", "address_regex": ""}


def opens(ask: Ask, shelf: Shelf) -> Heard | None:
    """The stream has a host of its own and no path."""
    return Heard() if ask.path == "/" else None


def hear(text: str, line: Line, shelf: Shelf) -> Heard:
    """subscribe and unsubscribe to candles; the answer lists what the connection then listens to."""
    message = read_object(text)
    kind = message.get("type") if message is not None else None
    if message is None or kind not in ("subscribe", "unsubscribe"):
        return Heard((_error("invalid message"),))
    products = texts_in(message.get("product_ids"))
    if message.get("channel") != "candles" or shelf.step_ms != STREAMED_STEP_MS:
        return Heard((_error("channel is not supported"),))
    if products != [_product(shelf.listing)]:
        return Heard((_error("product_ids are invalid"),))
    listened = {"candles": products} if kind == "subscribe" else {}
    reply = (_event("subscriptions", {"subscriptions": listened}, line, shelf),)
    return Heard(reply, begun=tuple(products)) if kind == "subscribe" else Heard(reply, ended=tuple(products))


def say(topic: str, candles: list[ShownCandle], line: Line, shelf: Shelf, is_first: bool) -> str:
    """One candles message: a snapshot first, newest first, then updates."""
    rows = [_row(shown) | {"product_id": _product(shelf.named)} for shown in reversed(candles)]
    return _event("candles", {"type": "snapshot" if is_first else "update", "candles": rows}, line, shelf)


def _event(channel: str, event: Mapping[str, object], line: Line, shelf: Shelf) -> str:
    """Messages of a connection are numbered, so that a client sees when one is lost."""
    head = {"channel": channel, "client_id": "", "timestamp": iso_text(shelf.now_ms, digits=9)}
    return compact({**head, "sequence_num": line.sent, "events": [event]})


def _product(listing: Listing) -> str:
    return f"{listing.base}-{listing.quote}"


def _error(message: str) -> str:
    return compact({"type": "error", "message": message})


def _refusal(error: str, detail: str, status: int = 400) -> Refusal:
    return Refusal(Reply(compact({"error": error, "error_details": detail, "message": detail}), status))


COINBASE: Final = Dialect("coinbase", answer, trouble, Stream(opens, hear, say, snapshot=SNAPSHOT))
