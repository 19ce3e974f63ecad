"""The sharing window across restarts, crashes and re-scores is the one that a validator that never stopped has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurons.ports import Store
from neurons.records import Change, CommitmentRow, RoundRow, SubmissionRow
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.validating.opening import opening_record
from neurons.validating.settling import Settling
from protocol import codec
from protocol.answers import answer_of
from protocol.rules.rounds import RoundState, Truth
from protocol.rules.similarity import GENERATIONS
from protocol.rules.window_sums import GenerationSums, decode_sums
from protocol.units import Digest, Hotkey, Pico, PriceE8, UnixMs
from tests.support.brisk import ANCHOR, BRISK, POINT, STEP_MS
from tests.support.failing_store import FailingStore, PowerCut, power_cut_at
from tests.support.rows import hotkey_of
from tests.support.world import SERIES

PARAMS = replace(
    BRISK,
    sharing=replace(BRISK.sharing, window_ms=GENERATIONS * 42 * STEP_MS, lags_steps=(0, 1, 2, 5), min_common_rounds=2),
    skill=replace(BRISK.skill, min_blocks=10**6),
)
"""A generation of 42 rounds, a checkpoint every third; skill is never proven, which is quick."""
MINERS = [hotkey_of(number) for number in range(5)]
TRUTH = Truth(PriceE8(10**8), tuple(PriceE8(10**8 + 1_000 * k) for k in range(PARAMS.time.steps)))
HELD_MS = max(PARAMS.sharing.lags_steps) * STEP_MS + PARAMS.time.void_after_ms


@dataclass(frozen=True)
class Answered:
    """A round as it is when its truth is due, with what its miners said."""

    row: RoundRow
    commitments: tuple[CommitmentRow, ...]
    submissions: tuple[SubmissionRow, ...]


def answered(at: int, chance: np.random.Generator) -> Answered:
    """Everybody copies the first miner more or less; some are silent, some never reveal, some send nonsense."""
    anchor = UnixMs(ANCHOR - ANCHOR % (42 * STEP_MS) + at * STEP_MS)
    opening = opening_record(
        PARAMS, SERIES, POINT, anchor, sigma_pico=Pico(10**9), history_digest=Digest(bytes(32)), opened_at_ms=anchor
    )
    row = RoundRow(
        opening.round_id, SERIES, POINT, anchor, PARAMS.digest, RoundState.SCORING, UnixMs(anchor + 1),
        codec.encode_opening(opening), Pico(10**9), "live",
    )  # fmt: skip
    shared = np.cumsum(chance.normal(0, 1e-3, PARAMS.time.steps))
    commitments, submissions = [], []
    for number, miner in enumerate(MINERS):
        fate = chance.choice(["valid", "silent", "unrevealed", "invalid-answer"], p=[0.7, 0.1, 0.1, 0.1])
        if number == 4 and at % 60 < 30:
            fate = "silent"
        if fate == "silent":
            continue
        commitments.append(CommitmentRow(row.round_id, miner, Digest(bytes(32)), anchor, b"c"))
        if fate != "unrevealed":
            path = shared + number * np.cumsum(chance.normal(0, 3e-4, PARAMS.time.steps))
            answer = answer_of(path[np.newaxis].astype(np.float32)) if fate == "valid" else None
            submissions.append(SubmissionRow(row.round_id, miner, 0, anchor, str(fate), "", answer, b"", b"e"))
    return Answered(row, tuple(commitments), tuple(submissions))


def history(seed: int, count: int) -> list[Answered]:
    """Rounds in the order in which they resolve, some of the anchors void."""
    chance = np.random.default_rng(seed)
    return [one for one in (answered(at, chance) for at in range(count)) if chance.random() > 0.1]


async def settle(settling: Settling, store: Store, one: Answered) -> None:
    """What the driver does with a round whose truth is known."""
    resolved = replace(one.row, state=RoundState.RESOLVED)
    settled = await settling.settle(resolved, TRUTH, participants=MINERS, now_ms=UnixMs(one.row.anchor_at_ms + 10**7))
    await store.apply(settled.change)


async def put(store: Store, rounds: Sequence[Answered]) -> None:
    for one in rounds:
        await store.apply(Change(rounds=(one.row,), commitments=one.commitments, submissions=one.submissions))


async def told(settling: Settling) -> list[GenerationSums]:
    window = (await settling.book(SERIES, POINT)).window
    return [window.generation_sums(generation) for generation in window.generations]


class Forgetful(FailingStore):
    """The same store without the sums that were kept: what is read from it is computed from answers alone."""

    async def sharing(self, *_, **__):
        return []


class Counting(FailingStore):
    """Counts the rounds whose answers are read."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.read = 0

    async def submissions(self, round_id):
        self.read += 1
        return await self.inner.submissions(round_id)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 230), max_size=5))
@settings(max_examples=7, deadline=None)
def test_a_window_read_back_at_any_moment_is_the_one_that_never_stopped(seed, stops):
    rounds = history(seed, 230)

    async def check() -> None:
        store, kept = MemoryStore(), MemoryStore()
        await put(store, rounds)
        await put(kept, rounds)
        through, again = Settling(store, PARAMS), Settling(kept, PARAMS)
        for number, one in enumerate(rounds):
            if number in stops:
                again = Settling(kept, PARAMS)
                assert await told(through) == await told(again)
            await settle(through, store, one)
            await settle(again, kept, one)
        assert await told(through) == await told(Settling(kept, PARAMS))
        assert await told(through) == await told(Settling(Forgetful(kept), PARAMS))
        sums, sums_again = (list(dict(one.snapshot())["sharing"]) for one in (store, kept))
        assert 40 < len(sums)
        assert sums == sums_again

    asyncio.run(check())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_write_loses_no_round_and_sums_none_twice(kind, moment, tmp_path: Path):
    """Rounds over the end of a generation, cut at every other write, or at every tenth on a disk."""
    rounds = history(7, 50)[-24:]

    async def life(number: int) -> tuple[list[GenerationSums], list[object], int]:
        inner = await SqliteStore.open(tmp_path / f"{number}.db") if kind == "sqlite" else MemoryStore()
        async with inner:
            await put(inner, rounds)
            store = FailingStore(inner, **{f"{moment}_apply": power_cut_at(number)})
            settling = Settling(store, PARAMS)
            for one in rounds:
                with suppress(PowerCut):
                    await settle(settling, store, one)
                    continue
                settling = Settling(store, PARAMS)
                now = await inner.round(one.row.round_id)
                assert now is not None
                if now.state != RoundState.RESOLVED:
                    await settle(settling, store, one)
            rows = [
                (row.generation, row.through_ms, decode_sums(row.sums))
                for at in range(ANCHOR - 50 * STEP_MS, ANCHOR + 60 * STEP_MS, STEP_MS)
                for row in await inner.sharing(SERIES, POINT, from_ms=at, before_ms=at + 1)
            ]
            return await told(Settling(inner, PARAMS)), rows, store.applied

    undisturbed, rows, writes = asyncio.run(life(0))
    assert len(rounds) == writes
    assert 7 < len(rows)
    for number in range(1, writes + 1, 2 if kind == "memory" else 10):
        again, rows_again, _ = asyncio.run(life(number))
        assert undisturbed == again
        assert rows == rows_again


def test_a_restart_reads_the_answers_of_hours_not_of_the_window():
    rounds = history(3, 200)

    async def check() -> None:
        store = MemoryStore()
        await put(store, rounds)
        settling = Settling(store, PARAMS)
        for one in rounds:
            await settle(settling, store, one)
        counting = Counting(store)
        assert await told(settling) == await told(Settling(counting, PARAMS))
        assert 0 < counting.read <= HELD_MS // STEP_MS + 3
        answers = Counting(Forgetful(store))
        await told(Settling(answers, PARAMS))
        assert 120 < answers.read

    asyncio.run(check())


@given(st.integers(0, 10**6), st.integers(0, 200))
@settings(max_examples=7, deadline=None)
def test_the_window_before_a_round_is_the_one_computed_from_answers(seed, place):
    """What a re-score begins with, also where the sums of later rounds are kept already."""
    rounds = history(seed, 200)
    first = rounds[min(place, len(rounds) - 1)].row.anchor_at_ms

    async def nothing() -> None:
        return None

    async def check() -> None:
        store = MemoryStore()
        await put(store, rounds)
        settling = Settling(store, PARAMS)
        for one in rounds:
            await settle(settling, store, one)
        windows = [
            (await Settling(where, PARAMS).book_before(SERIES, POINT, first, meanwhile=nothing)).window
            for where in (store, Forgetful(store))
        ]
        kept, fresh = ([one.generation_sums(g) for g in one.generations] for one in windows)
        assert fresh == kept
        assert all(anchor < first for sums in kept for anchor in sums.anchors_at_ms)

    asyncio.run(check())


@pytest.mark.parametrize("place", [30, 60, 110])
def test_sums_in_which_a_scored_round_is_missing_are_not_used(place):
    """No round resolves after a newer one (decision 0041); one that did would be read back all the same."""
    rounds = history(5, 120)
    late = rounds.pop(place) if place < len(rounds) else rounds.pop()

    async def check() -> None:
        store = MemoryStore()
        await put(store, [*rounds, late])
        settling = Settling(store, PARAMS)
        for one in rounds:
            await settle(settling, store, one)
        await store.apply(Change(rounds=(replace(late.row, state=RoundState.RESOLVED),)))
        again = await told(Settling(store, PARAMS))
        assert late.row.anchor_at_ms in {anchor for sums in again for anchor in sums.anchors_at_ms}
        assert again == await told(Settling(Forgetful(store), PARAMS))

    asyncio.run(check())


def test_sums_that_were_lost_are_kept_again_from_the_next_checkpoint_on():
    rounds = history(9, 150)

    async def check() -> None:
        store = MemoryStore()
        await put(store, rounds)
        settling = Settling(store, PARAMS)
        for one in rounds[:-6]:
            await settle(settling, store, one)
        await store.prune(now_ms=0, evidence_before_ms=0, sharing_before_ms=2**60)
        settling = Settling(store, PARAMS)
        for one in rounds[-6:]:
            await settle(settling, store, one)
        counting = Counting(store)
        assert await told(settling) == await told(Settling(counting, PARAMS))
        assert counting.read <= HELD_MS // STEP_MS + 3

    asyncio.run(check())


def test_nobody_scored_is_nothing_to_read_back():
    assert [] == asyncio.run(told(Settling(MemoryStore(), PARAMS)))


def test_hotkeys_are_those_of_the_answers():
    async def check() -> set[Hotkey]:
        store = MemoryStore()
        rounds = history(1, 20)
        await put(store, rounds)
        settling = Settling(store, PARAMS)
        for one in rounds:
            await settle(settling, store, one)
        return {hotkey for sums in await told(settling) for hotkey in sums.hotkeys}

    assert set(MINERS[:4]) == asyncio.run(check())
