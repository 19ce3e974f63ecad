"""A stretch of market cut into rounds, and players run over it through the real rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.recorded import read_recording
from protocol.params import MAIN
from protocol.rules.baselines import (
    ewma_sigma_pico,
    gaussian_walk_loss_nano,
    gaussian_walk_quantiles_nano,
    walk_point_loss_nano,
)
from protocol.rules.calendar import block_of
from protocol.rules.deviations import QUANTILES_PPM, ensemble_deviations, path_deviations
from protocol.rules.exact import log_return_nano
from protocol.rules.incentives import Claim, RoundPay, settle_round
from protocol.rules.scores import capped, ensemble_losses, truth_returns
from protocol.rules.similarity import DeviationWindow, RoundDeviations, sharing_divisors
from protocol.rules.skill import BlockSums, ProvenSkill, RoundSkill, add_rounds, prove_skill
from protocol.units import DAY_MS, Hotkey, Micros, Nano, NanoReturns, Pico, PriceE8, UnixMs

RECORDING: Final = Path("candles/binance_spot_BTCUSDT_5m.parquet")
STEPS: Final = MAIN.time.steps
STEP_MS: Final = MAIN.time.step_ms
_GENERATED_FROM_MS: Final = 1_735_689_600_000
_WHOLE_POOL: Final = Micros(10**12)

Answers = Callable[[int], NanoReturns]
"""The answers of all players to the i-th round, shape (players, members, steps)."""
Gains = NDArray[np.int64]
"""What each player won over the baseline, in nano, shape (rounds, players)."""


@dataclass(frozen=True, slots=True)
class Closes:
    """5-minute closes without holes in time: None where one is missing. The label says whether they were generated."""

    label: str
    first_at_ms: int
    closes: tuple[PriceE8 | None, ...]


@dataclass(frozen=True, slots=True)
class CourseRound:
    """One round as the validators would have settled it."""

    anchor_at_ms: UnixMs
    block: int
    sigma_pico: Pico
    truth: tuple[Nano | None, ...]
    baseline_loss_nano: Nano


@dataclass(frozen=True, slots=True)
class Course:
    """Rounds of one challenge in order. `is_point`: answered by one path, against the walk that stays."""

    label: str
    is_point: bool
    rounds: tuple[CourseRound, ...]


def load_closes(recordings: Path | None, *, days: int, seed: int) -> Closes:
    """The last `days` of the recording and the month before, for sigma; generated where there is no recording."""
    span_ms = days * DAY_MS + MAIN.loss.sigma_window_steps * STEP_MS + STEPS * STEP_MS
    if recordings is not None:
        source = read_recording(recordings / RECORDING)
        candles, label = source.candles(source.end_ms - span_ms, source.end_ms), f"recorded: {source.label}"
        first = source.end_ms - span_ms
    else:
        market = GeneratedMarket(MarketShape(seed=seed))
        candles = market.sources()[0].candles(_GENERATED_FROM_MS, _GENERATED_FROM_MS + span_ms)
        label, first = f"GENERATED prices, seed {seed}", _GENERATED_FROM_MS
    closes: list[PriceE8 | None] = [None] * (span_ms // STEP_MS)
    for opened, close in zip(candles.open_time_ms.tolist(), candles.close_e8.tolist(), strict=True):
        closes[(opened - first) // STEP_MS] = PriceE8(close)
    return Closes(label, first + STEP_MS, tuple(closes))


def lay_course(closes: Closes, *, is_point: bool, cadence_steps: int) -> Course:
    """Every round that the closes allow: a known anchor, the last step and 90% of all steps known (rules.md 2)."""
    known = closes.closes
    returns = [None if a is None or b is None else log_return_nano(b, a) for a, b in pairwise(known)]
    window, rounds = MAIN.loss.sigma_window_steps, []
    for at in range(window, len(known) - STEPS):
        anchor_at_ms = UnixMs(closes.first_at_ms + at * STEP_MS)
        anchor, ahead = known[at], known[at + 1 : at + 1 + STEPS]
        if (anchor_at_ms // STEP_MS) % cadence_steps or anchor is None or ahead[-1] is None:
            continue
        if sum(close is not None for close in ahead) * 10**6 < STEPS * MAIN.time.resolve_quorum_ppm:
            continue
        sigma = ewma_sigma_pico(returns[at - window : at], half_life_steps=MAIN.loss.sigma_half_life_steps)
        truth = truth_returns(ahead, anchor)
        loss = walk_point_loss_nano(truth, sigma) if is_point else gaussian_walk_loss_nano(truth, sigma)
        rounds.append(CourseRound(anchor_at_ms, block_of(anchor_at_ms, MAIN.skill, MAIN.time), sigma, truth, loss))
    return Course(closes.label, is_point, tuple(rounds))


def play(course: Course, answers: Answers, *, on_round: Callable[[int], None] = lambda _: None) -> Gains:
    """Every player's gain in every round: the baseline's loss less the player's, cut at the cap."""
    gains = []
    for i, one in enumerate(course.rounds):
        losses = ensemble_losses(answers(i), one.truth, one.sigma_pico)
        base = one.baseline_loss_nano
        gains.append([base - capped(loss, base, MAIN.loss.cap_multiple) for loss in losses])
        on_round(i)
    return np.array(gains, dtype=np.int64)


def remember(course: Course, gains: Gains, player: int, *, rounds: int) -> list[BlockSums]:
    """A player's memory after so many rounds."""
    told = (
        RoundSkill(one.block, one.anchor_at_ms, Nano(int(gain)), one.baseline_loss_nano)
        for one, gain in zip(course.rounds[:rounds], gains[:rounds, player].tolist(), strict=True)
    )
    return list(add_rounds({}, told).values())


def prove(course: Course, gains: Gains, *, rounds: int) -> list[ProvenSkill]:
    """Every player's proof when that many rounds have resolved."""
    as_of_ms = course.rounds[rounds - 1].anchor_at_ms + STEPS * STEP_MS
    return [
        prove_skill(
            remember(course, gains, player, rounds=rounds), as_of_ms=as_of_ms, params=MAIN.skill, step_ms=STEP_MS
        )
        for player in range(gains.shape[1])
    ]


def hotkey_of(player: int) -> Hotkey:
    return Hotkey(player.to_bytes(32, "big"))


def share(course: Course, answers: Answers, proofs: Mapping[int, ProvenSkill], *, rounds: int) -> RoundPay:
    """What these players earn of a pool of 10**12 micros for the last of that many rounds, shared among them."""
    window = DeviationWindow(MAIN.sharing, step_ms=STEP_MS)
    last_ms = course.rounds[rounds - 1].anchor_at_ms
    players = sorted(proofs)
    for i in range(rounds):
        if course.rounds[i].anchor_at_ms > last_ms - MAIN.sharing.window_ms:
            window.add(_deviations(course, i, answers(i), players))
    rho = window.rho_nano([hotkey_of(player) for player in players])
    skills = [proofs[player].skill_nano for player in players]
    claims = [
        Claim(hotkey_of(player), skill, divisor, Nano(0))
        for player, skill, divisor in zip(players, skills, sharing_divisors(rho, skills), strict=True)
    ]
    return settle_round(claims, slice_micros=_WHOLE_POOL, pay=MAIN.pay)


def _deviations(course: Course, i: int, answers: NanoReturns, players: Sequence[int]) -> RoundDeviations:
    one = course.rounds[i]
    if course.is_point:
        all_ = {hotkey_of(p): path_deviations(answers[p, 0], sigma_pico=one.sigma_pico) for p in players}
        return RoundDeviations(one.anchor_at_ms, all_)
    quantiles = gaussian_walk_quantiles_nano(one.sigma_pico, STEPS, QUANTILES_PPM)
    return RoundDeviations(
        one.anchor_at_ms,
        {
            hotkey_of(p): ensemble_deviations(answers[p], baseline_quantiles_nano=quantiles, sigma_pico=one.sigma_pico)
            for p in players
        },
    )
