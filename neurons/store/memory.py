"""The memory twin: the Store port over dicts, for tests, for fast-forward, and for nodes that may forget.

It passes the suite of the SQLite store (tests/contracts/test_store.py) and answers in the same order. A change is
checked first, so that one that cannot be kept leaves no trace. Nothing here outlives the process.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final, Self

from neurons.records import (
    Change,
    CloseRow,
    CommitmentRow,
    DraftRow,
    EpochRow,
    FeedbackRow,
    MetaRow,
    MinerRow,
    NonceRow,
    PayRow,
    RefusalRow,
    ReplyRow,
    RoundRow,
    ScoreRow,
    SharingRow,
    SubmissionRow,
    Tally,
)
from neurons.store.checking import check_rows
from neurons.store.memory_streams import MemoryStreams
from neurons.store.sharing import newest_of, spent
from protocol.rules.challenges import VALID
from protocol.rules.ledger import Account, Balances, Transaction, Unit
from protocol.rules.skill import BlockSums, RoundSkill, add_rounds
from protocol.units import Digest, Hotkey, Micros, RoundId, UnixMs

TABLES: Final = tuple(field.name for field in fields(Change) if field.name != "open_streams")


class MemoryStore(MemoryStreams):
    """The Store port over dicts. `apply` never waits."""

    def __init__(self) -> None:
        super().__init__()
        self._meta: dict[str, str] = {}
        self._miners: dict[Hotkey, MinerRow] = {}
        self._closes: defaultdict[str, dict[int, dict[int, CloseRow]]] = defaultdict(dict)
        self._close_times: defaultdict[str, list[int]] = defaultdict(list)
        self._rounds: dict[RoundId, RoundRow] = {}
        self._anchors: list[tuple[int, str, str, RoundId]] = []
        self._due: list[tuple[int, int, str, RoundId]] = []
        self._commitments: defaultdict[RoundId, dict[Hotkey, CommitmentRow]] = defaultdict(dict)
        self._submissions: defaultdict[RoundId, dict[tuple[Hotkey, int], SubmissionRow]] = defaultdict(dict)
        self._holding: set[RoundId] = set()
        self._scores: defaultdict[RoundId, dict[Hotkey, ScoreRow]] = defaultdict(dict)
        self._scored: defaultdict[tuple[str, str], list[tuple[int, RoundId]]] = defaultdict(list)
        self._pays: defaultdict[RoundId, dict[Hotkey, PayRow]] = defaultdict(dict)
        self._paid: defaultdict[tuple[str, str, int], dict[RoundId, None]] = defaultdict(dict)
        self._epochs: dict[tuple[str, str, int], EpochRow] = {}
        self._sharing: dict[tuple[str, str, int, int], SharingRow] = {}
        self._transactions: dict[str, Transaction] = {}
        self._balances: defaultdict[tuple[Account, Unit], int] = defaultdict(int)
        self._nonces: dict[tuple[int, Hotkey, bytes], NonceRow] = {}
        self._replies: dict[Digest, ReplyRow] = {}
        self._refusals: dict[tuple[int, str, Hotkey | None], RefusalRow] = {}
        self._drafts: dict[RoundId, DraftRow] = {}
        self._feedback: dict[tuple[RoundId, Hotkey], FeedbackRow] = {}
        self._writers: dict[str, Callable[[Any], None]] = {name: getattr(self, f"_write_{name}") for name in TABLES}

    async def apply(self, change: Change) -> None:
        filled = [(name, rows) for name in TABLES if (rows := getattr(change, name))]
        for _, rows in filled:
            check_rows(rows)
        self.check_streams(change.open_streams)
        for name, rows in filled:
            self._writers[name](rows)
        self.write_streams(change.open_streams)

    def _write_meta(self, rows: Iterable[MetaRow]) -> None:
        self._meta.update((row.key, row.value) for row in rows)

    def _write_miners(self, rows: Iterable[MinerRow]) -> None:
        self._miners.update((row.hotkey, row) for row in rows)

    def _write_closes(self, rows: Iterable[CloseRow]) -> None:
        for row in rows:
            known = self._closes[row.series]
            if row.close_at_ms not in known:
                known[row.close_at_ms] = {}
                insort(self._close_times[row.series], row.close_at_ms)
            known[row.close_at_ms][row.revision] = row

    def _write_rounds(self, rows: Iterable[RoundRow]) -> None:
        for row in rows:
            known = self._rounds.get(row.round_id)
            if known is None:
                insort(self._anchors, (row.anchor_at_ms, row.challenge, row.series, row.round_id))
            elif known.due_at_ms is not None:
                del self._due[bisect_left(self._due, _due_place(known, known.due_at_ms))]
            self._rounds[row.round_id] = row
            if row.due_at_ms is not None:
                insort(self._due, _due_place(row, row.due_at_ms))

    def _write_commitments(self, rows: Iterable[CommitmentRow]) -> None:
        for row in rows:
            self._commitments[row.round_id].setdefault(row.hotkey, row)
            self._holding.add(row.round_id)

    def _write_submissions(self, rows: Iterable[SubmissionRow]) -> None:
        for row in rows:
            self._submissions[row.round_id].setdefault((row.hotkey, row.sequence), row)
            self._holding.add(row.round_id)

    def _write_scores(self, rows: Iterable[ScoreRow]) -> None:
        for row in rows:
            if row.round_id not in self._scores:
                insort(self._scored[row.series, row.challenge], (row.anchor_at_ms, row.round_id))
            self._scores[row.round_id][row.hotkey] = row

    def _write_pays(self, rows: Iterable[PayRow]) -> None:
        for row in rows:
            self._pays[row.round_id][row.hotkey] = row
            self._holding.add(row.round_id)
            self._paid[row.series, row.challenge, row.epoch][row.round_id] = None

    def _write_epochs(self, rows: Iterable[EpochRow]) -> None:
        self._epochs.update(((row.series, row.challenge, row.epoch), row) for row in rows)

    def _write_sharing(self, rows: Iterable[SharingRow]) -> None:
        self._sharing.update(((row.series, row.challenge, row.generation, row.through_ms), row) for row in rows)

    def _write_transactions(self, rows: Iterable[Transaction]) -> None:
        for transaction in rows:
            if transaction.id not in self._transactions:
                self._transactions[transaction.id] = transaction
                for posting in transaction.postings:
                    self._balances[posting.account, posting.unit] += posting.amount_micros

    def _write_nonces(self, rows: Iterable[NonceRow]) -> None:
        for row in rows:
            self._nonces.setdefault((row.expires_at_ms, row.hotkey, row.nonce), row)

    def _write_replies(self, rows: Iterable[ReplyRow]) -> None:
        for row in rows:
            self._replies.setdefault(row.request, row)

    def _write_refusals(self, rows: Iterable[RefusalRow]) -> None:
        for row in rows:
            key = row.hour_ms, row.code, row.hotkey
            known = self._refusals.get(key)
            self._refusals[key] = row if known is None else replace(row, count=known.count + row.count)

    def _write_drafts(self, rows: Iterable[DraftRow]) -> None:
        for row in rows:
            self._drafts.setdefault(row.round_id, row)

    def _write_feedback(self, rows: Iterable[FeedbackRow]) -> None:
        self._feedback.update(((row.round_id, row.validator), row) for row in rows)

    async def meta(self) -> Mapping[str, str]:
        return dict(sorted(self._meta.items()))

    async def miners(self) -> Sequence[MinerRow]:
        return [self._miners[hotkey] for hotkey in sorted(self._miners)]

    async def closes(self, series: str, *, from_ms: int, to_ms: int) -> Sequence[CloseRow]:
        times = self._close_times.get(series, [])
        known = self._closes.get(series, {})
        within = times[bisect_left(times, from_ms) : bisect_left(times, to_ms + 1)]
        return [known[time][max(known[time])] for time in within]

    async def revisions(self, series: str, close_at_ms: int) -> Sequence[CloseRow]:
        known = self._closes.get(series, {}).get(close_at_ms, {})
        return [known[revision] for revision in sorted(known)]

    async def round(self, round_id: RoundId) -> RoundRow | None:
        return self._rounds.get(round_id)

    async def due_rounds(self, *, now_ms: int, limit: int) -> Sequence[RoundRow]:
        due = self._due[: min(limit, bisect_left(self._due, (now_ms + 1,)))]
        return [self._rounds[round_id] for _, _, _, round_id in due]

    async def next_due_ms(self) -> UnixMs | None:
        return UnixMs(self._due[0][0]) if self._due else None

    async def rounds(
        self,
        *,
        series: str = "",
        challenge: str = "",
        state: str = "",
        from_ms: int = 0,
        before_ms: int | None = None,
        limit: int = 100,
        newest_first: bool = True,
    ) -> Sequence[RoundRow]:
        start = bisect_left(self._anchors, (from_ms,))
        stop = len(self._anchors) if before_ms is None else bisect_left(self._anchors, (before_ms,))
        places = range(stop - 1, start - 1, -1) if newest_first else range(start, stop)
        found: list[RoundRow] = []
        for place in places:
            if len(found) >= limit:
                break
            row = self._rounds[self._anchors[place][3]]
            if series in {"", row.series} and challenge in {"", row.challenge} and state in {"", row.state}:
                found.append(row)
        return found

    async def commitments(self, round_id: RoundId) -> Sequence[CommitmentRow]:
        found = self._commitments.get(round_id, {}).values()
        return sorted(found, key=lambda row: (row.received_at_ms, row.hotkey))

    async def submissions(self, round_id: RoundId) -> Sequence[SubmissionRow]:
        found = self._submissions.get(round_id, {}).values()
        return sorted(found, key=lambda row: (row.received_at_ms, row.hotkey, row.sequence))

    async def counts(self, round_ids: Sequence[RoundId]) -> Mapping[RoundId, tuple[int, int]]:
        return {
            round_id: (
                len(self._commitments.get(round_id, ())),
                sum(row.status == "valid" for row in self._submissions.get(round_id, {}).values()),
            )
            for round_id in round_ids
        }

    async def round_counts(self) -> Mapping[tuple[str, str], int]:
        return Counter((row.challenge, row.state) for row in self._rounds.values())

    async def scores(
        self, series: str, challenge: str, *, from_ms: int = 0, hotkey: Hotkey | None = None
    ) -> Sequence[ScoreRow]:
        scored = self._scored.get((series, challenge), [])
        within = [self._scores[round_id] for _, round_id in scored[bisect_left(scored, (from_ms,)) :]]
        if hotkey is None:
            found = [row for rows in within for row in rows.values()]
        else:
            found = [rows[hotkey] for rows in within if hotkey in rows]
        return sorted(found, key=lambda row: (row.anchor_at_ms, row.hotkey, row.round_id))

    async def block_sums(
        self, series: str, challenge: str, *, from_ms: int, block_ms: int, before_ms: int | None = None
    ) -> Mapping[Hotkey, Sequence[BlockSums]]:
        found: dict[Hotkey, dict[int, BlockSums]] = {}
        for row in await self.scores(series, challenge, from_ms=from_ms):
            if before_ms is not None and row.anchor_at_ms >= before_ms:
                break
            one = RoundSkill(row.anchor_at_ms // block_ms, row.anchor_at_ms, row.gain_nano, row.baseline_loss_nano)
            found[row.hotkey] = add_rounds(found.get(row.hotkey, {}), [one])
        return {hotkey: [blocks[block] for block in sorted(blocks)] for hotkey, blocks in sorted(found.items())}

    async def tallies(self, series: str, challenge: str, *, from_ms: int) -> Mapping[Hotkey, Tally]:
        found: dict[Hotkey, list[ScoreRow]] = {}
        for row in await self.scores(series, challenge, from_ms=from_ms):
            found.setdefault(row.hotkey, []).append(row)
        return {
            hotkey: Tally(len(rows), sum(row.status == VALID for row in rows), sum(row.gain_nano for row in rows))
            for hotkey, rows in sorted(found.items())
        }

    async def round_scores(self, round_id: RoundId) -> Sequence[ScoreRow]:
        found = self._scores.get(round_id, {})
        return [found[hotkey] for hotkey in sorted(found)]

    async def pays(self, round_id: RoundId) -> Sequence[PayRow]:
        found = self._pays.get(round_id, {})
        return [found[hotkey] for hotkey in sorted(found)]

    async def epoch_pays(self, series: str, challenge: str, epoch: int) -> Sequence[PayRow]:
        rounds = self._paid.get((series, challenge, epoch), ())
        found = [row for round_id in rounds for row in self._pays[round_id].values() if row.epoch == epoch]
        return sorted(found, key=lambda row: (row.anchor_at_ms, row.hotkey, row.round_id))

    async def epochs(self, series: str, challenge: str) -> Sequence[EpochRow]:
        return [self._epochs[key] for key in sorted(self._epochs) if key[:2] == (series, challenge)]

    async def sharing(self, series: str, challenge: str, *, from_ms: int, before_ms: int) -> Sequence[SharingRow]:
        rows = (row for key, row in self._sharing.items() if key[:2] == (series, challenge))
        return newest_of(rows, from_ms=from_ms, before_ms=before_ms)

    async def transactions(self) -> AsyncIterator[Transaction]:
        return _each(list(self._transactions.values()))

    async def balances(self) -> Balances:
        return {key: Micros(balance) for key, balance in self._balances.items() if balance != 0}

    async def live_nonces(self, *, now_ms: int) -> Sequence[NonceRow]:
        live = (row for row in self._nonces.values() if row.expires_at_ms > now_ms)
        return sorted(live, key=lambda row: (row.expires_at_ms, row.hotkey, row.nonce))

    async def reply(self, request: Digest) -> ReplyRow | None:
        return self._replies.get(request)

    async def refusals(self, *, from_ms: int = 0) -> Sequence[RefusalRow]:
        found = (row for row in self._refusals.values() if row.hour_ms >= from_ms)
        return sorted(found, key=lambda row: (row.hour_ms, row.code, row.hotkey or b""))

    async def draft(self, round_id: RoundId) -> DraftRow | None:
        return self._drafts.get(round_id)

    async def drafts(self, *, from_ms: int) -> Sequence[DraftRow]:
        found = (row for row in self._drafts.values() if row.anchor_at_ms >= from_ms)
        return sorted(found, key=lambda row: (row.anchor_at_ms, row.challenge, row.round_id))

    async def feedback(self, *, from_ms: int = 0) -> Sequence[FeedbackRow]:
        found = (row for row in self._feedback.values() if row.received_at_ms >= from_ms)
        return sorted(found, key=lambda row: (row.received_at_ms, row.round_id, row.validator))

    async def prune(
        self, *, now_ms: int, evidence_before_ms: int, sharing_before_ms: int = 0, superseded_before_ms: int = 0
    ) -> Mapping[str, int]:
        spent_sums = spent(self._sharing.values(), sharing_before_ms, superseded_before_ms)
        touched = {
            "nonces": _drop(self._nonces, lambda row: row.expires_at_ms <= now_ms),
            "replies": _drop(self._replies, lambda row: row.expires_at_ms <= now_ms),
            "drafts": _drop(self._drafts, lambda row: row.anchor_at_ms < evidence_before_ms),
            "sharing": _drop(self._sharing, spent_sums.__contains__),
            "commitments": 0,
            "submissions": 0,
            "pays": 0,
        }
        known = (self._rounds.get(round_id) for round_id in self._holding)
        for round_id in [row.round_id for row in known if row is not None and row.anchor_at_ms < evidence_before_ms]:
            self._holding.remove(round_id)
            touched["commitments"] += _empty(self._commitments.get(round_id, {}), evidence=b"")
            touched["submissions"] += _empty(self._submissions.get(round_id, {}), evidence=b"", answer=None, salt=b"")
            touched["pays"] += _empty(self._pays.get(round_id, {}), detail="")
        return {table: rows for table, rows in touched.items() if rows}

    def snapshot(self) -> Iterator[tuple[str, Iterator[Any]]]:
        """Every table's name and rows, in an order in which they can be written again."""
        yield "meta", (MetaRow(key, value) for key, value in self._meta.items())
        yield "miners", iter(self._miners.values())
        yield (
            "closes",
            (r for times in self._closes.values() for revisions in times.values() for r in revisions.values()),
        )
        yield "rounds", iter(self._rounds.values())
        for name in ("commitments", "submissions", "scores", "pays"):
            rounds: Mapping[RoundId, Mapping[Any, Any]] = getattr(self, f"_{name}")
            yield name, (row for rows in rounds.values() for row in rows.values())
        for name in ("epochs", "sharing", "transactions", "nonces", "replies", "refusals", "drafts", "feedback"):
            yield name, iter(getattr(self, f"_{name}").values())

    async def aclose(self) -> None:
        """Nothing to let go."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _due_place(row: RoundRow, due_at_ms: int) -> tuple[int, int, str, RoundId]:
    return due_at_ms, row.anchor_at_ms, row.challenge, row.round_id


def _drop(table: dict[Any, Any], is_over: Callable[[Any], bool]) -> int:
    over = [key for key, row in table.items() if is_over(row)]
    for key in over:
        del table[key]
    return len(over)


def _empty(rows: dict[Any, Any], **emptied: object) -> int:
    """Takes what is let go out of the rows that still hold some of it: how many those were."""
    held = [key for key, row in rows.items() if any(getattr(row, name) != none for name, none in emptied.items())]
    rows.update((key, replace(rows[key], **emptied)) for key in held)
    return len(held)


async def _each(transactions: Sequence[Transaction]) -> AsyncIterator[Transaction]:
    for transaction in transactions:
        yield transaction
