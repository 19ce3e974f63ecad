"""`closes`: log-returns from the agreed close at T, for the steps after it; a point path or an ensemble of paths.

One class serves `closes.point` (one path, measured against the path that stays where it is) and `closes.paths`
(an ensemble, measured against the driftless Gaussian walk). rules.md 1 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocol.answers import answer_array
from protocol.errors import InvalidAnswer
from protocol.messages import Answer, CommitRequest, Opening
from protocol.params import LossParams
from protocol.rules.baselines import gaussian_walk_loss_nano
from protocol.rules.challenges import SILENT, VALID, Entry, MinerScore, RoundScores
from protocol.rules.rounds import Truth
from protocol.rules.scores import cap_loss, capped, ensemble_losses, quantize_answer, truth_returns
from protocol.units import Hotkey, Nano, NanoReturns


@dataclass(frozen=True, slots=True)
class Closes:
    """The kind behind `closes.point` and `closes.paths`; which of the two, the opening's path counts say."""

    loss: LossParams
    pulled: bool = True

    def ask(self, subject: Opening) -> CommitRequest:
        return CommitRequest(subject)

    def validate(self, subject: Opening, answer: Answer) -> NanoReturns:
        """The answer in nano, shape (m, steps), min_paths <= m <= max_paths. Raises InvalidAnswer."""
        if answer.dtype != "float32":
            raise InvalidAnswer(f"`closes` takes float32, the answer was {answer.dtype}", field="dtype")
        wanted = f"({subject.min_paths} to {subject.max_paths}, {subject.steps})"
        if len(answer.shape) != 2 or answer.shape[1] != subject.steps:
            raise InvalidAnswer(f"want shape {wanted}, was {answer.shape}", field="shape")
        if not subject.min_paths <= answer.shape[0] <= subject.max_paths:
            raise InvalidAnswer(f"want shape {wanted}, was {answer.shape}", field="shape")
        return quantize_answer(answer_array(answer), max_abs_return_nano=self.loss.max_abs_return_nano)

    def select(self, subject: Opening, entries: Sequence[Entry]) -> Mapping[Hotkey, Entry]:
        """One answer a miner and round: the first that came."""
        first: dict[Hotkey, Entry] = {}
        for entry in sorted(entries, key=lambda e: (e.received_at_ms, e.sequence)):
            first.setdefault(entry.hotkey, entry)
        return first

    def baseline_loss(self, subject: Opening, outcome: Sequence[Nano | None]) -> Nano:
        """What the standing forecast lost: the flat path for points, the Gaussian walk in closed form for ensembles.

        outcome: shape (steps,), the log-returns that came, None where a close is missing.
        """
        if subject.max_paths > 1:
            return gaussian_walk_loss_nano(outcome, subject.sigma_pico)
        flat = np.zeros((1, 1, subject.steps), dtype=np.int64)
        return ensemble_losses(flat, outcome, subject.sigma_pico)[0]

    def score(
        self, subject: Opening, selected: Mapping[Hotkey, Entry], participants: Sequence[Hotkey], truth: object
    ) -> RoundScores:
        """Losses cut to the cap; whoever committed but did not give a sound answer takes the cap; the silent gain 0.

        truth: a rounds.Truth.  participants: every miner that was asked, in any order.
        """
        if not isinstance(truth, Truth):
            raise TypeError(f"`closes` is judged by a rounds.Truth, not {type(truth).__name__}")
        outcome = truth_returns(truth.closes_e8, truth.anchor_e8)
        baseline = self.baseline_loss(subject, outcome)
        losses = self._valid_losses(subject, selected, outcome)
        cap = cap_loss(baseline, self.loss.cap_multiple)
        scores = []
        for hotkey in sorted({*participants, *selected}):
            entry = selected.get(hotkey)
            if entry is None:
                scores.append(MinerScore(hotkey, SILENT, Nano(0), Nano(0)))
                continue
            loss = capped(losses[hotkey], baseline, self.loss.cap_multiple) if entry.status == VALID else cap
            scores.append(MinerScore(hotkey, entry.status, loss, Nano(baseline - loss)))
        return RoundScores(baseline, tuple(scores))

    def _valid_losses(
        self, subject: Opening, selected: Mapping[Hotkey, Entry], outcome: Sequence[Nano | None]
    ) -> dict[Hotkey, Nano]:
        """Ensembles of one size are scored together; each miner's loss depends on nobody else's answer."""
        by_size: dict[int, list[tuple[Hotkey, NanoReturns]]] = {}
        for hotkey, entry in sorted(selected.items()):
            if entry.status == VALID and entry.answer is not None:
                by_size.setdefault(entry.answer.shape[0], []).append((hotkey, entry.answer))
        losses: dict[Hotkey, Nano] = {}
        for group in by_size.values():
            answers = np.stack([answer for _, answer in group])
            scored = ensemble_losses(answers, outcome, subject.sigma_pico)
            losses.update(zip((hotkey for hotkey, _ in group), scored, strict=True))
        return losses
