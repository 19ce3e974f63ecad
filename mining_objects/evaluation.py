"""Tests models on a later period by the network's own rules: the losses, caps and proof of skill that would be paid.

Each round is run as in the network: sigma from the closes known at the opening, the answer from candles that end
`lead` steps before the anchor T, quantised and scored by `protocol.rules`. Nothing here is a second formula.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window
from protocol.params import ChallengeParams, NetworkParams
from protocol.rules.baselines import ewma_sigma_pico, gaussian_walk_loss_nano, walk_point_loss_nano
from protocol.rules.calendar import block_of
from protocol.rules.exact import log_return_nano
from protocol.rules.scores import ensemble_losses, quantize_answer, truth_returns
from protocol.rules.skill import ProvenSkill, RoundSkill, add_rounds, prove_skill
from protocol.units import DAY_MS, NANO, PICO, PRICE_SCALE, Nano, Pico, PriceE8, UnixMs

POINT_NAME: Final = "closes.point"
PATHS_NAME: Final = "closes.paths"
RESAMPLES: Final = 4_000


@dataclass(frozen=True, slots=True)
class ScoredRound:
    """One instant asked of every model. Losses in nano, capped; keys are challenge names, then model names."""

    anchor_at_ms: UnixMs
    sigma_pico: Pico
    baseline_nano: Mapping[str, Nano]
    loss_nano: Mapping[str, Mapping[str, Nano]]
    truth: Floats
    """Log-returns that happened, shape (steps,), NaN where a close is missing: for drawings."""
    before: Floats
    """Log-returns of the closes before T seen from T, the last one 0: for drawings."""
    forecasts: Mapping[str, Forecast]
    """By model name, of the rounds that were to be kept; they are large."""


@dataclass(frozen=True, slots=True)
class Result:
    """One model in one challenge over a period. Gains are parts of the baseline's mean loss: 0.01 is 1%."""

    challenge: str
    model: str
    rounds: int
    mean_loss: float
    mean_baseline: float
    gain: float
    low: float
    high: float
    proof: ProvenSkill


def score_rounds(
    models: Sequence[Forecaster],
    window: Window,
    anchors_ms: Sequence[int],
    *,
    params: NetworkParams,
    lead: int = 1,
    paths: int = 256,
    seed: int = 1,
    keep: Container[int] = (),
) -> Iterator[ScoredRound]:
    """The rounds at these grid instants, in order; one whose history or outcome is too thin is left out.

    keep: the anchors whose forecasts are handed back with the losses.

    A round counts, as in the network, when its anchor close and last step are known and at least the quorum of all.
    """
    steps, step_ms = params.time.steps, params.time.step_ms
    closes = [None if np.isnan(c) else PriceE8(round(c * PRICE_SCALE)) for c in window.close]
    returns = [None, *(None if a is None or b is None else log_return_nano(b, a) for a, b in pairwise(closes))]
    log_close = np.log(window.close)
    for anchor_ms in anchors_ms:
        row = (anchor_ms - int(window.open_time_ms[0])) // step_ms - 1
        known = row + 1 - lead
        if known < params.time.min_history_steps or row + steps >= len(window):
            continue
        anchor, after = closes[row], closes[row + 1 : row + 1 + steps]
        present = sum(close is not None for close in after)
        if anchor is None or after[-1] is None or present * 10**6 < params.time.resolve_quorum_ppm * steps:
            continue
        past_returns = returns[max(0, known - params.loss.sigma_window_steps) : known]
        sigma = ewma_sigma_pico(past_returns, half_life_steps=params.loss.sigma_half_life_steps)
        truth = truth_returns(after, anchor)
        forecasts = {}
        for model in models:
            past = window.rows(max(0, known - model.lookback), known)
            chance = seed + anchor_ms // step_ms
            (forecasts[model.name],) = model.forecast([past], steps=steps, paths=paths, seed=chance, lead=lead)
        baseline, losses = settle(forecasts, truth, sigma, params)
        yield ScoredRound(
            UnixMs(anchor_ms),
            sigma,
            baseline,
            losses,
            truth=log_close[row + 1 : row + 1 + steps] - log_close[row],
            before=log_close[max(0, row - steps) : row + 1] - log_close[row],
            forecasts=forecasts if anchor_ms in keep else {},
        )


def settle(
    forecasts: Mapping[str, Forecast], truth: Sequence[Nano | None], sigma: Pico, params: NetworkParams
) -> tuple[dict[str, Nano], dict[str, dict[str, Nano]]]:
    """The baseline's loss of each challenge, and each forecast's, cut at the cap."""
    baseline = {POINT_NAME: walk_point_loss_nano(truth, sigma), PATHS_NAME: gaussian_walk_loss_nano(truth, sigma)}
    losses: dict[str, dict[str, Nano]] = {POINT_NAME: {}, PATHS_NAME: {}}
    for name, forecast in forecasts.items():
        for challenge, answer in ((POINT_NAME, forecast.point[None, :]), (PATHS_NAME, forecast.paths)):
            settled = quantize_answer(answer, max_abs_return_nano=params.loss.max_abs_return_nano)
            (loss,) = ensemble_losses(settled[None], truth, sigma)
            losses[challenge][name] = Nano(min(loss, params.loss.cap_multiple * baseline[challenge]))
    return baseline, losses


def summarise(rounds: Sequence[ScoredRound], params: NetworkParams, *, seed: int = 1) -> list[Result]:
    """Every model in both challenges, best first; the interval holds 95% of a bootstrap over whole days.

    Days are drawn together, because rounds that overlap are not independent. The proof is the network's own, as of
    one span of steps after the last anchor.
    """
    results = []
    for challenge in (POINT_NAME, PATHS_NAME):
        baseline = np.array([r.baseline_nano[challenge] for r in rounds]) / NANO
        days = np.array([r.anchor_at_ms // DAY_MS for r in rounds])
        for model in rounds[0].loss_nano[challenge]:
            loss = np.array([r.loss_nano[challenge][model] for r in rounds]) / NANO
            low, high = bootstrap_gain(loss, baseline, days, seed=seed)
            results.append(
                Result(
                    challenge, model, len(rounds), float(loss.mean()), float(baseline.mean()),
                    float(1 - loss.mean() / baseline.mean()), low, high, _proof(rounds, challenge, model, params),
                )
            )  # fmt: skip
    return sorted(results, key=lambda r: (r.challenge, -r.gain))


def bootstrap_gain(loss: Floats, baseline: Floats, days: NDArray[np.int64], *, seed: int) -> tuple[float, float]:
    """The 2.5% and 97.5% quantiles of the gain over `RESAMPLES` draws of whole days with replacement."""
    _, day = np.unique(days, return_inverse=True)
    losses, baselines = np.bincount(day, weights=loss), np.bincount(day, weights=baseline)
    drawn = np.random.default_rng(seed).integers(0, len(losses), size=(RESAMPLES, len(losses)))
    gains = 1.0 - losses[drawn].sum(axis=1) / baselines[drawn].sum(axis=1)
    low, high = np.quantile(gains, (0.025, 0.975))
    return float(low), float(high)


def anchors_of(params: NetworkParams, challenge: ChallengeParams, from_ms: int, until_ms: int) -> list[int]:
    """Every anchor of a challenge's cadence in [from_ms, until_ms) whose last step closes by until_ms."""
    first = -(-from_ms // challenge.cadence_ms) * challenge.cadence_ms
    return list(range(first, until_ms - params.time.steps * params.time.step_ms + 1, challenge.cadence_ms))


def sigma_of_round(scored: ScoredRound) -> float:
    """The round's sigma as a log-return of one step."""
    return scored.sigma_pico / PICO


def _proof(rounds: Sequence[ScoredRound], challenge: str, model: str, params: NetworkParams) -> ProvenSkill:
    skills = [
        RoundSkill(
            block_of(r.anchor_at_ms, params.skill, params.time),
            r.anchor_at_ms,
            Nano(r.baseline_nano[challenge] - r.loss_nano[challenge][model]),
            r.baseline_nano[challenge],
        )
        for r in rounds
    ]
    as_of_ms = rounds[-1].anchor_at_ms + params.time.steps * params.time.step_ms
    blocks = list(add_rounds({}, skills).values())
    return prove_skill(blocks, as_of_ms=as_of_ms, params=params.skill, step_ms=params.time.step_ms)
