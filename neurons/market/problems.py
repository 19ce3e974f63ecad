"""Why a venue's answer could not be used: one word for counters and logs, one sentence for people."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from neurons.ports import VenueUnavailable

_LONGEST_DETAIL: Final = 300
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]*@")
_SECRET: Final = re.compile(
    r"(?i)\b([\w-]*(?:key|secret|token|sign|signature|password|passphrase|authorization))"
    r"(\"?\s*[=:]\s*\"?)(?:basic\s+|bearer\s+)?[^&\s\"',;}]+"
)


class VenueProblem(StrEnum):
    """The kinds of trouble a venue can give. The value is the label of the counter."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    HTTP_STATUS = "http-status"
    REFUSED = "refused"
    RATE_LIMITED = "rate-limited"
    """HTTP 429 or 418, or the exchange's own words for it."""
    GEO_BLOCKED = "geo-blocked"
    """HTTP 451 or 403: it does not serve this address."""
    SERVER_ERROR = "server-error"
    WRONG_SYMBOL = "wrong-symbol"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    OUT_OF_ORDER = "out-of-order"
    OFF_GRID = "off-grid"
    BAD_PRICE = "bad-price"
    IN_THE_FUTURE = "in-the-future"
    WENT_BACK = "went-back"
    WRONG_CLOCK = "wrong-clock"
    """Its reply bears no time, or one too far from ours: what is final there cannot be told."""
    NO_HISTORY = "no-history"
    """It has no candles from so long ago, or none that can be found: not that there were none."""
    CIRCUIT_OPEN = "circuit-open"
    """It was not asked: it failed too often or told us to wait."""


def unavailable(
    venue: str,
    problem: VenueProblem,
    detail: str,
    *,
    retry_after_ms: int | None = None,
    keeps_from_ms: int | None = None,
) -> VenueUnavailable:
    """The error to raise; its sentence carries the detail, shortened and without secrets.

    Its fields are `venue`, `problem` and, where the venue told, `retry_after_ms` (how long to leave it alone) and
    `keeps_from_ms` (no candle that opens before is to be had).
    """
    told = f"{venue}: {problem}: {without_secrets(detail)[:_LONGEST_DETAIL]}"
    hints = {"retry_after_ms": retry_after_ms, "keeps_from_ms": keeps_from_ms}
    return VenueUnavailable(
        told, venue=venue, problem=problem, **{name: ms for name, ms in hints.items() if ms is not None}
    )


def problem_of(error: VenueUnavailable) -> VenueProblem:
    """Which kind of trouble an error names; MALFORMED where a venue raised it without saying."""
    return VenueProblem(str(error.fields.get("problem", VenueProblem.MALFORMED)))


def retry_after_ms_of(error: VenueUnavailable) -> int | None:
    """How long the venue asked to be left alone, in ms; None when it did not say."""
    return _whole(error, "retry_after_ms")


def keeps_from_ms_of(error: VenueUnavailable) -> int | None:
    """The open of the oldest candle that the venue still keeps; None when it did not say."""
    return _whole(error, "keeps_from_ms")


def _whole(error: VenueUnavailable, field: str) -> int | None:
    told = error.fields.get(field)
    return told if isinstance(told, int) else None


def without_secrets(text: str) -> str:
    """The text without the logins of its URLs and without the values of what is called a key, token or password."""
    return _SECRET.sub(r"\1\2...", _LOGIN.sub("", text))
