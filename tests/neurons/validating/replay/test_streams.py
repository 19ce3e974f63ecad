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
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.streams import FOLDED, LET_GO, TRANSFERS
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
        ("DELETE FROM settlements WHERE rowid = (SELECT max(rowid) FROM settlements)", "settlements"),
        ("UPDATE settlements SET budget_micros = budget_micros * 2", "settlements"),
        ("UPDATE stream_words SET scenarios = zeroblob(1800)", "settlements"),
        ("UPDATE stream_days SET amount_micros = amount_micros + 1", "stream_days"),
    ],
)
def test_what_is_tampered_with_is_found(copy, statement, found_in):
    execute(copy, statement)
    assert found_in in {difference.table for difference in findings_of(copy).differences}


@pytest.fixture(scope="module")
def half_folded(true_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the older half of its settlements folded into their days."""
    path = Path(shutil.copy(true_file, tmp_path_factory.mktemp("folded") / "folded.sqlite"))

    async def fold() -> None:
        async with await SqliteStore.open(path) as store:
            rows = await store.settlements(limit=100_000)
            middle_ms = rows[len(rows) // 2].at_ms
            await store.prune_streams(now_ms=rows[-1].at_ms, settled_before_ms=middle_ms)

    asyncio.run(fold())
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def told(found: Findings) -> set[str]:
    return {difference.table for difference in found.differences}


def test_what_was_folded_is_checked_by_its_sums_and_balances_are_recomputed_alike(true_file, half_folded):
    before, found = findings_of(true_file), findings_of(half_folded)
    assert [] == found.differences
    assert 10 < found.checked["settlements"] < before.checked["settlements"]
    assert 2 == found.unchecked[FOLDED].count
    assert LET_GO not in found.unchecked
    assert (before.checked["days"], before.checked["balances"]) == (found.checked["days"], found.checked["balances"])


@pytest.mark.parametrize(
    ("statement", "found_in"),
    [
        ("UPDATE stream_days SET folded_micros = folded_micros + 1 WHERE folded > 0", "stream_days"),
        ("UPDATE stream_days SET folded = 0, folded_micros = 0", "stream_days"),
        ("DELETE FROM transactions WHERE kind = 'settle_day'", "stream_days"),
        ("UPDATE stream_days SET moved_micros = 0", "stream_days"),
        (
            "DELETE FROM stream_days WHERE folded > 0 AND amount_micros = (SELECT max(amount_micros) FROM stream_days)",
            "stream_days",
        ),
        (
            'UPDATE postings SET amount_micros = amount_micros + 1 WHERE "transaction" = '
            "(SELECT min(id) FROM transactions WHERE kind = 'settle_day')",
            "transactions",
        ),
        ("UPDATE transactions SET at_ms = at_ms + 1 WHERE kind = 'settle_day'", "postings"),
        ("UPDATE transactions SET memo = 'mine' WHERE kind = 'settle_day'", "postings"),
        ("UPDATE transactions SET transaction_id = 'settle_day/gift' WHERE kind = 'settle_day'"
         " AND id = (SELECT max(id) FROM transactions WHERE kind = 'settle_day')", "transactions"),
        ("UPDATE transactions SET transaction_id = replace(transaction_id, '/70/', '/310/') WHERE kind = 'settle_day'"
         " AND transaction_id LIKE '%/cop.json/70/%'", "stream_days"),
    ],
)  # fmt: skip
def test_what_is_tampered_with_in_folded_days_is_found(half_folded, tmp_path, statement, found_in):
    copy = Path(shutil.copy(half_folded, tmp_path / "copy.sqlite"))
    execute(copy, statement)
    assert found_in in told(findings_of(copy))


def test_points_that_two_owners_of_a_folded_day_exchange_are_missing_in_their_sums(half_folded, tmp_path):
    copy = Path(shutil.copy(half_folded, tmp_path / "copy.sqlite"))
    whole = "(SELECT min(id) FROM transactions WHERE kind = 'settle_day')"
    for sign, end in (("+", "min"), ("-", "max")):
        execute(
            copy,
            f'UPDATE postings SET amount_micros = amount_micros {sign} 5 WHERE "transaction" = {whole} '
            f'AND place = (SELECT {end}(place) FROM postings WHERE "transaction" = {whole})',
        )
    assert {"stream_days", "accounts"} <= told(findings_of(copy))


def test_settlements_that_an_earlier_release_let_go_are_taken_as_booked(true_file, tmp_path):
    """It dropped them and left their bookings as they were: their days' sums say whether those are whole."""
    copy = Path(shutil.copy(true_file, tmp_path / "copy.sqlite"))
    execute(copy, "DELETE FROM settlements WHERE at_ms < (SELECT avg(at_ms) FROM settlements)")
    found = findings_of(copy)
    assert [] == found.differences
    assert found.unchecked[LET_GO].count > 5
    execute(copy, "UPDATE stream_days SET amount_micros = amount_micros + 1")
    assert "stream_days" in told(findings_of(copy))
