"""Where a crawler plays: what it asks the validator, which horizons it takes up, and which it leaves.

Steps follow one another; while one waits for the validator, news change what is known. A step that comes to nothing
because the validator cannot be asked is tried again later, and costs nothing but time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import asdict
from typing import TypeVar

import numpy as np
from structlog.typing import FilteringBoundLogger

from neurons.client.crawler import events
from neurons.client.crawler.hooks import CrawlerHooks, Sponsor
from neurons.client.crawler.horizon_table import Horizons
from neurons.client.crawler.horizons import HorizonState, Key, Move, is_worth_a_line, rest_ms
from neurons.client.crawler.planning import in_order
from neurons.client.crawler.streams import KnownStream, KnownStreams
from neurons.client.stream_writer import StreamWriter
from neurons.ports import Clock
from neurons.telemetry import Event
from protocol.errors import AuguryError, NodeFault, NotFound
from protocol.messages import MAX_ROWS, Moved, SettlementNews
from protocol.rules.stream_names import horizon_name
from protocol.units import MICRO, Hotkey

T = TypeVar("T")


class Game:
    """One crawler's standing with one validator. looks: there may be horizons to take up."""

    def __init__(
        self,
        hooks: CrawlerHooks,
        writer: StreamWriter,
        owner: Hotkey,
        *,
        clock: Clock,
        chance: np.random.Generator,
        log: FilteringBoundLogger,
    ) -> None:
        self.settings = hooks.settings
        self.streams = KnownStreams(self.settings.most_streams, self.settings.latest_ms)
        self.horizons = Horizons(self.settings)
        self.sponsors: dict[Hotkey, Sponsor] = {}
        self.counts: Counter[str] = Counter()
        self.balance_micros = 0
        self.earned_micros = 0
        self.looks = True
        self._hooks, self._writer, self._owner = hooks, writer, owner
        self._clock, self._chance, self._log = clock, chance, log
        self._to_withdraw: dict[Key, None] = {}

    def record(self, event: Event, *, times: int = 1) -> None:
        """Counts an event, and logs it. times: how often it happened in a row; only powers of two are logged."""
        self.counts[event.title()] += 1
        if is_worth_a_line(times):
            getattr(self._log, event.level)(event.title(), **asdict(event))

    async def asked(self, what: str, question: Awaitable[T]) -> T | None:
        """The answer; None where the validator gave none, which is recorded."""
        try:
            return await question
        except AuguryError as error:
            reason = f"{error.code}: {error}"[: events.LONGEST_REASON]
            self.record(events.ValidatorUnanswered(what=what, reason=reason))
            return None

    # Looking

    async def begin(self) -> None:
        """Takes everything that the validator remembers of this key.

        Raises what its questions raise, and NodeFault (ours) for a key whose name it does not know or is too short.
        """
        await self._writer.submit({})  # says nothing, but has the key's name known
        balance = await self._writer.balance(self._owner)
        if balance.difficulty < self.settings.min_letters:
            raise NodeFault(
                f"predicting takes a name of {self.settings.min_letters} letters, and this key's has "
                f"{balance.difficulty}: search one with `augury keys mine`, and give its nonce to the writer",
                limit=self.settings.min_letters,
            )
        settled = await self._writer.transactions(self._owner, limit=MAX_ROWS)
        self.horizons.rebuild(await self._writer.performance(self._owner), settled, now_ms=self._clock.now_ms())
        await self.refresh()
        resting = [key for key, one in self.horizons.by_key.items() if one.state is HorizonState.RESTING]
        self._to_withdraw = dict.fromkeys(resting)
        self.record(
            events.CrawlStarted(
                name=balance.name,
                letters=balance.difficulty,
                streams=len(self.streams.by_name),
                balance=balance.balance_micros / MICRO,
                bankrupt_below=balance.level_micros / MICRO,
                resting=len(resting),
            )
        )

    async def refresh(self) -> int:
        """Reads streams, performance and balance, whatever was pushed; answers how many streams there are.

        Raises what its questions raise.
        """
        asked_ms = self._clock.now_ms()
        listed = await self._writer.all_streams()
        performed = await self._writer.performance(self._owner)
        balance = await self._writer.balance(self._owner)
        self.horizons.correct(performed)
        for name in self.streams.list(listed, asked_ms=asked_ms):
            self._retire(self.horizons.of_stream(name))
        for stream in self.streams.by_name.values():
            if not self._wants(stream):
                played = self.horizons.of_stream(stream.name)
                self._retire(played)
                self._to_withdraw.update(dict.fromkeys(played))
            if not self.horizons.of_stream(stream.name) and len(stream.lags) >= self.settings.min_lags:
                stream.let_go()
        self.looks = True
        self.balance_micros = balance.balance_micros
        if balance.balance_micros < balance.level_micros:
            below = balance.level_micros / MICRO
            self.record(events.KeyBankrupt(balance=balance.balance_micros / MICRO, bankrupt_below=below))
        return len(listed)

    def settled(self, news: SettlementNews, moved: Moved) -> None:
        """A value met our scenarios."""
        self.horizons.pay(news.name, news.delay, moved.amount_micros)
        self.earned_micros += moved.amount_micros

    def crawling(self) -> events.Crawling:
        """How it goes."""
        states = self.horizons.states()
        return events.Crawling(
            playing=states[HorizonState.PLAYED],
            resting=states[HorizonState.RESTING],
            waiting=states[HorizonState.WAITING],
            batches=self.counts[events.ForecastsSubmitted.title()],
            failed=self.counts[events.SampleFailed.title()],
            earned=self.earned_micros / MICRO,
            balance=self.balance_micros / MICRO,
        )

    # Taking up and giving up

    async def take_up(self) -> None:
        """Fills what room there is with the most important streams. Raises what its questions raise."""
        self.looks = False
        left = self.settings.most_reads
        for name in self._candidates():
            room = self.settings.most_horizons - len(self.horizons.played)
            stream = self.streams.by_name.get(name)
            if room <= 0:
                return
            if left <= 0:
                self.looks = True  # and goes on where it was, since what was read is known then
                return
            if stream is not None:
                left -= await self._learn(stream)
                if self._is_playable(stream):
                    for delay in self._free_delays(stream)[:room]:
                        self._begin_to_play(stream, delay)

    def _candidates(self) -> list[str]:
        importance = {
            name: self._hooks.stream_importance(stream, self.settings.prize(name, stream.owner))
            for name, stream in self.streams.by_name.items()
            if self._wants(stream) and self._free_delays(stream)
        }
        return in_order(importance, self._chance)

    def _wants(self, stream: KnownStream) -> bool:
        settings, hooks = self.settings, self._hooks
        is_affordable = settings.min_budget_micros <= stream.budget_micros <= settings.max_budget_micros
        return is_affordable and hooks.include_stream(stream.name) and not hooks.exclude_stream(stream.name)

    def _free_delays(self, stream: KnownStream) -> list[int]:
        name, hooks = stream.name, self._hooks
        return [
            delay
            for delay in self.settings.delays
            if self.horizons.of(name, delay).state is HorizonState.FREE
            and hooks.include_delay(name, delay)
            and not hooks.exclude_delay(name, delay)
        ]

    async def _learn(self, stream: KnownStream) -> int:
        """Asks who publishes a stream and, if that one is welcome, for its lags; answers how many questions it took."""
        questions = 0
        if stream.owner not in self.sponsors:
            questions += 1
            told = await self._writer.balance(stream.owner)
            self.sponsors[stream.owner] = Sponsor(stream.owner, told.name, told.difficulty)
        if stream.is_missing and self._welcomes(stream):
            questions += 1
            await self.read(stream)
        return questions

    def _welcomes(self, stream: KnownStream) -> bool:
        sponsor, hooks = self.sponsors[stream.owner], self._hooks
        is_long = sponsor.letters >= self.settings.min_sponsor_letters
        return is_long and hooks.include_sponsor(sponsor) and not hooks.exclude_sponsor(sponsor)

    def _is_playable(self, stream: KnownStream) -> bool:
        is_there = self.streams.by_name.get(stream.name) is stream
        return is_there and self._welcomes(stream) and len(stream.lags) >= self.settings.min_lags

    async def read(self, stream: KnownStream) -> None:
        """Reads its lags. A stream that is not there any more is forgotten."""
        stream.is_wanted = True
        try:
            stream.fill(await self._writer.lags(stream.name, limit=MAX_ROWS))
        except NotFound:
            self.forget(stream.name)

    def _begin_to_play(self, stream: KnownStream, delay: int) -> None:
        self.horizons.move(stream.name, delay, Move.TAKE_UP, now_ms=self._clock.now_ms())
        self._to_withdraw.pop((stream.name, delay), None)
        self.record(events.HorizonTakenUp(horizon=horizon_name(stream.name, delay), lags=len(stream.lags)))

    async def give_up(self) -> None:
        """Leaves the horizons on which too much was lost by now, and withdraws from them."""
        now_ms = self._clock.now_ms()
        for key in self.horizons.take_changed():
            if not self._hooks.give_up(*key, self.horizons.of(*key)):
                continue
            horizon = self.horizons.move(*key, Move.GIVE_UP, now_ms=now_ms)
            self._to_withdraw[key] = None
            self.looks = True
            self.record(
                events.HorizonGivenUp(
                    horizon=horizon_name(*key),
                    earned=horizon.earned_micros / MICRO,
                    strikes=horizon.strikes,
                    rest_ms=rest_ms(horizon.strikes, self.settings),
                )
            )
            self._hooks.on_given_up(horizon)
        if self._to_withdraw:
            await self.withdraw(list(self._to_withdraw))

    async def withdraw(self, keys: Sequence[Key]) -> None:
        """Cancels what stands there. What the validator refuses of it did not stand."""
        if keys and await self.asked("cancel", self._writer.cancel(keys)) is not None:
            for key in keys:
                self._to_withdraw.pop(key, None)

    def _retire(self, keys: Iterable[Key]) -> None:
        for key in list(keys):
            self.horizons.move(*key, Move.RETIRE, now_ms=self._clock.now_ms())
            self.looks = True
            self.record(events.HorizonRetired(horizon=horizon_name(*key)))
            self._hooks.on_retired(*key)

    def forget(self, name: str) -> None:
        """There is no such stream any more."""
        self.streams.by_name.pop(name, None)
        self._retire(self.horizons.of_stream(name))
