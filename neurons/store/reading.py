"""Tables into rows: every question of the Store port, asked on read-only connections that never wait for the writer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, func, select, text

from neurons.records import (
    CloseRow,
    CommitmentRow,
    DraftRow,
    EpochRow,
    FeedbackRow,
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
from neurons.store import sums
from neurons.store.evidence import join
from neurons.store.reading_streams import StreamReading
from neurons.store.revisions import newest_closes, revisions_of
from neurons.store.schema import (
    accounts,
    commitments,
    drafts,
    epochs,
    feedback,
    forms,
    hotkeys,
    meta,
    miners,
    nonces,
    pays,
    postings,
    questions,
    refusals,
    replies,
    round_keys,
    rounds,
    scores,
    submissions,
    transactions,
)
from neurons.store.sharing import newest_sums
from protocol.messages import Answer
from protocol.rules.challenges import VALID
from protocol.rules.ledger import Account, Balances, Posting, Transaction, Unit
from protocol.rules.skill import BlockSums
from protocol.units import Digest, Hotkey, Micros, RoundId, UnixMs

TRANSACTIONS_A_PAGE: Final = 500
ROUNDS_A_QUERY: Final = 500

ROUND: Final = (
    select(round_keys.c.round_id, questions.c.series, questions.c.challenge, *list(rounds.c)[2:])
    .join_from(rounds, round_keys, rounds.c.round == round_keys.c.id)
    .join(questions, rounds.c.question == questions.c.id)
)
COMMITMENTS: Final = (
    select(
        hotkeys.c.hotkey, commitments.c.commitment, commitments.c.received_at_ms,
        commitments.c.evidence, forms.c.before, forms.c.after, forms.c.last,
    )
    .join_from(commitments, hotkeys, commitments.c.hotkey == hotkeys.c.id)
    .join(round_keys, commitments.c.round == round_keys.c.id)
    .outerjoin(forms, commitments.c.form == forms.c.id)
    .where(round_keys.c.round_id == bindparam("round_id"))
)  # fmt: skip
SUBMISSIONS: Final = (
    select(
        hotkeys.c.hotkey, submissions.c.sequence, submissions.c.received_at_ms, submissions.c.status,
        submissions.c.reason, forms.c.dtype, forms.c.shape, submissions.c.answer, submissions.c.salt,
        submissions.c.evidence, forms.c.before, forms.c.after, forms.c.last,
    )
    .join_from(submissions, hotkeys, submissions.c.hotkey == hotkeys.c.id)
    .join(round_keys, submissions.c.round == round_keys.c.id)
    .outerjoin(forms, submissions.c.form == forms.c.id)
    .where(round_keys.c.round_id == bindparam("round_id"))
)  # fmt: skip
SCORE: Final = (
    select(
        round_keys.c.round_id, hotkeys.c.hotkey, questions.c.series, questions.c.challenge, scores.c.anchor_at_ms,
        scores.c.status, scores.c.loss_nano, scores.c.baseline_loss_nano, scores.c.gain_nano,
    )
    .join_from(scores, round_keys, scores.c.round == round_keys.c.id)
    .join(hotkeys, scores.c.hotkey == hotkeys.c.id)
    .join(questions, scores.c.question == questions.c.id)
)  # fmt: skip
PAY: Final = (
    select(
        round_keys.c.round_id, hotkeys.c.hotkey, questions.c.series, questions.c.challenge, pays.c.anchor_at_ms,
        pays.c.epoch, pays.c.skill_nano, pays.c.divisor_nano, pays.c.shared_skill_nano, pays.c.accrued_micros,
        pays.c.detail,
    )
    .join_from(pays, round_keys, pays.c.round == round_keys.c.id)
    .join(hotkeys, pays.c.hotkey == hotkeys.c.id)
    .join(questions, pays.c.question == questions.c.id)
)  # fmt: skip
DRAFT: Final = (
    select(
        round_keys.c.round_id, questions.c.series, questions.c.challenge, drafts.c.anchor_at_ms, drafts.c.salt,
        forms.c.dtype, forms.c.shape, drafts.c.answer, drafts.c.commitment, drafts.c.model, drafts.c.made_at_ms,
    )
    .join_from(drafts, round_keys, drafts.c.round == round_keys.c.id)
    .join(questions, drafts.c.question == questions.c.id)
    .join(forms, drafts.c.form == forms.c.id)
)  # fmt: skip


def _commitment(round_id: RoundId, row: Any) -> CommitmentRow:
    hotkey, commitment, received_at_ms, rest, before, after, last = row
    evidence = rest if before is None else join((before, after, last), rest, hotkey, round_id, commitment)
    return CommitmentRow(round_id, hotkey, commitment, received_at_ms, evidence)


def _submission(round_id: RoundId, row: Any) -> SubmissionRow:
    hotkey, sequence, received_at_ms, status, reason, dtype, shape, values, salt, rest, before, after, last = row
    answer = None if values is None else Answer(tuple(map(int, shape.split(","))), dtype, values)
    evidence = rest if before is None else join((before, after, last), rest, hotkey, salt, values)
    return SubmissionRow(round_id, hotkey, sequence, received_at_ms, status, reason, answer, salt, evidence)


def _draft(row: Any) -> DraftRow:
    round_id, series, challenge, anchor_at_ms, salt, dtype, shape, values, commitment, model, made_at_ms = row
    answer = Answer(tuple(map(int, shape.split(","))), dtype, values)
    return DraftRow(round_id, series, challenge, anchor_at_ms, salt, answer, commitment, model, made_at_ms)


def _with_joined(challenges: list[Any], rest: list[Any]) -> tuple[Any, ...]:
    """The names, what stands between, and when those were joined that are [name, instant]."""
    names = tuple(one if isinstance(one, str) else one[0] for one in challenges)
    return names, *rest, tuple(one[1] for one in challenges if not isinstance(one, str))


class Reader(StreamReading):
    """The reading half of the Store port over one engine."""

    async def meta(self) -> Mapping[str, str]:
        return {row.key: row.value for row in await self._rows(select(meta).order_by(meta.c.key))}

    async def miners(self) -> Sequence[MinerRow]:
        query = select(hotkeys.c.hotkey, *list(miners.c)[1:]).join_from(miners, hotkeys).order_by(hotkeys.c.hotkey)
        return [
            MinerRow(hotkey, endpoint, *_with_joined(json.loads(challenges), rest))
            for hotkey, endpoint, challenges, *rest in await self._rows(query)
        ]

    async def closes(self, series: str, *, from_ms: int, to_ms: int) -> Sequence[CloseRow]:
        query = newest_closes(series, from_ms=from_ms, to_ms=to_ms)
        return [CloseRow(*row) for row in await self._rows(query)]

    async def revisions(self, series: str, close_at_ms: int) -> Sequence[CloseRow]:
        return [CloseRow(*row) for row in await self._rows(revisions_of(series, close_at_ms))]

    async def round(self, round_id: RoundId) -> RoundRow | None:
        found = await self._rows(ROUND.where(round_keys.c.round_id == bindparam("round_id")), round_id=round_id)
        return _round(found[0]) if found else None

    async def due_rounds(self, *, now_ms: int, limit: int) -> Sequence[RoundRow]:
        query = (
            ROUND.where(rounds.c.due_at_ms.is_not(None), rounds.c.due_at_ms <= now_ms)
            .order_by(rounds.c.due_at_ms, rounds.c.anchor_at_ms, questions.c.challenge, round_keys.c.round_id)
            .limit(limit)
        )
        return [_round(row) for row in await self._rows(query)]

    async def next_due_ms(self) -> UnixMs | None:
        query = select(rounds.c.due_at_ms).where(rounds.c.due_at_ms.is_not(None)).order_by(rounds.c.due_at_ms).limit(1)
        found = await self._rows(query)
        return UnixMs(found[0][0]) if found else None

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
        wanted: list[ColumnElement[bool]] = [rounds.c.anchor_at_ms >= from_ms]
        if before_ms is not None:
            wanted.append(rounds.c.anchor_at_ms < before_ms)
        if series:
            wanted.append(questions.c.series == series)
        if challenge:
            wanted.append(questions.c.challenge == challenge)
        if state:
            wanted.append(rounds.c.state == state)
        order = (rounds.c.anchor_at_ms, questions.c.challenge, questions.c.series, round_keys.c.round_id)
        query = ROUND.where(and_(*wanted)).limit(limit)
        query = query.order_by(*(column.desc() if newest_first else column for column in order))
        return [_round(row) for row in await self._rows(query)]

    async def commitments(self, round_id: RoundId) -> Sequence[CommitmentRow]:
        found = [_commitment(round_id, row) for row in await self._rows(COMMITMENTS, round_id=round_id)]
        return sorted(found, key=lambda row: (row.received_at_ms, row.hotkey))

    async def submissions(self, round_id: RoundId) -> Sequence[SubmissionRow]:
        found = [_submission(round_id, row) for row in await self._rows(SUBMISSIONS, round_id=round_id)]
        return sorted(found, key=lambda row: (row.received_at_ms, row.hotkey, row.sequence))

    async def round_counts(self) -> Mapping[tuple[str, str], int]:
        query = (
            select(questions.c.challenge, rounds.c.state, func.count())
            .join_from(rounds, questions, rounds.c.question == questions.c.id)
            .group_by(questions.c.challenge, rounds.c.state)
        )
        return {(challenge, state): count for challenge, state, count in await self._rows(query)}

    async def counts(self, round_ids: Sequence[RoundId]) -> Mapping[RoundId, tuple[int, int]]:
        committed = (
            select(func.count()).where(commitments.c.round == round_keys.c.id).correlate(round_keys).scalar_subquery()
        )
        valid = (
            select(func.count())
            .where(submissions.c.round == round_keys.c.id, submissions.c.status == "valid")
            .correlate(round_keys)
            .scalar_subquery()
        )
        counted = dict.fromkeys(round_ids, (0, 0))
        for start in range(0, len(round_ids), ROUNDS_A_QUERY):
            some = list(round_ids[start : start + ROUNDS_A_QUERY])
            query = select(round_keys.c.round_id, committed, valid).where(round_keys.c.round_id.in_(some))
            counted.update({RoundId(r): (c, v) for r, c, v in await self._rows(query)})
        return counted

    async def scores(
        self, series: str, challenge: str, *, from_ms: int = 0, hotkey: Hotkey | None = None
    ) -> Sequence[ScoreRow]:
        query = SCORE.where(
            questions.c.series == series, questions.c.challenge == challenge, scores.c.anchor_at_ms >= from_ms
        ).order_by(scores.c.anchor_at_ms, hotkeys.c.hotkey, round_keys.c.round_id)
        if hotkey is not None:
            query = query.where(hotkeys.c.hotkey == hotkey)
        return [ScoreRow(*row) for row in await self._rows(query)]

    async def block_sums(
        self, series: str, challenge: str, *, from_ms: int, block_ms: int, before_ms: int | None = None
    ) -> Mapping[Hotkey, Sequence[BlockSums]]:
        query = sums.block_sums(series, challenge, from_ms=from_ms, block_ms=block_ms, before_ms=before_ms)
        found: dict[Hotkey, list[BlockSums]] = {}
        for hotkey, *told in await self._rows(query):
            found.setdefault(hotkey, []).append(BlockSums(*told))
        return found

    async def tallies(self, series: str, challenge: str, *, from_ms: int) -> Mapping[Hotkey, Tally]:
        query = sums.tallies(series, challenge, valid=VALID, from_ms=from_ms)
        return {hotkey: Tally(*told) for hotkey, *told in await self._rows(query)}

    async def round_scores(self, round_id: RoundId) -> Sequence[ScoreRow]:
        query = SCORE.where(round_keys.c.round_id == round_id).order_by(hotkeys.c.hotkey)
        return [ScoreRow(*row) for row in await self._rows(query)]

    async def pays(self, round_id: RoundId) -> Sequence[PayRow]:
        query = PAY.where(round_keys.c.round_id == round_id).order_by(hotkeys.c.hotkey)
        return [PayRow(*row) for row in await self._rows(query)]

    async def epoch_pays(self, series: str, challenge: str, epoch: int) -> Sequence[PayRow]:
        query = PAY.where(
            questions.c.series == series, questions.c.challenge == challenge, pays.c.epoch == epoch
        ).order_by(pays.c.anchor_at_ms, hotkeys.c.hotkey, round_keys.c.round_id)
        return [PayRow(*row) for row in await self._rows(query)]

    async def epochs(self, series: str, challenge: str) -> Sequence[EpochRow]:
        query = (
            select(epochs)
            .join(questions, epochs.c.question == questions.c.id)
            .where(questions.c.series == series, questions.c.challenge == challenge)
            .order_by(epochs.c.epoch)
        )
        return [EpochRow(series, challenge, *row[1:]) for row in await self._rows(query)]

    async def sharing(self, series: str, challenge: str, *, from_ms: int, before_ms: int) -> Sequence[SharingRow]:
        query = newest_sums(series, challenge, from_ms=from_ms, before_ms=before_ms)
        return [SharingRow(series, challenge, *row) for row in await self._rows(query)]

    async def transactions(self) -> AsyncIterator[Transaction]:
        return self._transactions()

    async def _transactions(self) -> AsyncIterator[Transaction]:
        after = 0
        while True:
            page = await self._rows(
                select(transactions)
                .where(transactions.c.id > after)
                .order_by(transactions.c.id)
                .limit(TRANSACTIONS_A_PAGE)
            )
            if not page:
                return
            query = (
                select(postings.c.transaction, accounts.c.account, accounts.c.unit, postings.c.amount_micros)
                .join(accounts, postings.c.account == accounts.c.id)
                .where(postings.c.transaction.between(page[0].id, page[-1].id))
                .order_by(postings.c.transaction, postings.c.place)
            )
            legs: dict[int, list[Posting]] = {row.id: [] for row in page}
            for transaction, *leg in await self._rows(query):
                legs[transaction].append(Posting(*leg))
            for row in page:
                yield Transaction(row.transaction_id, row.at_ms, row.kind, tuple(legs[row.id]), row.memo)
            after = page[-1].id

    async def balances(self) -> Balances:
        query = select(accounts).where(accounts.c.balance_micros != 0)
        return {(Account(row.account), Unit(row.unit)): Micros(row.balance_micros) for row in await self._rows(query)}

    async def wrong_balances(self) -> Mapping[tuple[str, str], tuple[Micros, Micros]]:
        """(account, unit) -> (kept balance, sum of postings), where the two differ: a healthy database has none."""
        summed = func.coalesce(func.sum(postings.c.amount_micros), 0)
        query = (
            select(accounts.c.account, accounts.c.unit, accounts.c.balance_micros, summed)
            .outerjoin(postings, postings.c.account == accounts.c.id)
            .group_by(accounts.c.id)
            .having(summed != accounts.c.balance_micros)
        )
        return {(a, u): (Micros(kept), Micros(total)) for a, u, kept, total in await self._rows(query)}

    async def dangling_names(self) -> Mapping[str, int]:
        """table -> rows whose integer stands in no name table: a healthy database has none. Reads every row."""
        query = text('SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY "table"')
        return {str(table): int(rows) for table, rows in await self._rows(query)}

    async def live_nonces(self, *, now_ms: int) -> Sequence[NonceRow]:
        query = (
            select(hotkeys.c.hotkey, nonces.c.nonce, nonces.c.expires_at_ms)
            .join(hotkeys, nonces.c.hotkey == hotkeys.c.id)
            .where(nonces.c.expires_at_ms > now_ms)
            .order_by(nonces.c.expires_at_ms, hotkeys.c.hotkey, nonces.c.nonce)
        )
        return [NonceRow(*row) for row in await self._rows(query)]

    async def reply(self, request: Digest) -> ReplyRow | None:
        found = await self._rows(select(replies).where(replies.c.request == request))
        return ReplyRow(*found[0]) if found else None

    async def refusals(self, *, from_ms: int = 0) -> Sequence[RefusalRow]:
        query = (
            select(
                refusals.c.hour_ms, refusals.c.code, hotkeys.c.hotkey, refusals.c.count.label("how_many"),
                refusals.c.detail,
            )
            .outerjoin(hotkeys, refusals.c.hotkey == hotkeys.c.id)
            .where(refusals.c.hour_ms >= from_ms)
            .order_by(refusals.c.hour_ms, refusals.c.code, hotkeys.c.hotkey.nulls_first())
        )  # fmt: skip
        return [RefusalRow(*row) for row in await self._rows(query)]

    async def draft(self, round_id: RoundId) -> DraftRow | None:
        found = await self._rows(DRAFT.where(round_keys.c.round_id == round_id))
        return _draft(found[0]) if found else None

    async def drafts(self, *, from_ms: int) -> Sequence[DraftRow]:
        query = DRAFT.where(drafts.c.anchor_at_ms >= from_ms).order_by(
            drafts.c.anchor_at_ms, questions.c.challenge, round_keys.c.round_id
        )
        return [_draft(row) for row in await self._rows(query)]

    async def feedback(self, *, from_ms: int = 0) -> Sequence[FeedbackRow]:
        query = (
            select(round_keys.c.round_id, hotkeys.c.hotkey, feedback.c.received_at_ms, feedback.c.body)
            .join_from(feedback, round_keys, feedback.c.round == round_keys.c.id)
            .join(hotkeys, feedback.c.validator == hotkeys.c.id)
            .where(feedback.c.received_at_ms >= from_ms)
            .order_by(feedback.c.received_at_ms, round_keys.c.round_id, hotkeys.c.hotkey)
        )
        return [FeedbackRow(*row) for row in await self._rows(query)]


def _round(row: Any) -> RoundRow:
    return RoundRow(*row)
