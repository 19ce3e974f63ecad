"""The stacked LSTM: reads the last hours candle by candle and says how far the next steps may go, and a little where.

What it learns is the term structure of volatility: for a few anchor steps k the logarithm of the typical size of
the log-return over k steps, in units of scale * sqrt(k), where scale is the last day's root mean square return.
Beside it a mean per anchor, of which only the share that helped in the validation period is used. Between anchors
both are interpolated. Paths are Gaussian walks whose variance grows as the term structure says; each step is then
bent to the shape that the residuals of the training period had there (fat tails), keeping the order of the paths.

The idea is that of the LSTM of Taoshi's time-series-prediction-subnet (stacked layers, candles and clock as
inputs, ten anchors between which a line is drawn). Here outcomes belong to the exact steps after the inputs, inputs
are scaled by their own past, and training stops early on a later validation period.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mining_objects import features
from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window
from mining_objects.devices import pick_device
from mining_objects.errors import BrokenCheckpoint, UnknownFeature
from mining_objects.inference import engine_of
from mining_objects.installed_weights import installed_weights
from mining_objects.model_inputs import check_names, compute_inputs, warm_up_of
from mining_objects.pretrained import SharedNetwork, config_of_card

INSTALLED_WEIGHTS: Final = installed_weights("lstm")
SPARE: Final = 24
"""Candles asked for beyond the least, so that a few missing ones at the end leave enough."""
Z_GRID: Final = np.linspace(-4.0, 4.0, 65)
"""Normal scores at which the shape of the residuals is tabulated."""


@dataclass(frozen=True, slots=True)
class LstmConfig:
    """lookback: candles the LSTM reads.  anchors: steps it answers for; beyond the last, its value goes on.

    features: what it is shown of each candle, any of `mining_objects.model_inputs.CHOICES`.
    """

    lookback: int = 48
    hidden: int = 48
    layers: int = 2
    dropout: float = 0.4
    anchors: tuple[int, ...] = (1, 3, 6, 12, 24, 36, 48, 60, 72, 84, 100, 112)
    largest_log_scale: float = 2.5
    """The typical size stays within e**-this and e**this of scale * sqrt(k), whatever the input."""
    features: tuple[str, ...] = features.NAMES

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Self:
        """Raises BrokenCheckpoint for fields this version does not know, lacks, or computes otherwise."""
        config = config_of_card(cls, card)
        try:
            check_names(config.features)
        except UnknownFeature as unknown:
            raise BrokenCheckpoint(
                f"the weights were trained on other features than this version computes: {unknown}"
            ) from unknown
        return config

    def is_possible(self) -> bool:
        """Whether every field is of its type and within what one machine can hold: a card may be anybody's."""
        if not isinstance(self.anchors, tuple) or not isinstance(self.features, tuple):
            return False
        sizes = (self.lookback, 1, 10_000), (self.hidden, 1, 1_024), (self.layers, 1, 8), (len(self.anchors), 2, 1_000)
        return (
            all(type(size) is int and least <= size <= most for size, least, most in sizes)
            and all(type(anchor) is int and anchor > 0 for anchor in self.anchors)
            and all(a < b for a, b in pairwise(self.anchors))
            and all(isinstance(name, str) for name in self.features)
            and isinstance(self.dropout, float | int)
            and 0 <= self.dropout < 1
            and isinstance(self.largest_log_scale, float | int)
            and 0 < self.largest_log_scale <= 10
        )


class LstmNetwork(SharedNetwork):
    """(batch, lookback, features) -> mean and log deviation, each (batch, anchors), in units of scale * sqrt(k)."""

    family: ClassVar[str] = "lstm"
    feature_mean: Tensor
    feature_deviation: Tensor
    mean_share: Tensor
    residual_shape: Tensor

    def __init__(self, config: LstmConfig) -> None:
        super().__init__()
        self.config, self.provenance = config, {}
        width, anchors = len(config.features), len(config.anchors)
        self.largest_log_scale = config.largest_log_scale
        self.register_buffer("feature_mean", torch.zeros(width))
        self.register_buffer("feature_deviation", torch.ones(width))
        self.register_buffer("mean_share", torch.zeros(()))
        self.register_buffer("residual_shape", torch.tensor(Z_GRID, dtype=torch.float32).repeat(anchors, 1))
        dropout = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(width, config.hidden, config.layers, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(config.dropout)
        last = nn.Linear(config.hidden, anchors)
        self.scale_head = nn.Sequential(nn.Linear(config.hidden + width, config.hidden), nn.Tanh(), last)
        self.mean_head = nn.Linear(config.hidden, anchors)
        for layer in (last, self.mean_head):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    @classmethod
    def from_config(cls, card: dict[str, Any]) -> Self:
        return cls(LstmConfig.from_card(card))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        normal = (inputs - self.feature_mean) / self.feature_deviation
        seen, _ = self.lstm(
            normal
        )  # shaped by the deviation alone: direction is mostly noise and would be learnt by heart
        state = self.dropout(seen[:, -1])
        raw = self.scale_head(torch.cat([state, normal[:, -1]], dim=1))
        return self.mean_head(state.detach()), self.largest_log_scale * torch.tanh(raw / self.largest_log_scale)


class Lstm(Forecaster):
    """The network behind the Forecaster port; one batched pass for all windows."""

    name: ClassVar[str] = "lstm"
    oversample: ClassVar[int] = 2

    def __init__(
        self, config: LstmConfig, network: LstmNetwork, *, device: str = "cpu", inference: str = "torch"
    ) -> None:
        """inference: as in `mining_objects/inference.py`; raises what `engine_of` and `pick_device` raise."""
        self.config = config
        self.device = pick_device(device)
        self.network = network.to(self.device).eval()
        self.engine = engine_of(network, self.device, inference, lambda: _graph_of(network, config))
        self.runs_on = self.engine.name
        self.least = warm_up_of(config.features) + config.lookback
        self.lookback = self.least + SPARE
        self._mean_share = float(network.mean_share)
        self._shape = network.residual_shape.cpu().numpy().astype(np.float64)

    @classmethod
    def load(cls, folder: Path | None = None, *, device: str = "cpu", inference: str = "torch") -> Self:
        """From a checkpoint folder, by default the weights installed with the package.

        Raises BrokenCheckpoint, and InvalidSetting or MissingPackage when device or inference cannot be had.

        Torch is held to one thread in this process: for one window a second thread costs more than it saves.
        """
        torch.set_num_threads(1)
        network = LstmNetwork.from_checkpoint(folder or INSTALLED_WEIGHTS)
        return cls(network.config, network, device=device, inference=inference)

    def save(self, folder: Path, training: dict[str, Any]) -> None:
        """Writes weights and card; `training` is what the card tells about their making."""
        self.network.provenance = training
        self.network.save_checkpoint(folder)

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        matrices = [compute_inputs(window, self.config.features, last=self.config.lookback) for window in windows]
        means, log_scales = self.term_structure(np.stack(matrices))
        answers = []
        for window, mean, log_scale, chance in zip(windows, means, log_scales, chances, strict=True):
            scale = features.newest_scale(window)
            point, deviation = self.along_steps(mean, log_scale, scale, steps)
            walk = self._bent_walk(deviation, paths, chance) if paths else np.zeros((0, steps))
            answers.append(Forecast(point=point, paths=point + walk))
        return answers

    def term_structure(self, inputs: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """(batch, lookback, features) -> used mean and log deviation at the anchors, in units of scale * sqrt(k)."""
        mean, log_scale = self.engine.run(inputs)
        return self._mean_share * mean.astype(np.float64), log_scale.astype(np.float64)

    def along_steps(self, mean: Floats, log_scale: Floats, scale: float, steps: int) -> tuple[Floats, Floats]:
        """Mean and deviation of the log-return over 1..steps steps; the deviation never falls."""
        k = np.arange(1, steps + 1)
        unit = scale * np.sqrt(k)
        deviation = unit * np.exp(np.interp(k, self.config.anchors, log_scale))
        return unit * np.interp(k, self.config.anchors, mean), np.maximum.accumulate(deviation)

    def _bent_walk(self, deviation: Floats, paths: int, chance: np.random.Generator) -> Floats:
        """Shape (paths, steps): a Gaussian walk with these deviations, mirrored, bent to the residuals' shape."""
        steps, half = len(deviation), (paths + 1) // 2
        growth = np.sqrt(np.diff(deviation**2, prepend=0.0))
        walk = np.cumsum(growth * chance.standard_normal((half, steps)), axis=1)
        scores = walk / np.maximum(deviation, np.finfo(np.float64).tiny)
        place = np.clip((scores - Z_GRID[0]) / (Z_GRID[1] - Z_GRID[0]), 0.0, len(Z_GRID) - 1.001)
        below = place.astype(np.int64)
        shape = _interpolate_rows(self._shape, self.config.anchors, steps)
        at = below + len(Z_GRID) * np.arange(steps)
        table = shape.ravel()
        low, high = table.take(at), table.take(at + 1)
        bent = (low + (place - below) * (high - low)) * deviation
        return np.concatenate([bent, -bent])[:paths]


def _graph_of(network: LstmNetwork, config: LstmConfig) -> bytes:
    from mining_objects.onnx_lstm import lstm_graph

    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}
    return lstm_graph(tensors, layers=config.layers, largest_log_scale=config.largest_log_scale)


def _interpolate_rows(table: Floats, anchors: tuple[int, ...], steps: int) -> Floats:
    """Rows of table stand at the anchors; the rows at steps 1..steps, linear between, constant beyond."""
    place = np.interp(np.arange(1, steps + 1), anchors, np.arange(len(anchors)))
    low = np.minimum(place.astype(np.int64), len(anchors) - 2)
    share = (place - low)[:, None]
    rows: Floats = (1.0 - share) * table[low] + share * table[low + 1]
    return rows


def tabulate_shape(residuals: Floats) -> Floats:
    """Quantiles of standardised residuals, made symmetric, at the scores Z_GRID: (e, anchors) -> (anchors, 65)."""
    both = np.sort(np.concatenate([residuals, -residuals]), axis=0)
    levels = np.array([0.5 * (1.0 + math.erf(z / math.sqrt(2.0))) for z in Z_GRID])
    table: Floats = np.quantile(both, levels, axis=0).T
    return table
