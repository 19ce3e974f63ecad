"""Coinbase Exchange: GET /products/ID/candles, /products, /currencies and /time. It streams no candles.

Formats and refusals follow the exchange's public documentation: pages newest first, numbers instead of texts, low and
high before open and close, at most 300 candles at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from neurons.market.dialects.speech import (
    Ask,
    Dialect,
    Listing,
    Refusal,
    Reply,
    Shelf,
    ShownCandle,
)
from neurons.market.dialects.writing import amount_text, compact, iso_text, ohlc_texts, whole
from protocol.units import SECOND_MS

MOST_CANDLES: Final = 300


def answer(ask: Ask, shelf: Shelf) -> Reply:
    """As Dialect.answer."""
    product = f"{shelf.listing.base}-{shelf.listing.quote}"
    match ask.path.strip("/").split("/"):
        case ["time"]:
            return Reply(compact({"iso": iso_text(shelf.now_ms, digits=3), "epoch": shelf.now_ms / SECOND_MS}))
        case ["currencies"]:
            return Reply(compact([_currency(code) for code in (shelf.listing.base, shelf.listing.quote)]))
        case ["products"]:
            return Reply(compact([_product_info(shelf.listing)]))
        case ["products", named] if named == product:
            return Reply(compact(_product_info(shelf.listing)))
        case ["products", named, "candles"] if named == product:
            return Reply(_candles(ask.params, shelf))
    raise Refusal(Reply(trouble(404), 404))


def trouble(status: int) -> str:
    """As Dialect.trouble."""
    known = {404: "NotFound", 429: "Public rate limit exceeded", 451: "Unavailable in your region"}
    return compact({"message": known.get(status, "Internal server error")})


def _candles(params: Mapping[str, str], shelf: Shelf) -> str:
    """[second, low, high, open, close, volume] a candle, newest first; without bounds the last 300."""
    if params.get("granularity", "60") != str(shelf.step_ms // SECOND_MS):
        raise _refusal("Unsupported granularity")
    try:
        start_ms, end_ms = (_instant_ms(params[name]) if name in params else None for name in ("start", "end"))
    except (ValueError, OverflowError):
        raise _refusal("Invalid start or end") from None
    end_ms = shelf.now_ms if end_ms is None else end_ms
    if start_ms is not None and (end_ms - start_ms) // shelf.step_ms > MOST_CANDLES:
        raise _refusal(
            "granularity too small for the requested time range. "
            f"Count of aggregations requested exceeds {MOST_CANDLES}"
        )
    page = shelf.last(end_ms + 1, MOST_CANDLES)
    rows = [_row(shown) for shown in reversed(page) if shown.candle.open_time_ms >= (start_ms or 0)]
    return f"[{','.join(rows)}]"


def _row(shown: ShownCandle) -> str:
    opened, high, low, close = ohlc_texts(shown, decimals=0)
    volume = amount_text(shown.candle.volume, decimals=0)
    return f"[{shown.candle.open_time_ms // SECOND_MS},{low},{high},{opened},{close},{volume}]"


def _instant_ms(text: str) -> int:
    """An instant as the exchange takes it: seconds since the epoch, or ISO 8601 with its zone."""
    if text.isdecimal():
        return whole(text) * SECOND_MS
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    return round(at.timestamp() * SECOND_MS)


def _product_info(listing: Listing) -> dict[str, object]:
    return {
        "id": f"{listing.base}-{listing.quote}",
        "base_currency": listing.base,
        "quote_currency": listing.quote,
        "quote_increment": "0.01",
        "base_increment": "0.00000001",
        "display_name": f"{listing.base}/{listing.quote}",
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
    }


def _currency(code: str) -> dict[str, object]:
    return {
        "id": code,
        "name": code,
        "min_size": "0.00000001",
        "status": "online",
        "message": "",
        "max_precision": "0.00000001",
        "convertible_to": [],
        "details": {"type": "crypto"},
        "supported_networks": [],
    }


def _refusal(message: str) -> Refusal:
    return Refusal(Reply(compact({"message": message}), 400))


COINBASE_EXCHANGE: Final = Dialect("coinbaseexchange", answer, trouble, stream=None)
