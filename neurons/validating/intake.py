"""Taking in what miners say: plain functions from a message and its receipt to the rows to store.

Pulled replies and pushed submissions end here alike. Lateness is judged by the validator's receipt stamp alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from neurons.records import CommitmentRow, SubmissionRow
from protocol.commitment import check_commitment
from protocol.errors import CommitmentMismatch, Equivocation, InvalidAnswer, WrongPhase
from protocol.messages import Answer, Opening
from protocol.params import TimeParams
from protocol.rules.calendar import round_times
from protocol.rules.challenges import VALID, Entry, Kind
from protocol.units import Digest, Hotkey, UnixMs, short


def take_commitment(
    opening: Opening,
    hotkey: Hotkey,
    commitment: Digest,
    *,
    known: CommitmentRow | None,
    received_at_ms: UnixMs,
    evidence: bytes,
    time: TimeParams,
) -> CommitmentRow:
    """The commitment's row. known: the one this hotkey gave for the round before, if any; the same again is fine.

    Raises WrongPhase (nobody's) outside [T - 60 s, T) and Equivocation (theirs) for a different one.
    """
    times = round_times(opening.anchor_at_ms, time)
    if known is not None:
        if known.commitment != commitment:
            raise Equivocation(
                f"miner {short(hotkey)} signed two different commitments for round {short(opening.round_id)}",
                round_id=opening.round_id.hex(),
            )
        return known
    if not times.commit_opens_ms <= received_at_ms < times.commit_closes_ms:
        late_by = received_at_ms - times.commit_closes_ms
        when = f"{late_by} ms after T" if late_by >= 0 else f"{times.commit_opens_ms - received_at_ms} ms too early"
        raise WrongPhase(f"a commitment to round {short(opening.round_id)} came {when}", late_by_ms=late_by)
    return CommitmentRow(opening.round_id, hotkey, commitment, received_at_ms, evidence)


def take_answer(
    opening: Opening,
    hotkey: Hotkey,
    salt: bytes,
    answer: Answer,
    *,
    commitment: CommitmentRow | None,
    kind: Kind[Opening, object],
    received_at_ms: UnixMs,
    evidence: bytes,
    time: TimeParams,
) -> SubmissionRow:
    """The answer's row, valid or with the code of what was wrong: an unsound answer is recorded, not dropped.

    Raises WrongPhase (nobody's) outside [T + 15 s, T + 75 s), and when this hotkey never committed.
    """
    times = round_times(opening.anchor_at_ms, time)
    if commitment is None:
        raise WrongPhase(f"round {short(opening.round_id)} has no commitment of {short(hotkey)} to reveal")
    if not times.reveal_opens_ms <= received_at_ms < times.reveal_closes_ms:
        late_by = received_at_ms - times.reveal_closes_ms
        when = f"{late_by} ms late" if late_by >= 0 else f"{times.reveal_opens_ms - received_at_ms} ms too early"
        raise WrongPhase(f"an answer to round {short(opening.round_id)} came {when}", late_by_ms=late_by)
    status, reason = VALID, ""
    try:
        check_commitment(commitment.commitment, opening.round_id, hotkey, answer, salt)
        kind.validate(opening, answer)
    except (CommitmentMismatch, InvalidAnswer) as error:
        status, reason = error.code, error.public
    return SubmissionRow(opening.round_id, hotkey, 0, received_at_ms, status, reason, answer, salt, evidence)


def entries_of(opening: Opening, rows: Sequence[SubmissionRow], kind: Kind[Opening, object]) -> list[Entry]:
    """The stored submissions of a round as the rules see them; sound numbers were checked when they were taken in."""
    return [
        Entry(
            row.hotkey,
            row.sequence,
            row.received_at_ms,
            row.status,
            kind.validate(opening, row.answer) if row.status == VALID and row.answer is not None else None,
        )
        for row in rows
    ]
