"""One round replayed: its opening record, its evidence, its truth, everybody's loss, share and accrual."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from neurons.records import Change, CommitmentRow, MinerRow, PayRow, RoundRow, ScoreRow, SharingRow, SubmissionRow
from neurons.validating.accruals import UNREADABLE, division_in
from neurons.validating.history import CloseHistory
from neurons.validating.opening import history_until_ms, opening_record
from neurons.validating.registry import Registry
from neurons.validating.replay.closes import ReplayedCloses
from neurons.validating.replay.evidence import EvidenceCheck, Proved
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.sharing import compare_sums
from neurons.validating.replay.words import round_words
from neurons.validating.settling import settled_rows
from protocol import codec
from protocol.errors import Malformed, TooLittleHistory
from protocol.messages import Opening
from protocol.params import NetworkParams
from protocol.rules.calendar import enough_in_session, round_times, step_closes_ms, steps_in_session
from protocol.rules.challenges import MinerScore, RoundScores, kind_of
from protocol.rules.divisions import Division
from protocol.rules.rounds import Event, RoundState, Truth, look_for_truth
from protocol.rules.settlement import ChallengeBook
from protocol.units import NANO, Digest, Hotkey, Nano, Pico, UnixMs

GONE: Final = "rounds whose evidence retention let go: losses taken as stored"
SHARING_GONE: Final = "rounds whose sharing rests on answers that are gone: rho, or the divisor, taken as stored"
HISTORY_GONE: Final = "opening records from before the first close held here: sigma taken as stored"
ABSENT: Final = "void because the validator says that it was not there to ask"

SCORED: Final = frozenset({RoundState.RESOLVED, RoundState.FINAL})


@dataclass(frozen=True, slots=True)
class StoredRound:
    """All that a database holds of one round."""

    row: RoundRow
    commitments: Sequence[CommitmentRow]
    submissions: Sequence[SubmissionRow] | None
    """None: they cannot be read as answers."""
    scores: Sequence[ScoreRow]
    pays: Sequence[PayRow]
    sharing: Sequence[SharingRow] = ()
    """Sums of the sharing window through this round."""


@dataclass(slots=True)
class _Memory:
    """A challenge's book, and the newest scored round of which not every answer could be compared."""

    book: ChallengeBook
    uncertain_ms: int = -1


class RoundReplay:
    """Replays the rounds of one validator, of each challenge in the order of their anchors."""

    def __init__(
        self, params: NetworkParams, validator: Hotkey, miners: Sequence[MinerRow], findings: Findings
    ) -> None:
        self._params, self._findings = params, findings
        self._registry = Registry(miners)
        self._evidence = EvidenceCheck(params, validator, findings)
        self._memories: dict[tuple[str, str], _Memory] = {}

    def replay(self, stored: StoredRound, closes: ReplayedCloses, *, late_closes: frozenset[int]) -> Change:
        """Compares one round and returns the rows that its evidence gives.

        closes: agreed again, up to the round's last step.
        late_closes: instants whose close was agreed only after the round's void instant.
        """
        row, findings, history = stored.row, self._findings, closes.history
        where = round_words(row)
        findings.checked["rounds"] += 1
        opening = self._opening(row, closes, where)
        proved = self._proved(stored, opening)
        if proved.is_gone:
            findings.leave(GONE, where)
        change = Change(rounds=(row,))
        if row.state in SCORED:
            change = self._scored(stored, opening, proved, history, where)
        elif row.state == RoundState.VOID:
            self._check_void(stored, opening, history, late_closes, where)
        self._compare_round(row, change.rounds[0], opening, where)
        self._compare_scores(stored, change.scores, proved, where)
        self._compare_pays(stored, change.pays, where, is_gone=proved.is_gone)
        if stored.sharing:
            self._compare_sums(stored, where)
        return change

    def _proved(self, stored: StoredRound, opening: Opening) -> Proved:
        if stored.submissions is None:
            everybody = {row.hotkey for row in stored.commitments} | {row.hotkey for row in stored.scores}
            return Proved((), frozenset(everybody), is_gone=False)
        return self._evidence.check(stored.row, opening, stored.commitments, stored.submissions)

    # Opening

    def _opening(self, row: RoundRow, closes: ReplayedCloses, where: str) -> Opening:
        """The opening record as the closes before it give it; what they cannot give is taken as stored."""
        findings, params = self._findings, self._params
        findings.checked["openings"] += 1
        times = round_times(row.anchor_at_ms, params.time)
        try:
            stored = codec.decode_opening(row.opening)
        except Malformed as error:
            findings.differ("rounds", where, "opening", row.opening, error)
            stored = None
        sigma, digest = self._sigma(row, stored, closes, where)
        opened_at_ms = times.opens_at_ms if stored is None else max(stored.opened_at_ms, times.opens_at_ms)
        again = opening_record(
            params, row.series, row.challenge, row.anchor_at_ms,
            sigma_pico=sigma, history_digest=digest, opened_at_ms=min(opened_at_ms, times.commit_closes_ms),
            # What was in session no database knows but from here; a round must only have had enough of it.
            session_steps=b"" if stored is None else stored.session_steps,
            history_steps=0 if stored is None else stored.history_steps,
        )  # fmt: skip
        if stored is None:
            return again
        if not enough_in_session(steps_in_session(again.session_steps, again.steps), params.time):
            findings.differ("rounds", where, "opening.session_steps", stored.session_steps, "enough steps in session")
        if again != stored:
            names = Opening.__dataclass_fields__
            told = [{f"opening.{name}": getattr(one, name) for name in names} for one in (stored, again)]
            findings.compare("rounds", where, *told)
        elif codec.encode_opening(again) != row.opening:
            findings.differ("rounds", where, "opening", row.opening, codec.encode_opening(again))
        return again

    def _sigma(self, row: RoundRow, stored: Opening | None, closes: ReplayedCloses, where: str) -> tuple[Pico, Digest]:
        """Sigma and the digest of its closes; as stored where the database does not reach back far enough to tell."""
        until = history_until_ms(row.anchor_at_ms, self._params.time)
        window_ms = self._params.loss.sigma_window_steps * self._params.time.step_ms
        is_whole = until - window_ms >= closes.first_ms
        opened_at_ms = (
            round_times(row.anchor_at_ms, self._params.time).opens_at_ms if stored is None else stored.opened_at_ms
        )
        told = (row.sigma_pico, Digest(bytes(32))) if stored is None else (stored.sigma_pico, stored.history_digest)
        held = 0 if stored is None else stored.history_steps
        try:
            sigma, digest = closes.sigma(until, opened_at_ms=opened_at_ms, history_steps=held)
        except TooLittleHistory as error:
            if is_whole:
                self._findings.differ("rounds", where, "opening.sigma_pico", told[0], error)
                return told
        else:
            if is_whole or digest == told[1]:
                return sigma, digest
        self._findings.leave(HISTORY_GONE, where)
        return told

    # Truth, scores and pay

    def _scored(
        self, stored: StoredRound, opening: Opening, proved: Proved, history: CloseHistory, where: str
    ) -> Change:
        row, findings = stored.row, self._findings
        truth = self._truth(opening, history)
        if truth is None:
            findings.differ("rounds", where, "state", row.state, "no truth: its closes are missing")
            return Change(rounds=(row,), scores=tuple(stored.scores), pays=tuple(stored.pays))
        scores = self._scores(stored, opening, proved, truth)
        memory = self._memory(row)
        memory.book.remember(row.anchor_at_ms, scores.baseline_loss_nano, scores.scores)
        selected = kind_of(self._params, row.challenge).select(opening, proved.entries)
        memory.book.compare(row.anchor_at_ms, opening.sigma_pico, selected)
        if proved.unproved:
            memory.uncertain_ms = row.anchor_at_ms
        told = None
        if memory.uncertain_ms >= memory.book.compares_from_ms(row.anchor_at_ms):
            findings.leave(SHARING_GONE, where)
            told = {pay.hotkey: _stored_division(pay) for pay in stored.pays}
        settlement = memory.book.settle(row.anchor_at_ms, scores.scores, told=told)
        resolved = row.resolved_at_ms if row.resolved_at_ms is not None else UnixMs(0)
        settled = replace(
            row,
            anchor_close_e8=truth.anchor_e8,
            truth_digest=Digest(truth.digest),
            reason=row.reason if row.revision else "",
            baseline_loss_nano=scores.baseline_loss_nano,
        )
        change = settled_rows(settled, scores, settlement, self._params, now_ms=resolved)
        findings.tell(_canonical(change, truth))
        return change

    def _truth(self, opening: Opening, history: CloseHistory, *, without: frozenset[int] = frozenset()) -> Truth | None:
        time, anchor_at_ms = self._params.time, opening.anchor_at_ms
        instants = step_closes_ms(anchor_at_ms, time)
        event, truth, _ = look_for_truth(
            None if anchor_at_ms in without else history.close(anchor_at_ms),
            [None if at in without else history.close(at) for at in instants],
            anchor_at_ms=anchor_at_ms,
            now_ms=0,
            time=time,
            session_steps=opening.session_steps,
        )
        return truth if event is Event.TRUTH_KNOWN else None

    def _scores(self, stored: StoredRound, opening: Opening, proved: Proved, truth: Truth) -> RoundScores:
        """Everybody's score from the evidence; as stored, for those whose evidence is gone or does not verify."""
        row = stored.row
        kind = kind_of(self._params, row.challenge)
        opens = round_times(row.anchor_at_ms, self._params.time).commit_opens_ms
        asked = [miner.hotkey for miner in self._registry.participants(row.challenge, registered_by_ms=opens)]
        certain = [hotkey for hotkey in asked if hotkey not in proved.unproved]
        scores = kind.score(opening, kind.select(opening, proved.entries), certain, truth)
        taken = [
            MinerScore(score.hotkey, score.status, score.loss_nano, score.gain_nano)
            for score in stored.scores
            if score.hotkey in proved.unproved
        ]
        everybody = sorted((*scores.scores, *taken), key=lambda score: score.hotkey)
        return RoundScores(scores.baseline_loss_nano, tuple(everybody))

    def _memory(self, row: RoundRow) -> _Memory:
        key = row.series, row.challenge
        if key not in self._memories:
            book = ChallengeBook(self._params.challenge(row.challenge), self._params)
            self._memories[key] = _Memory(book)
        return self._memories[key]

    def _check_void(
        self, stored: StoredRound, opening: Opening, history: CloseHistory, late_closes: frozenset[int], where: str
    ) -> None:
        """A round may be void because its truth was not known in time, or because the validator missed a window: then
        nobody had committed, or somebody had and did not reveal."""
        row = stored.row
        if self._truth(opening, history, without=late_closes) is None:
            return
        answered = {submission.hotkey for submission in stored.submissions or ()}
        if stored.commitments and all(commitment.hotkey in answered for commitment in stored.commitments):
            self._findings.differ("rounds", where, "state", row.state, "resolved: its truth was known in time")
        else:
            self._findings.leave(ABSENT, where)

    # Comparing

    def _compare_round(self, row: RoundRow, again: RoundRow, opening: Opening, where: str) -> None:
        """The round's row: what is stored beside the state must belong to it."""
        time = self._params.time
        due = row.due_at_ms
        if row.state in (RoundState.FINAL, RoundState.VOID):
            due = None
        elif row.state == RoundState.RESOLVED and row.resolved_at_ms is not None:
            due = UnixMs(row.resolved_at_ms + time.dispute_window_ms)
        again = replace(again, round_id=opening.round_id, due_at_ms=due, sigma_pico=opening.sigma_pico)
        if row.state not in SCORED:
            again = replace(
                again, anchor_close_e8=None, resolved_at_ms=None, truth_digest=None, baseline_loss_nano=None
            )
        elif row.resolved_at_ms is None or row.resolved_at_ms < round_times(row.anchor_at_ms, time).resolvable_from_ms:
            self._findings.differ("rounds", where, "resolved_at_ms", row.resolved_at_ms, "after its last step")
        if again != row:
            names = row.__dataclass_fields__
            self._findings.compare("rounds", where, *({n: getattr(one, n) for n in names} for one in (row, again)))

    def _compare_scores(self, stored: StoredRound, again: Sequence[ScoreRow], proved: Proved, where: str) -> None:
        self._findings.checked["scores"] += sum(score.hotkey not in proved.unproved for score in again)
        self._compare_rows("scores", where, {s.hotkey: s for s in stored.scores}, {s.hotkey: s for s in again})

    def _compare_pays(self, stored: StoredRound, again: Sequence[PayRow], where: str, *, is_gone: bool) -> None:
        """is_gone: retention was there; it lets the details go with the evidence, and never before."""
        self._findings.checked["shares"] += len(again)
        known = {pay.hotkey: pay for pay in stored.pays}
        let_go = {hotkey for hotkey, pay in known.items() if is_gone and not pay.detail}
        found = {pay.hotkey: replace(pay, detail="") if pay.hotkey in let_go else pay for pay in again}
        self._compare_rows("pays", where, known, found)

    def _compare_sums(self, stored: StoredRound, where: str) -> None:
        memory, params = self._memory(stored.row), self._params
        compare_sums(
            stored.sharing,
            memory.book.window,
            params.sharing,
            step_ms=params.time.step_ms,
            uncertain_ms=memory.uncertain_ms,
            where=where,
            findings=self._findings,
        )

    def _compare_rows(
        self,
        table: str,
        where: str,
        stored: Mapping[Hotkey, ScoreRow] | Mapping[Hotkey, PayRow],
        again: Mapping[Hotkey, ScoreRow] | Mapping[Hotkey, PayRow],
    ) -> None:
        if stored == again:
            return
        for hotkey in sorted({*stored, *again}):
            one, other = stored.get(hotkey), again.get(hotkey)
            if one is None or other is None:
                words = ["none" if row is None else "a row" for row in (one, other)]
                self._findings.differ(table, where, "row", *words, miner=hotkey)
            elif one != other:
                self._findings.compare(table, where, *_told(one, other), miner=hotkey)


def _told(one: ScoreRow | PayRow, other: ScoreRow | PayRow) -> list[dict[str, object]]:
    """The fields of two rows; the detail of accruals figure by figure, where both can be read so."""
    told = [{name: getattr(row, name) for name in row.__dataclass_fields__} for row in (one, other)]
    details = [_detail(row) for row in (one, other) if isinstance(row, PayRow)]
    read = [detail for detail in details if detail is not None]
    if len(read) == len(told) and read[0] != read[1]:
        for fields, detail in zip(told, read, strict=True):
            del fields["detail"]
            fields |= {f"detail.{path}": value for path, value in _leaves(detail)}
    return told


def _leaves(tree: Mapping[str, object], path: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in tree.items():
        found += _leaves(value, f"{path}{name}.") if isinstance(value, Mapping) else [(f"{path}{name}", value)]
    return found


def _detail(row: PayRow) -> Mapping[str, object] | None:
    try:
        detail = json.loads(row.detail)
    except ValueError:
        return None
    return detail if isinstance(detail, dict) else None


def _stored_division(pay: PayRow) -> Division:
    """Whom an accrual says that it was divided with: everybody unnamed once the detail is gone."""
    try:
        return division_in(_detail(pay) or {})
    except UNREADABLE:
        return Division((), 0, Nano(max(0, pay.divisor_nano - NANO)))


def _canonical(change: Change, truth: Truth) -> dict[str, object]:
    """A round's recomputed numbers, for the digest."""
    [row] = change.rounds
    return {
        "round": row.round_id.hex(),
        "truth": truth.digest.hex(),
        "baseline_loss_nano": row.baseline_loss_nano,
        "scores": [[s.hotkey.hex(), s.status, s.loss_nano, s.gain_nano] for s in change.scores],
        "pays": [
            [p.hotkey.hex(), p.skill_nano, p.divisor_nano, p.shared_skill_nano, p.accrued_micros] for p in change.pays
        ],
    }
