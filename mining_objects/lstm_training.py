"""How the LSTM is trained: CRPS at its anchors; then the share of its mean that helps, and its residuals' shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mining_objects.base_mining_model import Forecaster
from mining_objects.losses import gaussian_crps
from mining_objects.model_inputs import check_names
from mining_objects.models.lstm import Lstm, LstmConfig, LstmNetwork, tabulate_shape
from mining_objects.trainable import Batch, Batches, ModelFamily, Prior, weights_on
from protocol.errors import InvalidSetting

_LEAST_DEVIATION: Final = 1e-3
"""A feature that varies less over the training period is centred and not blown up."""


class LstmFamily(ModelFamily[LstmConfig]):
    """CRPS of the Gaussian at each anchor, in units of scale * sqrt(k), weighted by the steps it stands for."""

    name: ClassVar[str] = "lstm"
    config_class: ClassVar[type[Any]] = LstmConfig
    compiles: ClassVar[bool] = False
    score_means: ClassVar[str] = "CRPS in units of the last day's size times √k, mean over the steps"
    search: ClassVar[Mapping[str, Any]] = {
        "config.hidden": [24, 32, 48, 64],
        "config.layers": [1, 2],
        "config.lookback": [24, 48, 72],
        "config.dropout": {"low": 0.0, "high": 0.5},
        "training.learning_rate": {"low": 1e-4, "high": 3e-3, "log": True},
        "training.weight_decay": {"low": 1e-3, "high": 1.0, "log": True},
    }

    def check(self, config: LstmConfig) -> None:
        for name, least in (("lookback", 2), ("hidden", 1), ("layers", 1)):
            if getattr(config, name) < least:
                raise InvalidSetting(f"{name} must be at least {least}, was {getattr(config, name)}", setting=name)
        if not 0.0 <= config.dropout < 1.0:
            raise InvalidSetting(f"dropout must be at least 0 and below 1, was {config.dropout}", setting="dropout")
        if not 0.0 < config.largest_log_scale <= 10.0:
            raise InvalidSetting("largest_log_scale must be above 0 and at most 10", setting="largest_log_scale")
        rising = all(a < b for a, b in zip(config.anchors, config.anchors[1:], strict=False))
        if len(config.anchors) < 2 or config.anchors[0] < 1 or not rising:
            raise InvalidSetting("anchors must be at least two rising steps from 1 on", setting="anchors")
        check_names(config.features)

    def steps(self, config: LstmConfig) -> tuple[int, ...]:
        return config.anchors

    def build(self, config: LstmConfig) -> nn.Module:
        return LstmNetwork(config)

    def loss(self, config: LstmConfig, network: nn.Module, batch: Batch) -> Tensor:
        mean, log_scale = network(batch.inputs)
        crps = gaussian_crps(batch.outcomes, mean, log_scale.exp())
        return crps @ weights_on(crps.device, config.anchors)

    def fit_inputs(self, network: nn.Module, prior: Prior, rows: NDArray[np.float32]) -> None:
        assert isinstance(network, LstmNetwork)
        network.feature_mean.copy_(torch.from_numpy(rows.mean(axis=0)))
        network.feature_deviation.copy_(torch.from_numpy(np.maximum(rows.std(axis=0), _LEAST_DEVIATION)))

    def finish(self, network: nn.Module, train: Batches, validation: Batches) -> dict[str, Any]:
        assert isinstance(network, LstmNetwork)
        # The validation period alone: what was learnt fits the training period too well, and markets change.
        share = _fit_mean_share(network, validation)
        mean, log_scale, outcome = _answers(network, validation)
        residuals = (outcome - network.mean_share.cpu() * mean) / log_scale.exp()
        table = tabulate_shape(residuals.numpy().astype(np.float64))
        network.residual_shape.copy_(torch.from_numpy(table.astype(np.float32)))
        return {"mean_share": share}

    def forecaster(self, config: LstmConfig, network: nn.Module) -> Forecaster:
        assert isinstance(network, LstmNetwork)
        return Lstm(config, network, device="cpu")


def _fit_mean_share(network: LstmNetwork, validation: Batches) -> float:
    """The share of the learnt mean, 0 to 1 in tenths, with the least absolute error in the validation period."""
    mean, _, outcome = _answers(network, validation)
    errors = [float((outcome - share / 10 * mean).abs().mean()) for share in range(11)]
    share = int(np.argmin(errors)) / 10
    network.mean_share.fill_(share)
    return share


def _answers(network: LstmNetwork, period: Batches) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, log deviation and outcome of every example, on the CPU."""
    parts = [tuple(t.cpu() for t in (*network(batch.inputs), batch.outcomes)) for batch in period]
    means, log_scales, outcomes = zip(*parts, strict=True)
    return torch.cat(means), torch.cat(log_scales), torch.cat(outcomes)
