"""What a challenge on one series remembers, and how a scored round becomes pay: skill, sharing and slice in one place.

A node takes a book back from its stored sums, scores and answers at start; the replay tool builds one from evidence.
Both feed it the rounds in the order of their anchors, which is the order in which rounds resolve, so both see the same
memory at each round and get the same pay to the unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol.params import ChallengeParams, NetworkParams
from protocol.rules.baselines import gaussian_walk_quantiles_nano
from protocol.rules.calendar import block_of
from protocol.rules.challenges import VALID, Entry, MinerScore
from protocol.rules.deviations import QUANTILES_PPM, Deviations, ensemble_deviations, path_deviations
from protocol.rules.divisions import ALONE, Division, divided_again, divisions
from protocol.rules.emission import round_slice_micros
from protocol.rules.incentives import Claim, RoundPay, settle_round
from protocol.rules.similarity import DeviationWindow, RoundDeviations, window_begins_ms
from protocol.rules.skill import BlockSums, ProvenSkill, RoundSkill, add_rounds, mean_loss_nano, prove_skill
from protocol.units import Hotkey, Nano, NanoReturns, Pico, UnixMs


@dataclass(frozen=True, slots=True)
class Settlement:
    """One round's pay with everything it follows from. `divisions`: of each claimant, how its divisor comes about."""

    pay: RoundPay
    proofs: Mapping[Hotkey, ProvenSkill]
    divisions: Mapping[Hotkey, Division]


class ChallengeBook:
    """The memory of one challenge on one series: block sums of every miner, deviations of the recent rounds."""

    def __init__(self, challenge: ChallengeParams, params: NetworkParams) -> None:
        self._challenge, self._params = challenge, params
        self._blocks: dict[Hotkey, dict[int, BlockSums]] = {}
        self.window = DeviationWindow(params.sharing, step_ms=params.time.step_ms, late_ms=params.time.void_after_ms)
        """In which copies are found. A node that starts puts the sums that it kept back there before it compares."""

    def remember(self, anchor_at_ms: UnixMs, baseline_loss_nano: Nano, scores: Sequence[MinerScore]) -> None:
        """Adds a round's gains to everybody's blocks and lets blocks beyond memory go."""
        block = block_of(anchor_at_ms, self._params.skill, self._params.time)
        oldest = self._oldest_block(anchor_at_ms)
        for score in scores:
            one = RoundSkill(block, anchor_at_ms, score.gain_nano, baseline_loss_nano)
            blocks = add_rounds(self._blocks.get(score.hotkey, {}), [one])
            if min(blocks) < oldest:
                blocks = {index: sums for index, sums in blocks.items() if index >= oldest}
            self._blocks[score.hotkey] = blocks

    def recall(self, blocks: Mapping[Hotkey, Sequence[BlockSums]]) -> None:
        """Takes back whole blocks instead of the rounds that they are the sums of, in place of all that was held."""
        self._blocks = {hotkey: {sums.block: sums for sums in held} for hotkey, held in blocks.items()}

    def compare(
        self, anchor_at_ms: UnixMs, sigma_pico: Pico, selected: Mapping[Hotkey, Entry], *, is_summed: bool = True
    ) -> None:
        """Adds a round's valid answers to the window in which copies are found.

        is_summed: False for a round that is in the window's sums already, or before them: only others are compared
        with it.
        """
        answers = {
            hotkey: self._deviations(entry.answer, sigma_pico)
            for hotkey, entry in selected.items()
            if entry.status == VALID and entry.answer is not None
        }
        take = self.window.add if is_summed else self.window.hold
        take(RoundDeviations(anchor_at_ms, answers))

    def prove(self, hotkey: Hotkey, *, as_of_ms: UnixMs) -> ProvenSkill:
        """What a miner's memory proves at an instant."""
        blocks = sorted(self._blocks.get(hotkey, {}).values(), key=lambda sums: sums.block)
        return prove_skill(blocks, as_of_ms=as_of_ms, params=self._params.skill, step_ms=self._params.time.step_ms)

    def settle(
        self,
        anchor_at_ms: UnixMs,
        scores: Sequence[MinerScore],
        *,
        told: Mapping[Hotkey, Division] | None = None,
    ) -> Settlement:
        """Pay for the round anchored there, once it has been remembered and compared.

        Only who gave something in this round claims: a silent miner keeps its memory but earns nothing meanwhile, so
        stopping after a lucky streak stops the pay at once.
        told: how others found each divisor to come about (alone where one is left out), where answers of the window
        are not there any more to be compared again.
        """
        claimants = [score for score in sorted(scores, key=lambda s: s.hotkey) if score.status == VALID]
        hotkeys = [score.hotkey for score in claimants]
        proofs = {score.hotkey: self.prove(score.hotkey, as_of_ms=anchor_at_ms) for score in scores}
        skills = {hotkey: proofs[hotkey].skill_nano for hotkey in hotkeys}
        if told is None:
            divided = self._divided(skills)
        else:
            divided = {hotkey: divided_again(told.get(hotkey, ALONE), hotkey, skills) for hotkey in hotkeys}
        claims = [
            Claim(hotkey, skill, divided[hotkey].divisor_nano, self._mean_loss(hotkey))
            for hotkey, skill in skills.items()
        ]
        slice_micros = round_slice_micros(self._params, self._challenge, anchor_at_ms)
        pay = settle_round(claims, slice_micros=slice_micros, pay=self._params.pay)
        return Settlement(pay, proofs, divided)

    def remembers_from_ms(self, newest_at_ms: UnixMs) -> UnixMs:
        """From which anchor on scores have a part in the book whose newest round is anchored there: whole blocks."""
        block_ms = self._params.skill.block_steps * self._params.time.step_ms
        return UnixMs(self._oldest_block(newest_at_ms) * block_ms)

    def compares_from_ms(self, newest_at_ms: UnixMs) -> UnixMs:
        """From which anchor on answers have a part in the book whose newest round is anchored there."""
        return window_begins_ms(newest_at_ms, self._params.sharing, step_ms=self._params.time.step_ms)

    def hotkeys(self) -> list[Hotkey]:
        """Everybody who is remembered."""
        return sorted(self._blocks)

    def _oldest_block(self, newest_at_ms: UnixMs) -> int:
        since = max(newest_at_ms - self._params.skill.memory_ms, 0)
        return block_of(UnixMs(since - since % self._params.time.step_ms), self._params.skill, self._params.time)

    def _divided(self, skills_nano: Mapping[Hotkey, Nano]) -> dict[Hotkey, Division]:
        hotkeys = list(skills_nano)
        found = divisions(hotkeys, self.window.rho_nano(hotkeys), list(skills_nano.values()))
        return dict(zip(hotkeys, found, strict=True))

    def _mean_loss(self, hotkey: Hotkey) -> Nano:
        return mean_loss_nano(list(self._blocks[hotkey].values()))

    def _deviations(self, answer: NanoReturns, sigma_pico: Pico) -> Deviations:
        if self._challenge.max_paths == 1:
            return path_deviations(answer[0], sigma_pico=sigma_pico)
        quantiles = gaussian_walk_quantiles_nano(sigma_pico, answer.shape[1], QUANTILES_PPM)
        return ensemble_deviations(answer, baseline_quantiles_nano=quantiles, sigma_pico=sigma_pico)
