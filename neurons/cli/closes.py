"""What a database says of closes: every venue's report and what became of it, summed up, and held against another's.

Values only; `neurons/cli/prices.py` reads and shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from neurons.cli.figures import exact_price
from neurons.market.evidence import close_of
from neurons.market.settling import AgreedClose
from neurons.records import CloseRow
from protocol.rules.exact import round_div
from protocol.rules.prices import PAR, Verdict

MILLI_BP: Final = 10_000_000
"""Thousandths of a basis point in one."""
NO_EVIDENCE: Final = "the evidence of one of them is gone, or tells of no venue"


@dataclass(frozen=True, slots=True)
class VenueTold:
    """What one venue said of a close. verdict: what became of its report, or why it has none.

    close_e8: as the venue wrote it.  worth_e8: in the series' currency.  adjusted_e8: without the venue's basis.
    distance_millibp: from the agreed close to the last of these that there is, in thousandths of a basis point.
    """

    venue: str
    verdict: str
    close_e8: int | None = None
    rate_e8: int | None = None
    worth_e8: int | None = None
    adjusted_e8: int | None = None
    distance_millibp: int | None = None
    received_at_ms: int | None = None
    origin: str = ""
    raw_sha256: str = ""


@dataclass(frozen=True, slots=True)
class CloseTold:
    """One close as the database has it. close_e8: None where it is missing; reason says why, or how it was agreed."""

    series: str
    close_at_ms: int
    revision: int
    close_e8: int | None
    reason: str
    agreed_at_ms: int
    venues: tuple[VenueTold, ...]

    @property
    def counted(self) -> int:
        return sum(told.verdict == Verdict.COUNTED for told in self.venues)


def told_of(row: CloseRow) -> CloseTold:
    """A stored close, read. Evidence that no market wrote, as of generated worlds, tells of no venue."""
    try:
        venues = tuple(_venues(close_of(row)))
    except (ValueError, KeyError, TypeError, AttributeError):
        venues = ()
    return CloseTold(row.series, row.close_at_ms, row.revision, row.close_e8, row.reason, row.agreed_at_ms, venues)


def _venues(close: AgreedClose) -> Iterable[VenueTold]:
    """Every report with its verdict, then who had none."""
    reports = {(report.venue, report.close_e8): report for report in close.reports}
    for verdict in close.agreement.verdicts:
        report, seen = reports[verdict.venue, verdict.close_e8], close.seen.get(verdict.venue)
        last = next(e8 for e8 in (verdict.adjusted_e8, verdict.worth_e8, verdict.close_e8) if e8 is not None)
        yield VenueTold(
            venue=verdict.venue,
            verdict=verdict.verdict.value,
            close_e8=verdict.close_e8,
            rate_e8=None if report.rate_e8 == PAR else report.rate_e8,
            worth_e8=verdict.worth_e8,
            adjusted_e8=verdict.adjusted_e8,
            distance_millibp=None if close.close_e8 is None else distance_millibp(last, close.close_e8),
            received_at_ms=report.received_at_ms,
            origin=seen.origin if seen else "",
            raw_sha256=seen.raw_sha256.hex() if seen else "",
        )
    for venue, why in sorted(close.absent.items()):
        yield VenueTold(venue=venue, verdict=why.value)


def distance_millibp(price_e8: int, from_e8: int) -> int:
    """How far a price lies from another, in thousandths of a basis point of that one."""
    return round_div((price_e8 - from_e8) * MILLI_BP, from_e8)


@dataclass(slots=True)
class VenueSummary:
    """One venue over a range. outcomes: each verdict or absence -> how often. farthest: of the reports that counted."""

    venue: str
    outcomes: Counter[str] = field(default_factory=Counter)
    farthest_millibp: int = 0
    farthest_at_ms: int | None = None

    def take(self, told: VenueTold, close_at_ms: int) -> None:
        """Adds what the venue said of one close."""
        self.outcomes[told.verdict] += 1
        distance = told.distance_millibp
        if told.verdict == Verdict.COUNTED and distance is not None and abs(distance) >= abs(self.farthest_millibp):
            self.farthest_millibp, self.farthest_at_ms = distance, close_at_ms


def summed_up(closes: Iterable[CloseTold]) -> list[VenueSummary]:
    """Every venue over these closes, by name."""
    venues: dict[str, VenueSummary] = {}
    for close in closes:
        for told in close.venues:
            venues.setdefault(told.venue, VenueSummary(told.venue)).take(told, close.close_at_ms)
    return [venues[name] for name in sorted(venues)]


@dataclass(frozen=True, slots=True)
class Difference:
    """A close on which two databases differ, and why: which venue said what to either of them."""

    close_at_ms: int
    here_e8: int | None
    there_e8: int | None
    here_reason: str
    there_reason: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two databases, close by close. only_here, only_there: instants that the other does not hold."""

    series: str
    compared: int
    alike: int
    only_here: tuple[int, ...]
    only_there: tuple[int, ...]
    differences: tuple[Difference, ...]


def compared(series: str, here: Sequence[CloseTold], there: Sequence[CloseTold]) -> Comparison:
    """What two databases say of the same closes. Alike means: the same price to the last bit, or missing in both."""
    ours = {close.close_at_ms: close for close in here}
    theirs = {close.close_at_ms: close for close in there}
    both = sorted(ours.keys() & theirs.keys())
    differing = [at for at in both if ours[at].close_e8 != theirs[at].close_e8]
    return Comparison(
        series=series,
        compared=len(both),
        alike=len(both) - len(differing),
        only_here=tuple(sorted(ours.keys() - theirs.keys())),
        only_there=tuple(sorted(theirs.keys() - ours.keys())),
        differences=tuple(_difference(ours[at], theirs[at]) for at in differing),
    )


def _difference(ours: CloseTold, theirs: CloseTold) -> Difference:
    why = tuple(_why(ours, theirs))
    return Difference(ours.close_at_ms, ours.close_e8, theirs.close_e8, ours.reason, theirs.reason, why)


def _why(ours: CloseTold, theirs: CloseTold) -> Iterable[str]:
    """A sentence for each venue of which the two heard or thought different things, most telling first."""
    if not (ours.venues and theirs.venues):
        yield NO_EVIDENCE
        return
    if ours.revision != theirs.revision:
        yield f"corrected {ours.revision} times here, {theirs.revision} there"
    here, there = _by_venue(ours), _by_venue(theirs)
    judged = []
    for venue in sorted({*here, *there}):
        one, other = here.get(venue), there.get(venue)
        if one is None or other is None:
            yield f"{venue} is asked {'there' if one is None else 'here'} only"
        elif one.close_e8 != other.close_e8:
            yield f"{venue} told {_word(one)} here, {_word(other)} there"
        elif one.rate_e8 != other.rate_e8:
            yield f"{venue} was converted by another rate"
        elif one.verdict != other.verdict:
            judged.append(f"{venue} was {one.verdict} here, {other.verdict} there, for the same report")
        elif one.adjusted_e8 != other.adjusted_e8:
            judged.append(f"{venue} was known by another basis, from other earlier reports")
    yield from judged


def _by_venue(close: CloseTold) -> Mapping[str, VenueTold]:
    """The report that stands for each venue: one that was superseded does not."""
    return {told.venue: told for told in close.venues if told.verdict != Verdict.SUPERSEDED}


def _word(told: VenueTold) -> str:
    return told.verdict if told.close_e8 is None else exact_price(told.close_e8)
