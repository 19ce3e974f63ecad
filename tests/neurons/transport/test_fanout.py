"""One broadcast to many: order, topics, and that the slowest pays for itself alone."""

from __future__ import annotations

import asyncio

import pytest

from neurons.transport.fanout import Fanout
from protocol.errors import Overloaded, TooSlow


def plain(message: bytes) -> bytes:
    return message


class Numbered:
    """A session's framing: a counter before each message."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, message: bytes) -> bytes:
        self.count += 1
        return b"%d:%s" % (self.count, message)


def test_each_subscriber_gets_its_topics_in_order_with_its_own_framing():
    async def run():
        fanout = Fanout()
        with fanout.subscribe(["a", "b"], Numbered()) as both, fanout.subscribe(["b"], Numbered()) as one:
            for topic, message in (("a", b"x"), ("b", b"y"), ("c", b"z"), ("b", b"w")):
                fanout.publish(topic, message)
            fanout.close()
            assert [b"1:x", b"2:y", b"3:w"] == [frame async for frame in both]
            assert [b"1:y", b"2:w"] == [frame async for frame in one]

    asyncio.run(run())


def test_a_subscriber_that_waits_is_woken_by_the_next_message():
    async def run():
        fanout = Fanout()
        with fanout.subscribe(["a"], plain) as news:
            waiting = asyncio.ensure_future(anext(news))
            await asyncio.sleep(0)
            fanout.publish("a", b"x")
            assert b"x" == await waiting

    asyncio.run(run())


def test_a_subscriber_that_lets_its_queue_fill_is_dropped_and_the_others_miss_nothing():
    async def run():
        fanout = Fanout(waiting=3)
        with fanout.subscribe(["a"], plain) as slow, fanout.subscribe(["a"], plain) as quick:
            got = []
            for number in range(10):
                fanout.publish("a", b"%d" % number)
                got.append(await anext(quick))
            assert [b"%d" % number for number in range(10)] == got
            assert (1, 1) == (fanout.dropped, fanout.subscribers)
            for _ in range(2):
                with pytest.raises(TooSlow, match="3 messages"):
                    await anext(slow)

    asyncio.run(run())


def test_messages_that_are_never_sent_are_never_framed():
    async def run():
        fanout, framing = Fanout(waiting=2), Numbered()
        with fanout.subscribe(["a"], framing) as slow:
            fanout.publish("a", b"x")
            assert b"1:x" == await anext(slow)
            for _ in range(3):
                fanout.publish("a", b"y")
        assert 1 == framing.count

    asyncio.run(run())


def test_whoever_leaves_makes_room_and_hears_nothing_more():
    async def run():
        fanout = Fanout(subscribers=1)
        with fanout.subscribe(["a", "b"], plain), pytest.raises(Overloaded), fanout.subscribe(["a"], plain):
            pass
        assert 0 == fanout.subscribers
        with fanout.subscribe(["b"], plain) as later:
            fanout.publish("b", b"x")
            assert b"x" == await anext(later)

    asyncio.run(run())
