"""What a validator says unasked: feedback to miners once a round is over, and news to whoever watches."""

from __future__ import annotations

from collections.abc import Sequence

from neurons.market.evidence import close_of
from neurons.records import CloseRow, MinerRow, RoundRow, SubmissionRow
from neurons.validating.settling import SettledRound
from protocol.keys import SigningKey
from protocol.messages import CloseNews, FeedbackRequest, Receipt, RoundNews, RoundSummary
from protocol.receipts import sign_receipt
from protocol.rules.challenges import SILENT
from protocol.units import Micros, Nano, PriceE8


def venue_outcomes(row: CloseRow) -> tuple[tuple[str, str], ...]:
    """Each venue of a close with what became of its report, or why it had none; nothing where no evidence says."""
    try:
        close = close_of(row)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()
    judged = [(verdict.venue, verdict.verdict.value) for verdict in close.agreement.verdicts]
    return (*judged, *((venue, why.value) for venue, why in close.absent.items()))


def feedback_for(
    row: RoundRow,
    settled: SettledRound | None,
    submissions: Sequence[SubmissionRow],
    miners: Sequence[MinerRow],
    *,
    key: SigningKey,
) -> list[tuple[MinerRow, FeedbackRequest]]:
    """One message to each miner that took part; settled is None for a VOID round. The silent are not told."""
    answers = {submission.hotkey: submission for submission in submissions}
    scores = {score.hotkey: score for score in settled.scores.scores} if settled is not None else {}
    pays = {pay.hotkey: pay for pay in settled.settlement.pay.miners} if settled is not None else {}
    told = []
    for miner in miners:
        submission, score, pay = answers.get(miner.hotkey), scores.get(miner.hotkey), pays.get(miner.hotkey)
        if submission is None and (score is None or score.status == SILENT):
            continue
        feedback = FeedbackRequest(
            round_id=row.round_id,
            challenge=row.challenge,
            anchor_at_ms=row.anchor_at_ms,
            state=row.state,
            status=score.status if score is not None else "void",
            reason=row.reason or (submission.reason if submission is not None else ""),
            loss_nano=score.loss_nano if score is not None else Nano(0),
            baseline_loss_nano=row.baseline_loss_nano or Nano(0),
            gain_nano=score.gain_nano if score is not None else Nano(0),
            skill_nano=pay.skill_nano if pay is not None else Nano(0),
            accrued_micros=pay.accrued_micros if pay is not None else Micros(0),
            reveal_receipt=_reveal_receipt(submission, key) if submission is not None else None,
        )
        told.append((miner, feedback))
    return told


def _reveal_receipt(submission: SubmissionRow, key: SigningKey) -> Receipt:
    return sign_receipt(
        "reveal",
        submission.round_id,
        submission.hotkey,
        evidence=submission.evidence,
        received_at_ms=submission.received_at_ms,
        key=key,
    )


def round_summary(row: RoundRow, *, commitments: int, answers: int) -> RoundSummary:
    """A round as anyone may see it."""
    return RoundSummary(
        round_id=row.round_id,
        series=row.series,
        challenge=row.challenge,
        anchor_at_ms=row.anchor_at_ms,
        state=row.state,
        reason=row.reason,
        sigma_pico=row.sigma_pico,
        commitments=commitments,
        answers=answers,
        baseline_loss_nano=row.baseline_loss_nano or Nano(0),
        provenance=row.provenance,
    )


def round_news(row: RoundRow) -> RoundNews:
    """A change of state, for the topic of its challenge. Counts are for those who ask for the round."""
    return RoundNews(round_summary(row, commitments=0, answers=0))


def close_news(row: CloseRow) -> CloseNews:
    """A close that was agreed, or is missing."""
    return CloseNews(row.series, row.close_at_ms, row.close_e8 or PriceE8(0), row.reason)
