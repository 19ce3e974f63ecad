"""The forecasters by name: `create("ewma")`. One model a file, its frozen config first.

`flat` and `drift` guess; `ridge` regresses; `ewma` knows the clock and the tails; `lstm` has learnt (needs torch).
A model's module is imported when it is first created, so the others run where torch is not installed.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from mining_objects.base_mining_model import Forecaster
from mining_objects.errors import MissingPackage, UnknownModel
from protocol.errors import InvalidSetting

_CLASSES: Final = {
    "flat": ("mining_objects.models.flat", "Flat"),
    "drift": ("mining_objects.models.drift", "Drift"),
    "seasonal": ("mining_objects.models.seasonal", "Seasonal"),
    "ridge": ("mining_objects.models.ridge", "Ridge"),
    "ewma": ("mining_objects.models.ewma", "Ewma"),
    "garch": ("mining_objects.models.garch", "Garch"),
    "har": ("mining_objects.models.har", "Har"),
    "stack": ("mining_objects.models.stack", "Stack"),
    "lstm": ("mining_objects.models.lstm", "Lstm"),
}
_LEARNT: Final = frozenset({"har", "lstm", "stack"})
"""Models that take weights and a device."""

NAMES: Final = tuple(_CLASSES)


def create(name: str, *, weights: Path | None = None, device: str = "cpu") -> Forecaster:
    """The model of this name, ready to forecast.

    weights: a checkpoint folder, for models that learn; None takes the one that is installed with the package.
    device: "cpu", "cuda", "mps" or "auto"; one forecast at a time is fastest on the CPU.
    Raises UnknownModel, MissingPackage (torch for `lstm`), BrokenCheckpoint, or InvalidSetting (weights for a
    model that has none).
    """
    if name not in _CLASSES:
        raise UnknownModel(f"no model is called {name!r}; there are {', '.join(NAMES)}", model=name)
    module, attribute = _CLASSES[name]
    if name not in _LEARNT:
        if weights is not None:
            raise InvalidSetting(f"model {name!r} learns nothing beforehand, so it takes no weights", setting="weights")
        model: Forecaster = getattr(import_module(module), attribute)()
        return model
    try:
        learnt = getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        raise MissingPackage(
            f"model {name!r} needs {missing.name}, which is not installed: pip install 'augury[miner]'",
            model=name,
            package=missing.name,
        ) from missing
    loaded: Forecaster = learnt.load(weights, device=device)
    return loaded
