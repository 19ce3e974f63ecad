"""Settling a round whose truth is known, and closing an epoch: read the store, let the rules decide, return rows.

The books are memories that the store can always rebuild; one is dropped whenever a change that it already holds could
not be stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from neurons.ports import StoreReader
from neurons.records import Change, CommitmentRow, EpochRow, PayRow, RoundRow, ScoreRow, SubmissionRow
from neurons.validating.accruals import pay_rows
from neurons.validating.intake import entries_of
from neurons.validating.sharing import recall_sums, sums_due
from protocol import codec
from protocol.messages import Opening
from protocol.params import NetworkParams
from protocol.rules.calendar import epoch_of
from protocol.rules.challenges import UNREVEALED, Entry, RoundScores, kind_of
from protocol.rules.emission import epoch_pool_micros
from protocol.rules.ledger import (
    Pool,
    accrual_transaction,
    epoch_close_transaction,
    fund_pool_transaction,
    reversal_transaction,
)
from protocol.rules.rounds import RoundState, Truth
from protocol.rules.settlement import ChallengeBook, Settlement
from protocol.units import Digest, Hotkey, Micros, UnixMs

RESTORE_PAGE: Final = 1_000
SCORED_STATES: Final = (RoundState.RESOLVED, RoundState.FINAL)


@dataclass(frozen=True, slots=True)
class SettledRound:
    """A settled round: the rows to store, and what each miner is told."""

    change: Change
    scores: RoundScores
    settlement: Settlement


class Settling:
    """The books of every (series, challenge), and what is settled with them."""

    def __init__(self, store: StoreReader, params: NetworkParams) -> None:
        self._store, self._params = store, params
        self._books: dict[tuple[str, str], ChallengeBook] = {}
        self._forgotten: dict[tuple[str, str], int] = {}
        """How often a book was dropped: one that was being read back meanwhile is read again."""

    async def settle(
        self, row: RoundRow, truth: Truth, *, participants: Sequence[Hotkey], now_ms: UnixMs
    ) -> SettledRound:
        """Scores a round and accrues its pay. `row`: the round as it will be stored, RESOLVED.

        The book already remembers the round afterwards: call `forget` when the change could not be stored.
        """
        book = await self.book(row.series, row.challenge)
        settled = await self._settled(book, replace(row, resolved_at_ms=now_ms), truth, participants, now_ms=now_ms)
        return replace(settled, change=replace(settled.change, sharing=sums_due(row, book.window)))

    async def settle_again(
        self, book: ChallengeBook, row: RoundRow, truth: Truth, *, now_ms: UnixMs
    ) -> SettledRound | None:
        """Scores a resolved round anew, with a book that remembers the rounds before it; None when nothing changes.

        row: as it will be stored, with its next revision. Who took part is who was scored. The earlier accrual is
        reversed and its successor accrued in the same change.
        """
        scores, pays = await self._store.round_scores(row.round_id), await self._store.pays(row.round_id)
        participants = [score.hotkey for score in scores]
        settled = await self._settled(book, row, truth, participants, now_ms=now_ms, replaced=pays)
        again = settled.change
        is_same = set(scores) == set(again.scores) and set(pays) == set(again.pays)
        return None if is_same and row.truth_digest == truth.digest else settled

    async def _settled(
        self,
        book: ChallengeBook,
        row: RoundRow,
        truth: Truth,
        participants: Sequence[Hotkey],
        *,
        now_ms: UnixMs,
        replaced: Sequence[PayRow] = (),
    ) -> SettledRound:
        opening = codec.decode_opening(row.opening)
        selected = await self._selected(row, opening)
        scores = kind_of(self._params, row.challenge).score(opening, selected, participants, truth)
        book.remember(row.anchor_at_ms, scores.baseline_loss_nano, scores.scores)
        book.compare(row.anchor_at_ms, row.sigma_pico, selected)
        settlement = book.settle(row.anchor_at_ms, scores.scores)
        stored = replace(
            row,
            anchor_close_e8=truth.anchor_e8,
            truth_digest=Digest(truth.digest),
            baseline_loss_nano=scores.baseline_loss_nano,
        )
        change = settled_rows(stored, scores, settlement, self._params, now_ms=now_ms, replaced=replaced)
        return SettledRound(change, scores, settlement)

    async def close_epoch(self, series: str, challenge: str, epoch: int, *, now_ms: UnixMs) -> tuple[Change, EpochRow]:
        """The one payment of an epoch, once all its rounds are final or void."""
        pool = Pool(series, challenge, epoch)
        pool_micros = epoch_pool_micros(self._params, self._params.challenge(challenge))
        accrued: dict[Hotkey, Micros] = {}
        for pay in await self._store.epoch_pays(series, challenge, epoch):
            accrued[pay.hotkey] = Micros(accrued.get(pay.hotkey, 0) + pay.accrued_micros)
        accrued = {hotkey: amount for hotkey, amount in accrued.items() if amount}
        close = epoch_close_transaction(pool, pool_micros=pool_micros, accrued_micros=accrued, at_ms=now_ms)
        fund = fund_pool_transaction(pool, pool_micros, at_ms=now_ms)
        paid = Micros(sum(accrued.values()))
        row = EpochRow(series, challenge, epoch, now_ms, paid, Micros(pool_micros - paid))
        return Change(transactions=(fund, close), epochs=(row,)), row

    async def book(self, series: str, challenge: str) -> ChallengeBook:
        """The memory of a challenge, rebuilt from the store when it is not held."""
        key = (series, challenge)
        while key not in self._books:
            forgotten = self._forgotten.get(key, 0)
            restored = await self._restored(series, challenge)
            if forgotten == self._forgotten.get(key, 0):
                self._books[key] = restored
        return self._books[key]

    def holds(self, series: str, challenge: str) -> bool:
        """Whether `book` would answer at once."""
        return (series, challenge) in self._books

    async def remembered(self, series: str, challenge: str) -> ChallengeBook:
        """A book that proves skill, without the answers in which copies are found: quick to read. Not to settle by."""
        held = self._books.get((series, challenge))
        return held if held is not None else (await self._memory(series, challenge))[0]

    def forget(self, series: str, challenge: str) -> None:
        """Drops a book that may hold what the store does not."""
        key = (series, challenge)
        self._books.pop(key, None)
        self._forgotten[key] = self._forgotten.get(key, 0) + 1

    async def book_before(
        self, series: str, challenge: str, anchor_at_ms: UnixMs, *, meanwhile: Callable[[], Awaitable[None]]
    ) -> ChallengeBook:
        """The memory as it was before the round anchored there, rebuilt from the store; `meanwhile` after each round
        of it, because all of them may take minutes."""
        return await self._restored(series, challenge, before_ms=anchor_at_ms, meanwhile=meanwhile)

    async def _memory(
        self, series: str, challenge: str, *, before_ms: UnixMs | None = None
    ) -> tuple[ChallengeBook, UnixMs | None]:
        """A book with all scores in memory, and the newest scored round's anchor, or None before the first.

        What a running book holds at that anchor: whole blocks from the one on that its memory reaches back to.
        """
        store = self._store
        book = ChallengeBook(self._params.challenge(challenge), self._params)
        scored = [
            row.anchor_at_ms
            for state in SCORED_STATES
            for row in await store.rounds(series=series, challenge=challenge, state=state, before_ms=before_ms, limit=1)
        ]
        if not scored:
            return book, None
        newest = max(scored)
        since, block_ms = book.remembers_from_ms(newest), self._params.skill.block_steps * self._params.time.step_ms
        told = await store.block_sums(series, challenge, from_ms=since, block_ms=block_ms, before_ms=before_ms)
        book.recall(told)
        return book, newest

    async def _restored(
        self,
        series: str,
        challenge: str,
        *,
        before_ms: UnixMs | None = None,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
    ) -> ChallengeBook:
        book, newest = await self._memory(series, challenge, before_ms=before_ms)
        if newest is None:
            return book
        scored = await self._settled_since(series, challenge, book.compares_from_ms(newest), before_ms=before_ms)
        for row, is_summed in await recall_sums(self._store, book.window, scored):
            opening = codec.decode_opening(row.opening)
            selected = await self._selected(row, opening)
            book.compare(row.anchor_at_ms, row.sigma_pico, selected, is_summed=is_summed)
            if meanwhile is not None:
                await meanwhile()
        return book

    async def _settled_since(
        self, series: str, challenge: str, since_ms: int, *, before_ms: UnixMs | None
    ) -> list[RoundRow]:
        """Scored rounds anchored since then, oldest first, page by page."""
        found: list[RoundRow] = []
        while True:
            page = await self._store.rounds(
                series=series,
                challenge=challenge,
                from_ms=since_ms,
                before_ms=before_ms,
                limit=RESTORE_PAGE,
                newest_first=False,
            )
            found += [r for r in page if r.state in SCORED_STATES]
            if len(page) < RESTORE_PAGE:
                return found
            since_ms = page[-1].anchor_at_ms + 1

    async def _selected(self, row: RoundRow, opening: Opening) -> Mapping[Hotkey, Entry]:
        """Which entry counts for each miner, those who committed and never revealed included."""
        kind = kind_of(self._params, row.challenge)
        submissions = list(await self._store.submissions(row.round_id))
        commitments = list(await self._store.commitments(row.round_id))
        entries = entries_of(opening, submissions, kind) + silent_commitments(commitments, submissions)
        return kind.select(opening, entries)


def settled_rows(
    row: RoundRow,
    scores: RoundScores,
    settlement: Settlement,
    params: NetworkParams,
    *,
    now_ms: UnixMs,
    replaced: Sequence[PayRow] = (),
) -> Change:
    """What a scored round is stored as: itself, its scores, each accrual with its arithmetic, and the postings.

    replaced: what the revision before accrued, which is taken back first.
    """
    epoch = epoch_of(row.anchor_at_ms, params.time)
    pool = Pool(row.series, row.challenge, epoch)
    pool_micros = epoch_pool_micros(params, params.challenge(row.challenge))
    accrued = {miner.hotkey: miner.accrued_micros for miner in settlement.pay.miners if miner.accrued_micros}
    transactions = [fund_pool_transaction(pool, pool_micros, at_ms=now_ms)]
    undone = {pay.hotkey: pay.accrued_micros for pay in replaced if pay.accrued_micros}
    if undone:
        before = accrual_transaction(pool, row.round_id, undone, revision=row.revision - 1, at_ms=now_ms)
        transactions.append(reversal_transaction(before, at_ms=now_ms, reason=row.reason))
    if accrued:
        transactions.append(accrual_transaction(pool, row.round_id, accrued, revision=row.revision, at_ms=now_ms))
    return Change(
        rounds=(row,),
        scores=tuple(
            ScoreRow(
                row.round_id,
                score.hotkey,
                row.series,
                row.challenge,
                row.anchor_at_ms,
                score.status,
                score.loss_nano,
                scores.baseline_loss_nano,
                score.gain_nano,
            )
            for score in scores.scores
        ),
        pays=tuple(pay_rows(row, epoch, settlement)),
        transactions=tuple(transactions),
    )


def silent_commitments(commitments: Sequence[CommitmentRow], submissions: Sequence[SubmissionRow]) -> list[Entry]:
    """An entry, without an answer, for everybody who committed and never revealed."""
    answered = {row.hotkey for row in submissions}
    return [
        Entry(row.hotkey, 0, row.received_at_ms, UNREVEALED, None) for row in commitments if row.hotkey not in answered
    ]
