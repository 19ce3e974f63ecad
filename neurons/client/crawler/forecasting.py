"""What a crawler says: which horizons are due, their samples made in a thread, everything of one wake in one batch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from neurons.client.crawler import events
from neurons.client.crawler.game import Game
from neurons.client.crawler.hooks import CrawlerHooks
from neurons.client.crawler.horizons import Key, Move
from neurons.client.crawler.planning import due_at_ms, turns
from neurons.client.crawler.sampling import Sampling
from neurons.client.crawler.streams import Lagged
from neurons.client.stream_writer import StreamWriter
from neurons.ports import Clock
from protocol.errors import NodeFault, NotFound
from protocol.messages import RefusedPart
from protocol.rules.stream_names import horizon_name


@dataclass
class Forecasting:
    """Speaks for the horizons that a game plays. thread: where `sample` and `downtime` run, one call after another."""

    hooks: CrawlerHooks
    game: Game
    writer: StreamWriter
    clock: Clock
    thread: ThreadPoolExecutor

    def due(self) -> dict[Key, int]:
        """When each horizon that is played is to be spoken for, of those at which something is new."""
        now_ms, hooks, due = self.clock.now_ms(), self.hooks, dict[Key, int]()
        for key in self.game.horizons.played:
            horizon, stream = self.game.horizons.of(*key), self.game.streams.by_name.get(key[0])
            if stream is None or stream.received_ms is None or stream.heard <= horizon.looked:
                continue
            at_ms = due_at_ms(
                horizon,
                heard=stream.heard,
                received_ms=stream.received_ms,
                now_ms=now_ms,
                window_ms=hooks.submission_window_ms(*key),
                every=hooks.update_every(*key),
            )
            if at_ms is not None:
                due[key] = at_ms
        return due

    async def speak(self, due: Sequence[Key]) -> None:
        """Samples these horizons and submits what came of it. Raises NodeFault (ours) for a `sample` that hangs."""
        now_ms, settings = self.clock.now_ms(), self.hooks.settings
        keys = turns(due, settings.most_at_once)
        heard = {key: self.game.streams.by_name[key[0]].heard for key in keys}
        lagged, unread = await self._lags(dict.fromkeys(name for name, _ in keys))
        wanted = [(key, lagged[key[0]]) for key in keys if key[0] in lagged]
        sampling = Sampling(until_s=time.monotonic() + settings.sample_limit_s)
        await self._in_thread(
            lambda: sampling.run(self.hooks.sample, wanted, scenarios=settings.scenarios),
            about=lambda: f"sample of {sampling.under_way}",
        )
        looked = {key: count for key, count in heard.items() if key in sampling.done or key[0] in unread}
        self.game.horizons.looked(looked, sampling.failures)
        self._record(sampling)
        if sampling.forecasts:
            refused = await self.game.asked("submit", self.writer.submit(sampling.forecasts))
            if refused is not None:
                self._submitted(heard, sampling, refused, now_ms=now_ms)

    async def idle(self) -> None:
        """Gives `downtime` its turn. Raises NodeFault (ours) where it hangs."""
        await self._in_thread(self.hooks.downtime, about=lambda: "downtime")

    async def _lags(self, names: Iterable[str]) -> tuple[dict[str, Lagged], set[str]]:
        """The lags of these streams, read where some may be missing, and the streams of which they could not be.

        A stream that is in neither has ended, or its turn comes in the next wake.
        """
        left, lagged, unread = self.hooks.settings.most_reads, dict[str, Lagged](), set[str]()
        for name in names:
            stream = self.game.streams.by_name.get(name)
            if stream is None or (stream.is_missing and left == 0):
                continue
            if stream.is_missing:
                left -= 1
                await self.game.asked(f"lags of {name}", self.game.read(stream))
            if stream.lags and not stream.is_missing:
                lagged[name] = stream.lagged()
            else:
                unread.add(name)
        return lagged, unread

    def _record(self, sampling: Sampling) -> None:
        for key, error in sampling.failures.items():
            times = self.game.horizons.of(*key).failures
            told = f"{type(error).__name__}: {error}"[: events.LONGEST_REASON]
            self.game.record(events.SampleFailed(horizon=horizon_name(*key), error=told, times=times), times=times)

    def _submitted(
        self, heard: Mapping[Key, int], sampling: Sampling, refused: Sequence[RefusedPart], *, now_ms: int
    ) -> None:
        parts = {part.subject: part for part in refused}
        taken = {key: row for key, row in sampling.forecasts.items() if horizon_name(*key) not in parts}
        self.game.horizons.submitted({key: heard[key] for key in taken}, now_ms=now_ms)
        self.game.record(events.ForecastsSubmitted(horizons=len(taken), refused=len(parts)))
        if taken:
            self.hooks.on_submitted(taken)
        for key in sampling.forecasts.keys() - taken.keys():
            self._refused(key, parts[horizon_name(*key)], now_ms)

    def _refused(self, key: Key, part: RefusedPart, now_ms: int) -> None:
        """A stream that has ended is forgotten; whatever else it was, the horizon is left alone for a while."""
        self.hooks.on_refused(part)
        times = self.game.horizons.of(*key).refusals + 1
        refusal = events.ForecastRefused(horizon=part.subject, code=part.code, reason=part.sentence, times=times)
        self.game.record(refusal, times=times)
        if part.code == NotFound.code:
            self.game.forget(key[0])
        elif self.game.horizons.of(*key).is_played:
            self.game.horizons.move(*key, Move.REFUSED, now_ms=now_ms)

    async def _in_thread(self, call: Callable[[], None], *, about: Callable[[], str]) -> None:
        """Waits for a call, twice the limit at most: a round of samples begins none after once the limit."""
        limit_s = 2 * self.hooks.settings.sample_limit_s
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.get_running_loop().run_in_executor(self.thread, call)
        except TimeoutError as error:
            raise NodeFault(f"{about()} did not return within {limit_s:g} s: the crawl cannot go on") from error
