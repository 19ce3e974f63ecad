"""A temporal convolutional network: dilated causal convolutions over the last hours, beside what long averages know.

A stack of causal convolutions reads the last 64 candles, free of the day's shape. Kernels of 4 with dilations 1, 4 and
16 see each candle once, and as only the answer at the newest candle is wanted, only what leads to it is computed: each
layer takes 4 neighbours into one (as in fast WaveNet). Beside their summary stands what `neural_har` knows of long
spans, signs, the clock and New York's week. The answer is the logarithm of the scale over the steps up to each anchor,
in units of the day's level and shape: a straight line in what is known, as a HAR is one, and a bend along knots by the
network. Several such networks are trained side by side, and their mean is taken. Law and paths are made as by
`neural_har`.

Sources: Bai, Kolter & Koltun (2018), arXiv:1803.01271 (temporal convolutional networks); van den Oord et al. (2016),
arXiv:1609.03499 (dilated causal convolutions); Paine et al. (2016), arXiv:1611.09482 (computing no more than is asked);
Lakshminarayanan, Pritzel & Blundell (2017), arXiv:1612.01474 (deep ensembles).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mining_objects.base_mining_model import Floats, Window
from mining_objects.devices import pick_device
from mining_objects.inference import engine_of
from mining_objects.installed_weights import installed_weights
from mining_objects.models.har import ANCHORS, SpreadForecaster, along_anchors, stretched
from mining_objects.models.neural_har import (
    KNOTS,
    blended_shapes,
    knot_shares,
    known_at,
    own_rows,
    residuals_of,
)
from mining_objects.new_york_week import DAYS
from mining_objects.pretrained import SharedNetwork, config_of_card
from mining_objects.spread_law import Z_GRID
from mining_objects.tcn_inputs import CANDLE, NAMES, SHOWN, candle_columns, newest_columns

LARGEST_LOG_SCALE: Final = 2.5
"""The scale stays within e**-this and e**this of what the day's level and shape give, whatever the input."""
_SLOTS: Final = 288


@dataclass(frozen=True, slots=True)
class TcnConfig:
    """lookback: candles read, a power of kernel.  kernel: candles, or summaries, that a convolution takes into one.

    channels: numbers in a summary.  hidden: units of the two layers behind.  members: networks whose mean is taken.
    """

    lookback: int = 64
    kernel: int = 4
    channels: int = 32
    hidden: int = 64
    members: int = 5
    dropout: float = 0.3

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of its input rows. Not a matter of choice."""
        return NAMES

    @property
    def layers(self) -> int:
        """Convolutions from the candles to one summary."""
        return round(math.log(self.lookback, self.kernel))

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> Self:
        """Raises BrokenCheckpoint for fields this version does not know, lacks, or cannot build."""
        return config_of_card(cls, card)

    def is_possible(self) -> bool:
        """Whether every field is of its type and within what one machine can hold: a card may be anybody's."""
        sizes = (
            (self.lookback, 2, 4_096), (self.kernel, 2, 64), (self.channels, 1, 512), (self.hidden, 1, 1_024),
            (self.members, 1, 64),
        )  # fmt: skip
        return (
            all(type(size) is int and least <= size <= most for size, least, most in sizes)
            and self.kernel**self.layers == self.lookback
            and isinstance(self.dropout, float | int)
            and 0 <= self.dropout < 1
        )


class TcnNetwork(SharedNetwork):
    """(batch, lookback, >= SHOWN columns) -> (batch, members, anchors): ln of the scale in units of the day's level and
    shape, what each network says."""

    family: ClassVar[str] = "tcn"
    season: Tensor
    week: Tensor
    input_mean: Tensor
    input_deviation: Tensor
    shapes: Tensor
    knot_shares: Tensor

    def __init__(self, config: TcnConfig) -> None:
        super().__init__()
        self.config, self.provenance = config, {}
        members, channels, hidden, known = config.members, config.channels, config.hidden, SHOWN - len(CANDLE)
        self.register_buffer("season", torch.ones(2, _SLOTS))
        self.register_buffer("week", torch.ones(DAYS, _SLOTS))
        self.register_buffer("input_mean", torch.zeros(SHOWN))
        self.register_buffer("input_deviation", torch.ones(SHOWN))
        self.register_buffer("shapes", torch.tensor(Z_GRID, dtype=torch.float32).repeat(len(ANCHORS), 1))
        shares = torch.from_numpy(knot_shares(np.array(ANCHORS)).astype(np.float32))
        self.register_buffer("knot_shares", shares, persistent=False)
        widths = [len(CANDLE)] + [channels] * (config.layers - 1)
        self.convolutions = nn.ModuleList(Layers(members, config.kernel * width, channels) for width in widths)
        self.first = Layers(members, channels + known, hidden)
        self.second = Layers(members, hidden, hidden)
        self.last = Layers(members, hidden, len(KNOTS))
        self.start = nn.Linear(known, len(ANCHORS))
        for zeroed in (*self.last.parameters(), *self.start.parameters()):
            nn.init.zeros_(zeroed)

    @classmethod
    def from_config(cls, card: dict[str, Any]) -> Self:
        return cls(TcnConfig.from_card(card))

    def forward(self, inputs: Tensor) -> Tensor:
        config, batch = self.config, inputs.shape[0]
        normal = (inputs[:, :, :SHOWN] - self.input_mean) / self.input_deviation
        candles, known = normal[:, :, : len(CANDLE)], normal[:, -1, len(CANDLE) :]
        seen, length = candles.expand(config.members, -1, -1, -1), config.lookback
        for convolution in self.convolutions:
            length //= config.kernel
            seen = functional.silu(convolution(seen.reshape(config.members, batch * length, -1)))
        summary = self._dropped(seen.reshape(config.members, batch, config.channels))
        both = torch.cat([summary, known.expand(config.members, -1, -1)], dim=2)
        hidden = self._dropped(functional.silu(self.first(both)))
        hidden = self._dropped(functional.silu(self.second(hidden)))
        bend = self.last(hidden) @ self.knot_shares
        told: Tensor = bend + self.start(known)
        return told.transpose(0, 1)

    def _dropped(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.config.dropout, self.training)


class Layers(nn.Module):
    """One linear layer of each member: (members, n, inputs) -> (members, n, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-1.0, 1.0) / math.sqrt(inputs))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, values: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, values, self.weight)


class Tcn(SpreadForecaster):
    """The network behind the Forecaster port; one pass for T and for the hours whose outcomes shape the law."""

    name: ClassVar[str] = "tcn"

    def __init__(
        self, config: TcnConfig, network: TcnNetwork, *, device: str = "cpu", inference: str = "torch"
    ) -> None:
        """inference: as in `mining_objects/inference.py`; raises what `engine_of` and `pick_device` raise."""
        self.config, self.network = config, network
        self.engine = engine_of(network, pick_device(device), inference, lambda: _graph_of(network, config))
        self.runs_on = self.engine.name
        numbers = (tensor.cpu().numpy().astype(np.float64) for tensor in (network.season, network.week, network.shapes))
        self.season, self._week, self._shapes = numbers

    @classmethod
    def load(cls, folder: Path | None = None, *, device: str = "cpu", inference: str = "torch") -> Self:
        """From a checkpoint folder, by default the weights installed with the package; torch is held to one thread.

        Raises BrokenCheckpoint, and InvalidSetting or MissingPackage when device or inference cannot be had.
        """
        torch.set_num_threads(1)
        network = TcnNetwork.from_checkpoint(folder or installed_weights(cls.name))
        return cls(network.config, network, device=device, inference=inference)

    def save(self, folder: Path, training: dict[str, Any]) -> None:
        """Writes weights and card; `training` is what the card tells about their making."""
        self.network.provenance = training
        self.network.save_checkpoint(folder)

    def law(self, window: Window, season: Floats, lead: int, steps: int) -> tuple[Floats, Floats]:
        """As for `neural_har`: the shapes are moved towards those of the window's own last weeks."""
        last, at = own_rows(window)
        known = known_at(window, season, self._week, last, at, lead, ANCHORS[-1])
        (told,) = self.engine.run(self.inputs(window, newest_columns(known), len(window) - last + at))
        log_scale = np.clip(told.astype(np.float64).mean(axis=1), -LARGEST_LOG_SCALE, LARGEST_LOG_SCALE)
        size = known.level[-1] * np.exp(along_anchors(log_scale[-1][:, None], steps)[:, 0])
        residuals = residuals_of(window, season, known.level, log_scale, known.anchor)
        return stretched(window, season, size, lead), blended_shapes(self._shapes, residuals, len(at))

    def inputs(self, window: Window, newest: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Shape (n, lookback, SHOWN): the candles up to each row, zeros before the window, and what is known there.

        newest: (n, SHOWN - len(CANDLE)).  rows: (n,).
        """
        lookback = self.config.lookback
        candles = np.pad(candle_columns(window, self.season), ((lookback - 1, 0), (0, 0)))
        shown = np.zeros((len(rows), lookback, SHOWN), np.float32)
        shown[:, :, : len(CANDLE)] = sliding_window_view(candles, lookback, axis=0)[rows].transpose(0, 2, 1)
        shown[:, -1, len(CANDLE) :] = newest
        return shown


def _graph_of(network: TcnNetwork, config: TcnConfig) -> bytes:
    from mining_objects.onnx_tcn import tcn_graph

    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}
    shares = network.knot_shares.cpu().numpy()
    return tcn_graph(tensors, shares, lookback=config.lookback, kernel=config.kernel, members=config.members)
