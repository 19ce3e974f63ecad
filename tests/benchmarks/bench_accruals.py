"""What a round's accruals take in the store: every miner paid, no two of them the same.

    python -m tests.benchmarks.bench_accruals [--miners 64 256] [--rounds 24]

Deviations and gains are generated: independent ones, so that every miner is a little like about half of the others at
least, and everybody proves some skill. Printed: the bytes of the details as they are kept, the bytes that the same
details took when they named every rho, and what `pays` takes on disk, with the details and once retention let them go.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from neurons.records import Change, PayRow, RoundRow
from neurons.store.sqlite import SqliteStore
from neurons.validating.accruals import pay_rows
from protocol.rules.challenges import VALID, MinerScore
from protocol.rules.rounds import RoundState
from protocol.rules.settlement import ChallengeBook, Settlement
from protocol.rules.similarity import RoundDeviations
from protocol.rules.skill import BlockSums
from protocol.units import DAY_MS, Digest, Nano, Pico, RoundId, UnixMs
from tests.benchmarks.miner_peers import PARAMS, SERIES
from tests.benchmarks.stored_network import BASELINE, CHALLENGE, hotkeys

COMPARED: Final = 60
BLOCKS: Final = 40
STEP_MS: Final = PARAMS.time.step_ms
NEWEST_MS: Final = UnixMs(1_760_000_100_000 // STEP_MS * STEP_MS)


def settled(miners: int) -> tuple[Settlement, int, float]:
    """A round's pay, the bytes of every rho by name, and the seconds that settling took."""
    chance, names = np.random.default_rng(1), hotkeys(miners)
    book = ChallengeBook(PARAMS.challenge(CHALLENGE), PARAMS)
    for number in range(COMPARED):
        answers = {name: chance.normal(0, 3_000, (PARAMS.time.steps, 1)).astype(np.int16) for name in names}
        book.window.add(RoundDeviations(UnixMs(NEWEST_MS - (COMPARED - number) * STEP_MS), answers))
    rounds = PARAMS.skill.block_steps
    newest = NEWEST_MS // (rounds * STEP_MS)
    book.recall(
        {
            name: [
                BlockSums(newest - age, rounds, int(gain), rounds * BASELINE)
                for age, gain in enumerate(chance.normal(rounds * BASELINE / 20, rounds * BASELINE / 100, BLOCKS))
            ]
            for name in names
        }
    )
    scores = [MinerScore(name, VALID, Nano(BASELINE // 2), Nano(BASELINE // 2)) for name in names]
    started = time.perf_counter()
    settlement = book.settle(NEWEST_MS, scores)
    took = time.perf_counter() - started
    rho = book.window.rho_nano(names)
    named = [
        {other.hex(): alike for other, alike in zip(names, row, strict=True) if alike and other != name}
        for name, row in zip(names, rho, strict=True)
    ]
    return settlement, sum(len(json.dumps(row, separators=(",", ":"))) for row in named), took


def pays_of(number: int, settlement: Settlement) -> tuple[RoundRow, list[PayRow]]:
    anchor = UnixMs(NEWEST_MS + number * STEP_MS)
    row = RoundRow(
        RoundId(os.urandom(32)), SERIES, CHALLENGE, anchor, Digest(bytes(32)), RoundState.FINAL, None, b"",
        Pico(10**9), "simulated",
    )  # fmt: skip
    return row, pay_rows(row, anchor // DAY_MS, settlement)


def used_bytes(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


async def measure(path: Path, miners: int, rounds: int) -> None:
    settlement, rho_bytes, settle_s = settled(miners)
    async with await SqliteStore.open(path) as store:
        told = [pays_of(number, settlement) for number in range(2 * rounds)]
        rows, pays = zip(*told, strict=True)
        await store.apply(Change(rounds=rows, pays=tuple(replace(pay, detail="") for some in pays for pay in some)))
        bare = used_bytes(path)
        for some in pays[:rounds]:
            await store.apply(Change(pays=tuple(some)))
        whole = used_bytes(path)
        await store.prune(now_ms=0, evidence_before_ms=rows[rounds].anchor_at_ms)
        let_go = used_bytes(path)
    details = [len(pay.detail) for pay in pays[0]]
    parts = [len(json.dumps(json.loads(pay.detail)["parts"], separators=(",", ":"))) for pay in pays[0]]
    skilled = sum(miner.skill_nano > 0 for miner in settlement.pay.miners)
    alike = sum(len(one.parts) + one.rest_count for one in settlement.divisions.values()) / miners
    held, left, kept = ((size / rounds / 1e3) for size in (whole - bare, let_go - bare, bare / 2))
    print(f"{miners} miners, {skilled} with proven skill, each alike to {alike:.0f}; settled in {settle_s:.2f} s")
    print(f"  details of a round {sum(details) / 1e3:.0f} kB ({max(details)} bytes the longest)")
    print(f"  with every rho by name instead {(sum(details) - sum(parts) + rho_bytes) / 1e3:.0f} kB")
    print(f"  on disk a round {held:.0f} kB, once let go {left:.0f} kB, beside {kept:.0f} kB that are kept")
    print(f"  load average {os.getloadavg()[0]:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--miners", type=int, nargs="+", default=[64, 256], help="paid miners (default 64 and 256)")
    parser.add_argument("--rounds", type=int, default=24, help="rounds to store (default %(default)s)")
    options = parser.parse_args()
    for miners in options.miners:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(Path(folder) / "validator.db", miners, options.rounds))


if __name__ == "__main__":
    main()
