"""`Crawler`: competes on open streams. Subclass it, override `sample`, call `run()`.

    class Mine(Crawler):
        def sample(self, lagged_values, lagged_times, name, delay):
            return lagged_values[0] + 0.1 * np.random.standard_t(4, 225)

    sys.exit(Mine(StreamWriter(validator, key, name_nonce=nonce)).run())

    news ──► known streams, own horizons ──► what is due ──► sample, in a thread ──► one signed batch ──► the validator

Values and payments are pushed; nothing guesses when the next value comes. All that must not be forgotten the validator
remembers: a crawler that starts asks for it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from structlog.typing import FilteringBoundLogger

from neurons.client.crawler.forecasting import Forecasting
from neurons.client.crawler.game import Game
from neurons.client.crawler.hooks import CrawlerHooks
from neurons.client.crawler.settings import DEFAULT_SETTINGS, CrawlSettings, Prize
from neurons.client.crawler.watching import follow
from neurons.client.news import Told
from neurons.client.stream_writer import StreamWriter
from neurons.settings import LogSettings
from neurons.supervise import run_until_stopped
from neurons.telemetry import open_log
from protocol.errors import Ignored, NodeFault, Rejected
from protocol.messages import BoardLine, SettlementNews, StreamNews
from protocol.rules.stream_standings import month_of
from protocol.units import SECOND_MS, Hotkey

ASK_AGAIN_MS: Final = 30 * SECOND_MS
"""After a refresh that came to nothing."""
LOOK_AFTER_MS: Final = SECOND_MS
"""After a watch was asked for, everything is read again."""


class Crawler(CrawlerHooks):
    """One key's forecasts on the streams of one validator. What it decides is in `CrawlerHooks`, to be overridden."""

    def __init__(
        self,
        writer: StreamWriter,
        settings: CrawlSettings = DEFAULT_SETTINGS,
        *,
        owner: Hotkey | None = None,
        chance: np.random.Generator | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        """owner: the first key of the writer's line, where that was handed over; its own unless given.

        chance: for samples, and the order of equally important streams.
        log: where events are written; standard error unless given.
        """
        super().__init__(settings)
        self.writer, self.owner = writer, writer.hotkey if owner is None else owner
        self.chance = chance if chance is not None else np.random.default_rng()
        self._clock = writer.clock
        self.game = Game(
            self,
            writer,
            self.owner,
            clock=self._clock,
            chance=self.chance.spawn(1)[0],
            log=log if log is not None else open_log(LogSettings(format="console"), sys.stderr),
        )
        self._wake = asyncio.Event()
        self._refresh_at_ms = self._tell_at_ms = self._idled_ms = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each event of `events.py` happened, by its title."""
        return self.game.counts

    def run(self, *, for_ms: int | None = None, withdraw_at_end: bool = False) -> int:
        """Crawls until Ctrl-C or SIGTERM and answers the exit code, as `supervise.run_until_stopped`; see `crawl`."""

        async def main() -> None:
            async with self.writer:
                try:
                    await self.crawl(for_ms=for_ms, withdraw_at_end=withdraw_at_end)
                except (Rejected, Ignored) as error:
                    raise NodeFault(f"the validator answers nothing ({error.code}): {error}") from error

        return run_until_stopped(main)

    async def crawl(self, *, for_ms: int | None = None, withdraw_at_end: bool = False) -> None:
        """Competes until cancelled, or for so long by the clock. The writer is open and stays so.

        Forecasts stand when it ends, unless `withdraw_at_end`: they are judged by every value for three more days.
        Raises what the first questions raise, when the validator cannot be asked at all. From then on an
        ExceptionGroup, of a NodeFault for a `sample` that hangs, or of what a hook of one's own raises.
        """
        await self.game.begin()
        self._refresh_at_ms = self._tell_at_ms = self._clock.now_ms() + self.settings.refresh_ms
        self.on_start()
        until_ms = None if for_ms is None else self._clock.now_ms() + for_ms
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sample")
        try:
            async with asyncio.TaskGroup() as tasks:
                news = tasks.create_task(self._listen(), name="news")
                await self._work(Forecasting(self, self.game, self.writer, self._clock, thread), until_ms)
                news.cancel()
        finally:
            thread.shutdown(wait=False, cancel_futures=True)
            if withdraw_at_end:
                await self.game.withdraw(list(self.game.horizons.played))
            self.game.record(self.game.crawling())

    async def places(self, prize: Prize, *, this_month: bool = True) -> tuple[BoardLine, ...]:
        """The board that a prize is paid by, best first: of this month, or of all time."""
        sponsor = "" if prize.sponsor is None else prize.sponsor.hex()
        month = month_of(self._clock.now_ms()) if this_month else ""
        return await self.writer.board(category=prize.category, sponsor=sponsor, month=month)

    async def _listen(self) -> None:
        await follow(
            self.writer,
            clock=self._clock,
            silence_ms=self.settings.silence_ms,
            opening=self._opening,
            opened=self._opened,
            hear=self._hear,
            broken=self.game.record,
        )

    def _opening(self) -> None:
        """What came while nothing was watched may still be worth an answer."""
        self._refresh_at_ms = min(self._refresh_at_ms, self._clock.now_ms() + LOOK_AFTER_MS)
        self._wake.set()

    def _opened(self) -> None:
        """What came before the first news of a watch may have been missed: it is read."""
        self.game.streams.doubt()
        self._refresh_at_ms = self._clock.now_ms()
        self._wake.set()

    def _hear(self, news: Told) -> None:
        game = self.game
        if isinstance(news, StreamNews):
            is_new = news.name not in game.streams.by_name
            stream = game.streams.hear(news, now_ms=self._clock.now_ms())
            if stream is None or stream.newest is None:
                return
            self.on_value(stream.name, stream.newest)
            game.looks |= is_new or len(stream.lags) == self.settings.min_lags
            if game.looks or game.horizons.of_stream(stream.name):
                self._wake.set()
        elif isinstance(news, SettlementNews):
            for moved in news.moved:
                if moved.owner == self.owner:
                    game.settled(news, moved)
                    self.on_settled(news.name, news.delay, moved.amount_micros)
                    self._wake.set()

    async def _work(self, forecasting: Forecasting, until_ms: int | None) -> None:
        game, clock = self.game, self._clock
        while until_ms is None or clock.now_ms() < until_ms:
            if clock.now_ms() >= self._refresh_at_ms:
                await self._refresh()
            game.looks |= game.horizons.wake_up(clock.now_ms())
            await game.give_up()
            if game.looks:
                await game.asked("take up", game.take_up())
            due, now_ms = forecasting.due(), clock.now_ms()
            if now := [key for key, at_ms in due.items() if at_ms <= now_ms]:
                await forecasting.speak(now)
            elif not game.looks:
                if not due:
                    await self._idle(forecasting)
                await self._wait((self._refresh_at_ms, *due.values(), *([] if until_ms is None else [until_ms])))

    async def _refresh(self) -> None:
        now_ms = self._clock.now_ms()
        done = await self.game.asked("refresh", self.game.refresh()) is not None
        self._refresh_at_ms = now_ms + (self.settings.refresh_ms if done else ASK_AGAIN_MS)
        if done and now_ms >= self._tell_at_ms:
            self._tell_at_ms = self._refresh_at_ms
            self.game.record(self.game.crawling())

    async def _idle(self, forecasting: Forecasting) -> None:
        """Downtime, where somebody makes use of it and it is not too soon."""
        is_used = type(self).downtime is not CrawlerHooks.downtime
        if is_used and self._clock.now_ms() >= self._idled_ms + self.settings.downtime_every_ms:
            self._idled_ms = self._clock.now_ms()
            await forecasting.idle()

    async def _wait(self, instants: Iterable[int]) -> None:
        """Until the first of these instants, or until there are news that matter."""
        left_ms = min(instants) - self._clock.now_ms()
        if left_ms > 0 and not self._wake.is_set():
            try:
                async with self._clock.timeout(left_ms):
                    await self._wake.wait()
            except TimeoutError:
                return
        self._wake.clear()
