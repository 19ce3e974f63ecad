"""A validator's life replayed: whatever happened to it, nothing differs; what cannot be checked is named."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from neurons.ports import StoreUnavailable
from neurons.records import Change, MetaRow
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.validating.replay.findings import CannotReplay
from neurons.validating.replay.rounds import ABSENT, GONE, HISTORY_GONE, SHARING_GONE
from protocol.units import HOUR_MS, MINUTE_MS, UnixMs
from tests.support.brisk import ANCHOR, PATHS, POINT
from tests.support.eventful import (
    EVENTFUL,
    NOON,
    EventfulWorld,
    Knowing,
    a_morning,
    eve_stops_before_the_reveals_of,
    everybody,
    execute,
    findings_of,
    on_disk,
    play_eventful,
)
from tests.support.virtual_time import VirtualClock
from tests.support.world import Guessing, signing_key

CALM_MS = 100_000
"""After the reveals of a round and before the next one opens."""


def test_more_than_a_day_with_all_kinds_of_miners_and_missing_closes_has_no_difference(tmp_path):
    async def a_day(world: EventfulWorld) -> None:
        await a_morning(world)
        await world.until(ANCHOR + 25 * HOUR_MS)

    store = play_eventful(a_day)
    findings = findings_of(on_disk(store, tmp_path / "day.sqlite"))

    states = Counter(row.state for row in asyncio.run(store.rounds(limit=10_000)))
    statuses = Counter(row.status for row in asyncio.run(store.scores("BTC-USD", POINT)))
    assert {"final", "resolved", "scoring", "void"} <= states.keys()
    assert {"valid", "silent", "unrevealed", "invalid-answer", "commitment-mismatch"} == statuses.keys()
    assert [] == findings.differences
    assert {} == findings.unchecked
    assert sum(states.values()) == findings.checked["rounds"]
    assert 1_500 < findings.checked["scores"]
    assert 600 < findings.checked["closes"]
    assert 20 < findings.checked["epochs"]


def test_the_digest_is_the_same_each_time_and_for_a_copy(true_findings, copy):
    assert true_findings.digest == findings_of(copy).digest


def test_a_validator_that_started_again_twice_has_no_difference_and_the_same_digest(true_findings, tmp_path):
    async def with_restarts(world: EventfulWorld) -> None:
        await everybody(world)
        await eve_stops_before_the_reveals_of(world, ANCHOR, push=True)
        await world.until(ANCHOR + 40 * MINUTE_MS - 30_000)
        await world.stop_validator()
        await world.start_validator()
        await eve_stops_before_the_reveals_of(world, ANCHOR + HOUR_MS, push=False)
        await world.until(ANCHOR + 2 * HOUR_MS)
        await world.miner("gina", Knowing(world.generated, 9))
        await world.until(ANCHOR + 4 * HOUR_MS + CALM_MS)
        await world.stop_validator()
        await world.until(ANCHOR + 4 * HOUR_MS + CALM_MS + MINUTE_MS)
        await world.start_validator()
        await world.until(NOON)

    findings = findings_of(on_disk(play_eventful(with_restarts), tmp_path / "restarted.sqlite"))
    assert [] == findings.differences
    assert true_findings.digest == findings.digest


@pytest.mark.parametrize(("minutes", "unchecked"), [(20, [ABSENT]), (300, [])])
def test_a_validator_that_was_away_has_no_difference_and_its_absence_is_named(tmp_path, minutes, unchecked):
    """Away for hours, it learns the closes after the void instant: then the round is void for want of its truth."""

    async def with_an_outage(world: EventfulWorld) -> None:
        await everybody(world)
        await world.until(ANCHOR + 2 * HOUR_MS + 5_000)
        await world.stop_validator()
        await world.until(ANCHOR + 2 * HOUR_MS + minutes * MINUTE_MS)
        await world.start_validator()
        await world.until(ANCHOR + 4 * HOUR_MS + minutes * MINUTE_MS)

    findings = findings_of(on_disk(play_eventful(with_an_outage), tmp_path / "away.sqlite"))
    assert [] == findings.differences
    assert unchecked == list(findings.unchecked)


def test_a_challenge_that_is_joined_later_counts_from_then_on(tmp_path):
    async def joining(world: EventfulWorld) -> None:
        await world.miner("alice", Knowing(world.generated, 1))
        late = await world.miner("late", Guessing(4), register=False)
        await world.register_for(late, POINT)
        await world.until(ANCHOR + 2 * HOUR_MS + 10 * MINUTE_MS)
        await world.register_for(late, PATHS, POINT)
        await world.until(ANCHOR + 5 * HOUR_MS)

    store = play_eventful(joining)
    late = signing_key("late").hotkey
    scores = asyncio.run(store.scores("BTC-USD", PATHS, hotkey=late))
    assert ANCHOR + 3 * HOUR_MS == scores[0].anchor_at_ms
    assert {"valid"} == {score.status for score in scores}
    assert [] == findings_of(on_disk(store, tmp_path / "joined.sqlite")).differences


def test_a_clock_that_runs_while_the_validator_works_makes_no_difference(tmp_path):
    class RunningClock(VirtualClock):
        """Some milliseconds later at each look, as a real one."""

        def __init__(self) -> None:
            self.looks = count()

        def now_ms(self) -> UnixMs:
            return UnixMs(super().now_ms() + next(self.looks) % 7)

    async def few_hours(world: EventfulWorld) -> None:
        await world.miner("alice", Knowing(world.generated, 1))
        await world.until(ANCHOR + 3 * HOUR_MS)

    findings = findings_of(on_disk(play_eventful(few_hours, clock=RunningClock()), tmp_path / "running.sqlite"))
    assert [] == findings.differences
    assert {} == findings.unchecked


def test_evidence_that_retention_let_go_is_counted_and_named_and_the_rest_still_checked(store, true_findings, tmp_path):
    path = on_disk(store, tmp_path / "pruned.sqlite")

    async def prune() -> int:
        async with await SqliteStore.open(path) as pruned:
            await pruned.prune(now_ms=NOON, evidence_before_ms=ANCHOR + 1 * HOUR_MS)
            return len(await pruned.rounds(before_ms=ANCHOR + 1 * HOUR_MS, limit=10_000))

    gone = asyncio.run(prune())
    findings = findings_of(path)
    assert [] == findings.differences
    assert gone == findings.unchecked[GONE].count
    assert "BTC-USD" in findings.unchecked[GONE].first
    assert 0 < findings.unchecked[SHARING_GONE].count < true_findings.checked["rounds"]
    assert true_findings.checked["scores"] > findings.checked["scores"] > 100
    assert true_findings.digest == findings.digest


def pruned(store: MemoryStore, path: Path) -> list[tuple[int, int, str]]:
    """Retention behind the first hour; (round, hotkey, detail) of the most divided pay of a round before and of one
    after it."""

    async def prune() -> None:
        async with await SqliteStore.open(path) as let_go:
            await let_go.prune(now_ms=NOON, evidence_before_ms=ANCHOR + HOUR_MS)

    on_disk(store, path)
    asyncio.run(prune())
    divided = "SELECT round FROM pays WHERE divisor_nano > 1000000000 AND anchor_at_ms"
    return [
        execute(
            path,
            f"SELECT round, hotkey, detail FROM pays WHERE round = ({divided} {side} ? ORDER BY round LIMIT 1) "
            "ORDER BY divisor_nano DESC LIMIT 1",
            ANCHOR + HOUR_MS,
        )[0]
        for side in ("<", ">=")
    ]


def test_details_are_let_go_with_the_evidence_and_what_is_left_is_still_computed(store, tmp_path):
    path = tmp_path / "pruned.sqlite"
    (gone, hotkey, detail), _ = pruned(store, path)
    assert "" == detail

    execute(path, "UPDATE pays SET divisor_nano = divisor_nano + 1000 WHERE round = ? AND hotkey = ?", gone, hotkey)
    assert "pays.shared_skill_nano" in findings_of(path).found


def test_a_detail_cannot_be_let_go_before_its_evidence(store, tmp_path):
    path = tmp_path / "pruned.sqlite"
    _, (held, hotkey, detail) = pruned(store, path)
    assert "" != detail

    execute(path, "UPDATE pays SET detail = '' WHERE round = ? AND hotkey = ?", held, hotkey)
    assert {"pays.detail": 1} == findings_of(path).found


def test_a_rho_that_is_taken_as_stored_must_make_the_divisor(store, tmp_path):
    path = tmp_path / "pruned.sqlite"
    _, (held, hotkey, _) = pruned(store, path)

    execute(
        path,
        "UPDATE pays SET detail = json_set(detail, '$.parts[0][1]', 1000) WHERE round = ? AND hotkey = ?",
        held, hotkey,
    )  # fmt: skip
    assert {"pays.detail.parts", "pays.divisor_nano"} <= findings_of(path).found.keys()


def test_openings_before_a_full_window_are_compared_as_far_as_the_closes_reach(tmp_path):
    async def few_hours(world: EventfulWorld) -> None:
        await world.until(ANCHOR + HOUR_MS)

    path = on_disk(play_eventful(few_hours, history_steps=60), tmp_path / "young.sqlite")
    young = findings_of(path)
    assert ([], {}) == (young.differences, young.unchecked)
    execute(path, "DELETE FROM closes WHERE close_at_ms < ?", ANCHOR - 10 * MINUTE_MS)
    cut = findings_of(path)
    assert 0 < cut.unchecked[HISTORY_GONE].count


def test_a_database_of_unknown_rules_is_a_clear_error(copy):
    execute(copy, "UPDATE meta SET key = 'params/00' WHERE key LIKE 'params/%'")
    with pytest.raises(CannotReplay, match="does not say what those are"):
        findings_of(copy)


def test_rules_that_were_changed_afterwards_are_a_clear_error(copy):
    plain = json.loads(EVENTFUL.canonical_bytes())
    plain["pay"]["bootstrap_share_ppm"] = 0
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    execute(copy, "UPDATE meta SET value = ? WHERE key LIKE 'params/%'", text)
    with pytest.raises(CannotReplay, match="are others"):
        findings_of(copy)


def test_a_database_without_a_validator_or_without_rounds_is_a_clear_error(tmp_path):
    path = tmp_path / "other.sqlite"

    async def make(*meta: MetaRow) -> None:
        async with await SqliteStore.open(path) as store:
            await store.apply(Change(meta=(MetaRow("network", "augury-test"), *meta)))

    asyncio.run(make())
    with pytest.raises(CannotReplay, match="names no validator"):
        findings_of(path)
    asyncio.run(make(MetaRow("validator", "00" * 32)))
    with pytest.raises(CannotReplay, match="no rounds"):
        findings_of(path)
    with pytest.raises(StoreUnavailable):
        findings_of(tmp_path / "missing.sqlite")
