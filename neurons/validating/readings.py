"""What a validator tells anyone who asks: rounds, standings, and why a miner got what it got. Reads only the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from neurons.ports import StoreReader
from neurons.records import PayRow, RoundRow, ScoreRow, SubmissionRow, Tally
from neurons.validating.accruals import division_in
from neurons.validating.settling import Settling
from neurons.validating.telling import round_summary
from protocol import codec
from protocol.errors import InvalidRequest, NotFound, NotYetPublic
from protocol.messages import (
    ExplainLine,
    ExplainReply,
    ExplainRequest,
    Opening,
    RoundsReply,
    RoundsRequest,
    Standing,
    StandingsReply,
    StandingsRequest,
)
from protocol.params import NetworkParams
from protocol.rules.baselines import gaussian_walk_loss_nano, walk_point_loss_nano
from protocol.rules.calendar import epoch_of, step_closes_ms, steps_in_session
from protocol.rules.challenges import SILENT, VALID, kind_of
from protocol.rules.exact import round_div
from protocol.rules.ledger import AUG, Account, Pool, Unit, balance_account
from protocol.rules.rounds import SETTLED_STATES, RoundState
from protocol.rules.scores import ensemble_losses, truth_returns
from protocol.units import Hotkey, Micros, Nano, NanoReturns, PriceE8, RoundId, UnixMs, short

STEP_GROUPS: Final = ((1, 12), (13, 36), (37, 72), (73, 100))
"""Steps whose losses are averaged for an explanation: the first hour, to three, to six, and the rest; then all."""


class Readings:
    """Answers to questions about one validator's store."""

    def __init__(self, store: StoreReader, params: NetworkParams, settling: Settling) -> None:
        self._store, self._params, self._settling = store, params, settling

    async def rounds(self, request: RoundsRequest) -> RoundsReply:
        """The newest rounds that match, newest first."""
        rows = await self._store.rounds(
            series=request.series,
            challenge=request.challenge,
            state=request.state,
            before_ms=request.before_ms or None,
            limit=request.limit,
        )
        counts = await self._store.counts([row.round_id for row in rows])
        told = []
        for row in rows:
            commitments, answers = counts.get(row.round_id, (0, 0))
            told.append(round_summary(row, commitments=commitments, answers=answers))
        return RoundsReply(tuple(told))

    async def standings(self, request: StandingsRequest, *, now_ms: UnixMs) -> StandingsReply:
        """Every miner's memory, proof and pay in a challenge, best first. Raises InvalidRequest for an unknown one."""
        if not self._params.has(request.challenge):
            raise InvalidRequest(f"no challenge is called {request.challenge!r}", field="challenge")
        book = await self._settling.remembered(request.series, request.challenge)
        since = max(0, now_ms - self._params.skill.memory_ms)
        tallies = await self._store.tallies(request.series, request.challenge, from_ms=since)
        balances = await self._store.balances()
        standings = []
        for hotkey in book.hotkeys():
            own = tallies.get(hotkey, Tally(0, 0, 0))
            proof = book.prove(hotkey, as_of_ms=now_ms)
            standings.append(
                Standing(
                    hotkey=hotkey,
                    rounds=own.rounds,
                    valid=own.valid,
                    blocks=proof.blocks,
                    mean_gain_nano=Nano(round_div(own.gain_sum_nano, own.rounds) if own.rounds else 0),
                    lower_bound_nano=proof.lower_bound_nano,
                    skill_nano=proof.skill_nano,
                    accrued_micros=_accrued(balances, request.series, request.challenge, hotkey),
                    paid_micros=Micros(balances.get((balance_account(hotkey), AUG), 0)),
                    reason=proof.reason,
                )
            )
        standings.sort(key=lambda s: (-s.skill_nano, -s.mean_gain_nano, s.hotkey))
        return StandingsReply(now_ms, tuple(standings))

    async def explain(self, request: ExplainRequest) -> ExplainReply:
        """The whole arithmetic of one miner in one round.

        Raises NotFound for a round or miner that is not there, and NotYetPublic before the round is settled.
        """
        row = await self._store.round(request.round_id)
        if row is None:
            raise NotFound(f"no round {short(request.round_id)} here", field="round_id")
        if row.state not in SETTLED_STATES:
            raise NotYetPublic(
                f"round {short(row.round_id)} is {row.state}; its answers are told once it has resolved",
                state=row.state,
            )
        lines = [*_round_lines(row)]
        if row.state != RoundState.VOID:
            score = await self._score(row.round_id, request.hotkey)
            lines += await self._loss_lines(row, score)
            lines += await self._pay_lines(row, request.hotkey)
        return ExplainReply(row.round_id, request.hotkey, tuple(lines))

    async def _score(self, identity: RoundId, hotkey: Hotkey) -> ScoreRow:
        for score in await self._store.round_scores(identity):
            if score.hotkey == hotkey:
                return score
        raise NotFound(f"miner {short(hotkey)} was not asked in round {short(identity)}", field="hotkey")

    async def _loss_lines(self, row: RoundRow, score: ScoreRow) -> list[ExplainLine]:
        cap = self._params.loss.cap_multiple
        lines = [
            ExplainLine("loss", "baseline loss", score.baseline_loss_nano, "nano", "what the standing forecast lost"),
            ExplainLine("loss", "your loss", score.loss_nano, "nano", _STATUS_NOTES.get(score.status, score.status)),
            ExplainLine("loss", "cap", cap * score.baseline_loss_nano, "nano", f"{cap} x the baseline's loss"),
            ExplainLine("loss", "gain", score.gain_nano, "nano", "baseline loss - your loss; the silent gain 0"),
        ]
        submission = await self._submission(row.round_id, score.hotkey)
        if submission is None or submission.status != VALID or submission.answer is None:
            if submission is not None and submission.reason:
                lines.append(ExplainLine("loss", "refused", 0, "", submission.reason))
            return lines
        return lines + await self._step_lines(row, submission)

    async def _submission(self, identity: RoundId, hotkey: Hotkey) -> SubmissionRow | None:
        for submission in await self._store.submissions(identity):
            if submission.hotkey == hotkey:
                return submission
        return None

    async def _step_lines(self, row: RoundRow, submission: SubmissionRow) -> list[ExplainLine]:
        """Mean loss of each group of steps, recomputed from the answer and the agreed closes."""
        if submission.answer is None or row.anchor_close_e8 is None:
            return []
        opening = codec.decode_opening(row.opening)
        instants = step_closes_ms(row.anchor_at_ms, self._params.time)
        closes: dict[int, PriceE8 | None] = {
            close.close_at_ms: close.close_e8
            for close in await self._store.closes(row.series, from_ms=instants[0], to_ms=instants[-1])
        }
        in_session = steps_in_session(opening.session_steps, opening.steps)
        scored = [closes.get(at) if is_in else None for at, is_in in zip(instants, in_session, strict=True)]
        truth = truth_returns(scored, row.anchor_close_e8)
        answer = kind_of(self._params, row.challenge).validate(opening, submission.answer)
        return [
            *(line for first, last in STEP_GROUPS for line in _group_lines(opening, answer, truth, first, last)),
            *_group_lines(opening, answer, truth, 1, opening.steps),
        ]

    async def _pay_lines(self, row: RoundRow, hotkey: Hotkey) -> list[ExplainLine]:
        mine = [pay for pay in await self._store.pays(row.round_id) if pay.hotkey == hotkey]
        if not mine:
            return [ExplainLine("pay", "accrued", 0, "micros", "only a valid answer of this round can earn in it")]
        [pay] = mine
        lines = _arithmetic_lines(pay, self._params)
        epoch = epoch_of(row.anchor_at_ms, self._params.time)
        closed = [e for e in await self._store.epochs(row.series, row.challenge) if e.epoch == epoch]
        if not closed:
            waits = f"epoch {epoch} is not closed: that happens once all its rounds are final"
            return [*lines, ExplainLine("pay", "paid", 0, "micros", waits)]
        [close] = closed
        return [
            *lines,
            ExplainLine("pay", "paid", pay.accrued_micros, "micros", "what was accrued, when its epoch was closed"),
            ExplainLine("pay", "epoch closed", close.closed_at_ms, "ms", f"epoch {epoch}"),
            ExplainLine("pay", "epoch paid", close.paid_micros, "micros", "to everybody, for all its rounds"),
        ]


def _group_lines(
    opening: Opening, answer: NanoReturns, truth: Sequence[Nano | None], first: int, last: int
) -> list[ExplainLine]:
    """The mean loss over the scored ones of these steps, of the answer and of the baseline; nothing without any."""
    part = [outcome if first <= step <= last else None for step, outcome in enumerate(truth, 1)]
    scored = sum(outcome is not None for outcome in part)
    if not scored:
        return []
    [mine] = ensemble_losses(answer[None, ...], part, opening.sigma_pico)
    standing = (gaussian_walk_loss_nano if opening.max_paths > 1 else walk_point_loss_nano)(part, opening.sigma_pico)
    name = "all steps" if (first, last) == (1, opening.steps) else f"steps {first} to {last}"
    note = f"mean of {scored} scored steps"
    return [
        ExplainLine("loss by step", f"{name}, yours", mine, "nano", note),
        ExplainLine("loss by step", f"{name}, baseline", standing, "nano", note),
    ]


_STATUS_NOTES: Final = {
    VALID: "mean over scored steps of CRPS / (sigma * sqrt(k))",
    SILENT: "no commitment came: no loss, gain 0",
    "unrevealed": "committed, but no answer came in the reveal window: the cap",
    "invalid-answer": "the answer was refused: the cap",
    "commitment-mismatch": "the answer was not the committed one: the cap",
}


def _round_lines(row: RoundRow) -> list[ExplainLine]:
    anchor = row.anchor_close_e8 or 0
    return [
        ExplainLine(
            "round", "anchor instant", row.anchor_at_ms, "ms", f"{row.series} {row.challenge}, {row.provenance}"
        ),
        ExplainLine("round", "state", 0, "", f"{row.state} {row.reason}".strip()),
        ExplainLine("round", "anchor close", anchor, "e-8", "the agreed close at T"),
        ExplainLine("round", "sigma", row.sigma_pico, "pico", "EWMA of 5-minute log-returns in the opening record"),
    ]


def _arithmetic_lines(pay: PayRow, params: NetworkParams) -> list[ExplainLine]:
    if not pay.detail:
        return _kept_lines(pay)
    detail: dict[str, Any] = json.loads(pay.detail)
    proof: dict[str, Any] = detail["proof"]
    half_life_days = params.skill.half_life_ms / 86_400_000
    confidence = params.skill.confidence_ppm / 10_000
    memory = [
        ("blocks", proof["blocks"], "blocks", f"{params.skill.block_steps} steps each; {proof['reason']}"),
        ("mean gain", proof["mean_nano"], "nano", f"weights halve every {half_life_days:g} days"),
        ("standard error", proof["standard_error_nano"], "nano", "over block means, Newey-West"),
        ("t quantile", proof["t_quantile_nano"], "nano", f"one-sided {confidence:g}%"),
        ("lower bound", proof["lower_bound_nano"], "nano", "mean - t x standard error"),
        ("mean baseline loss", proof["mean_baseline_nano"], "nano", "same weights"),
        ("proven skill", pay.skill_nano, "nano", "max(0, lower bound) / mean baseline loss"),
    ]
    division = division_in(detail)
    parts = [
        (f"{place}. {part.hotkey.hex()[:8]}, {name}", value, "nano", "part = rho x min(1, its proven skill / yours)")
        for place, part in enumerate(division.parts, 1)
        for name, value in (("rho", part.rho_nano), ("skill", part.skill_nano), ("part", part.part_nano))
    ]
    sharing = [
        ("the rest", division.rest_nano, "nano", f"parts of {division.rest_count} others, alike in any degree"),
        ("divisor", pay.divisor_nano, "nano", "1 + every part above + the rest"),
        ("shared skill", pay.shared_skill_nano, "nano", "proven skill / divisor"),
        ("everybody's", detail["total_shared_skill_nano"], "nano", "sum of shared skills in this round"),
    ]
    accrued = [
        ("round's slice", detail["slice_micros"], "micros", "of the epoch's pool"),
        ("skill pool", detail["skill_pool_micros"], "micros", "the part of the slice that is paid for skill"),
        ("full pay", detail["full_pay_skill_nano"], "nano", "so much shared skill, of all together, earns the whole"),
        ("for skill", detail["skill_part_micros"], "micros", "skill pool x shared skill / max(full pay, everybody's)"),
        ("pool for taking part", detail["bootstrap_pool_micros"], "micros", "the rest of the slice"),
        ("for taking part", detail["bootstrap_part_micros"], "micros", "that pool by softmax of everybody's mean loss"),
        ("accrued", pay.accrued_micros, "micros", "for skill + for taking part"),
    ]
    return [
        ExplainLine(section, name, value, unit, note)
        for section, rows in (("memory", memory), ("shared with", parts), ("sharing", sharing), ("pay", accrued))
        for name, value, unit, note in rows
    ]


def _kept_lines(pay: PayRow) -> list[ExplainLine]:
    """What is left of an accrual's arithmetic once retention was there."""
    return [
        ExplainLine("memory", "arithmetic", 0, "", "let go with the round's answers, as old as they are"),
        ExplainLine("memory", "proven skill", pay.skill_nano, "nano", "kept; how it was proven was let go"),
        ExplainLine("sharing", "divisor", pay.divisor_nano, "nano", "kept; whom it was shared with was let go"),
        ExplainLine("sharing", "shared skill", pay.shared_skill_nano, "nano", "proven skill / divisor"),
        ExplainLine("pay", "accrued", pay.accrued_micros, "micros", "kept; how the slice was split was let go"),
    ]


def _accrued(balances: Mapping[tuple[Account, Unit], Micros], series: str, challenge: str, hotkey: Hotkey) -> Micros:
    """What open epochs have promised a miner in a challenge."""
    prefix, suffix = Pool(series, challenge, 0).accrued(hotkey).split(f"/{0}/")
    return Micros(
        sum(
            amount
            for (account, unit), amount in balances.items()
            if unit == AUG and account.startswith(prefix + "/") and account.endswith("/" + suffix)
        )
    )
