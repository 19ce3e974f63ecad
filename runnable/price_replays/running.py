"""One replay: recorded candles -> the closes that a validator would have agreed on, beside two other prices.

venues' candles --Settling, agree_close--> agreed close
venues' candles --mean of what answered--> plain mean, as TSPS takes it
all recorded venues in dollars --median--> honest median, by which both are measured
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurons.market.feed import agreed_closes
from neurons.market.rates import RateBook
from neurons.market.recorded import RecordedSource
from neurons.market.settling import AgreedClose, SettleRules
from protocol.params import MAIN
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import Reason, Verdict
from protocol.units import PRICE_SCALE
from runnable.price_replays.lies import lying
from runnable.price_replays.plans import Plan
from runnable.price_replays.recordings import (
    DOLLAR,
    RATE_VENUES,
    STEP_MS,
    Recorded,
    candles_of,
    closes_on_grid,
    middle_rate,
    row_medians,
)

Floats = NDArray[np.float64]
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replay that is over. Arrays have one place for each instant, NaN where there is no price.

    written: venue -> its closes in its own quote, lies included.  worth: the same in dollars, at the middle of the
    recorded rates.  reasons: why closes are agreed or missing -> how many.  medians_outside: closes by the median of
    2f + 1 or more that lie beyond every honest report that counted.  refused: venue -> verdict -> reports.
    absent: venue -> why -> closes.  void_rounds: of `rounds` that open and end in the period, those that could not
    resolve.
    """

    plan: Plan
    instants_ms: NDArray[np.int64]
    agreed: Floats
    mean: Floats
    honest: Floats
    written: Mapping[str, Floats]
    worth: Mapping[str, Floats]
    reasons: Counter[str]
    medians_outside: int
    refused: Mapping[str, Counter[str]]
    absent: Mapping[str, Counter[str]]
    rounds: int
    void_rounds: int

    @property
    def agreed_bp(self) -> Floats:
        """How far the agreed close stands from the honest median, in basis points."""
        return 1e4 * (self.agreed / self.honest - 1)

    @property
    def mean_bp(self) -> Floats:
        return 1e4 * (self.mean / self.honest - 1)


def replay(plan: Plan, recordings: Path, *, tell: Tell = lambda _, __: None) -> Replayed:
    """Runs the rule over the plan. tell: closes done, of how many. Raises BadRecording."""
    sources = {venue.name: _source(venue, plan, recordings) for venue in plan.venues}
    closes = _closes(plan, sources, recordings, tell)
    counted = [close for close in closes if close.close_at_ms > plan.from_ms]
    instants_ms = np.array([close.close_at_ms for close in counted], np.int64)
    written = {name: closes_on_grid(source.candles(0, 2**62), instants_ms) for name, source in sources.items()}
    rates = {quote: _rate(quote, recordings, instants_ms) for quote in {v.quote for v in plan.venues + plan.yardstick}}
    told = np.stack(list(written.values()), axis=1)
    answered = ~np.isnan(told).all(axis=1)
    mean = np.full(len(instants_ms), np.nan)
    mean[answered] = np.nanmean(told[answered], axis=1)
    yardstick = [
        closes_on_grid(candles_of(venue, recordings).candles(0, 2**62), instants_ms) * rates[venue.quote]
        for venue in plan.yardstick
    ]
    honest = row_medians(yardstick) if yardstick else np.full(len(instants_ms), np.nan)
    agreed = np.array([np.nan if c.close_e8 is None else c.close_e8 / PRICE_SCALE for c in counted])
    rounds, void_rounds = _rounds(~np.isnan(agreed))
    return Replayed(
        plan,
        instants_ms,
        agreed,
        mean,
        honest,
        written,
        {venue.name: written[venue.name] * rates[venue.quote] for venue in plan.venues},
        Counter(close.reason for close in counted),
        sum(_is_outside(close, plan) for close in counted if close.agreement.reason is Reason.MEDIAN),
        _refused(counted),
        _absent(counted),
        rounds,
        void_rounds,
    )


def _source(venue: Recorded, plan: Plan, recordings: Path) -> RecordedSource:
    source = candles_of(venue, recordings)
    if plan.liar and plan.liar[0] == venue.name:
        return lying(source, plan.liar[1])
    return source


def _closes(plan: Plan, sources: Mapping[str, RecordedSource], recordings: Path, tell: Tell) -> list[AgreedClose]:
    """The agreed closes, those before the counted ones included."""
    first_ms = plan.from_ms - plan.warm_ms + STEP_MS
    books = {q: _book(q, plan, recordings) for q in {v.quote for v in plan.venues} if plan.is_converted and q != DOLLAR}
    rates = {venue.name: books[venue.quote] for venue in plan.venues if venue.quote in books}
    total = (plan.until_ms - first_ms) // STEP_MS + 1
    closes = []
    for close in _agreed(sources, first_ms, plan.until_ms, rates):
        closes.append(close)
        if len(closes) % 50 == 0 or len(closes) == total:
            tell(len(closes), total)
    return closes


def _book(currency: str, plan: Plan, recordings: Path) -> RateBook:
    """What a currency was worth, agreed by the same rule as everything else."""
    sources = {venue.name: candles_of(venue, recordings) for venue in RATE_VENUES[currency]}
    book = RateBook()
    for close in _agreed(sources, plan.from_ms - plan.warm_ms + STEP_MS, plan.until_ms, {}):
        book.put(close.close_at_ms, close.close_e8)
    return book


def _agreed(
    sources: Mapping[str, RecordedSource], from_ms: int, to_ms: int, rates: Mapping[str, RateBook]
) -> Iterator[AgreedClose]:
    history = PriceHistory(STEP_MS, MAIN.truth)
    return agreed_closes(sources, SettleRules.of(MAIN), from_ms=from_ms, to_ms=to_ms, history=history, rates=rates)


def _rate(quote: str, recordings: Path, instants_ms: NDArray[np.int64]) -> Floats:
    """Dollars for one unit of a currency; 1 throughout a period of which no rate was recorded."""
    rate = middle_rate(quote, recordings, instants_ms)
    return np.ones(len(instants_ms)) if np.isnan(rate).all() else rate


def _is_outside(close: AgreedClose, plan: Plan) -> bool:
    """Whether a close lies beyond every honest report that counted, each less its basis: the bound of the rule."""
    told = [v for v in close.agreement.verdicts if v.verdict is Verdict.COUNTED and v.venue in plan.honest]
    prices = [v.adjusted_e8 for v in told if v.adjusted_e8 is not None]
    return close.close_e8 is not None and bool(prices) and not min(prices) <= close.close_e8 <= max(prices)


def _refused(closes: list[AgreedClose]) -> dict[str, Counter[str]]:
    refused: dict[str, Counter[str]] = {}
    for close in closes:
        for verdict in close.agreement.verdicts:
            if verdict.verdict is not Verdict.COUNTED:
                refused.setdefault(verdict.venue, Counter())[verdict.verdict.value] += 1
    return refused


def _absent(closes: list[AgreedClose]) -> dict[str, Counter[str]]:
    absent: dict[str, Counter[str]] = {}
    for close in closes:
        for venue, why in close.absent.items():
            absent.setdefault(venue, Counter())[why.value] += 1
    return absent


def _rounds(is_agreed: NDArray[np.bool_]) -> tuple[int, int]:
    """How many rounds have their anchor and all their steps in the period, and how many of them are VOID: without an
    anchor, without their last step, or with fewer agreed steps than `resolve_quorum_ppm`."""
    steps = MAIN.time.steps
    rounds = max(0, len(is_agreed) - steps)
    sums = np.concatenate(([0], np.cumsum(is_agreed)))
    known = sums[1 + steps :][:rounds] - sums[1 : 1 + rounds]
    enough = known * 1_000_000 >= MAIN.time.resolve_quorum_ppm * steps
    resolved = enough & is_agreed[:rounds] & is_agreed[steps:]
    return rounds, int(rounds - np.count_nonzero(resolved))
