"""How exchanges write numbers and instants, and how they read whole numbers: what several dialects share."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final

from neurons.market.candles import text_of_price
from neurons.market.dialects.speech import ShownCandle
from protocol.units import MINUTE_MS, PRICE_SCALE, SECOND_MS

MINUTES: Final = {minutes * MINUTE_MS: minutes for minutes in (1, 3, 5, 15, 30, 60)}
"""The steps that exchanges offer, in minutes (those up to an hour)."""
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


def compact(value: object) -> str:
    """JSON without blanks, as exchanges send it."""
    return json.dumps(value, separators=(",", ":"))


def price_text(price_e8: int, *, decimals: int) -> str:
    """The price with at least `decimals` digits after the point, and with as many more as it needs."""
    return _trimmed(text_of_price(price_e8), decimals)


def amount_text(amount: float, *, decimals: int) -> str:
    """An amount >= 0 with at least `decimals` digits after the point and at most eight."""
    return _trimmed(f"{amount:.8f}", decimals)


def ohlc_texts(shown: ShownCandle, *, decimals: int) -> list[str]:
    """Open, high, low and close as text; the close is the fault's junk where there is some."""
    candle = shown.candle
    prices = (candle.open_e8, candle.high_e8, candle.low_e8, candle.close_e8)
    texts = [price_text(price, decimals=decimals) for price in prices]
    if shown.junk:
        texts[3] = shown.junk
    return texts


def turnover(shown: ShownCandle) -> float:
    """Volume in quote units, for formats that have a place for it: volume times close, as no source records more."""
    return shown.candle.volume * shown.candle.close_e8 / PRICE_SCALE


def iso_text(at_ms: int, *, digits: int) -> str:
    """The instant as RFC 3339 in UTC with `digits` (0 to 9) digits of the second's fraction."""
    whole = datetime.fromtimestamp(at_ms // SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{at_ms % SECOND_MS:03d}".ljust(9, "0")[:digits]
    return f"{whole}.{fraction}Z" if digits else f"{whole}Z"


def whole(text: str) -> int:
    """A whole number as exchanges take it. Raises ValueError for a sign, a point, an exponent or too many digits."""
    if _DIGITS.fullmatch(text) is None:
        raise ValueError(f"not a whole number: {text[:40]!r}")
    return int(text)


def read_object(text: str) -> dict[str, object] | None:
    """A client's message where it is a JSON object, else None."""
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def texts_in(value: object) -> list[str]:
    """The texts in a client's list; anything else that stands there is left out."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _trimmed(text: str, decimals: int) -> str:
    """Without zeros at the end beyond the first `decimals` digits; `text` has eight."""
    kept = text[: len(text) - 8 + decimals] if decimals else text[:-9]
    tail = text[len(text) - 8 + decimals :].rstrip("0")
    if not tail:
        return kept
    return f"{kept}{tail}" if decimals else f"{kept}.{tail}"
