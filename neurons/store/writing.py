"""Rows into tables: what a change means in SQL, run by the one writer inside its open transaction.

Statements come from the Core tables and are compiled once; rows go to the driver's executemany as tuples in the
order of the table's columns, which is what makes a round of 256 answers cost little more than its bytes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

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
)
from neurons.store import schema
from neurons.store.evidence import Frame, rest_in, split
from neurons.store.names import Names
from neurons.store.statements import add_up, insert_once, upsert
from neurons.store.writing_streams import StreamWriter
from protocol.rules.ledger import Transaction
from protocol.units import Hotkey, RoundId

Tuples = list[tuple[Any, ...]]
Pair = tuple[str, str]
Layout = tuple[str, tuple[int, ...]]
Form = tuple[Layout | None, Frame | None]


WRITE: Final = {
    "meta": upsert(schema.meta),
    "miners": upsert(schema.miners),
    "closes": upsert(schema.closes),
    "rounds": upsert(schema.rounds),
    "commitments": insert_once(schema.commitments),
    "submissions": insert_once(schema.submissions),
    "scores": upsert(schema.scores),
    "pays": upsert(schema.pays),
    "epochs": upsert(schema.epochs),
    "sharing": upsert(schema.sharing),
    "nonces": insert_once(schema.nonces),
    "replies": insert_once(schema.replies),
    "refusals": add_up(schema.refusals, "count", last=("detail",)),
    "drafts": insert_once(schema.drafts),
    "feedback": upsert(schema.feedback),
}
HOLD: Final = insert_once(schema.holding)
BOOK: Final = (
    "INSERT INTO transactions (transaction_id, at_ms, kind, memo) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (transaction_id) DO NOTHING"
)
POST: Final = 'INSERT INTO postings ("transaction", place, account, amount_micros) VALUES (?, ?, ?, ?)'
ADD: Final = "UPDATE accounts SET balance_micros = balance_micros + ? WHERE id = ?"


def _one(name: bytes) -> tuple[bytes]:
    return (name,)


def _form_values(form: Form) -> tuple[str | bytes | None, ...]:
    layout, frame = form
    dtype, shape = (None, None) if layout is None else (layout[0], ",".join(map(str, layout[1])))
    return (dtype, shape, *(frame or (None, None, None)))


def _challenges(miner: MinerRow) -> str:
    """Names as JSON; what was joined after the registration as [name, instant]."""
    first = len(miner.challenges) - len(miner.joined_at_ms)
    later = [list(pair) for pair in zip(miner.challenges[first:], miner.joined_at_ms, strict=True)]
    return json.dumps([*miner.challenges[:first], *later])


class RowWriter:
    """Writes changes into one connection's open transaction. Raises what the driver raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._hotkeys = Names[Hotkey](connection, schema.hotkeys, "hotkey", values_of=_one)
        self._rounds = Names[RoundId](connection, schema.round_keys, "round_id", values_of=_one)
        self._questions = Names[Pair](connection, schema.questions, "series", "challenge", values_of=tuple)
        self._accounts = Names[Pair](connection, schema.accounts, "account", "unit", values_of=tuple)
        self._forms = Names[Form](
            connection, schema.forms, "dtype", "shape", "before", "after", "last", values_of=_form_values
        )
        self._usual: dict[Layout | None, tuple[Frame, int]] = {}
        self._streams = StreamWriter(connection, self._hotkeys)
        self._names = (
            self._hotkeys, self._rounds, self._questions, self._accounts, self._forms, self._streams.names,
        )  # fmt: skip
        self._encoders: dict[str, Callable[[Iterable[Any]], Tuples]] = {
            "meta": self._meta,
            "miners": self._miners,
            "closes": self._closes,
            "rounds": self._round_rows,
            "commitments": self._commitments,
            "submissions": self._submissions,
            "scores": self._scores,
            "pays": self._pays,
            "epochs": self._epochs,
            "sharing": self._sharing,
            "nonces": self._nonces,
            "replies": self._replies,
            "refusals": self._refusals,
            "drafts": self._drafts,
            "feedback": self._feedback,
        }

    def write(self, changes: Sequence[Change]) -> None:
        """All rows of all changes, table by table; within a table in the order they came."""
        for table, encode in self._encoders.items():
            rows = [row for change in changes for row in getattr(change, table)]
            if rows:
                self._connection.executemany(WRITE[table], encode(rows))
        for change in changes:
            for transaction in change.transactions:
                self._book(transaction)
        of_streams = [change.open_streams for change in changes if change.open_streams]
        if of_streams:
            self._streams.write(of_streams)

    def kept(self) -> None:
        """The transaction was committed."""
        if len(self._usual) > schema.FORMS_MOST:
            self._usual.clear()
        for names in self._names:
            names.kept()

    def dropped(self) -> None:
        """The transaction was rolled back."""
        self._usual.clear()
        for names in self._names:
            names.dropped()

    def _book(self, transaction: Transaction) -> None:
        t = transaction
        cursor = self._connection.execute(BOOK, (t.id, t.at_ms, t.kind, t.memo))
        if cursor.rowcount == 0:
            return
        postings, sums = [], dict[int, int]()
        for place, posting in enumerate(t.postings):
            account = self._accounts.id((posting.account, posting.unit))
            postings.append((cursor.lastrowid, place, account, posting.amount_micros))
            sums[account] = sums.get(account, 0) + posting.amount_micros
        self._connection.executemany(POST, postings)
        self._connection.executemany(ADD, [(amount, account) for account, amount in sums.items()])

    def _hold(self, rounds: set[int]) -> None:
        self._connection.executemany(HOLD, [(round_,) for round_ in rounds])

    def _framed(
        self, layout: Layout | None, evidence: bytes, hotkey: bytes, inner: bytes, tail: bytes
    ) -> tuple[int | None, bytes]:
        """(form, what has to be stored of the evidence)."""
        usual = self._usual.get(layout)
        if usual is not None and (rest := rest_in(usual[0], evidence, hotkey, inner, tail)) is not None:
            return usual[1], rest
        frame, rest = split(evidence, hotkey, inner, tail)
        if frame is not None:
            form = self._forms.id_if_room((layout, frame), schema.FORMS_MOST)
            if form is not None:
                self._usual[layout] = frame, form
                return form, rest
        return (None if layout is None else self._forms.id((layout, None))), evidence

    def _meta(self, rows: Iterable[MetaRow]) -> Tuples:
        return [(r.key, r.value) for r in rows]

    def _miners(self, rows: Iterable[MinerRow]) -> Tuples:
        return [
            (
                self._hotkeys.id(r.hotkey),
                r.endpoint,
                _challenges(r),
                r.registered_at_ms,
                r.offences,
                r.suspended_until_ms,
            )
            for r in rows
        ]

    def _closes(self, rows: Iterable[CloseRow]) -> Tuples:
        return [(r.series, r.close_at_ms, r.revision, r.close_e8, r.reason, r.evidence, r.agreed_at_ms) for r in rows]

    def _round_rows(self, rows: Iterable[RoundRow]) -> Tuples:
        return [
            (
                self._rounds.id(r.round_id),
                self._questions.id((r.series, r.challenge)),
                r.anchor_at_ms,
                r.params_digest,
                r.state,
                r.due_at_ms,
                r.opening,
                r.sigma_pico,
                r.provenance,
                r.reason,
                r.anchor_close_e8,
                r.resolved_at_ms,
                r.truth_digest,
                r.baseline_loss_nano,
                r.revision,
            )
            for r in rows
        ]

    def _commitments(self, rows: Iterable[CommitmentRow]) -> Tuples:
        tuples = [
            (
                self._rounds.id(r.round_id),
                self._hotkeys.id(r.hotkey),
                r.commitment,
                r.received_at_ms,
                *self._framed(None, r.evidence, r.hotkey, r.round_id, r.commitment),
            )
            for r in rows
        ]
        self._hold({t[0] for t in tuples})
        return tuples

    def _submissions(self, rows: Iterable[SubmissionRow]) -> Tuples:
        tuples: Tuples = []
        round_of, hotkey_of, framed = self._rounds.id, self._hotkeys.id, self._framed  # this loop is the hot one
        for r in rows:
            answer, hotkey, salt, evidence = r.answer, r.hotkey, r.salt, r.evidence
            form: int | None = None
            values: bytes | None = None
            if answer is not None:
                values = answer.values
                form, evidence = framed((answer.dtype, answer.shape), evidence, hotkey, salt, values)
            tuples.append((
                round_of(r.round_id), hotkey_of(hotkey), r.sequence, r.received_at_ms, r.status, r.reason,
                form, salt, values, evidence,
            ))  # fmt: skip
        self._hold({t[0] for t in tuples})
        return tuples

    def _scores(self, rows: Iterable[ScoreRow]) -> Tuples:
        return [
            (
                self._questions.id((r.series, r.challenge)),
                r.anchor_at_ms,
                self._rounds.id(r.round_id),
                self._hotkeys.id(r.hotkey),
                r.status,
                r.loss_nano,
                r.baseline_loss_nano,
                r.gain_nano,
            )
            for r in rows
        ]

    def _pays(self, rows: Iterable[PayRow]) -> Tuples:
        tuples: Tuples = [
            (
                self._rounds.id(r.round_id),
                self._hotkeys.id(r.hotkey),
                self._questions.id((r.series, r.challenge)),
                r.anchor_at_ms,
                r.epoch,
                r.skill_nano,
                r.divisor_nano,
                r.shared_skill_nano,
                r.accrued_micros,
                r.detail,
            )
            for r in rows
        ]
        self._hold({t[0] for t in tuples})
        return tuples

    def _epochs(self, rows: Iterable[EpochRow]) -> Tuples:
        return [
            (
                self._questions.id((r.series, r.challenge)),
                r.epoch,
                r.closed_at_ms,
                r.paid_micros,
                r.reserve_micros,
            )
            for r in rows
        ]

    def _sharing(self, rows: Iterable[SharingRow]) -> Tuples:
        return [(self._questions.id((r.series, r.challenge)), r.generation, r.through_ms, r.sums) for r in rows]

    def _nonces(self, rows: Iterable[NonceRow]) -> Tuples:
        return [(r.expires_at_ms, self._hotkeys.id(r.hotkey), r.nonce) for r in rows]

    def _replies(self, rows: Iterable[ReplyRow]) -> Tuples:
        return [(r.request, r.reply, r.expires_at_ms) for r in rows]

    def _refusals(self, rows: Iterable[RefusalRow]) -> Tuples:
        return [
            (r.hour_ms, r.code, 0 if r.hotkey is None else self._hotkeys.id(r.hotkey), r.count, r.detail) for r in rows
        ]

    def _drafts(self, rows: Iterable[DraftRow]) -> Tuples:
        return [
            (
                self._rounds.id(r.round_id),
                self._questions.id((r.series, r.challenge)),
                r.anchor_at_ms,
                r.salt,
                self._forms.id(((r.answer.dtype, r.answer.shape), None)),
                r.answer.values,
                r.commitment,
                r.model,
                r.made_at_ms,
            )
            for r in rows
        ]

    def _feedback(self, rows: Iterable[FeedbackRow]) -> Tuples:
        return [(self._rounds.id(r.round_id), self._hotkeys.id(r.validator), r.received_at_ms, r.body) for r in rows]
