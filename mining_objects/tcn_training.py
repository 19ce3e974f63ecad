"""How the TCN is trained: by the CRPS to be expected where all moves up to an outcome are known, not by the outcome.

The expected CRPS is that of `mining_objects/neural_har_fitting.py`. Each network is trained for itself; only the
straight line they share is learnt by all. By default there is one epoch over all instants, whose last network is kept:
a few months of validation cannot tell looks apart, and chose worse ones. The shape of the law is that of outcomes of
the validation period over the scale of the networks' mean, which is what is mined with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mining_objects.base_mining_model import Floats, Forecaster, Window
from mining_objects.har_fitting import learn_season
from mining_objects.models.har import ANCHORS, FITTED_LEAD
from mining_objects.models.tcn import Tcn, TcnConfig, TcnNetwork
from mining_objects.neural_har_fitting import anchor_weights, expected_crps
from mining_objects.new_york_week import learn_week
from mining_objects.spread_law import tabulate_shape
from mining_objects.tcn_inputs import NAMES, SHOWN, WARM_UP, realised_deviation, training_rows
from mining_objects.trainable import Batch, Batches, ModelFamily, Prior
from protocol.errors import InvalidSetting

_LEAST_DEVIATION: Final = 0.05
"""An input that varies less over the training period is centred and not blown up."""
_LEAST_REALISED: Final = 0.01
"""Of the unit; moves that are all but nothing say no more."""


class TcnFamily(ModelFamily[TcnConfig]):
    """Expected CRPS up to each anchor, in units of the day's level and shape, weighted by the steps it stands for."""

    name: ClassVar[str] = "tcn"
    config_class: ClassVar[type[Any]] = TcnConfig
    compiles: ClassVar[bool] = True
    score_means: ClassVar[str] = (
        "CRPS to be expected where all moves are known, in units of the last day's size times √k, mean over the steps"
    )
    lead: ClassVar[int] = FITTED_LEAD
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "data": {"stride": 1, "embargo_steps": 320},
        "training": {"epochs": 1, "batch": 1024, "learning_rate": 1e-3, "looks": 8, "patience": 0},
    }
    search: ClassVar[Mapping[str, Any]] = {
        "config.channels": [16, 32, 48],
        "config.hidden": [32, 64, 96],
        "config.dropout": {"low": 0.1, "high": 0.5},
        "training.learning_rate": {"low": 3e-4, "high": 3e-3, "log": True},
        "training.weight_decay": {"low": 1e-2, "high": 1.0, "log": True},
    }

    def check(self, config: TcnConfig) -> None:
        for name in ("lookback", "kernel", "channels", "hidden", "members"):
            least = 2 if name in ("lookback", "kernel") else 1
            if getattr(config, name) < least:
                raise InvalidSetting(f"{name} must be at least {least}, was {getattr(config, name)}", setting=name)
        if config.kernel**config.layers != config.lookback:
            raise InvalidSetting(
                f"lookback must be a power of kernel, which is {config.kernel}; was {config.lookback}",
                setting="lookback",
            )
        if not 0.0 <= config.dropout < 1.0:
            raise InvalidSetting(f"dropout must be at least 0 and below 1, was {config.dropout}", setting="dropout")

    def steps(self, config: TcnConfig) -> tuple[int, ...]:
        return ANCHORS

    def learn(self, config: TcnConfig, windows: Sequence[Window]) -> Prior:
        """The day's and the week's shape; flat where no series is long enough to give an example."""
        long = [window for window in windows if len(window) > WARM_UP]
        if not long:
            return {"season": np.ones((2, 288)), "week": np.ones((7, 288))}
        return {"season": learn_season(long), "week": learn_week(long)}

    def input_rows(self, config: TcnConfig, prior: Prior, window: Window) -> NDArray[np.float32]:
        return training_rows(window, prior["season"], prior["week"])

    def warm_up(self, config: TcnConfig) -> int:
        return WARM_UP

    def realised(self, config: TcnConfig, prior: Prior, window: Window) -> Floats:
        return realised_deviation(window, prior["season"])

    def build(self, config: TcnConfig) -> nn.Module:
        return TcnNetwork(config)

    def fit_inputs(self, network: nn.Module, prior: Prior, rows: NDArray[np.float32]) -> None:
        assert isinstance(network, TcnNetwork)
        network.season.copy_(torch.from_numpy(prior["season"]))
        network.week.copy_(torch.from_numpy(prior["week"]))
        shown = rows[:, :SHOWN]
        network.input_mean.copy_(torch.from_numpy(shown.mean(axis=0)))
        network.input_deviation.copy_(torch.from_numpy(np.maximum(shown.std(axis=0), _LEAST_DEVIATION)))

    def loss(self, config: TcnConfig, network: nn.Module, batch: Batch) -> Tensor:
        realised = (batch.realised / _unit(batch)).clamp(min=_LEAST_REALISED)
        expected = expected_crps(network(batch.inputs).exp(), realised[:, None])
        return (expected @ _weights(expected)).mean(dim=1)

    def score(self, config: TcnConfig, network: nn.Module, batch: Batch) -> Tensor:
        expected = expected_crps(_deviation(network, batch), batch.realised)
        return expected @ _weights(expected)

    def reference(self, config: TcnConfig, batch: Batch, deviation: Tensor) -> Tensor:
        expected = expected_crps(deviation[:, None].expand_as(batch.realised), batch.realised)
        return expected @ _weights(expected)

    def finish(self, network: nn.Module, train: Batches, validation: Batches) -> dict[str, Any]:
        assert isinstance(network, TcnNetwork)
        residuals = torch.cat([(batch.outcomes / _deviation(network, batch)).cpu() for batch in validation])
        shapes = [tabulate_shape(column) for column in residuals.numpy().astype(np.float64).T]
        network.shapes.copy_(torch.from_numpy(np.stack(shapes)))
        return {"networks": network.config.members}

    def forecaster(self, config: TcnConfig, network: nn.Module) -> Forecaster:
        assert isinstance(network, TcnNetwork)
        return Tcn(config, network, device="cpu")


def _unit(batch: Batch) -> Tensor:
    """Shape (b, anchors): the scale that the day's level and shape give, in units of scale * sqrt(k)."""
    return batch.inputs[:, -1, SHOWN : len(NAMES)].exp()


def _deviation(network: nn.Module, batch: Batch) -> Tensor:
    """Shape (b, anchors): the scale of the networks' mean, in units of scale * sqrt(k)."""
    mean: Tensor = network(batch.inputs).mean(dim=1)
    return _unit(batch) * mean.exp()


def _weights(like: Tensor) -> Tensor:
    return torch.from_numpy(anchor_weights()).to(like.device)
