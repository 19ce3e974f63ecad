"""One broadcast to many subscribers: signed once, framed for each, and never waiting for the slowest.

Every subscriber has a queue of its own that holds references to the same messages. Whoever lets it fill up is
dropped: its stream ends with TooSlow, and what it had not read is let go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType

from neurons.transport.limits import Door
from protocol.errors import TooSlow


class Fanout:
    """Publishes to whoever is subscribed now. Belongs to one event loop."""

    def __init__(self, *, subscribers: int = 1_024, waiting: int = 256) -> None:
        """subscribers: how many at once; waiting: how many messages may wait for one of them."""
        self.dropped = 0
        """How many subscribers were dropped for reading too slowly."""
        self._waiting = waiting
        self._door = Door("subscribers", subscribers)
        self._by_topic: dict[str, set[Subscription]] = {}

    @property
    def subscribers(self) -> int:
        """How many are subscribed."""
        return self._door.inside

    def is_heard(self, topic: str) -> bool:
        """Whether anybody is subscribed to a topic."""
        return topic in self._by_topic

    def subscribe(self, topics: Iterable[str], frame: Callable[[bytes], bytes]) -> Subscription:
        """Use as `with fanout.subscribe(...) as news: async for framed in news`.

        frame: turns a message into what this subscriber gets (its session's counter and MAC); called in the order
        of sending, only for messages that are sent. Entering raises Overloaded when there are too many subscribers.
        """
        return Subscription(self, frozenset(topics), frame, self._waiting)

    def publish(self, topic: str, message: bytes) -> None:
        """Queues the message for every subscriber of the topic; waits for none."""
        for subscription in tuple(self._by_topic.get(topic, ())):
            if not subscription.offer(message):
                self.dropped += 1

    def close(self) -> None:
        """Ends every subscription in order: what waits is still read, then the streams end."""
        for subscription in {s for group in self._by_topic.values() for s in group}:
            subscription.finish()

    def join(self, subscription: Subscription) -> None:
        self._door.__enter__()
        for topic in subscription.topics:
            self._by_topic.setdefault(topic, set()).add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Nothing happens when it has left before."""
        if not any(subscription in self._by_topic.get(topic, ()) for topic in subscription.topics):
            return
        for topic in subscription.topics:
            group = self._by_topic[topic]
            group.discard(subscription)
            if not group:
                del self._by_topic[topic]
        self._door.__exit__(None, None, None)


class Subscription:
    """The framed messages of some topics, in the order they were published."""

    def __init__(self, fanout: Fanout, topics: frozenset[str], frame: Callable[[bytes], bytes], limit: int) -> None:
        self.topics = topics
        self._fanout, self._frame, self._limit = fanout, frame, limit
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._end: Exception | None = None

    def __enter__(self) -> Subscription:
        self._fanout.join(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fanout.leave(self)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> bytes:
        """Raises TooSlow when this subscriber was dropped."""
        while not self._queue:
            if self._end is not None:
                raise self._end
            self._wake.clear()
            await self._wake.wait()
        return self._frame(self._queue.popleft())

    def offer(self, message: bytes) -> bool:
        """False when the queue is full: the subscription is over then."""
        if len(self._queue) >= self._limit:
            self._queue.clear()
            self._stop(TooSlow(f"{self._limit} messages waited for this subscriber; it may subscribe again"))
            return False
        self._queue.append(message)
        self._wake.set()
        return True

    def finish(self) -> None:
        self._stop(StopAsyncIteration())

    def _stop(self, end: Exception) -> None:
        self._end = end
        self._fanout.leave(self)
        self._wake.set()
