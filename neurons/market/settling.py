"""When a close is settled and from which reports: pure, apart from what it remembers between calls.

Every PriceVenue shows only candles that are final on its own clock; here the settle delay must have passed on ours too.
About the next close, each venue has then either reported, or is known to have no candle there (it shows later ones, or
keeps none from so long ago), or is silent. The close is settled when nobody is silent; when all who are silent have
been so for `patience_ms` and the others agree; or, as missing, when they have been so for `give_up_ms`. While nobody at
all has anything to say nothing is settled: it is likelier that we are cut off. A rate that is not settled yet is waited
for until nothing has been settled of it for `give_up_ms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from neurons.market.calendars import TradingCalendar, calendar_of, next_close_ms
from neurons.market.candles import check_page
from neurons.market.health import VenueHealth
from neurons.market.problems import VenueProblem, unavailable
from neurons.market.rates import Rates
from neurons.ports import Candle, CandlePage
from protocol.params import NetworkParams
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import PAR, Agreement, PriceReport, Verdict, agree_close, remember
from protocol.units import HOUR_MS, MINUTE_MS, PriceE8, UnixMs


@dataclass(frozen=True, slots=True)
class SettleRules:
    """The grid, the instants of it that lie in session, and the waiting times in ms of the node's clock."""

    step_ms: int
    settle_delay_ms: int
    patience_ms: int = 10 * MINUTE_MS
    """How long a silent venue holds up a close on which the others agree; not once per close but once per silence."""
    give_up_ms: int = 2 * HOUR_MS
    """How long silent venues hold up a close on which the others cannot agree, and a rate of which nothing more is
    settled those that it converts."""
    calendar: TradingCalendar = field(default_factory=lambda: calendar_of("24/7"))

    @classmethod
    def of(cls, params: NetworkParams, calendar: TradingCalendar | None = None) -> SettleRules:
        """The rules of a series that always trades, unless a calendar says otherwise."""
        rules = cls(params.time.step_ms, params.time.settle_delay_ms)
        return rules if calendar is None else replace(rules, calendar=calendar)

    def next_close_ms(self, after_ms: int) -> UnixMs:
        """The first close in session after that instant."""
        return next_close_ms(self.calendar, after_ms - after_ms % self.step_ms + self.step_ms, step_ms=self.step_ms)


class Absence(StrEnum):
    """Why a venue has no report of a close."""

    SILENT = "silent"
    """It has shown nothing from that instant on."""
    NO_CANDLE = "no-candle"
    """It shows later candles and none there."""
    NO_HISTORY = "no-history"
    """It keeps no candles from so long ago."""
    NOT_TRADED = "not-traded"
    """Its candle holds no trade, or repeats the one before it to the last digit."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A candle as a venue showed it, and how it came (see `CandlePage`)."""

    candle: Candle
    origin: str
    raw_sha256: bytes


@dataclass(frozen=True, slots=True)
class AgreedClose:
    """One instant's close with all it came from; `close_e8` is None where it is missing, and `reason` says why.

    seen: venue -> the candle behind its report.  absent: venue -> why it has none.  revision: how often a venue's
    correction has changed the close.
    """

    close_at_ms: UnixMs
    agreement: Agreement
    reports: tuple[PriceReport, ...]
    seen: Mapping[str, Seen] = field(default_factory=dict)
    absent: Mapping[str, Absence] = field(default_factory=dict)
    revision: int = 0

    @property
    def close_e8(self) -> PriceE8 | None:
        return self.agreement.close_e8

    @property
    def reason(self) -> str:
        return self.agreement.reason.value


@dataclass(slots=True)
class _View:
    """What one venue has shown from the next close on, and the candle before it."""

    health: VenueHealth
    candles: dict[int, tuple[Seen, UnixMs]]
    """Open time -> the candle and when it was first received with these numbers."""
    newest_ms: int = -1
    """Open time of the newest candle ever shown."""
    keeps_from_ms: int = 0
    """The venue has said that it keeps no candle from before this."""
    before: Candle | None = None
    """The newest candle that lies before the next close."""
    silent_since_ms: int | None = None


class Settling:
    """Closes in order of time, from what venues show. Holds at most a page of candles per venue and one history."""

    def __init__(
        self,
        rules: SettleRules,
        venues: Sequence[str],
        *,
        next_close_ms: int,
        history: PriceHistory,
        rates: Mapping[str, Rates] | None = None,
    ) -> None:
        """next_close_ms: the first close to settle, an instant of the grid after every close that `history` has seen;
        where the market rests then, the first one after its rest.
        rates: venue -> what converts its quote into the series', for those that need it.

        Raises ValueError (ours) when it is off the grid or a venue is named twice.
        """
        if next_close_ms % rules.step_ms != 0:
            raise ValueError(f"closes lie on the {rules.step_ms} ms grid, {next_close_ms} does not")
        if len(set(venues)) != len(venues):
            raise ValueError(f"a venue is named twice: {list(venues)}")
        self.rules, self.history = rules, history
        self.next_close_ms = rules.next_close_ms(next_close_ms - 1)
        self.health = {name: VenueHealth(name) for name in venues}
        self._views = {name: _View(health, {}) for name, health in self.health.items()}
        self._rates = rates or {}
        self._news_ms: int | None = None
        self._rated_until_ms = -1
        self._unrated_since_ms: int | None = None

    @property
    def since_ms(self) -> UnixMs:
        """Where the next page of every venue begins: the candle that ends at the next close, and the one before it."""
        return UnixMs(self.next_close_ms - 2 * self.rules.step_ms)

    @property
    def due_ms(self) -> UnixMs:
        """Before this the next close cannot be settled."""
        return UnixMs(self.next_close_ms + self.rules.settle_delay_ms)

    def learn(self, venue: str, shown: CandlePage, *, since_ms: int, limit: int, now_ms: UnixMs) -> None:
        """Takes what a venue showed from `since_ms` on (at most `limit` candles), received at `now_ms`.

        Raises VenueUnavailable and keeps what was known when the page is impossible, from the future, or ends before
        candles that the venue has already shown.
        """
        step_ms, view, page = self.rules.step_ms, self._views[venue], shown.candles
        check_page(venue, page, since_ms=since_ms, step_ms=step_ms)
        newest_ms = page[-1].open_time_ms if page else -1
        if newest_ms > now_ms:
            raise unavailable(venue, VenueProblem.IN_THE_FUTURE, f"a candle opens at {newest_ms}, now is {now_ms}")
        if len(page) < limit and newest_ms < view.newest_ms and view.newest_ms >= since_ms:
            shows = f"its newest candle opens at {newest_ms}" if page else "it shows no candle"
            detail = f"{shows}, it has shown {view.newest_ms}"
            raise unavailable(venue, VenueProblem.WENT_BACK, detail)
        if newest_ms > view.newest_ms:
            self._hear_news(now_ms)
            view.silent_since_ms = None
        fresh = {}
        for candle in page:
            known = view.candles.get(candle.open_time_ms)
            if known is not None and known[0].candle == candle:
                fresh[int(candle.open_time_ms)] = known
                continue
            fresh[int(candle.open_time_ms)] = (Seen(candle, shown.origin, shown.raw_sha256), now_ms)
            view.health.revised += known is not None
            view.health.candles += candle.open_time_ms > view.newest_ms
        view.candles = fresh
        view.newest_ms = max(view.newest_ms, newest_ms)
        view.health.last_answer_ms = now_ms
        if view.newest_ms >= 0:
            view.health.newest_close_ms = view.newest_ms + step_ms
        self._drop_settled(view)

    def learn_keeps_from(self, venue: str, first_ms: int) -> None:
        """Takes a venue's word that it keeps no candle that opens before `first_ms`: nobody waits for those."""
        view = self._views[venue]
        view.keeps_from_ms = max(view.keeps_from_ms, first_ms)

    def settle(self, now_ms: int, *, more_may_come: bool = True) -> AgreedClose | None:
        """The next close, when it can be settled now; the one after it is then next. None: ask again later.

        more_may_come: false where the venues' past is all there is (recordings), so that waiting would change nothing.
        """
        if now_ms < self.due_ms:
            return None
        silent = self._silent(now_ms)
        if more_may_come and len(silent) == len(self._views):
            return None
        if more_may_come and self._awaits_rates(now_ms):
            return None
        seen = self._traded()
        reports = tuple(self._report(name, *shown) for name, shown in seen.items())
        agreement = agree_close(reports, self.history)
        if more_may_come and silent:
            waited_ms = min(now_ms - since_ms for since_ms in silent)
            enough_ms = self.rules.give_up_ms if agreement.close_e8 is None else self.rules.patience_ms
            if waited_ms < enough_ms:
                return None
        absent = {name: self._absence(name) for name in self._views if name not in seen}
        settled = AgreedClose(
            self.next_close_ms, agreement, reports, {name: shown for name, (shown, _) in seen.items()}, absent
        )
        self._count_copies(absent)
        self._count_refused(agreement)
        self.history = remember(self.history, self.next_close_ms, agreement)
        self.next_close_ms = self.rules.next_close_ms(self.next_close_ms)
        for view in self._views.values():
            self._drop_settled(view)
        return settled

    def _traded(self) -> dict[str, tuple[Seen, UnixMs]]:
        """Every venue's candle that ends at the next instant, where its close is a price of that time and no copy."""
        open_ms = self.next_close_ms - self.rules.step_ms
        shown = {name: view.candles[open_ms] for name, view in self._views.items() if open_ms in view.candles}
        return {name: one for name, one in shown.items() if is_traded(one[0].candle, self._views[name].before)}

    def _report(self, venue: str, shown: Seen, received_at_ms: UnixMs) -> PriceReport:
        rates = self._rates.get(venue)
        rate_e8 = PAR if rates is None else rates.rate_e8(self.next_close_ms)
        return PriceReport(venue, shown.candle.close_e8, received_at_ms, rate_e8)

    def _absence(self, venue: str) -> Absence:
        """Why there is no report of the next close from a venue that has none."""
        open_ms, view = self.next_close_ms - self.rules.step_ms, self._views[venue]
        if open_ms in view.candles:
            return Absence.NOT_TRADED
        if open_ms < view.keeps_from_ms:
            return Absence.NO_HISTORY
        return Absence.NO_CANDLE if view.newest_ms > open_ms else Absence.SILENT

    def _count_refused(self, agreement: Agreement) -> None:
        for verdict in agreement.verdicts:
            if verdict.verdict is not Verdict.COUNTED:
                health = self.health[verdict.venue]
                health.refused += 1
                health.last_problem = (
                    f"{verdict.venue}: its close at {self.next_close_ms} did not count: {verdict.verdict}"
                )

    def _count_copies(self, absent: Mapping[str, Absence]) -> None:
        for name, why in absent.items():
            if why is Absence.NOT_TRADED:
                health, open_ms = self.health[name], self.next_close_ms - self.rules.step_ms
                health.copied += 1
                what = "repeats the candle before it, or holds no trade"
                health.last_problem = f"{name}: its candle at {open_ms} did not count: it {what}"

    def _silent(self, now_ms: int) -> list[int]:
        """Since when each venue is silent that has shown nothing from the next close on."""
        open_ms = self.next_close_ms - self.rules.step_ms
        silent = []
        for view in self._views.values():
            if view.newest_ms < open_ms and view.keeps_from_ms <= open_ms:
                if view.silent_since_ms is None:
                    view.silent_since_ms = now_ms
                silent.append(view.silent_since_ms)
        return silent

    def _awaits_rates(self, now_ms: int) -> bool:
        """Whether a rate of the next close may still be settled. Whoever looks back has it settled long after it was
        due, so what counts is how long nothing has been settled of it."""
        until_ms = min((rates.newest_ms for rates in self._rates.values()), default=self.next_close_ms)
        if until_ms >= self.next_close_ms:
            self._unrated_since_ms = None
        elif self._unrated_since_ms is None or until_ms > self._rated_until_ms:
            self._unrated_since_ms = now_ms
        self._rated_until_ms = until_ms
        if self._unrated_since_ms is None:
            return False
        return now_ms < max(self.due_ms, self._unrated_since_ms) + self.rules.give_up_ms

    def _hear_news(self, now_ms: int) -> None:
        """A venue speaks. After a silence of all, the others get their whole patience again."""
        longest_calm_ms = max(self.rules.patience_ms, 2 * self.rules.step_ms)
        if self._news_ms is not None and now_ms - self._news_ms > longest_calm_ms:
            for view in self._views.values():
                view.silent_since_ms = None
        self._news_ms = now_ms

    def _drop_settled(self, view: _View) -> None:
        """Forgets candles that end before the next close, all but the newest of them."""
        open_ms = self.next_close_ms - self.rules.step_ms
        for at in list(view.candles):  # by time, as pages are
            if at >= open_ms:
                break
            shown, _ = view.candles.pop(at)
            if view.before is None or shown.candle.open_time_ms >= view.before.open_time_ms:
                view.before = shown.candle


def is_traded(candle: Candle, before: Candle | None) -> bool:
    """Whether a candle's close is a price of its time: not one that the venue carried forward.

    A flat candle without volume had no trade; one that equals the candle before it in every number, volume included,
    is a copy.
    """
    if candle.volume == 0 and candle.low_e8 == candle.high_e8:
        return False
    if before is None or candle.volume == 0:
        return True
    return _numbers(candle) != _numbers(before)


def _numbers(candle: Candle) -> tuple[int, int, int, int, float]:
    return candle.open_e8, candle.high_e8, candle.low_e8, candle.close_e8, candle.volume
