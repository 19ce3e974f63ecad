"""A round's commitments and answers, verified again from the signed bytes: who gave what, when, and was it sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neurons.records import CommitmentRow, RoundRow, SubmissionRow
from neurons.validating.intake import entries_of, take_answer, take_commitment
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.words import round_words
from neurons.validating.settling import silent_commitments
from protocol.envelope import Opened, check_time, check_version, max_envelope_bytes, open_evidence
from protocol.errors import BadSignature, Ignored, InvalidAnswer, InvalidRequest, Rejected, WrongPurpose, WrongRecipient
from protocol.messages import CommitReply, Opening, Purpose, RevealReply, SubmitRequest
from protocol.params import NetworkParams
from protocol.rules.challenges import VALID, Entry, kind_of
from protocol.units import Hotkey, short


@dataclass(frozen=True, slots=True)
class Proved:
    """What a round's evidence says.

    entries: one for everybody whose part is certain.  unproved: those whose evidence is gone or does not verify.
    is_gone: retention has let the evidence of the whole round go.
    """

    entries: Sequence[Entry]
    unproved: frozenset[Hotkey]
    is_gone: bool


class EvidenceCheck:
    """Verifies what miners sent to one validator under one version of the rules."""

    def __init__(self, params: NetworkParams, validator: Hotkey, findings: Findings) -> None:
        self._params, self._validator, self._findings = params, validator, findings

    def check(
        self,
        row: RoundRow,
        opening: Opening,
        commitments: Sequence[CommitmentRow],
        submissions: Sequence[SubmissionRow],
    ) -> Proved:
        """Everything of one round; differences go to the findings.

        A commitment that does not verify is one difference: its miner's answer is then taken for what its row says.
        """
        where = round_words(row)
        rows: list[CommitmentRow | SubmissionRow] = [*commitments, *submissions]
        senders = frozenset(r.hotkey for r in rows)
        if senders and not any(r.evidence for r in rows):
            return Proved((), senders, is_gone=True)
        committed = {r.hotkey: r for r in commitments}
        sound = {r.hotkey for r in commitments if self._is_committed(r, opening, where)}
        entries: list[Entry] = []
        unproved = {r.hotkey for r in submissions}
        kind = kind_of(self._params, row.challenge)
        for stored in submissions:
            again = self._revealed(stored, opening, committed.get(stored.hotkey), stored.hotkey in sound, where)
            if again is not None:
                entries += entries_of(opening, [again], kind)
                unproved.discard(stored.hotkey)
        silent = silent_commitments(commitments, submissions)
        entries += [entry for entry in silent if entry.hotkey in sound]
        unproved |= {entry.hotkey for entry in silent if entry.hotkey not in sound}
        return Proved(entries, frozenset(unproved), is_gone=False)

    def _is_committed(self, row: CommitmentRow, opening: Opening, where: str) -> bool:
        """Whether the signed bytes say what the row says, in the commit window."""
        findings = self._findings
        findings.checked["commitments"] += 1
        try:
            message = self._opened(row, Purpose.COMMIT_REPLY).message
            if not isinstance(message, CommitReply) or message.round_id != row.round_id:
                raise InvalidRequest("it names another round")
            again = take_commitment(
                opening,
                row.hotkey,
                message.commitment,
                known=None,
                received_at_ms=row.received_at_ms,
                evidence=row.evidence,
                time=self._params.time,
            )
        except (Rejected, Ignored) as error:
            self._refuse("commitments", where, row, error)
            return False
        if again != row:
            findings.differ("commitments", where, "commitment", row.commitment, again.commitment, miner=row.hotkey)
        return again == row

    def _revealed(
        self, row: SubmissionRow, opening: Opening, commitment: CommitmentRow | None, is_sound: bool, where: str
    ) -> SubmissionRow | None:
        """The row as the signed bytes and the rules give it; None when the bytes do not verify."""
        findings = self._findings
        findings.checked["answers"] += 1
        try:
            message = self._pulled_or_pushed(row, opening)
            again = take_answer(
                opening,
                row.hotkey,
                message.salt,
                message.answer,
                commitment=commitment,
                kind=kind_of(self._params, opening.challenge),
                received_at_ms=row.received_at_ms,
                evidence=row.evidence,
                time=self._params.time,
            )
        except (Rejected, Ignored) as error:
            self._refuse("submissions", where, row, error)
            return None
        if not is_sound:
            return row if row.status != VALID or self._is_valid(row, opening) else None
        findings.compare("submissions", where, _fields(row), _fields(again), miner=row.hotkey)
        return again

    def _is_valid(self, row: SubmissionRow, opening: Opening) -> bool:
        try:
            entries_of(opening, [row], kind_of(self._params, opening.challenge))
        except InvalidAnswer:
            return False
        return row.answer is not None

    def _pulled_or_pushed(self, row: SubmissionRow, opening: Opening) -> RevealReply | SubmitRequest:
        try:
            message = self._opened(row, Purpose.REVEAL_REPLY).message
        except WrongPurpose:
            message = self._opened(row, Purpose.SUBMIT).message
        if isinstance(message, SubmitRequest):
            if message.kind != opening.challenge or _bytes_of(message.subject) != opening.round_id:
                raise InvalidRequest("it names another round")
            return message
        if not isinstance(message, RevealReply):
            raise InvalidRequest("it holds no answer")
        return message

    def _opened(self, row: CommitmentRow | SubmissionRow, purpose: Purpose) -> Opened:
        """The envelope, if this miner sealed it for this validator, under these rules, at about that time."""
        wire = self._params.wire
        opened = open_evidence(
            row.evidence, purpose=purpose, network=self._params.network, max_bytes=max_envelope_bytes(wire)
        )
        header = opened.header
        check_version(header, self._params)
        if header.sender != row.hotkey:
            raise BadSignature(f"it is signed by {short(header.sender)}")
        if header.recipient != self._validator:
            raise WrongRecipient("it is addressed to another validator")
        skew_ms = wire.time_window_ms if purpose is Purpose.SUBMIT else 0
        check_time(header, wire, now_ms=row.received_at_ms, skew_ms=skew_ms)
        return opened

    def _refuse(self, table: str, where: str, row: CommitmentRow | SubmissionRow, error: Rejected | Ignored) -> None:
        stored = row.evidence if row.evidence else "gone"
        told = f"{error.code}: {error}" if row.evidence else "the signed bytes"
        self._findings.differ(table, where, "evidence", stored, told, miner=row.hotkey)


def _bytes_of(subject: str) -> bytes:
    try:
        return bytes.fromhex(subject)
    except ValueError:
        return b""


def _fields(row: SubmissionRow) -> dict[str, object]:
    values = None if row.answer is None else row.answer.values
    shape = None if row.answer is None else (row.answer.shape, row.answer.dtype)
    return {
        "sequence": row.sequence,
        "status": row.status,
        "reason": row.reason,
        "salt": row.salt,
        "shape": shape,
        "answer": values,
    }
