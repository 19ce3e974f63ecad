"""Whatever is written of open streams in whatever order: the memory store and the file say the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

import pytest

from neurons.ports import Store
from neurons.records import Change
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.stream_records import StreamChange
from protocol.rules.stream_records import NoticeKind
from protocol.units import DAY_MS, HOUR_MS, UnixMs
from tests.support.rows import hotkey_of
from tests.support.stream_rows import (
    T0,
    a_letter,
    a_link,
    a_name,
    a_notice,
    a_settlement,
    a_stream,
    a_subscription,
    a_succession,
    a_value,
    a_word,
    an_evidence,
)

Row = TypeVar("Row")
STEPS = 60
SETTLED = [[a_settlement(n, s, owners=(n, 5)) for s in range(4)] for n in range(4)]


def a_change(chance: random.Random) -> StreamChange:
    """Up to two rows of each table, of few keys, so that they meet."""

    def some(make: Callable[[int, int, bool], Row]) -> tuple[Row, ...]:
        return tuple(
            make(chance.randrange(4), chance.randrange(4), chance.random() < 0.5) for _ in range(chance.randrange(3))
        )

    return StreamChange(
        streams=some(lambda n, i, flag: a_stream(n, incarnation=1 + i, deleted=flag)),
        values=some(lambda n, s, flag: a_value(n, s, incarnation=chance.randrange(1, 3), has_lags=flag)),
        words=some(lambda n, s, flag: a_word(n, chance.randrange(3), s, cancels=flag)),
        settlements=some(lambda n, s, _: SETTLED[n][s]),
        names=some(lambda n, letters, _: a_name(n, letters=letters)),
        successions=some(lambda n, after, _: a_succession(n, after)),
        links=some(lambda n, target, flag: a_link(n, target, standing=flag)),
        subscriptions=some(lambda n, source, flag: a_subscription(n, source, standing=flag)),
        letters=some(lambda n, i, _: a_letter(n, chance.randrange(4), f"{chance.random()}", incarnation=1 + i)),
        notices=some(lambda n, s, _: a_notice(n, s)),
        evidence=some(lambda n, t, _: an_evidence(n, kept_until_ms=t)),
    )


async def everything(store: Store) -> list[object]:
    said: list[object] = [
        [page async for page in await store.standing_streams()],
        await store.day_sums(),
        await store.settlements(limit=5),
        await store.settlements(before_ms=T0 + 2),
    ]
    for n in range(4):
        said += [
            await store.settlements(owner=hotkey_of(n), limit=2),
            await store.notices(hotkey_of(n), NoticeKind.CONFIRM),
            await store.stream_evidence(an_evidence(n, kept_until_ms=0).sha256),
        ]
    return said


@pytest.mark.parametrize("seed", range(3))
def test_both_stores_say_the_same_after_each_step(seed, tmp_path):
    chance = random.Random(seed)

    async def run() -> None:
        memory, file = MemoryStore(), await SqliteStore.open(tmp_path / "node.db")
        async with file:
            for _ in range(STEPS):
                if chance.random() < 0.8:
                    change = Change(open_streams=a_change(chance))
                    for store in (memory, file):
                        await store.apply(change)
                else:
                    now_ms = UnixMs(chance.choice((2, T0 + 1, T0 + HOUR_MS, T0 + 4 * DAY_MS)))
                    settled_before_ms = T0 + chance.randrange(4)
                    touched = [
                        await store.prune_streams(now_ms=now_ms, settled_before_ms=settled_before_ms)
                        for store in (memory, file)
                    ]
                    assert touched[0] == touched[1]
                assert await everything(memory) == await everything(file)
            assert {} == await file.dangling_names()

    asyncio.run(run())
