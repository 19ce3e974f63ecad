"""The SDK: what a stranger with a key may ask, over the in-memory network; and what it refuses to believe."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from neurons.client import News, Reader
from neurons.peers_file import ListedValidator
from neurons.ports import PeerUnreachable
from protocol.errors import BadSignature, NotFound, NotInReply, NotYetPublic, Rejected, SessionBroken, WrongRecipient
from protocol.messages import CloseNews, RoundNews
from protocol.units import HOUR_MS, MINUTE_MS, RoundId
from tests.support.memory_network import Faults
from tests.support.sample_database import HOTKEYS, QUICK
from tests.support.world import SERIES, SeededEntropy, World, run_world, signing_key

TOPICS = (f"closes/{SERIES}", f"rounds/{SERIES}/closes.point")


def reader(world: World, *, hotkey=None) -> Reader:
    known = world.known_validator
    peer = ListedValidator(hotkey or known.hotkey, known.endpoint)
    entropy = SeededEntropy("reader")
    return Reader(
        peer, signing_key("stranger"), params=world.params, clock=world.clock, entropy=entropy, wire=world.caller()
    )


def test_a_stranger_reads_rounds_standings_and_explanations() -> None:
    async def scenario(world: World) -> None:
        miner = await world.miner("guessing")
        await world.until(world.clock.now_ms() + 8 * HOUR_MS)
        async with reader(world) as asking:
            final = await asking.rounds(challenge="closes.point", state="final", limit=3)
            assert 3 == len(final)
            assert final[1:] == await asking.rounds(
                challenge="closes.point", state="final", before_ms=final[0].anchor_at_ms, limit=2
            )
            told = await asking.standings(SERIES, "closes.point")
            assert [miner.key.hotkey] == [one.hotkey for one in told.standings]
            explained = await asking.explain(final[0].round_id, miner.key.hotkey)
            assert "pay" == explained.lines[-1].section
            [open_one] = await asking.rounds(limit=1)
            with pytest.raises(NotYetPublic, match="told once it has resolved"):
                await asking.explain(open_one.round_id, miner.key.hotkey)
            with pytest.raises(NotFound):
                await asking.explain(RoundId(bytes(32)), miner.key.hotkey)
            assert 0 == await asking.skew_ms()

    run_world(scenario, params=QUICK)


async def first_news(world: World, count: int) -> list[News]:
    """So many news, while time passes."""
    told: list[News] = []

    async def listen() -> None:
        async with reader(world) as asking:
            async for news in asking.watch(*TOPICS):
                told.append(news)
                if len(told) == count:
                    return

    listening = asyncio.create_task(listen())
    await world.until(world.clock.now_ms() + 2 * HOUR_MS)
    assert listening.done(), "the news never came"
    await listening
    return told


def test_news_come_as_they_happen_in_order_and_verified() -> None:
    async def scenario(world: World) -> None:
        await world.until(world.clock.now_ms() + 6 * HOUR_MS)
        told = await first_news(world, 100)
        assert set(TOPICS) == {news.topic for news in told}
        for topic in TOPICS:
            numbers = [news.sequence for news in told if news.topic == topic]
            assert list(range(1, len(numbers) + 1)) == numbers
        closes = [news.message for news in told if isinstance(news.message, CloseNews)]
        assert [world.market.close(close.close_at_ms) for close in closes] == [close.close_e8 for close in closes]
        apart = [later.close_at_ms - earlier.close_at_ms for earlier, later in pairwise(closes)]
        assert {5 * MINUTE_MS} == set(apart)
        states = {news.message.summary.state for news in told if isinstance(news.message, RoundNews)}
        assert {"opened", "committing", "locked", "revealing", "scoring"} <= states

    run_world(scenario, params=QUICK)


def test_what_was_altered_or_comes_from_somebody_else_is_not_believed() -> None:
    def altered(raw: bytes) -> bytes:
        return raw[:-1] + bytes([raw[-1] ^ 1])

    async def scenario(world: World) -> None:
        await world.until(world.clock.now_ms() + 6 * HOUR_MS)
        kept: list[bytes] = []

        def swap(raw: bytes) -> bytes:
            kept.append(raw)
            return kept[0]

        async with reader(world) as asking:
            world.network.faults["validator:1"] = Faults(tamper_reply=swap)
            await asking.rounds(limit=1)
            with pytest.raises(NotInReply):
                await asking.rounds(limit=1)
            world.network.faults["validator:1"] = Faults(tamper_reply=altered)
            with pytest.raises(Rejected):
                await asking.rounds(limit=1)
            world.network.faults["validator:1"] = Faults(unreachable=True)
            with pytest.raises(PeerUnreachable):
                await asking.rounds(limit=1)

    run_world(scenario, params=QUICK)


class Meddling:
    """A wire whose stream passes through a function of (number of the frame, frame)."""

    def __init__(self, inner, meddle) -> None:
        self._inner, self._meddle = inner, meddle

    async def call(self, *arguments, **named):
        return await self._inner.call(*arguments, **named)

    async def watch(self, *arguments, **named):
        number = 0
        async for frame in self._inner.watch(*arguments, **named):
            for out in self._meddle(number, frame):
                yield out
            number += 1

    async def aclose(self) -> None:
        await self._inner.aclose()


def flip(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


@pytest.mark.parametrize(
    "meddle",
    [
        lambda number, frame: [] if number == 2 else [frame],
        lambda number, frame: [frame, frame] if number == 2 else [frame],
        lambda number, frame: [flip(frame)] if number == 2 else [frame],
    ],
    ids=["a frame is lost", "a frame is repeated", "a frame is altered"],
)
def test_a_stream_that_somebody_meddled_with_ends(meddle) -> None:
    async def scenario(world: World) -> None:
        await world.until(world.clock.now_ms() + 6 * HOUR_MS)
        known = world.known_validator
        peer = ListedValidator(known.hotkey, known.endpoint)
        wire = Meddling(world.caller(), meddle)
        told = []

        async def listen() -> None:
            key = signing_key("stranger")
            async with Reader(peer, key, params=world.params, clock=world.clock, wire=wire) as asking:
                async for news in asking.watch(*TOPICS):
                    told.append(news)

        listening = asyncio.create_task(listen())
        await world.until(world.clock.now_ms() + HOUR_MS)
        with pytest.raises((SessionBroken, BadSignature)):
            await listening
        assert len(told) <= 2

    run_world(scenario, params=QUICK)


def test_a_reader_that_expects_another_hotkey_is_refused() -> None:
    async def scenario(world: World) -> None:
        async with reader(world, hotkey=HOTKEYS["told"]) as asking:
            with pytest.raises(WrongRecipient):
                await asking.rounds(limit=1)

    run_world(scenario, params=QUICK)
