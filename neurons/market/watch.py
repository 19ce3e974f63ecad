"""The market watcher: asks every venue, and delivers each agreed (or missing) close once, in order of time; between
them, corrections of earlier ones.

Thin: what is settled when is decided in `settling`, what a correction changes in `corrections`. Each venue has its own
tasks and deadline, so that one that hangs delays nobody's polling; what it means for the close is a matter of patience
there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from neurons.market.candles import check_page
from neurons.market.corrections import Corrections
from neurons.market.evidence import close_of
from neurons.market.health import VenueHealth
from neurons.market.problems import VenueProblem, keeps_from_ms_of, problem_of, unavailable
from neurons.market.rates import Rates
from neurons.market.settling import AgreedClose, SettleRules, Settling
from neurons.ports import CandlePage, Clock, PriceVenue, VenueUnavailable
from neurons.records import CloseRow
from protocol.rules.price_history import PriceHistory
from protocol.rules.prices import remember
from protocol.units import HOUR_MS, SECOND_MS, UnixMs

Deliver = Callable[[AgreedClose], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How the watcher asks, in ms of the node's clock."""

    poll_ms: int = 10 * SECOND_MS
    """Between two questions to a venue while a close that is due waits for it."""
    deadline_ms: int = 10 * SECOND_MS
    """A question that takes longer is given up."""
    page: int = 500
    """The most candles asked for at once."""
    look_back_every_ms: int = HOUR_MS
    """Between two looks at candles that were settled, for corrections."""


class MarketWatch:
    """Watches one series on several venues. `run` serves until cancelled; the venues stay the caller's to close."""

    def __init__(
        self,
        venues: Sequence[PriceVenue],
        clock: Clock,
        rules: SettleRules,
        *,
        next_close_ms: int,
        history: PriceHistory,
        rates: Mapping[str, Rates] | None = None,
        reach_ms: int = 0,
        settings: WatchSettings | None = None,
    ) -> None:
        """next_close_ms: the first close to deliver: now less 30 days on a first start, later the one after the last
        stored. history: what the closes before it taught (see `evidence.history_of`). rates: see `Settling`. reach_ms:
        how far back corrections are looked for; 0: never. Raises ValueError (ours) for no venue, two of one name, or
        an instant off the grid.
        """
        if not venues:
            raise ValueError("a market without venues")
        self._venues = {venue.name: venue for venue in venues}
        self._clock, self._settings = clock, settings or WatchSettings()
        names = [venue.name for venue in venues]
        self._settling = Settling(rules, names, next_close_ms=next_close_ms, history=history, rates=rates)
        self.corrections = Corrections(self._settling.health, step_ms=rules.step_ms, reach_ms=reach_ms)
        self._step_ms = rules.step_ms
        self._delivering = asyncio.Lock()

    @property
    def health(self) -> Mapping[str, VenueHealth]:
        """Each venue's counters, by name; they go on counting."""
        return self._settling.health

    @property
    def next_close_ms(self) -> UnixMs:
        """The close that is settled next: all before it have been delivered."""
        return self._settling.next_close_ms

    def remember(self, rows: Iterable[CloseRow]) -> None:
        """Takes stored closes from before the first one to deliver, by time and revision: what they taught about the
        venues, and which of them may still be corrected. Raises ValueError (ours) for closes out of order."""
        for row in rows:
            close = close_of(row)
            if row.revision:
                self.corrections.restate(close)
                continue
            self.corrections.note(close, self._settling.history)
            self._settling.history = remember(self._settling.history, row.close_at_ms, close.agreement)

    async def run(self, deliver: Deliver) -> None:
        """Catches up, then delivers closes as they settle, until cancelled. What `deliver` raises ends it."""
        await self.catch_up(deliver)
        async with asyncio.TaskGroup() as polls:
            for name in self._venues:
                polls.create_task(self._follow(name, deliver), name=f"venue {name}")
                if self.corrections.reach_ms:
                    polls.create_task(self._look_back(name, deliver), name=f"corrections {name}")

    async def catch_up(self, deliver: Deliver) -> None:
        """Pages through the venues' past, oldest first, until nothing more can be settled now."""
        settled = True
        while settled:
            async with asyncio.TaskGroup() as polls:
                for name in self._venues:
                    polls.create_task(self._poll(name), name=f"venue {name}")
            settled = await self._settle(deliver)

    async def _follow(self, name: str, deliver: Deliver) -> None:
        """One venue's task: ask when the next close is due, and again while it waits."""
        while True:
            now_ms = self._clock.now_ms()
            await self._clock.sleep_until(max(self._settling.due_ms, now_ms))
            await self._poll(name)
            await self._settle(deliver)
            if self._settling.due_ms <= self._clock.now_ms():
                await self._clock.sleep_until(self._clock.now_ms() + self._settings.poll_ms)

    async def _look_back(self, name: str, deliver: Deliver) -> None:
        """One venue's other task: look again at what it reported, now and then."""
        while True:
            await self._clock.sleep_until(self._clock.now_ms() + self._settings.look_back_every_ms)
            try:
                await self.correct(name, deliver)
            except VenueUnavailable as error:
                self._count(name, error)

    async def correct(self, name: str, deliver: Deliver) -> None:
        """Reads a venue's settled candles again, and delivers the closes that come out otherwise.

        Raises VenueUnavailable: what was read before that has been taken.
        """
        since_ms = self.corrections.since_ms
        while since_ms is not None and since_ms + self._step_ms < self.next_close_ms:
            page = await self._ask(name, since_ms)
            check_page(name, page.candles, since_ms=since_ms, step_ms=self._step_ms)
            async with self._delivering:
                for corrected in self.corrections.learn(name, page, now_ms=self._clock.now_ms()):
                    await deliver(corrected)
            since_ms = UnixMs(page.candles[-1].open_time_ms + self._step_ms) if page.candles else None

    async def _poll(self, name: str) -> None:
        """Asks one venue for what follows the last settled close; trouble is counted, never raised."""
        self._settling.health[name].polls += 1
        try:
            await self._learn(name, self._settling.since_ms)
        except VenueUnavailable as error:
            self._count(name, error)

    async def _learn(self, name: str, since_ms: int) -> None:
        """One page into the settling. Of a venue that keeps nothing from so long ago, what it does keep.

        Raises VenueUnavailable.
        """
        try:
            page = await self._ask(name, since_ms)
        except VenueUnavailable as error:
            first_ms = keeps_from_ms_of(error)
            if first_ms is None or first_ms <= since_ms:
                raise
            self._settling.learn_keeps_from(name, first_ms)
            if first_ms > since_ms + self._settings.page * self._step_ms:
                return
            since_ms = first_ms
            page = await self._ask(name, since_ms)
        limit, now_ms = self._settings.page, self._clock.now_ms()
        self._settling.learn(name, page, since_ms=since_ms, limit=limit, now_ms=now_ms)

    def _count(self, name: str, error: VenueUnavailable) -> None:
        health = self._settling.health[name]
        health.problems[problem_of(error)] += 1
        health.last_problem = error.public

    async def _ask(self, name: str, since_ms: int) -> CandlePage:
        """One page within the deadline. Raises VenueUnavailable."""
        try:
            async with self._clock.timeout(self._settings.deadline_ms):
                return await self._venues[name].closed_candles(since_ms=since_ms, limit=self._settings.page)
        except TimeoutError as error:
            detail = f"no answer within {self._settings.deadline_ms} ms of this clock"
            raise unavailable(name, VenueProblem.TIMEOUT, detail) from error

    async def _settle(self, deliver: Deliver) -> bool:
        """Delivers every close that can be settled now, one after the other. Returns whether there was one.

        A close counts as settled once it is taken out, so `deliver` runs to its end before the next one is looked at.
        """
        any_settled = False
        async with self._delivering:
            before = self._settling.history
            while (settled := self._settling.settle(self._clock.now_ms())) is not None:
                any_settled = True
                self.corrections.note(settled, before)
                before = self._settling.history
                await deliver(settled)
        return any_settled
