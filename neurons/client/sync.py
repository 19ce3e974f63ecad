"""The SDK for scripts and notebooks, without `await`: the same methods, each of which waits for its answer.

    with SyncStreamWriter(validator, key, name_nonce=nonce) as writer:
        writer.publish("cop.json", 42.5)
        for news in writer.watch("streams"):
            print(news.message)

A face has a thread of its own with the event loop in it, so it also works where a loop runs already, as in a notebook.
One that is not closed ends with the process.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

from neurons.client.news import News
from neurons.client.reader import LONGEST_SILENCE_MS
from neurons.client.stream_reader import StreamReader
from neurons.client.stream_writer import StreamWriter
from neurons.clock import SystemClock
from neurons.peers_file import ListedValidator
from neurons.ports import PeerUnreachable
from protocol.keys import SigningKey

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_DEADLINE_S: Final = 120.0
"""Longer than everything that a single call does by itself, all of which has deadlines of its own."""


def waiting(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[_Face, P], T]:
    """A method of a face: runs the coroutine method of the same name to its end, no longer than the face's deadline."""

    @functools.wraps(method)
    def call(face: _Face, /, *args: P.args, **named: P.kwargs) -> T:
        return face.wait(method(face.asking, *args, **named))

    return call


class _Face:
    """An event loop in a thread, and what lives in it. deadline_s: how long one call may take, of wall time."""

    def __init__(self, make: Callable[[], StreamReader], deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="augury-client", daemon=True)
        self._thread.start()
        try:
            self.asking = self.wait(_made(make))
        except BaseException:
            self._end()
            raise

    def wait(self, work: Coroutine[Any, Any, T], *, deadline_s: float | None = None) -> T:
        """What the work returns or raises. Raises PeerUnreachable at the deadline, where the work ends too."""
        if self._loop.is_closed():
            work.close()
            raise PeerUnreachable("this face is closed", reason="closed")
        limit_s = self._deadline_s if deadline_s is None else deadline_s
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(limit_s)
        except concurrent.futures.TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise PeerUnreachable(f"no answer within {limit_s:g} s", reason="timeout") from None
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self) -> None:
        """Ends the conversation, the loop and the thread. A closed face stays closed."""
        if self._loop.is_closed():
            return
        try:
            self.wait(self.asking.__aexit__(None, None, None))
        finally:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._deadline_s)
        if not self._thread.is_alive():
            self._loop.close()


class SyncStreamReader(_Face):
    """`StreamReader` without `await`. Raises as its methods do."""

    def __init__(
        self, validator: ListedValidator, key: SigningKey, *, deadline_s: float = DEFAULT_DEADLINE_S, **options: Any
    ) -> None:
        """options: of `StreamReader`."""
        super().__init__(lambda: StreamReader(validator, key, **options), deadline_s)

    rounds = waiting(StreamReader.rounds)
    standings = waiting(StreamReader.standings)
    explain = waiting(StreamReader.explain)
    skew_ms = waiting(StreamReader.skew_ms)
    streams = waiting(StreamReader.streams)
    all_streams = waiting(StreamReader.all_streams)
    lags = waiting(StreamReader.lags)
    lagged = waiting(StreamReader.lagged)
    lagged_values = waiting(StreamReader.lagged_values)
    lagged_times = waiting(StreamReader.lagged_times)
    delayed_value = waiting(StreamReader.delayed_value)
    cdf = waiting(StreamReader.cdf)
    quantiles = waiting(StreamReader.quantiles)
    median = waiting(StreamReader.median)
    interval = waiting(StreamReader.interval)
    board = waiting(StreamReader.board)
    balance = waiting(StreamReader.balance)
    transactions = waiting(StreamReader.transactions)
    settled = waiting(StreamReader.settled)
    performance = waiting(StreamReader.performance)
    confirms = waiting(StreamReader.confirms)
    errors = waiting(StreamReader.errors)
    warnings = waiting(StreamReader.warnings)
    mailbox = waiting(StreamReader.mailbox)
    links = waiting(StreamReader.links)
    subscriptions = waiting(StreamReader.subscriptions)
    volumes = waiting(StreamReader.volumes)
    taking_part = waiting(StreamReader.taking_part)
    predictions = waiting(StreamReader.predictions)

    def watch(self, *topics: str, silence_ms: int = LONGEST_SILENCE_MS) -> Iterator[News]:
        """News as it comes, as `Reader.watch` tells it; leaving the loop ends the stream."""
        news = self.asking.watch(*topics, silence_ms=silence_ms)
        silence_s = SystemClock().wall_seconds(silence_ms) + self._deadline_s
        try:
            while (told := self.wait(_next(news), deadline_s=silence_s)) is not None:
                yield told
        finally:
            if not self._loop.is_closed():
                self.wait(_closed(news))


class SyncStreamWriter(SyncStreamReader):
    """`StreamWriter` without `await`. Raises as its methods do."""

    def __init__(
        self, validator: ListedValidator, key: SigningKey, *, deadline_s: float = DEFAULT_DEADLINE_S, **options: Any
    ) -> None:
        """options: of `StreamWriter`."""
        _Face.__init__(self, lambda: StreamWriter(validator, key, **options), deadline_s)

    publish = waiting(StreamWriter.publish)
    publish_set = waiting(StreamWriter.publish_set)
    submit = waiting(StreamWriter.submit)
    cancel = waiting(StreamWriter.cancel)
    touch = waiting(StreamWriter.touch)
    delete = waiting(StreamWriter.delete)
    link = waiting(StreamWriter.link)
    unlink = waiting(StreamWriter.unlink)
    subscribe = waiting(StreamWriter.subscribe)
    unsubscribe = waiting(StreamWriter.unsubscribe)
    transfer = waiting(StreamWriter.transfer)
    take_name = waiting(StreamWriter.take_name)
    end_key = waiting(StreamWriter.end_key)


async def _made(make: Callable[[], StreamReader]) -> StreamReader:
    """Made in its own loop, where everything that it opens will live."""
    return make()


async def _next(news: AsyncIterator[News]) -> News | None:
    return await anext(news, None)


async def _closed(news: AsyncIterator[News]) -> None:
    if isinstance(news, AsyncGenerator):
        await news.aclose()
