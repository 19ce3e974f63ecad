"""Fits `neural_har`: the regression and the shapes by outcomes, the networks by how much the candles ahead moved.

The scale that gives the least CRPS is wanted, and one outcome says little about it: a single draw. How much the steps
up to it moved in all says far more. When the outcome is normal with the deviation t that these moves tell, the CRPS
that a normal law of deviation s may expect has a closed form, and the networks make its mean small:

    E CRPS(N(0, s), y), y ~ N(0, t)  =  sqrt(2 / pi) sqrt(s**2 + t**2) - s / sqrt(pi)        least at s = t

Sources: Gneiting & Raftery (2007), doi:10.1198/016214506000001437, equation 21, averaged over y; Andersen & Bollerslev
(1998), doi:10.2307/2527343 (what realised variation adds to single returns).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mining_objects.base_mining_model import Floats, Window
from mining_objects.har_fitting import SpreadExamples, asked_days, examples_of_day, fit_anchor, is_recent, joined
from mining_objects.models.har import ANCHORS, FITTED_LEAD
from mining_objects.models.neural_har import (
    AT_ANCHORS,
    HIDDEN,
    INPUTS,
    KNOTS,
    NETWORKS,
    Networks,
    WeekHarFit,
    along_knots,
    knot_shares,
    known_at,
)
from mining_objects.season import slots_of
from mining_objects.spread_law import tabulate_shape
from mining_objects.trainable import step_weights
from protocol.units import HOUR_MS, MINUTE_MS

EVERY_MS: Final = 15 * MINUTE_MS
"""T of the networks' examples; regression and shapes are fitted on the hours among them."""
EPOCHS: Final = 8
BATCH: Final = 1_024
LEARNING_RATE: Final = 1e-3
WEIGHT_DECAY: Final = 0.1
DROPOUT: Final = 0.2
FAR_WEIGHT: Final = 0.1
"""What a step beyond 100 counts in training, of one up to 100."""
_STEP_MS: Final = 5 * MINUTE_MS
_LEAST_REALISED: Final = 0.01
_LEAST_DEVIATION: Final = 0.05


@dataclass(frozen=True, slots=True)
class NeuralExamples:
    """spread: as for `har`.  known: (n, INPUTS), what networks are shown.  told: (n, anchors), what New York's week
    says.  realised: (n, anchors), the deviation that the moves up to each anchor tell, over exp(offset)."""

    spread: SpreadExamples
    known: Floats
    told: Floats
    realised: Floats


def neural_examples(window: Window, season: Floats, week: Floats, from_ms: int, until_ms: int) -> NeuralExamples:
    """The rows that answers for T are made from, T in [from_ms, until_ms) each quarter of an hour.

    Raises BadCandles when there is none.
    """
    spread, known, told, realised = [], [], [], []
    size = np.abs(window.log_returns())
    for day in asked_days(window, season, from_ms, until_ms, EVERY_MS):
        spread.append(examples_of_day(day))
        asked = known_at(day.seen, day.season, week, day.last, day.at, FITTED_LEAD, max(ANCHORS))
        told.append(asked.told[:, AT_ANCHORS])
        known.append(asked.inputs)
        free = size[day.ahead] / day.season[slots_of(window.open_time_ms[day.ahead], window.step_ms)]
        mean = np.cumsum(free, axis=1)[:, AT_ANCHORS] / np.array(ANCHORS)
        with np.errstate(divide="ignore", invalid="ignore"):
            realised.append(math.sqrt(math.pi / 2.0) * mean / asked.level[:, None])
    together = joined(spread)
    parts = [np.concatenate(part) for part in (known, told, realised)]
    good = np.isfinite(np.concatenate([together.offset, together.outcome, parts[2]], axis=1)).all(axis=1)
    return NeuralExamples(together.chosen(good), *(part[good] for part in parts))


def fit_neural_har(
    season: Floats,
    week: Floats,
    examples: Sequence[NeuralExamples],
    *,
    seed: int = 1,
    watch: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> tuple[WeekHarFit, Networks]:
    """First the regression, then networks that correct it, then the shapes of what is left. watch: a bar, if wanted.

    Equal examples and seed give equal numbers on one machine.
    """
    spread = joined([part.spread for part in examples])
    known, told, realised = (np.concatenate([getattr(e, n) for e in examples]) for n in ("known", "told", "realised"))
    hours = (spread.at_ms + (1 + FITTED_LEAD) * _STEP_MS) % HOUR_MS == 0
    hourly, recent = spread.chosen(hours), is_recent(spread.at_ms[hours])
    weights = np.empty((len(ANCHORS), spread.inputs.shape[1] + 1))
    log_factor = np.empty(realised.shape)
    for a in range(len(ANCHORS)):
        inputs = np.column_stack([spread.inputs, told[:, a]])
        weights[a], _ = fit_anchor(inputs[hours], hourly.offset[:, a], hourly.outcome[:, a], recent)
        log_factor[:, a] = inputs @ weights[a]
    surprise = np.maximum(realised, _LEAST_REALISED) / np.exp(log_factor)
    networks = train_networks(known, surprise, seed=seed, watch=watch)
    log_factor = log_factor[hours] + along_knots(networks.answer(known[hours]), np.array(ANCHORS))
    residuals = (hourly.outcome / np.exp(hourly.offset + log_factor))[recent]
    shapes = np.stack([tabulate_shape(column) for column in residuals.T])
    return WeekHarFit(season, week, weights, shapes), networks


def train_networks(
    known: Floats, surprise: Floats, *, seed: int = 1, watch: Callable[[Iterable[int]], Iterable[int]] = iter
) -> Networks:
    """known: (n, INPUTS).  surprise: (n, anchors), the realised deviation over the regression's scale."""
    mean, deviation = known.mean(axis=0), np.maximum(known.std(axis=0), _LEAST_DEVIATION)
    inputs = torch.from_numpy(((known - mean) / deviation).astype(np.float32))
    realised = torch.from_numpy(surprise.astype(np.float32))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    trained = [_train_one(inputs, realised, seed * NETWORKS + number) for number in watch(range(NETWORKS))]
    torch.set_num_threads(threads)
    columns = {
        f"{name}{suffix}": np.stack([_array(getattr(network[place], part)) for network in trained])
        for place, name in ((0, "first"), (3, "second"), (6, "last"))
        for part, suffix in (("weight", ""), ("bias", "_bias"))
    }
    return Networks(mean, deviation, **columns)


def expected_crps(deviation: Tensor, realised: Tensor) -> Tensor:
    """CRPS that a normal law of this deviation may expect of normal outcomes of deviation `realised`; formula above."""
    both = torch.sqrt(deviation**2 + realised**2)
    return math.sqrt(2.0 / math.pi) * both - deviation / math.sqrt(math.pi)


def _train_one(inputs: Tensor, realised: Tensor, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    network = nn.Sequential(
        nn.Linear(INPUTS, HIDDEN), nn.SiLU(), nn.Dropout(DROPOUT),
        nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, len(KNOTS)),
    )  # fmt: skip
    for zeroed in network[-1].parameters():
        nn.init.zeros_(zeroed)
    shares = torch.from_numpy(knot_shares(np.array(ANCHORS)).astype(np.float32))
    weights = torch.from_numpy(anchor_weights())
    batches = max(1, len(inputs) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * batches)
    for _ in range(EPOCHS):
        for chosen in np.array_split(order.permutation(len(inputs)), batches):
            rows = torch.from_numpy(chosen)
            deviation = torch.exp(network(inputs[rows]) @ shares)
            loss = (expected_crps(deviation, realised[rows]) @ weights).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network.eval()


def anchor_weights() -> NDArray[np.float32]:
    """Shape (anchors,): what each counts in training: the steps it stands for, less beyond step 100; sums to 1."""
    weights = step_weights(ANCHORS) * np.where(np.array(ANCHORS) > 100, FAR_WEIGHT, 1.0)
    shares: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return shares


def _array(values: Tensor) -> Floats:
    """A layer's weights as they multiply from the right, (in, out), or its bias."""
    return values.detach().numpy().astype(np.float64).T
