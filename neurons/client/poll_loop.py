"""`Poll`: reads something at every instant of a rhythm and publishes what it read; nothing but a stop ends it.

    reading --decide--> values     publish them
                    --> nothing    touch the streams: they live on
    a reading that fails           told, counted, and the streams are touched
    a validator that refuses       told and counted; the next reading comes in time all the same

Readings never overlap: an instant at which the last reading is still under way passes, and is counted as missed.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from neurons.client.stream_requests import Publishable, value_text
from neurons.clock import SystemClock
from neurons.ports import Clock
from protocol.errors import AuguryError, InvalidRequest, NotFound
from protocol.messages import StreamActReply

log = logging.getLogger(__name__)

MIN_INTERVAL_MS: Final = 1_000
"""Values of a stream are at least so far apart."""


class Publisher(Protocol):
    """What a poll needs of a `StreamWriter`."""

    async def publish(
        self, name: str, value: Publishable, *, budget: float = 1.0, rule: str = "", with_percentiles: bool = False
    ) -> StreamActReply: ...

    async def publish_set(
        self,
        values: Mapping[str, Publishable],
        *,
        budgets: Mapping[str, float] | None = None,
        with_percentiles: bool = True,
        with_copulas: bool = True,
    ) -> StreamActReply: ...

    async def touch(self, *names: str) -> StreamActReply: ...


class Outcome(StrEnum):
    """What became of one instant of a poll."""

    PUBLISHED = "published"
    QUIET = "quiet"
    """There was nothing to publish; the streams live on."""
    FAILED = "failed"
    """The reading failed, or was nothing that can be published; the streams live on."""
    REFUSED = "refused"
    """The validator refused, or could not be reached."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What happened at one instant. values: name -> text, of what was read and would be published.

    why: a sentence, of all but a success.  missed: instants that passed unused before this one.
    """

    at_ms: int
    outcome: Outcome
    values: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    missed: int = 0
    reply: StreamActReply | None = None


@dataclass(slots=True)
class PollCounts:
    """How often what happened since a poll was made."""

    published: int = 0
    quiet: int = 0
    failed: int = 0
    refused: int = 0
    missed: int = 0

    def add(self, result: PollResult) -> None:
        setattr(self, result.outcome.value, getattr(self, result.outcome.value) + 1)
        self.missed += result.missed


def log_result(result: PollResult) -> None:
    """The default of `tell`: failures and refusals as warnings, the rest for who wants to see it."""
    if result.outcome in (Outcome.FAILED, Outcome.REFUSED):
        log.warning("poll %s: %s", result.outcome, result.why)
    else:
        log.info("poll %s: %s", result.outcome, dict(result.values) or result.why)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Instants at which something is due: every `interval_ms` from `origin_ms` on, or of the clock.

    origin_ms: None for the instant at which one begins.
    """

    interval_ms: int
    origin_ms: int | None = None

    def __post_init__(self) -> None:
        if self.interval_ms < MIN_INTERVAL_MS:
            raise InvalidRequest(
                f"values of a stream are at least {MIN_INTERVAL_MS} ms apart, not {self.interval_ms}",
                field="interval_ms",
                limit=MIN_INTERVAL_MS,
            )

    def first(self, now_ms: int) -> int:
        """The first instant that is not before now."""
        return now_ms if self.origin_ms is None else now_ms + (self.origin_ms - now_ms) % self.interval_ms

    def next(self, due_ms: int, now_ms: int) -> tuple[int, int]:
        """The first instant after one and not before now, and how many passed between."""
        missed = max(0, -(-(now_ms - due_ms) // self.interval_ms) - 1)
        return due_ms + (missed + 1) * self.interval_ms, missed


class Poll(ABC):
    """One thing that is read, and the streams it is published to. `counts` says how it goes; `run` it."""

    def __init__(
        self,
        func: Callable[[], Any],
        interval_ms: int,
        *,
        names: Sequence[str],
        writer: Publisher,
        clock: Clock | None = None,
        origin_ms: int | None = None,
        limit_ms: int | None = None,
        tell: Callable[[PollResult], None] = log_result,
    ) -> None:
        """func: takes nothing; a coroutine function, or a plain one, which runs in a thread.

        interval_ms: from one reading to the next.  origin_ms: 0 to read on the clock's whole intervals, None from
        when it is started.  limit_ms: how long one reading may take; an interval unless given. A thread cannot be
        stopped: where one hangs, readings fail until it ends.  tell: hears of every result.
        """
        self.names = tuple(names)
        self.counts = PollCounts()
        self._func, self._writer, self._tell = func, writer, tell
        self._rhythm = Rhythm(interval_ms, origin_ms)
        self._limit_ms = interval_ms if limit_ms is None else limit_ms
        self._clock = SystemClock() if clock is None else clock
        self._stopping = asyncio.Event()
        self._is_running = False
        self._under_way: asyncio.Future[Any] | None = None

    @abstractmethod
    def decide(self, reading: Any) -> Mapping[str, Publishable] | None:
        """What to publish of a reading, by name; None for nothing. What it raises is a failed reading."""

    @abstractmethod
    async def publish(self, values: Mapping[str, Publishable]) -> StreamActReply:
        """Publishes what was decided."""

    def forget(self) -> None:  # noqa: B027 - a hook: most polls remember nothing
        """A reading failed, and what the one before it was counts no more."""

    async def downtime(self) -> None:  # noqa: B027 - a hook
        """Called after each instant's work: the time until the next one is yours."""

    def stop(self) -> None:
        """Ends `run` when the reading under way, if there is one, is done."""
        self._stopping.set()

    async def run(self, *, times: int | None = None) -> PollCounts:
        """Polls until it is stopped, or so many times. Raises InvalidRequest when it runs already."""
        if self._is_running:
            raise InvalidRequest("this poll runs already", field="run")
        self._is_running = True
        try:
            await self._run(times)
        finally:
            self._is_running = False
            self._stopping.clear()
        return self.counts

    async def poll(self, *, missed: int = 0) -> PollResult:
        """One reading, now. Raises nothing that the function or the network did: that is in the result."""
        at_ms = self._clock.now_ms()
        try:
            values = self.decide(await self._read())
            texts = {} if values is None else {name: value_text(value) for name, value in values.items()}
        except Exception as error:  # noqa: BLE001 - somebody else's function: whatever it raises is told and counted
            self.forget()
            why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return await self._touched(PollResult(at_ms, Outcome.FAILED, why=why, missed=missed))
        if not texts:
            return await self._touched(PollResult(at_ms, Outcome.QUIET, why="nothing to publish", missed=missed))
        try:
            reply = await self.publish(texts)
        except AuguryError as error:
            return self._told(PollResult(at_ms, Outcome.REFUSED, texts, str(error), missed))
        return self._told(PollResult(at_ms, Outcome.PUBLISHED, texts, missed=missed, reply=reply))

    async def _run(self, times: int | None) -> None:
        due_ms, missed, done = self._rhythm.first(self._clock.now_ms()), 0, 0
        while times is None or done < times:
            if await self._stopped_before(due_ms):
                return
            await self.poll(missed=missed)
            await self.downtime()
            done += 1
            due_ms, missed = self._rhythm.next(due_ms, self._clock.now_ms())

    async def _stopped_before(self, at_ms: int) -> bool:
        """Waits until then, or until somebody stops it, and says which."""
        stop = asyncio.ensure_future(self._stopping.wait())
        sleep = asyncio.ensure_future(self._clock.sleep_until(at_ms))
        try:
            await asyncio.wait({stop, sleep}, return_when=asyncio.FIRST_COMPLETED)
            return self._stopping.is_set()
        finally:
            for waiting in (stop, sleep):
                waiting.cancel()
            await asyncio.gather(stop, sleep, return_exceptions=True)

    async def _read(self) -> Any:
        """What the function returns. Raises what it raises, TimeoutError, and InvalidRequest while one is under way."""
        if self._under_way is not None and not self._under_way.done():
            raise InvalidRequest("the last reading is still under way", field="func")
        loop = asyncio.get_running_loop()
        is_async = inspect.iscoroutinefunction(self._func)
        reading = asyncio.ensure_future(self._func()) if is_async else loop.run_in_executor(None, self._called)
        self._under_way = reading
        try:
            async with self._clock.timeout(self._limit_ms):
                return await asyncio.shield(reading)
        except TimeoutError as error:
            if reading.done():
                raise
            raise TimeoutError(f"no reading within {self._limit_ms} ms") from error
        finally:
            if is_async:
                reading.cancel()

    def _called(self) -> Any:
        """The plain function's value. A future cannot carry StopIteration, which an exhausted `next` raises."""
        try:
            return self._func()
        except StopIteration as error:
            raise InvalidRequest("the function ran out of values", field="func") from error

    async def _touched(self, result: PollResult) -> PollResult:
        """The result, when the streams were touched; what was never published cannot be, and need not."""
        try:
            await self._writer.touch(*self.names)
        except NotFound:
            return self._told(result)
        except AuguryError as error:
            why = f"{result.why}; touch: {error}"
            return self._told(PollResult(result.at_ms, Outcome.REFUSED, why=why, missed=result.missed))
        return self._told(result)

    def _told(self, result: PollResult) -> PollResult:
        self.counts.add(result)
        self._tell(result)
        return result
