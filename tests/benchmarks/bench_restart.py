"""What a restarted validator reads before it scores: the sharing window from its stored sums, and from answers alone.

    python -m tests.benchmarks.bench_restart [--miners 64 256] [--days 14]

The store is filled with simulated miners' point rounds by stored_network.py, generated numbers. The node stopped just
before a checkpoint was due, which is the worst moment: the sums in the store are as old as they get (six hours with
MAIN's windows). Measured: the book of `closes.point` as the first settlement needs it, from that store with the sums
taken away, which is how it was read before they were kept; then with them; the memory of skill, which is read either
way; and whether both windows are the same.
Before that, of a generation of generated answers: bytes and seconds of a checkpoint, where all answer each round and
where a fifth of the answers is missing at random; and `rho_nano` of all miners, all of them paid.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from neurons.records import RoundRow
from neurons.store.sqlite import SqliteStore
from neurons.validating.settling import SCORED_STATES, Settling
from neurons.validating.sharing import CHECKPOINTS
from protocol.rules.settlement import ChallengeBook
from protocol.rules.similarity import GENERATIONS, DeviationWindow, RoundDeviations
from protocol.rules.window_sums import decode_sums, encode_sums
from protocol.units import DAY_MS, UnixMs
from tests.benchmarks.miner_peers import PARAMS, SERIES
from tests.benchmarks.stored_network import CHALLENGE, fill, hotkeys, write_sums

GENERATED_ROUNDS: Final = 300
SPAN_MS: Final = PARAMS.sharing.window_ms // GENERATIONS // CHECKPOINTS
RESOLVES_MS: Final = PARAMS.time.steps * PARAMS.time.step_ms + PARAMS.time.settle_delay_ms
NOW_MS: Final = 1_760_000_100_000 // SPAN_MS * SPAN_MS + RESOLVES_MS
"""The newest scored round is the last of its span."""


def checkpoint(miners: int, missing: float) -> None:
    """What it takes to write a generation, to take it back, and to correlate everybody with everybody."""
    chance, names = np.random.default_rng(1), hotkeys(miners)
    window = DeviationWindow(PARAMS.sharing, step_ms=PARAMS.time.step_ms)
    for number in range(GENERATED_ROUNDS):
        there = [name for name in names if chance.random() >= missing]
        answers = {name: chance.normal(0, 3_000, (PARAMS.time.steps, 1)).astype(np.int16) for name in there}
        window.add(RoundDeviations(UnixMs(number * PARAMS.time.step_ms), answers))
    moments = [time.perf_counter()]
    written = encode_sums(window.generation_sums(0))
    moments.append(time.perf_counter())
    DeviationWindow(PARAMS.sharing, step_ms=PARAMS.time.step_ms).recall([decode_sums(written)])
    moments.append(time.perf_counter())
    window.rho_nano(names)
    moments.append(time.perf_counter())
    write_ms, back_ms, rho_ms = ((after - before) * 1e3 for before, after in pairwise(moments))
    print(f"{miners} miners, {missing:.0%} of answers missing: a generation is {len(written) / 1e6:.2f} MB")
    print(f"  written in {write_ms:.0f} ms, taken back in {back_ms:.0f} ms; rho of all in {rho_ms:.0f} ms", flush=True)


async def nothing() -> None:
    """What a re-score would do after each round."""


async def before(store: SqliteStore, anchor_at_ms: int) -> tuple[ChallengeBook, float, float]:
    """The book before a round, and how long it took to read, by the wall and by this process's CPU time."""
    started, burnt = time.perf_counter(), time.process_time()
    book = await Settling(store, PARAMS).book_before(SERIES, CHALLENGE, UnixMs(anchor_at_ms), meanwhile=nothing)
    return book, time.perf_counter() - started, time.process_time() - burnt


async def scored_rounds(store: SqliteStore) -> list[RoundRow]:
    limit = 2 * (PARAMS.sharing.window_ms + DAY_MS) // PARAMS.time.step_ms
    rounds = await store.rounds(challenge=CHALLENGE, limit=limit, newest_first=False)
    return [row for row in rounds if row.state in SCORED_STATES]


async def measure(path: Path, miners: int, days: int) -> None:
    async with await SqliteStore.open(path) as store:
        await fill(store, PARAMS, SERIES, miners=miners, days=days, now_ms=NOW_MS, endpoint="127.0.0.1:1")
        scored = await scored_rounds(store)
        newest_ms = scored[-1].anchor_at_ms
        plain, plain_s, plain_cpu_s = await before(store, newest_ms + 1)
        last, rows = await write_sums(store, PARAMS, SERIES)
        kept, kept_s, kept_cpu_s = await before(store, newest_ms + 1)
        started = time.perf_counter()
        await Settling(store, PARAMS).remembered(SERIES, CHALLENGE)
        skill_s = time.perf_counter() - started
        is_same = all(
            plain.window.generation_sums(g) == kept.window.generation_sums(g) for g in plain.window.generations
        )
        sizes = ", ".join(f"{len(row.sums) / 1e6:.2f}" for row in rows)
        tail = sum(row.anchor_at_ms > last.anchor_at_ms for row in scored)
        print(f"{miners} simulated miners, {len(scored)} scored rounds, {path.stat().st_size / 1e6:.0f} MB")
        told = f"  from answers {plain_s:.1f} s, from sums and {tail} rounds since {kept_s:.1f} s"
        print(f"{told}: {plain_s / kept_s:.0f}x; of either, the memory of skill: {skill_s:.1f} s")
        print(f"  by CPU time {plain_cpu_s:.1f} s and {kept_cpu_s:.1f} s: {plain_cpu_s / kept_cpu_s:.0f}x")
        print(f"  the same window: {is_same}; sums of each generation: {sizes} MB")
        print(f"  load average {os.getloadavg()[0]:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--miners", type=int, nargs="+", default=[64, 256], help="simulated miners (default 64 and 256)"
    )
    parser.add_argument(
        "--days", type=int, default=14, help="days of rounds in the store (default %(default)s; 0: none)"
    )
    options = parser.parse_args()
    for miners in options.miners:
        for missing in (0.0, 0.2):
            checkpoint(miners, missing)
        if options.days == 0:
            continue
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(Path(folder) / "validator.db", miners, options.days))


if __name__ == "__main__":
    main()
