"""A whole database replayed, oldest round first, a round at a time: memory does not grow with the months stored."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from neurons.records import CloseRow, EpochRow, RoundRow, SubmissionRow
from neurons.store.auditing import AuditSqlite
from neurons.store.claim import PARAMS
from neurons.validating.replay.closes import ReplayedCloses
from neurons.validating.replay.findings import CannotReplay, Findings
from neurons.validating.replay.ledger import OpenEpoch, ReplayedLedger
from neurons.validating.replay.rounds import RoundReplay, StoredRound
from neurons.validating.replay.streams import OF_STREAMS, StreamReplay
from neurons.validating.replay.words import round_words
from neurons.validating.series import followed_in
from protocol.errors import Rejected
from protocol.params import NetworkParams
from protocol.rules.calendar import round_times
from protocol.rules.ledger import ACCRUAL, REVERSAL
from protocol.rules.rounds import RoundState
from protocol.units import Digest, Hotkey, UnixMs, short

VALIDATOR: Final = "validator"
"""The meta row that names a database's validator, by hotkey in hex."""
TAKEN_BACK: Final = "accruals that a re-score took back: amounts taken as booked, their reversals checked"
ROUNDS_A_PAGE: Final = 500
CLOSES_A_PAGE: Final = 1_000
NO_CLOSE_MS: Final = UnixMs(2**62)

Progress = Callable[[int, int], None]
"""Told how many rounds are done, and of how many."""


async def replay_database(database: AuditSqlite, progress: Progress) -> Findings:
    """Recomputes everything that the database says of its rounds, and what differs.

    Raises CannotReplay when it is no validator's database or its rules are not in it, and StoreUnavailable.
    """
    replay = await _Replay.of(database)
    return await replay.run(progress)


@dataclass(slots=True)
class _Feed:
    """One series' closes on their way into the replay: a page that was read, and where the next one begins."""

    replayed: ReplayedCloses
    next_ms: int
    last_ms: int
    rows: deque[CloseRow] = field(default_factory=deque)


class _Replay:
    """One pass over one database."""

    def __init__(
        self,
        database: AuditSqlite,
        params: NetworkParams,
        rounds: RoundReplay,
        ledger: ReplayedLedger,
        findings: Findings,
        meta: Mapping[str, str],
    ) -> None:
        self._database, self._params, self._findings, self._meta = database, params, findings, meta
        self._rounds, self._ledger = rounds, ledger
        self._feeds: dict[str, _Feed] = {}
        self._spans: Mapping[str, tuple[UnixMs, UnixMs]] = {}
        self._epochs: dict[tuple[str, str], dict[int, EpochRow]] = {}
        self._seen = dict.fromkeys(("rounds", "commitments", "submissions", "scores", "pays", "sharing"), 0)

    @classmethod
    async def of(cls, database: AuditSqlite) -> _Replay:
        meta = await database.meta()
        if VALIDATOR not in meta:
            raise CannotReplay("this is no validator's database: it names no validator")
        validator = Hotkey(bytes.fromhex(meta[VALIDATOR]))
        newest = await database.rounds(limit=1)
        if not newest:
            raise CannotReplay("this database holds no rounds yet")
        params, findings = params_of(meta, newest[0].params_digest), Findings()
        rounds = RoundReplay(params, validator, await database.miners(), findings)
        return cls(database, params, rounds, ReplayedLedger(params, findings), findings, meta)

    async def run(self, progress: Progress) -> Findings:
        database, counts = self._database, await self._database.row_counts()
        self._spans = await database.close_spans()
        for series, challenge in await database.asked():
            closed = await database.epochs(series, challenge)
            self._epochs[series, challenge] = {row.epoch: row for row in closed}
        async for row in self._all_rounds():
            await self._round(row)
            progress(self._seen["rounds"], counts["rounds"])
        for epoch in self._ledger.all_ended():
            await self._epoch(epoch)
        for series, (_, last) in self._spans.items():
            await self._agree_closes(series, last)
        streams = StreamReplay(database, self._ledger, self._findings)
        await streams.run()
        async for transaction_id in database.booked_ids():
            if self._ledger.is_expected(transaction_id):
                continue
            if transaction_id.startswith(OF_STREAMS):
                await streams.take_booked(transaction_id)
            else:
                self._findings.differ("transactions", "the ledger", transaction_id, "booked", None)
        await streams.finish()
        self._ledger.finish(await database.balances(), await database.posting_sums())
        self._compare_counts(counts)
        return self._findings

    async def _all_rounds(self) -> AsyncIterator[RoundRow]:
        """Every round by anchor, page by page; a page never ends between rounds of one anchor."""
        from_ms = 0
        while True:
            page = await self._database.rounds(from_ms=from_ms, limit=ROUNDS_A_PAGE, newest_first=False)
            if len(page) < ROUNDS_A_PAGE:
                break
            last = page[-1].anchor_at_ms
            whole = [row for row in page if row.anchor_at_ms < last]
            if not whole:
                raise CannotReplay(f"more than {ROUNDS_A_PAGE} rounds are anchored at {last}")
            for row in whole:
                yield row
            from_ms = last
        for row in page:
            yield row

    async def _round(self, row: RoundRow) -> None:
        if row.params_digest != self._params.digest:
            raise CannotReplay(
                f"{round_words(row)} ran under params {short(row.params_digest)}, the newest round under "
                f"{short(self._params.digest)}: this release replays a database of one version"
            )
        if not self._params.has(row.challenge):
            raise CannotReplay(f"these params know no challenge {row.challenge!r}")
        time = self._params.time
        closes = await self._agree_closes(row.series, row.anchor_at_ms + time.steps * time.step_ms)
        ended = self._ledger.ended_by(row)
        if ended is not None:
            await self._epoch(ended)
        stored = await self._stored(row)
        late = await self._late_closes(row) if row.state == RoundState.VOID else frozenset[int]()
        change = self._rounds.replay(stored, closes, late_closes=late)
        self._ledger.add_round(row, {pay.hotkey: pay.accrued_micros for pay in change.pays})
        for revision in range(row.revision):
            await self._taken_back(row, revision)
        for wanted in change.transactions:
            if wanted.kind == ACCRUAL:
                booked = await self._database.booked(wanted.id)
                # When a round was re-scored stands in its transactions only.
                is_later = row.revision > 0 and booked is not None and booked.at_ms > wanted.at_ms
                told = replace(wanted, at_ms=booked.at_ms) if booked is not None and is_later else wanted
                self._ledger.expect(told, booked, round_words(row))

    async def _taken_back(self, row: RoundRow, revision: int) -> None:
        """What a re-score took back: an accrual by closes that were corrected, and its reversal."""
        name = f"{ACCRUAL}/{row.round_id.hex()}/{revision}"
        booked, undone = await self._database.booked(name), await self._database.booked(f"{REVERSAL}/{name}")
        if booked is None:
            return
        self._findings.leave(TAKEN_BACK, round_words(row))
        self._ledger.expect_taken_back(row, revision, booked, undone, round_words(row))

    async def _stored(self, row: RoundRow) -> StoredRound:
        database = self._database
        submissions: Sequence[SubmissionRow] | None = None
        try:
            submissions = await database.submissions(row.round_id)
        except Rejected as error:
            self._findings.differ("submissions", round_words(row), "answer", "unreadable", error)
            self._seen.pop("submissions", None)
        stored = StoredRound(
            row,
            await database.commitments(row.round_id),
            submissions,
            await database.round_scores(row.round_id),
            await database.pays(row.round_id),
            await database.sharing_through(row.series, row.challenge, row.anchor_at_ms),
        )
        self._seen["rounds"] += 1
        for table in self._seen.keys() - {"rounds"}:
            self._seen[table] += len(getattr(stored, table))
        return stored

    async def _late_closes(self, row: RoundRow) -> frozenset[int]:
        times = round_times(row.anchor_at_ms, self._params.time)
        closes = await self._database.closes(row.series, from_ms=row.anchor_at_ms, to_ms=times.last_step_ms)
        return frozenset(int(close.close_at_ms) for close in closes if close.agreed_at_ms >= times.void_at_ms)

    async def _agree_closes(self, series: str, until_ms: int) -> ReplayedCloses:
        """Agrees every close up to that instant which is not agreed yet."""
        feed = self._feeds.get(series)
        if feed is None:
            first, last = self._spans.get(series, (NO_CLOSE_MS, NO_CLOSE_MS))
            replayed = ReplayedCloses(series, self._grid_of(series), first_ms=first)
            feed = self._feeds[series] = _Feed(replayed, next_ms=first, last_ms=last)
        while feed.next_ms <= min(until_ms, feed.last_ms) or feed.rows:
            if not feed.rows:
                end = feed.next_ms + CLOSES_A_PAGE * self._params.time.step_ms
                feed.rows.extend(await self._database.closes(series, from_ms=feed.next_ms, to_ms=end))
                feed.next_ms = end + 1
            while feed.rows and feed.rows[0].close_at_ms <= until_ms:
                row = feed.rows.popleft()
                revisions = await self._database.revisions(series, row.close_at_ms) if row.revision else (row,)
                feed.replayed.take(revisions, self._findings)
            if feed.rows:
                break
        return feed.replayed

    def _grid_of(self, series: str) -> NetworkParams:
        """The rules on the grid of the series' closes. Raises CannotReplay when what is said of it cannot be read."""
        try:
            return followed_in(self._meta, series).params(self._params)
        except ValueError as error:
            raise CannotReplay(f"what the database says of {series} cannot be read: {error}") from error

    async def _epoch(self, epoch: OpenEpoch) -> None:
        rows = self._epochs.get((epoch.pool.series, epoch.pool.challenge), {})
        fund, closed = await self._database.booked(epoch.fund_id), await self._database.booked(epoch.close_id)
        self._ledger.close(epoch, rows.get(epoch.pool.epoch), fund, closed)

    def _compare_counts(self, counts: Mapping[str, int]) -> None:
        """Rows that belong to no round, close or epoch were never looked at: that they are there is a difference."""
        seen = {**self._seen, "epochs": self._findings.checked["epochs"]}
        for table, number in seen.items():
            if counts[table] != number:
                self._findings.differ(table, "the table", "rows", counts[table], number)


def params_of(meta: Mapping[str, str], digest: Digest) -> NetworkParams:
    """The rules of that digest, as the database has them. Raises CannotReplay when it has not, or has others."""
    text = meta.get(PARAMS + digest.hex())
    if text is None:
        raise CannotReplay(f"rounds ran under params {short(digest)}, and this database does not say what those are")
    try:
        params = NetworkParams.from_canonical_bytes(text.encode("utf-8"))
    except ValueError as error:
        raise CannotReplay(f"params {short(digest)} cannot be read by this release: {error}") from error
    if params.digest != digest:
        raise CannotReplay(f"the params stored as {short(digest)} are others, {short(params.digest)}")
    return params
