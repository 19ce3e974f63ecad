"""Open streams replayed: nothing differs on a true database, and whatever is tampered with is found."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurons.records import Change
from neurons.store.sqlite import SqliteStore
from neurons.stream_records import StreamChange
from neurons.validating.replay.streams import TRANSFERS
from protocol.units import HOUR_MS
from tests.support.eventful import EVENTFUL, execute, findings_of, on_disk, play_eventful
from tests.support.stream_writers import stream_writer
from tests.support.world import World

PARAMS = replace(EVENTFUL, streams=replace(EVENTFUL.streams, letters_given=7))


async def a_morning_of_streams(world: World) -> None:
    await world.miner("guessing")
    await world.until(world.clock.now_ms() + 3 * HOUR_MS)
    ann, bob, eve = (stream_writer(world, name) for name in ("ann", "bob", "eve"))
    rng = np.random.default_rng(3)
    await ann.publish_set({"cop.json": 1.0, "rain.json": 2.0}, with_copulas=True)
    for turn in range(12):
        await world.until(world.clock.now_ms() + 75_000)
        for one, bias in ((bob, 1.0), (eve, 5.0)):
            near, far = rng.normal(turn + bias, 1.0, 225), rng.normal(bias, 1.0, 225)
            await one.submit({("cop.json", 70): near, ("rain.json", 310): far})
        await ann.publish_set({"cop.json": turn + rng.normal(), "rain.json": rng.normal()}, with_copulas=True)
    assert (await eve.balance()).balance_micros < -1_000_000
    await bob.transfer(eve.hotkey)


@pytest.fixture(scope="module")
def true_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = play_eventful(a_morning_of_streams, params=PARAMS)
    path = on_disk(store, tmp_path_factory.mktemp("streams") / "true.sqlite")

    async def add_streams() -> None:
        async with await SqliteStore.open(path) as target:
            async for change in await store.standing_streams():
                await target.apply(Change(open_streams=change))
            for row in reversed(await store.settlements(limit=100_000)):
                await target.apply(Change(open_streams=StreamChange(settlements=(row,))))

    asyncio.run(add_streams())
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def copy(true_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(true_file, tmp_path / "copy.sqlite"))


def test_nothing_differs_and_the_newest_pots_are_settled_anew(true_file):
    found = findings_of(true_file)
    assert [] == found.differences
    assert found.checked["settlements"] > 50
    assert found.checked["pots"] > 5
    assert 1 == found.unchecked[TRANSFERS].count


@pytest.mark.parametrize(
    ("statement", "found_in"),
    [
        (
            "UPDATE postings SET amount_micros = amount_micros + 1 WHERE place = 0",
            "postings",
        ),
        ("DELETE FROM settlements WHERE rowid = (SELECT max(rowid) FROM settlements)", "stream_days"),
        ("UPDATE settlements SET budget_micros = budget_micros * 2", "settlements"),
        ("UPDATE stream_words SET scenarios = zeroblob(1800)", "settlements"),
        ("UPDATE stream_days SET amount_micros = amount_micros + 1", "stream_days"),
    ],
)
def test_what_is_tampered_with_is_found(copy, statement, found_in):
    execute(copy, statement)
    assert found_in in {difference.table for difference in findings_of(copy).differences}
