"""A validator's life replayed: nothing differs; whatever is changed in a copy is found, and only that."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from neurons.ports import StoreUnavailable
from neurons.records import Change, MetaRow
from neurons.store.auditing import AuditSqlite
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.validating.replay.findings import CannotReplay, Findings
from neurons.validating.replay.rounds import ABSENT, GONE, HISTORY_GONE, SHARING_GONE
from neurons.validating.replay.whole import replay_database
from protocol import codec
from protocol.units import HOUR_MS, MINUTE_MS, Pico, UnixMs
from tests.support.brisk import ANCHOR, PATHS, POINT
from tests.support.eventful import (
    EVENTFUL,
    EventfulWorld,
    Knowing,
    eve_stops_before_the_reveals_of,
    everybody,
    on_disk,
    play_eventful,
)
from tests.support.virtual_time import VirtualClock
from tests.support.world import Guessing, signing_key

NOON = ANCHOR + 6 * HOUR_MS
CALM_MS = 100_000
"""After the reveals of a round and before the next one opens."""


async def a_morning(world: EventfulWorld) -> None:
    await everybody(world)
    await eve_stops_before_the_reveals_of(world, ANCHOR, push=True)
    await eve_stops_before_the_reveals_of(world, ANCHOR + HOUR_MS, push=False)
    await world.until(ANCHOR + 2 * HOUR_MS)
    await world.miner("gina", Knowing(world.generated, 9))
    await world.until(NOON)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return play_eventful(a_morning)


@pytest.fixture(scope="module")
def true_file(store: MemoryStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = on_disk(store, tmp_path_factory.mktemp("replay") / "true.sqlite")
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="module")
def true_findings(true_file: Path) -> Findings:
    return findings_of(true_file)


@pytest.fixture
def copy(true_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(true_file, tmp_path / "copy.sqlite"))


def findings_of(path: Path) -> Findings:
    async def replay() -> Findings:
        async with AuditSqlite.open(path) as database:
            return await replay_database(database, lambda done, total: None)

    return asyncio.run(replay())


def execute(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


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


def one(offset: int) -> str:
    """A valid answer that earned something: another round for each offset."""
    round_ = f"(SELECT round FROM scores WHERE status = 'valid' GROUP BY round ORDER BY round LIMIT 1 OFFSET {offset})"
    return f"round = {round_} AND hotkey = (SELECT hotkey FROM pays WHERE round = {round_} ORDER BY skill_nano LIMIT 1)"


def one_round(offset: int) -> str:
    return one(offset).split(" AND hotkey")[0]


def one_close(offset: int) -> str:
    agreed = f"(SELECT close_at_ms FROM closes WHERE close_e8 IS NOT NULL ORDER BY close_at_ms LIMIT 1 OFFSET {offset})"
    return f"close_at_ms = {agreed}"


# Every statement changes a round or close of its own, so that the differences cannot meet.
ONE_CHANGE_EACH = [
    (f"UPDATE scores SET loss_nano = loss_nano - 1 WHERE {one(1)}", "scores.loss_nano"),
    (f"UPDATE scores SET gain_nano = gain_nano + 1 WHERE {one(2)}", "scores.gain_nano"),
    (f"UPDATE scores SET status = 'silent' WHERE {one(3)}", "scores.status"),
    (f"DELETE FROM scores WHERE {one(4)}", "scores.row"),
    (f"UPDATE pays SET accrued_micros = accrued_micros + 1 WHERE {one(5)}", "pays.accrued_micros"),
    (f"UPDATE pays SET skill_nano = skill_nano + 1 WHERE {one(6)}", "pays.skill_nano"),
    (f"UPDATE pays SET detail = json_set(detail, '$.divisor_nano', 7) WHERE {one(7)}", "pays.detail.divisor_nano"),
    (f"UPDATE pays SET detail = '' WHERE {one(8)}", "pays.detail"),
    (f"DELETE FROM pays WHERE {one(9)}", "pays.row"),
    (f"UPDATE closes SET close_e8 = close_e8 + 1 WHERE {one_close(330)}", "closes.close_e8"),
    (f"UPDATE closes SET reason = 'all-within' WHERE {one_close(331)} AND reason = 'median'", "closes.reason"),
    (
        "UPDATE closes SET evidence = CAST(replace(CAST(evidence AS TEXT), '}]}', '}] }') AS BLOB) "
        f"WHERE {one_close(332)}",
        "closes.evidence",
    ),
    (f"UPDATE submissions SET status = 'invalid-answer' WHERE {one(10)}", "submissions.status"),
    (f"UPDATE submissions SET reason = 'liked it' WHERE {one(11)}", "submissions.reason"),
    (f"UPDATE commitments SET commitment = zeroblob(32) WHERE {one(12)}", "commitments.evidence"),
    (f"UPDATE rounds SET baseline_loss_nano = 1 WHERE {one_round(13)}", "rounds.baseline_loss_nano"),
    (f"UPDATE rounds SET truth_digest = zeroblob(32) WHERE {one_round(14)}", "rounds.truth_digest"),
    (f"UPDATE rounds SET anchor_close_e8 = 1 WHERE {one_round(15)}", "rounds.anchor_close_e8"),
    (f"UPDATE rounds SET sigma_pico = sigma_pico + 1 WHERE {one_round(16)}", "rounds.sigma_pico"),
    (f"UPDATE rounds SET opening = x'00' WHERE {one_round(17)}", "rounds.opening"),
    (f"UPDATE rounds SET due_at_ms = 1 WHERE {one_round(18)}", "rounds.due_at_ms"),
    (f"UPDATE rounds SET reason = 'late' WHERE {one_round(19)}", "rounds.reason"),
    ("UPDATE epochs SET paid_micros = paid_micros + 1 WHERE (epoch, question) = "
     "(SELECT epoch, question FROM epochs ORDER BY epoch, question LIMIT 1)", "epochs.paid_micros"),
    ("UPDATE accounts SET balance_micros = balance_micros + 1 WHERE account = 'reserve'", "accounts.balance_micros"),
    ("UPDATE transactions SET memo = 'mine' WHERE id = 9", "postings.memo"),
    ("INSERT INTO transactions (transaction_id, at_ms, kind, memo) VALUES ('gift', 1, 'accrual', '')",
     "transactions.gift"),
    ("INSERT INTO pays SELECT 999999, hotkey, question, anchor_at_ms, epoch, 1, 1, 1, '{}' FROM pays LIMIT 1",
     "pays.rows"),
]  # fmt: skip


def test_every_change_is_one_difference_and_there_are_no_others(copy):
    for statement, _ in ONE_CHANGE_EACH:
        execute(copy, statement)
    findings = findings_of(copy)
    assert Counter(field for _, field in ONE_CHANGE_EACH) == findings.found
    assert {} == findings.unchecked


UNPROVED = [
    (f"UPDATE submissions SET answer = zeroblob(length(answer)) WHERE {one(20)}", "submissions.evidence"),
    (f"UPDATE submissions SET answer = zeroblob(8) WHERE {one(21)}", "submissions.answer"),
    (f"UPDATE submissions SET salt = zeroblob(32) WHERE {one(22)}", "submissions.evidence"),
    (f"UPDATE submissions SET evidence = zeroblob(length(evidence)) WHERE {one(23)}", "submissions.evidence"),
    (f"UPDATE submissions SET evidence = x'', form = NULL, answer = NULL WHERE {one(24)}", "submissions.evidence"),
    (f"UPDATE submissions SET received_at_ms = received_at_ms + 60000 WHERE {one(25)}", "submissions.evidence"),
    (f"UPDATE commitments SET received_at_ms = received_at_ms + 60000 WHERE {one(26)}", "commitments.evidence"),
]


def test_an_answer_that_does_not_verify_leaves_its_miner_as_stored_and_the_sharing_unchecked(copy, true_findings):
    for statement, _ in UNPROVED[:6]:
        execute(copy, statement)
    findings = findings_of(copy)
    assert Counter(field for _, field in UNPROVED[:6]) == findings.found
    assert 6 <= findings.unchecked[SHARING_GONE].count
    assert true_findings.checked["scores"] > findings.checked["scores"]
    assert true_findings.digest == findings.digest


def test_a_commitment_out_of_its_window_is_found(copy):
    execute(copy, UNPROVED[6][0])
    assert {UNPROVED[6][1]: 1} == findings_of(copy).found


def test_a_close_without_readable_reports_is_found_with_all_that_rests_on_it(copy):
    execute(copy, f"UPDATE closes SET evidence = x'7b7d' WHERE {one_close(340)}")
    assert 1 == findings_of(copy).found["closes.evidence"]


def test_a_close_whose_verdict_was_changed_is_found(copy):
    changed = "CAST(replace(CAST(evidence AS TEXT), 'counted', 'outlier') AS BLOB)"
    execute(copy, f"UPDATE closes SET evidence = {changed} WHERE {one_close(340)}")
    assert {"closes.verdict 1", "closes.verdict 2", "closes.verdict 3"} >= findings_of(copy).found.keys() != set()


def test_a_posting_that_was_changed_is_named_by_its_account(copy):
    [(account, amount)] = execute(
        copy,
        "SELECT accounts.account, amount_micros FROM postings JOIN accounts ON accounts.id = postings.account "
        "WHERE accounts.account LIKE 'accrued/%' AND amount_micros > 0 LIMIT 1",
    )
    execute(
        copy,
        "UPDATE postings SET amount_micros = amount_micros + 5 WHERE amount_micros > 0 AND "
        "account = (SELECT id FROM accounts WHERE account = ?)",
        account,
    )
    findings = findings_of(copy)
    assert {f"postings.{account}"} == findings.found.keys()
    assert (str(amount + 5), str(amount)) == (findings.differences[0].stored, findings.differences[0].recomputed)


def test_an_opening_with_another_sigma_is_found_and_everything_goes_on_with_the_true_one(copy):
    [(round_, raw)] = execute(copy, f"SELECT round, opening FROM rounds WHERE round = {one_round(5)[8:]}")
    opening = codec.decode_opening(raw)
    object.__setattr__(opening, "sigma_pico", Pico(opening.sigma_pico + 1))
    execute(copy, "UPDATE rounds SET opening = ? WHERE round = ?", codec.encode_opening(opening), round_)
    assert {"rounds.opening.sigma_pico": 1} == findings_of(copy).found


def test_a_miner_that_is_hidden_from_the_registry_does_not_hide_its_silence(copy):
    execute(copy, "UPDATE miners SET registered_at_ms = ?", NOON)
    findings = findings_of(copy)
    assert "scores.row" in findings.found


def test_a_round_cannot_be_made_void_afterwards(copy):
    execute(
        copy,
        "UPDATE rounds SET state = 'void', anchor_close_e8 = NULL, resolved_at_ms = NULL, truth_digest = NULL, "
        f"baseline_loss_nano = NULL, due_at_ms = NULL WHERE round = {one_round(5)[8:]}",
    )
    findings = findings_of(copy)
    assert 1 == findings.found["rounds.state"]
    assert findings.found["scores.row"]


def test_an_epoch_that_was_never_paid_is_a_difference(copy):
    [(epoch,)] = execute(copy, "SELECT min(epoch) + 2 FROM epochs")
    for statement in (
        "DELETE FROM epochs WHERE epoch = ?",
        'DELETE FROM postings WHERE "transaction" IN (SELECT id FROM transactions WHERE transaction_id LIKE '
        "'epoch_close/%/' || ?)",
        "DELETE FROM transactions WHERE transaction_id LIKE 'epoch_close/%/' || ?",
    ):
        execute(copy, statement, epoch)
    findings = findings_of(copy)
    assert 1 <= findings.found["epochs.closed_at_ms"]


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
