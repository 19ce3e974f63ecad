"""Many venues' reports of one close -> one agreed close with its evidence, or none (rules.md 5).

    reports --one a venue--> usable --less basis--> adjusted --outliers refused--> counted --> close | missing

Whatever is refused on the way, what is counted obeys two bounds while at most f of the venues lie:
- with 2f + 1 or more counted, the median lies between honest counted reports: on each side of the middle (of both
  middles, when the count is even) stand at least f others, so that a value beyond every honest one cannot be there;
- with fewer, but at least f + 1, one of them is honest and all lie within `close_agreement_bp` of each other: the
  close is within that distance of an honest report, or missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocol.params import TruthParams
from protocol.rules.exact import round_div
from protocol.rules.price_history import PriceHistory, median
from protocol.units import NANO, PriceE8, UnixMs

_BP_PER_ONE = 10_000


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
    """One venue's final close of a candle, as received."""

    venue: str
    close_e8: PriceE8
    received_at_ms: UnixMs


@dataclass(frozen=True, slots=True)
class VenueVerdict:
    """A report, its price without the venue's basis, and what became of it."""

    venue: str
    close_e8: PriceE8
    adjusted_e8: PriceE8 | None
    """None where the report was refused before its basis mattered."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreed close of one candle, None where it is missing, and every report's part in it, in order of venue."""

    close_e8: PriceE8 | None
    reason: Reason
    verdicts: tuple[VenueVerdict, ...]


def agree_close(reports: Sequence[PriceReport], history: PriceHistory, params: TruthParams) -> Agreement:
    """One close from the final reports of it, whatever order they came in.

    Of a venue's several reports the latest received counts. The history holds EARLIER closes only: a report never has
    a say in its own basis or in the scale by which it may be found an outlier.
    """
    usable, refused = _one_per_venue(reports, history)
    adjusted = _without_basis(usable, history)
    outliers = _outliers(adjusted, history, params)
    counted = sorted(price for venue, price in adjusted.items() if venue not in outliers)
    close_e8, reason = _decide(counted, params)
    judged = [
        VenueVerdict(venue, usable[venue], price, Verdict.OUTLIER if venue in outliers else Verdict.COUNTED)
        for venue, price in adjusted.items()
    ]
    verdicts = sorted([*judged, *refused], key=lambda v: (v.venue, v.verdict, v.close_e8))
    return Agreement(close_e8, reason, tuple(verdicts))


def remember(history: PriceHistory, closed_at_ms: UnixMs, agreement: Agreement) -> PriceHistory:
    """The history after an agreement: what the next close is judged by."""
    seen = [v for v in agreement.verdicts if v.verdict in (Verdict.COUNTED, Verdict.OUTLIER, Verdict.STALE)]
    reported = {v.venue: v.close_e8 for v in seen}
    stale = {v.venue for v in seen if v.verdict is Verdict.STALE}
    return history.with_close(closed_at_ms, agreement.close_e8, reported, stale)


def _one_per_venue(
    reports: Sequence[PriceReport], history: PriceHistory
) -> tuple[dict[str, PriceE8], list[VenueVerdict]]:
    """The usable price of each venue, and the reports refused before prices are compared."""
    usable: dict[str, PriceE8] = {}
    refused: list[VenueVerdict] = []
    by_venue: dict[str, list[PriceReport]] = {}
    for report in reports:
        by_venue.setdefault(report.venue, []).append(report)
    for venue, own in by_venue.items():
        newest_ms = max(report.received_at_ms for report in own)
        earlier = [report.close_e8 for report in own if report.received_at_ms < newest_ms]
        latest = {report.close_e8 for report in own if report.received_at_ms == newest_ms}
        refused += [VenueVerdict(venue, close_e8, None, Verdict.SUPERSEDED) for close_e8 in earlier]
        if len(latest) > 1:
            refused += [VenueVerdict(venue, close_e8, None, Verdict.CONTRADICTORY) for close_e8 in latest]
            continue
        (close_e8,) = latest
        if close_e8 <= 0:
            refused.append(VenueVerdict(venue, close_e8, None, Verdict.NOT_A_PRICE))
        elif history.is_stale(venue, close_e8):
            refused.append(VenueVerdict(venue, close_e8, None, Verdict.STALE))
        else:
            usable[venue] = close_e8
    return usable, refused


def _without_basis(usable: dict[str, PriceE8], history: PriceHistory) -> dict[str, PriceE8]:
    """Each price moved to the level of the median venue: times (1 + median basis) / (1 + own basis).

    Bases are distances to agreed closes, which were themselves made from prices without basis: were they taken to
    zero, a liar who leans on every median would drag the level a little further each window, for ever. Taken to the
    median of the bases, whatever error the agreed level had cancels.
    """
    bases = history.bases_nano()
    if not bases:
        return dict(usable)
    level = median(sorted(bases.values()))
    return {
        venue: PriceE8(round_div(price * (NANO + level), NANO + bases.get(venue, level)))
        for venue, price in usable.items()
    }


def _outliers(adjusted: dict[str, PriceE8], history: PriceHistory, params: TruthParams) -> set[str]:
    """The venues too far from the middle of all, by the scale of earlier closes.

    Never nearer than `close_agreement_bp`; nobody while no scale is known; and nobody of two, who cannot be told apart.
    """
    typical_nano = history.typical_distance_nano()
    if typical_nano is None or len(adjusted) < 3:
        return set()
    agreeing_nano = params.close_agreement_bp * NANO // _BP_PER_ONE
    limit_nano = max(params.outlier_multiple * typical_nano, agreeing_nano)
    middle = median(sorted(adjusted.values()))
    return {venue for venue, price in adjusted.items() if abs(price - middle) * NANO > limit_nano * middle}


def _decide(counted: Sequence[PriceE8], params: TruthParams) -> tuple[PriceE8 | None, Reason]:
    """counted: adjusted prices in order of size."""
    if len(counted) < max(params.min_reports, params.tolerated_liars + 1):
        return None, Reason.TOO_FEW
    if len(counted) >= 2 * params.tolerated_liars + 1:
        return PriceE8(median(counted)), Reason.MEDIAN
    if (counted[-1] - counted[0]) * _BP_PER_ONE <= params.close_agreement_bp * counted[0]:
        return PriceE8(median(counted)), Reason.ALL_WITHIN
    return None, Reason.DISAGREE
