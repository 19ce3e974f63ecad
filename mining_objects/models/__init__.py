"""The forecasters by name: `create("ewma")`. One model a file, its frozen config first.

`flat` and `drift` guess; `ridge` regresses; `ewma` knows the clock and the tails; `lstm` and `tcn` have learnt (they
need torch). A model's module is imported when it is first created, so the others run where torch is not installed. The
name of a model that has learnt means its newest installed weights; `har_v1` pins a version of them.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from mining_objects.base_mining_model import Forecaster
from mining_objects.errors import MissingPackage, UnknownModel
from mining_objects.installed_weights import installed_weights, split_name, versions_of
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
    "neural_har": ("mining_objects.models.neural_har", "NeuralHar"),
    "tcn": ("mining_objects.models.tcn", "Tcn"),
}
_LEARNT: Final = frozenset({"har", "lstm", "neural_har", "stack", "tcn"})
"""Models that take weights and a device."""
_WITH_ENGINES: Final = frozenset({"lstm", "tcn"})
"""Models that more than one engine can compute."""

NAMES: Final = tuple(_CLASSES)


def pinned(name: str) -> str:
    """The name that will mean the same weights for ever: `har` -> `har_v1`, the newest; others as they are."""
    newest = max(versions_of(name), default=None) if name in _LEARNT else None
    return name if newest is None else f"{name}_v{newest}"


def create(name: str, *, weights: Path | None = None, device: str = "cpu", inference: str = "torch") -> Forecaster:
    """The model of this name, ready to forecast.

    name: one of NAMES, or one that learns with the version of its installed weights, such as `lstm_v1`.
    weights: a checkpoint folder, for models that learn; None takes what is installed with the package.
    device: "cpu", "cuda", "mps" or "auto"; one forecast at a time is fastest on the CPU.
    inference: "torch", "onnx" or "auto" (`mining_objects/inference.py`); numbers of the two differ in the last digits.
    Raises UnknownModel, MissingPackage (torch for `lstm` and `tcn`), BrokenCheckpoint, or InvalidSetting (weights for a
    model that has none, or beside a version; an engine that cannot compute it).
    """
    family, version = split_name(name)
    if family not in _CLASSES or (version is not None and family not in _LEARNT):
        raise UnknownModel(f"no model is called {name!r}; there are {', '.join(NAMES)}", model=name)
    if inference == "onnx" and family not in _WITH_ENGINES:
        able = ", ".join(sorted(_WITH_ENGINES))
        raise InvalidSetting(f"inference = onnx can compute {able}, not {name!r}", setting="inference")
    module, attribute = _CLASSES[family]
    if family not in _LEARNT:
        if weights is not None:
            raise InvalidSetting(f"model {name!r} learns nothing beforehand, so it takes no weights", setting="weights")
        model: Forecaster = getattr(import_module(module), attribute)()
        return model
    if version is not None and weights is not None:
        raise InvalidSetting(
            f"{name!r} names installed weights: leave weights unset, or say {family!r}", setting="weights"
        )
    folder = weights or installed_weights(family, version)
    try:
        learnt = getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        raise MissingPackage(
            f"model {name!r} needs {missing.name}, which is not installed: pip install 'augury[miner]'",
            model=name,
            package=missing.name,
        ) from missing
    engine = {"inference": inference} if family in _WITH_ENGINES else {}
    loaded: Forecaster = learnt.load(folder, device=device, **engine)
    return loaded
