"""Fits the LSTM on examples, stops early on a later validation period, and keeps the epoch that was best there.

The loss is the network's own: CRPS over the anchors in units of scale * sqrt(k), each anchor weighted by the steps
it stands for, as the rules average over steps. Equal settings, data and machine give equal weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mining_objects.datasets import Examples
from mining_objects.devices import pick_device
from mining_objects.losses import gaussian_crps
from mining_objects.models.lstm import Lstm, LstmConfig, LstmNetwork, tabulate_shape


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """patience: epochs without a better validation loss after which training stops."""

    epochs: int = 10
    batch: int = 128
    learning_rate: float = 3e-4
    weight_decay: float = 0.1
    patience: int = 3
    seed: int = 1
    device: str = "auto"
    threads: int = 2


@dataclass(frozen=True, slots=True)
class EpochReport:
    """Mean losses of one epoch, CRPS in units of scale * sqrt(k)."""

    epoch: int
    train_loss: float
    validation_loss: float
    best: bool


@dataclass(frozen=True, slots=True)
class Trained:
    """The fitted model and what happened on the way; flat_loss: validation loss of a Gaussian of the bare scale."""

    model: Lstm
    epochs: tuple[EpochReport, ...]
    best_epoch: int
    validation_loss: float
    flat_loss: float
    mean_share: float


def train_lstm(
    train: Examples,
    validation: Examples,
    model: LstmConfig,
    config: TrainingConfig,
    *,
    on_batch: Callable[[int, int], None],
    on_epoch: Callable[[EpochReport], None],
) -> Trained:
    """on_batch(done, of) and on_epoch(report) tell whoever watches. Raises InvalidSetting for an absent device."""
    device = pick_device(config.device)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    order = np.random.default_rng(config.seed)
    network = LstmNetwork(model).to(device)
    _fit_scaling(network, train)
    weights = torch.tensor(step_weights(model.anchors), device=device)
    optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    batches = max(1, len(train.rows) // config.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.epochs * batches)

    reports: list[EpochReport] = []
    best_state, best_epoch, best_loss = copy.deepcopy(network.state_dict()), 0, float("inf")
    for epoch in range(1, config.epochs + 1):
        network.train()
        total = 0.0
        for done, chosen in enumerate(np.array_split(order.permutation(len(train.rows)), batches), start=1):
            inputs, outcome = _batch(train, chosen, model.anchors, device)
            mean, log_scale = network(inputs)
            loss = (gaussian_crps(outcome, mean, log_scale.exp()) @ weights).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
            on_batch(done, batches)
        mean, log_scale, outcome = _answers(network, validation, model.anchors, device)
        current = float((gaussian_crps(outcome, mean, log_scale.exp()) @ weights.cpu()).mean())
        reports.append(EpochReport(epoch, total / batches, current, best=current < best_loss))
        on_epoch(reports[-1])
        if reports[-1].best:
            best_state, best_epoch, best_loss = copy.deepcopy(network.state_dict()), epoch, current
        elif epoch - best_epoch >= config.patience:
            break
    network.load_state_dict(best_state)

    share = _fit_mean_share(network, validation, model.anchors, device)
    _fit_shape(network, (train, validation), model.anchors, device)
    _, _, outcome = _answers(network, validation, model.anchors, device)
    flat = gaussian_crps(outcome, torch.zeros_like(outcome), torch.ones_like(outcome)) @ weights.cpu()
    lstm = Lstm(model, network, device="cpu")
    return Trained(lstm, tuple(reports), best_epoch, best_loss, float(flat.mean()), share)


def step_weights(anchors: tuple[int, ...]) -> NDArray[np.float32]:
    """The part of all steps that each anchor stands for: those nearer to it than to its neighbours; sums to 1."""
    edges = [0.5, *((a + b) / 2 for a, b in pairwise(anchors)), anchors[-1] + 0.5]
    return (np.diff(edges) / (edges[-1] - edges[0])).astype(np.float32)


def _batch(
    examples: Examples, chosen: NDArray[np.int64], anchors: tuple[int, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Inputs, and outcomes in units of scale * sqrt(k)."""
    unit = examples.scale[chosen, None] * np.sqrt(np.asarray(anchors, dtype=np.float32))
    outcome = examples.outcomes[chosen] / unit
    return torch.from_numpy(examples.inputs(chosen)).to(device), torch.from_numpy(outcome).to(device)


def _answers(
    network: LstmNetwork, examples: Examples, anchors: tuple[int, ...], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, log deviation and outcome of every example, on the CPU."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for chosen in np.array_split(np.arange(len(examples.rows)), max(1, len(examples.rows) // 2_048)):
            inputs, outcome = _batch(examples, chosen, anchors, device)
            parts.append(tuple(t.cpu() for t in (*network(inputs), outcome)))
    means, log_scales, outcomes = zip(*parts, strict=True)
    return torch.cat(means), torch.cat(log_scales), torch.cat(outcomes)


def _fit_scaling(network: LstmNetwork, train: Examples) -> None:
    """Mean and deviation of each feature over the rows of the training period alone."""
    rows = train.features[train.rows]
    network.feature_mean.copy_(torch.from_numpy(rows.mean(axis=0)))
    network.feature_deviation.copy_(torch.from_numpy(np.maximum(rows.std(axis=0), 1e-3)))


def _fit_mean_share(
    network: LstmNetwork, validation: Examples, anchors: tuple[int, ...], device: torch.device
) -> float:
    """The share of the learnt mean, 0 to 1 in tenths, with the least absolute error in the validation period."""
    mean, _, outcome = _answers(network, validation, anchors, device)
    errors = [float((outcome - share / 10 * mean).abs().mean()) for share in range(11)]
    share = int(np.argmin(errors)) / 10
    network.mean_share.fill_(share)
    return share


def _fit_shape(
    network: LstmNetwork, periods: tuple[Examples, ...], anchors: tuple[int, ...], device: torch.device
) -> None:
    """The residuals' quantiles at each anchor over these periods, symmetric, as a bend of the normal law."""
    residuals = []
    for examples in periods:
        mean, log_scale, outcome = _answers(network, examples, anchors, device)
        residuals.append((outcome - network.mean_share.cpu() * mean) / log_scale.exp())
    table = tabulate_shape(torch.cat(residuals).numpy().astype(np.float64))
    network.residual_shape.copy_(torch.from_numpy(table.astype(np.float32)))
