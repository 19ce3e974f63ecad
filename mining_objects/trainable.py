"""What a family of models must offer to be trained, resumed and searched over: one file, and one line in a table.

    candles of training --learn--> prior --input_rows--> rows
    config --build--> network --loss(batch)--> steps of the optimiser --score on validation--> the best weights
                                                            --finish(network, periods)--> --forecaster--> Forecaster

The loop (`mining_objects.training`) knows nothing of what a network answers; a family knows nothing of the loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mining_objects.base_mining_model import Floats, Forecaster, Window
from mining_objects.losses import gaussian_crps
from mining_objects.model_inputs import compute_inputs, warm_up_of
from protocol.errors import InvalidSetting

FAMILIES: Final = {
    "lstm": ("mining_objects.lstm_training", "LstmFamily"),
    "tcn": ("mining_objects.tcn_training", "TcnFamily"),
}
"""Where each family that can be trained stands."""


@dataclass(frozen=True, slots=True)
class Batch:
    """b examples on the network's device, all float32.

    inputs: (b, lookback, f), rows up to T.  outcomes: (b, steps), log-returns from T over `steps` steps in units of
    scale * sqrt(k).  scale: (b,), the last day's root mean square return at T; outcome * scale * sqrt(k) is the plain
    log-return.  baseline: (b,), the standing baseline's sigma at T over scale: 1 where both agree.  realised: (b,
    steps), what `ModelFamily.realised` says, in the unit of outcomes; (b, 0) of a family that does not ask.
    """

    inputs: Tensor
    outcomes: Tensor
    scale: Tensor
    baseline: Tensor
    realised: Tensor


class Batches(Protocol):
    """The examples of one period in order of time, batch after batch; may be gone through again."""

    def __iter__(self) -> Iterator[Batch]: ...


class ModelConfig(Protocol):
    """What every family's config holds: candles a network reads, and the names of what it is shown of each."""

    @property
    def lookback(self) -> int: ...
    @property
    def features(self) -> tuple[str, ...]: ...


C = TypeVar("C", bound=ModelConfig)
Prior = Mapping[str, Floats]
"""Numbers that inputs are computed with, by name: a shape of the day, say."""


class ModelFamily(ABC, Generic[C]):
    """Models of one kind. Everything here is a function of its arguments; a family keeps nothing."""

    name: ClassVar[str]
    """As in `models.create` and in checkpoint cards."""
    config_class: ClassVar[type[Any]]
    """A frozen dataclass whose defaults train; its fields are the keys of [config] in a recipe and of the card."""
    compiles: ClassVar[bool]
    """Whether torch.compile takes the network whole, without a graph break."""
    score_means: ClassVar[str]
    """What a score is, with its unit, for the model card."""
    search: ClassVar[Mapping[str, Any]] = {}
    """What `--sweep` tries when the recipe does not say: a recipe's [sweep] section, key by key."""
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """What the family wants of [data] and [training] where a recipe does not say: {"training": {"batch": 64}}."""
    lead: ClassVar[int] = 0
    """Steps from the newest candle an example sees to T."""

    @abstractmethod
    def check(self, config: C) -> None:
        """Raises InvalidSetting (setting: the field) or UnknownFeature for a config no network can be built of."""

    @abstractmethod
    def steps(self, config: C) -> tuple[int, ...]:
        """The steps k whose outcomes a batch holds, in order."""

    @abstractmethod
    def build(self, config: C) -> nn.Module:
        """A new network, its parameters drawn from torch's generator. Fixed numbers (scaling, shapes) are buffers."""

    @abstractmethod
    def loss(self, config: C, network: nn.Module, batch: Batch) -> Tensor:
        """Shape (b,), differentiable: what training makes small.

        network: call it and look at nothing else of it; it may be wrapped (several devices, torch.compile).
        Every example stands for itself: a batch cut in two must give the same numbers.
        """

    def score(self, config: C, network: nn.Module, batch: Batch) -> Tensor:
        """Shape (b,): what chooses the best epoch on validation, lower is better; the loss unless overridden."""
        return self.loss(config, network, batch)

    def reference(self, config: C, batch: Batch, deviation: Tensor) -> Tensor:
        """Shape (b,): the score of a driftless Gaussian walk of deviation (b,), in units of scale.

        As it stands for a score that is the CRPS in units of scale * sqrt(k), averaged over steps by `step_weights`.
        """
        weights = weights_on(batch.outcomes.device, self.steps(config))
        spread = deviation[:, None].expand_as(batch.outcomes)
        return gaussian_crps(batch.outcomes, torch.zeros_like(spread), spread) @ weights

    def learn(self, config: C, windows: Sequence[Window]) -> Prior:
        """What inputs are computed with. windows: the candles of the training period, one a series."""
        return {}

    def input_rows(self, config: C, prior: Prior, window: Window) -> NDArray[np.float32]:
        """Shape (n, f): what the network may see of each candle; row t depends on rows <= t and the prior alone."""
        return compute_inputs(window, config.features)

    def realised(self, config: C, prior: Prior, window: Window) -> Floats | None:
        """Shape (n, steps): how far the moves after T say that the outcomes of each row may have gone, as a deviation
        of log-returns; NaN where a move is not known. None: the family learns from outcomes alone."""
        return None

    def warm_up(self, config: C) -> int:
        """Rows at the start of input_rows that are not whole."""
        return warm_up_of(config.features)

    @abstractmethod
    def fit_inputs(self, network: nn.Module, prior: Prior, rows: NDArray[np.float32]) -> None:
        """Sets the network's prior and scaling. rows: (n, f), those of the training period alone."""

    @abstractmethod
    def finish(self, network: nn.Module, train: Batches, validation: Batches) -> dict[str, Any]:
        """Fits what is not learnt by gradient (shape of residuals, share of a mean) into the best network's buffers.

        Called once, in evaluation and without gradients. Returns what the card shall tell of it, as JSON.
        """

    @abstractmethod
    def forecaster(self, config: C, network: nn.Module) -> Forecaster:
        """The model that mines with this network, on the CPU."""


def family_named(name: str) -> ModelFamily[Any]:
    """The family of this name. Raises InvalidSetting."""
    if name not in FAMILIES:
        raise InvalidSetting(
            f"no model called {name!r} can be trained; there are {', '.join(FAMILIES)}", setting="model"
        )
    module, attribute = FAMILIES[name]
    family: ModelFamily[Any] = getattr(import_module(module), attribute)()
    return family


@lru_cache(maxsize=16)
def weights_on(device: torch.device, steps: tuple[int, ...]) -> Tensor:
    """step_weights as a tensor there, fit for gradients wherever it is first asked for."""
    with torch.inference_mode(mode=False):
        return torch.from_numpy(step_weights(steps)).to(device)


def step_weights(steps: tuple[int, ...]) -> NDArray[np.float32]:
    """The part of all steps that each of these stands for: those nearer to it than to its neighbours; sums to 1."""
    edges = [0.5, *((a + b) / 2 for a, b in pairwise(steps)), steps[-1] + 0.5]
    return (np.diff(edges) / (edges[-1] - edges[0])).astype(np.float32)
