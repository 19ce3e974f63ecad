"""SIGKILL at any instant: what was acknowledged is there, and what is there is whole."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from neurons.store.errors import StoreInUse
from neurons.store.sqlite import SqliteStore
from neurons.stream_records import SettlementRow
from protocol.rules.ledger import AUG
from protocol.rules.points import POINTS, SETTLED_DAY, SETTLEMENT, points_account
from tests.support.rows import a_nonce, a_round, a_submission, a_transaction, hotkey_of, round_id_of
from tests.support.stream_rows import a_settlement, a_stream, a_value, a_word, name_of

ROOT = Path(__file__).parents[3]
WRITER = Path(__file__).with_name("writes_until_killed.py")
ACKNOWLEDGED = 40


def start_writer(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


async def check_streams(store: SqliteStore, numbers: list[int]) -> None:
    """A value is there with its stream, the words, the settlement and the sums of the day, or nothing of it is.

    A settlement is kept by itself with its booking, or it is in its day's booking and sums: one of the two.
    """
    pages = [page async for page in await store.standing_streams()]
    assert {a_stream(n) for n in numbers} == {row for page in pages for row in page.streams}
    assert {a_value(n, 1) for n in numbers} == {row for page in pages for row in page.values}
    assert {a_word(n, 1, 1) for n in numbers} == {row for page in pages for row in page.words}
    settled = await store.settlements(limit=10**6)
    days = list(await store.day_sums())
    folded = {line.name for line in days if line.folded}
    assert folded
    assert sorted(name_of(n) for n in numbers) == sorted([*(row.name for row in settled), *folded])
    sides = [(row.name, owner, amount) for n in numbers for row in [a_settlement(n, 3)] for owner, amount in moved(row)]
    assert sorted(side for side in sides if side[2]) == sorted(
        (line.name, line.owner.hex(), line.amount_micros) for line in days
    )
    assert all((line.folded, line.folded_micros) == (1, line.amount_micros) for line in days if line.name in folded)
    kinds = {name_of(n): [] for n in numbers}
    async for one in await store.transactions():
        if one.kind in (SETTLEMENT, SETTLED_DAY):
            kinds[one.id.split("/")[2]].append(one.kind)
    assert {name: [SETTLED_DAY if name in folded else SETTLEMENT] for name in kinds} == kinds
    points = {account: amount for (account, unit), amount in (await store.balances()).items() if unit == POINTS}
    earned: Counter[str] = Counter()
    for _, owner, amount in sides:
        earned[points_account(owner)] += amount
    assert {account: amount for account, amount in earned.items() if amount} == points


def moved(row: SettlementRow) -> list[tuple[str, int]]:
    return list(zip(row.settlement.owners, row.settlement.amounts_micros, strict=True))


@pytest.mark.processes
def test_everything_acknowledged_before_a_sigkill_is_there_after_it(tmp_path):
    path = tmp_path / "node.db"
    with start_writer(path) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(ACKNOWLEDGED)]
        with pytest.raises(StoreInUse) as refused:
            asyncio.run(SqliteStore.open(path))
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines() if line]

    async def check() -> None:
        async with await SqliteStore.open(path) as store:
            kept = [row.round_id for row in await store.rounds(limit=10**6)]
            numbers = [n for n in range(max(told) + 8) if round_id_of(n) in set(kept)]
            assert set(told) <= set(numbers)
            for number in numbers:
                assert a_round(number) == await store.round(round_id_of(number))
                expected = {a_submission(number, 1), a_submission(number, 2)}
                assert expected == set(await store.submissions(round_id_of(number)))
            transactions = [t async for t in await store.transactions() if t.id.startswith("t")]
            assert {f"t{n}" for n in numbers} == {t.id for t in transactions}
            assert a_transaction(transactions[0].id, {"pool": -1, "miner": 1}) == transactions[0]
            balances = {key: amount for key, amount in (await store.balances()).items() if key[1] == AUG}
            assert {("pool", AUG): -len(numbers), ("miner", AUG): len(numbers)} == balances
            nonces = [a_nonce(1, n, expires_at_ms=10**15).nonce for n in numbers]
            assert sorted(nonces) == [row.nonce for row in await store.live_nonces(now_ms=0)]
            await check_streams(store, numbers)
            assert {} == await store.wrong_balances()
            assert {} == await store.dangling_names()

    assert ACKNOWLEDGED <= len(told)
    assert str(writer.pid) == refused.value.fields["owner"]
    assert hotkey_of(1) == a_submission(1, 1).hotkey
    asyncio.run(check())
