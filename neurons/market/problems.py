"""Why a venue's answer could not be used: one word for counters and logs, one sentence for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from neurons.ports import VenueUnavailable

_LONGEST_DETAIL: Final = 300


class VenueProblem(StrEnum):
    """The kinds of trouble a venue can give. The value is the label of the counter."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    HTTP_STATUS = "http-status"
    REFUSED = "refused"
    WRONG_SYMBOL = "wrong-symbol"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    OUT_OF_ORDER = "out-of-order"
    OFF_GRID = "off-grid"
    BAD_PRICE = "bad-price"
    IN_THE_FUTURE = "in-the-future"
    WENT_BACK = "went-back"


def unavailable(venue: str, problem: VenueProblem, detail: str) -> VenueUnavailable:
    """The error to raise; `fields` carry `venue` and `problem`, the sentence carries the (shortened) detail."""
    return VenueUnavailable(f"{venue}: {problem}: {detail[:_LONGEST_DETAIL]}", venue=venue, problem=problem)


def problem_of(error: VenueUnavailable) -> VenueProblem:
    """Which kind of trouble an error names; MALFORMED where a venue raised it without saying."""
    return VenueProblem(str(error.fields.get("problem", VenueProblem.MALFORMED)))
