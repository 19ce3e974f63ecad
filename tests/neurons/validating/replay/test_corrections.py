"""A database in which closes were corrected is replayed: every revision, every reversal, every opening of before."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from neurons.market.evidence import close_of, history_of, row_of
from neurons.market.settling import AgreedClose
from neurons.records import CloseRow
from neurons.store.auditing import AuditSqlite
from neurons.store.memory import MemoryStore
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.whole import TAKEN_BACK, replay_database
from protocol.rules.prices import agree_close
from protocol.units import HOUR_MS, MINUTE_MS, SECOND_MS, PriceE8
from tests.support.brisk import ANCHOR, STEP_MS
from tests.support.eventful import EVENTFUL, EventfulWorld, everybody, on_disk, play_eventful
from tests.support.world import SERIES

DISPUTED = replace(EVENTFUL, time=replace(EVENTFUL.time, dispute_window_ms=100 * MINUTE_MS))


async def correction(world: EventfulWorld, close_at_ms: int, *, revision: int, ppm: int) -> CloseRow:
    """What two of the venues would say later, agreed as it would have been at the time."""
    rows = await world.validator_store.closes(SERIES, from_ms=0, to_ms=close_at_ms)
    first = [(await world.validator_store.revisions(SERIES, row.close_at_ms))[0] for row in rows]
    reports = tuple(
        replace(report, close_e8=PriceE8(report.close_e8 + report.close_e8 * (ppm if place < 2 else 0) // 1_000_000))
        for place, report in enumerate(close_of(first[-1]).reports)
    )
    agreement = agree_close(reports, history_of(first[:-1], world.params))
    close = AgreedClose(first[-1].close_at_ms, agreement, reports, revision=revision)
    return row_of(close, series=SERIES, agreed_at_ms=world.clock.now_ms())


async def corrected_hours(world: EventfulWorld) -> None:
    """Three corrections, one of them of one; a restart in between; the last are still in dispute at the end."""
    await everybody(world)
    for hour, minutes, revision, ppm in ((2, 70, 1, 3_000), (2, 90, 2, -2_000), (5, 12, 1, 1_500), (7, 65, 1, 800)):
        await world.until(ANCHOR + hour * HOUR_MS + minutes * MINUTE_MS + 100 * SECOND_MS)
        assert world.validator is not None
        at = ANCHOR + hour * HOUR_MS
        while (await world.validator_store.revisions(SERIES, at))[0].close_e8 is None:
            at += STEP_MS
        row = await correction(world, at, revision=revision, ppm=ppm)
        await world.validator.take_close(row)
        if revision == 2:
            await world.until(world.clock.now_ms() + MINUTE_MS)
            await world.stop_validator()
            await world.start_validator()
    await world.until(ANCHOR + 8 * HOUR_MS + 20 * MINUTE_MS)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return play_eventful(corrected_hours, params=DISPUTED)


@pytest.fixture(scope="module")
def true_file(store: MemoryStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = on_disk(store, tmp_path_factory.mktemp("replay") / "corrected.sqlite")
    change(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def copy(true_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(true_file, tmp_path / "copy.sqlite"))


def change(path: Path, statement: str) -> int:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement).rowcount
    finally:
        connection.close()


def findings_of(path: Path) -> Findings:
    async def replay() -> Findings:
        async with AuditSqlite.open(path) as database:
            return await replay_database(database, lambda done, total: None)

    return asyncio.run(replay())


def test_nothing_differs_after_corrections_reversals_and_new_accruals(store, true_file):
    findings = findings_of(true_file)

    rounds = asyncio.run(store.rounds(limit=10_000))
    assert {0, 1, 2} == {row.revision for row in rounds}
    assert {"final", "resolved"} == {row.state for row in rounds if row.revision}
    assert [] == findings.differences
    assert {TAKEN_BACK} == findings.unchecked.keys()
    assert 20 < findings.unchecked[TAKEN_BACK].count


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE closes SET close_e8 = close_e8 + 1 WHERE revision = 2", "closes.close_e8"),
        ("UPDATE closes SET close_e8 = close_e8 + 1 WHERE revision = 0 AND close_at_ms = (SELECT close_at_ms FROM "
         "closes WHERE revision = 2)", "closes.close_e8"),
        ("DELETE FROM closes WHERE revision = 2", "rounds.truth_digest"),
        ("DELETE FROM postings WHERE \"transaction\" = (SELECT id FROM transactions WHERE kind = 'reversal' LIMIT 1)",
         "postings."),
        ("UPDATE transactions SET transaction_id = transaction_id || '9' WHERE kind = 'reversal'", "transactions."),
        ("UPDATE rounds SET revision = 0 WHERE revision = 1", "transactions."),
        ("UPDATE scores SET loss_nano = loss_nano + 1 WHERE round = (SELECT round FROM rounds WHERE revision = 2 LIMIT "
         "1)", "scores.loss_nano"),
    ],
)  # fmt: skip
def test_whatever_of_it_is_changed_is_found(copy, statement, where):
    assert 0 < change(copy, statement)

    assert any(name.startswith(where) for name in findings_of(copy).found)
