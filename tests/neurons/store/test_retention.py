"""What retention lets go makes room in the file: pages of answers and of details of pay are free again."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

from neurons.records import Change
from neurons.store.sqlite import SqliteStore
from tests.support.rows import a_commitment, a_pay, a_round, a_submission, anchor_of, round_id_of

MINERS, ROUNDS = 40, 30
DETAIL = "x" * 1_200


def used_pages(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        pages, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    return int(pages - free)


def rounds_of(first: int, last: int, miners: int = MINERS) -> Change:
    numbers = [(number, miner) for number in range(first, last) for miner in range(miners)]
    return Change(
        rounds=tuple(map(a_round, range(first, last))),
        commitments=tuple(a_commitment(*one) for one in numbers),
        submissions=tuple(a_submission(*one) for one in numbers),
        pays=tuple(replace(a_pay(*one), detail=DETAIL) for one in numbers),
    )


def test_the_file_shrinks_by_what_is_let_go_and_new_rounds_take_its_place(tmp_path):
    path = tmp_path / "node.db"

    async def check() -> None:
        async with await SqliteStore.open(path) as store:
            empty = used_pages(path)
            await store.apply(rounds_of(0, ROUNDS))
            full = used_pages(path) - empty
            await store.prune(now_ms=0, evidence_before_ms=anchor_of(ROUNDS))
            left = used_pages(path) - empty
            await store.apply(rounds_of(ROUNDS, 2 * ROUNDS))
            full_again = used_pages(path) - empty

        assert left < full / 4
        assert full_again < full + left + full / 20

    asyncio.run(check())


def test_rows_are_put_back_in_their_order_beside_those_that_are_kept(tmp_path):
    async def check() -> None:
        async with await SqliteStore.open(tmp_path / "node.db") as store:
            late_first = Change(submissions=tuple(a_submission(1, m, received_ms=-m) for m in range(5)))
            await store.apply(replace(rounds_of(2, 3, miners=5), submissions=()))
            await store.apply(replace(late_first, rounds=(a_round(1),)))
            await store.prune(now_ms=0, evidence_before_ms=anchor_of(2))

            latest_first = reversed(late_first.submissions)
            assert [replace(row, answer=None, salt=b"", evidence=b"") for row in latest_first] == list(
                await store.submissions(round_id_of(1))
            )
            assert {a_commitment(2, m) for m in range(5)} == set(await store.commitments(round_id_of(2)))
            assert {DETAIL} == {pay.detail for pay in await store.pays(round_id_of(2))}
            assert {} == dict(await store.dangling_names())

    asyncio.run(check())
