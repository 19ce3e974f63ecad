"""Many venues' reports of one close -> one agreed close with its evidence, or none (rules.md 5).

    reports --one a venue--> usable --agreed rate--> worth --less basis--> adjusted --outliers refused--> counted
    counted --> close | missing

Whatever is refused on the way, what is counted obeys two bounds while at most f of the venues lie:
- with 2f + 1 or more counted, the median lies between honest counted reports: on each side of the middle (of both
  middles, when the count is even) stand at least f others, so that a value beyond every honest one cannot be there;
- with fewer, but at least f + 1, one of them is honest and all lie within `close_agreement_bp` of each other: the
  close is within that distance of an honest report, or missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from protocol.params import TruthParams
from protocol.rules.exact import EXACT, round_div, to_integer
from protocol.rules.price_history import BP_PER_ONE, Lessons, PriceHistory, Reported, median
from protocol.units import NANO, PRICE_SCALE, PriceE8, UnixMs

PAR: Final = PriceE8(PRICE_SCALE)
"""The rate of a venue that quotes in the series' own currency."""


class Verdict(StrEnum):
    """What became of a report."""

    COUNTED = "counted"
    OUTLIER = "outlier"
    STALE = "stale"
    """The venue repeats its last closes while the market moves."""
    SUPERSEDED = "superseded"
    """The same venue reported again later."""
    CONTRADICTORY = "contradictory"
    """The venue's latest reports came at one instant with different prices: none of them counts."""
    NOT_A_PRICE = "not-a-price"
    NO_RATE = "no-rate"
    """The venue quotes in another currency, whose rate was not agreed at that instant."""


_SEEN: Final = (Verdict.COUNTED, Verdict.OUTLIER, Verdict.STALE, Verdict.NO_RATE)


class Reason(StrEnum):
    """Why a close is agreed, or missing."""

    MEDIAN = "median"
    """2f + 1 or more counted."""
    ALL_WITHIN = "all-within"
    """Fewer, but all close to each other."""
    TOO_FEW = "too-few-reports"
    DISAGREE = "reports-disagree"


@dataclass(frozen=True, slots=True)
class PriceReport:
    """One venue's final close of a candle, as received.

    close_e8: as the venue wrote it.  rate_e8: what one unit of the venue's quote is worth in the series' quote, itself
    an agreed close of the same instant; PAR where they are the same, None where the rate was not agreed.
    """

    venue: str
    close_e8: PriceE8
    received_at_ms: UnixMs
    rate_e8: PriceE8 | None = PAR


@dataclass(frozen=True, slots=True)
class VenueVerdict:
    """A report and what became of it: as written, in the series' currency, and without the venue's basis.

    worth_e8, adjusted_e8: None where the report was refused before they mattered.
    """

    venue: str
    close_e8: PriceE8
    worth_e8: PriceE8 | None
    adjusted_e8: PriceE8 | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreed close of one candle, None where it is missing, and every report's part in it, in order of venue."""

    close_e8: PriceE8 | None
    reason: Reason
    verdicts: tuple[VenueVerdict, ...]


def agree_close(reports: Sequence[PriceReport], history: PriceHistory) -> Agreement:
    """One close from the final reports of it, whatever order they came in.

    Of a venue's several reports the latest received counts. The history holds EARLIER closes only: a report never has
    a say in its own basis or in the scale by which it may be found an outlier.
    """
    params, lessons = history.truth, history.lessons()
    usable, refused = _one_per_venue(reports, history, lessons)
    adjusted = {venue: _without_basis(worth_e8, venue, lessons) for venue, (_, worth_e8) in usable.items()}
    outliers = _outliers(adjusted, lessons, params)
    counted = sorted(price for venue, price in adjusted.items() if venue not in outliers)
    close_e8, reason = _decide(counted, params)
    judged = [
        VenueVerdict(venue, *usable[venue], price, Verdict.OUTLIER if venue in outliers else Verdict.COUNTED)
        for venue, price in adjusted.items()
    ]
    verdicts = sorted([*judged, *refused], key=lambda v: (v.venue, v.verdict, v.close_e8))
    return Agreement(close_e8, reason, tuple(verdicts))


def remember(history: PriceHistory, closed_at_ms: UnixMs, agreement: Agreement) -> PriceHistory:
    """The history after an agreement: what the next close is judged by."""
    reported = {v.venue: Reported(v.close_e8, v.worth_e8) for v in agreement.verdicts if v.verdict in _SEEN}
    return history.with_reports(closed_at_ms, reported)


def _one_per_venue(
    reports: Sequence[PriceReport], history: PriceHistory, lessons: Lessons
) -> tuple[dict[str, tuple[PriceE8, PriceE8]], list[VenueVerdict]]:
    """The usable price of each venue, as written and in the series' currency, and the reports that are none."""
    usable: dict[str, tuple[PriceE8, PriceE8]] = {}
    refused: list[VenueVerdict] = []
    by_venue: dict[str, list[PriceReport]] = {}
    for report in reports:
        by_venue.setdefault(report.venue, []).append(report)
    for venue, own in by_venue.items():
        newest_ms = max(report.received_at_ms for report in own)
        earlier = [report.close_e8 for report in own if report.received_at_ms < newest_ms]
        latest = {(report.close_e8, report.rate_e8) for report in own if report.received_at_ms == newest_ms}
        refused += [VenueVerdict(venue, close_e8, None, None, Verdict.SUPERSEDED) for close_e8 in earlier]
        if len(latest) > 1:
            closes = {close_e8 for close_e8, _ in latest}
            refused += [VenueVerdict(venue, close_e8, None, None, Verdict.CONTRADICTORY) for close_e8 in closes]
            continue
        ((close_e8, rate_e8),) = latest
        worth_e8 = _converted(close_e8, rate_e8)
        if close_e8 <= 0 or worth_e8 == 0:
            refused.append(VenueVerdict(venue, close_e8, None, None, Verdict.NOT_A_PRICE))
        elif history.is_stale(venue, close_e8, lessons):
            refused.append(VenueVerdict(venue, close_e8, worth_e8, None, Verdict.STALE))
        elif worth_e8 is None:
            refused.append(VenueVerdict(venue, close_e8, None, None, Verdict.NO_RATE))
        else:
            usable[venue] = (close_e8, worth_e8)
    return usable, refused


def _converted(close_e8: PriceE8, rate_e8: PriceE8 | None) -> PriceE8 | None:
    """A price in the series' currency, rounded half to even; None without a rate."""
    return None if rate_e8 is None else PriceE8(round_div(close_e8 * rate_e8, PRICE_SCALE))


def _without_basis(worth_e8: PriceE8, venue: str, lessons: Lessons) -> PriceE8:
    """A price moved to the level of the median venue: times exp(level - own basis). One of no known basis stays."""
    shift = lessons.level - lessons.bases.get(venue, lessons.level)
    return PriceE8(to_integer(_factor(shift), worth_e8)) if shift else worth_e8


@lru_cache(maxsize=4_096)
def _factor(nano: int) -> Decimal:
    return EXACT.exp(EXACT.divide(Decimal(nano), Decimal(NANO)))


def _outliers(adjusted: Mapping[str, PriceE8], lessons: Lessons, params: TruthParams) -> set[str]:
    """The venues too far from the middle of all, by the scale of earlier closes.

    Never nearer than `close_agreement_bp`; nobody while no scale is known; and nobody of two, who cannot be told apart.
    """
    if lessons.typical is None or len(adjusted) < 3:
        return set()
    agreeing_nano = params.close_agreement_bp * NANO // BP_PER_ONE
    limit_nano = max(params.outlier_multiple * lessons.typical, agreeing_nano)
    middle = median(sorted(adjusted.values()))
    return {venue for venue, price in adjusted.items() if abs(price - middle) * NANO > limit_nano * middle}


def _decide(counted: Sequence[PriceE8], params: TruthParams) -> tuple[PriceE8 | None, Reason]:
    """counted: adjusted prices in order of size."""
    if len(counted) < max(params.min_reports, params.tolerated_liars + 1):
        return None, Reason.TOO_FEW
    if len(counted) >= 2 * params.tolerated_liars + 1:
        return PriceE8(median(counted)), Reason.MEDIAN
    if (counted[-1] - counted[0]) * BP_PER_ONE <= params.close_agreement_bp * counted[0]:
        return PriceE8(median(counted)), Reason.ALL_WITHIN
    return None, Reason.DISAGREE
