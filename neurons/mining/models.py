"""What there is to forecast with: every model by name, and one loaded to work, with a fallback if one is wanted."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mining_objects.models as shelf
from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.cards import read_any_card
from mining_objects.errors import BrokenCheckpoint, BrokenModel, MissingPackage
from mining_objects.installed_weights import split_name, versions_of
from neurons.settings import MinerSettings
from neurons.telemetry import Event, ModelBroken, ModelLoaded, ModelRecovered
from protocol.errors import InvalidSetting

Record = Callable[[Event], None]
"""Where a model's troubles are told."""


@dataclass(frozen=True, slots=True)
class ModelOnTheShelf:
    """A model that a miner can run. pinned: its name with the version of its weights; the name itself if it has none.

    needs: the package of the extra that it cannot do without, or empty.  checksum: of its card, or empty.
    """

    name: str
    pinned: str
    needs: str
    checksum: str
    what: str


def describe_models() -> list[ModelOnTheShelf]:
    """Every model, and every installed version of its weights that is not the newest, in a row of its own.

    Modules are read and not run: some need torch.
    """
    rows = []
    for family in shelf.NAMES:
        tree = _source_of(f"{shelf.__name__}.{family}")
        said = (ast.get_docstring(tree) or "").split("\n", 1)[0]
        needs = "torch" if "torch" in _imported(tree) else ""
        versions = versions_of(family)
        if not versions:
            rows.append(ModelOnTheShelf(family, family, needs, "", said))
        for version, folder in reversed(versions.items()):
            pinned, checksum = f"{family}_v{version}", str(read_any_card(folder)["card_sha256"])
            name = family if version == max(versions) else pinned
            rows.append(ModelOnTheShelf(name, pinned, needs, checksum, said))
    return rows


def load_model(name: str, *, weights: Path | None, device: str, inference: str = "torch") -> Forecaster:
    """As `mining_objects.models.create`; raises what it raises."""
    return shelf.create(name, weights=weights, device=device, inference=inference)


class MinersModel:
    """What a miner forecasts with: its own model and, if the settings name one, the fallback behind it.

    Used by one forecast at a time, from whatever thread makes it.
    """

    def __init__(
        self, name: str, own: Forecaster | BrokenModel, *, fallback: Forecaster | None, record: Record
    ) -> None:
        """own: the model, or why there is none; then there must be a fallback."""
        self._name, self._own, self._fallback, self._record = name, own, fallback, record
        self._is_broken = False
        there = [model for model in (own, fallback) if isinstance(model, Forecaster)]
        self.lookback = max(model.lookback for model in there)
        if isinstance(own, Forecaster):
            told = ModelLoaded(model=name, runs_on=own.runs_on, fallback=fallback.name if fallback else "")
            record(told)
        else:
            self._note(own)

    @property
    def name(self) -> str:
        """As others are told: `lstm_v1`, and while it is broken which model answers in its place."""
        if self._is_broken and self._fallback is not None:
            return f"{self._fallback.name} in place of {self._name}, which is broken"
        return self._name

    @property
    def own_name(self) -> str:
        """The model's own, broken or not."""
        return self._name

    @property
    def runs_on(self) -> str:
        return self._own.runs_on if isinstance(self._own, Forecaster) else "nothing"

    def forecast(
        self, windows: Sequence[Window], *, steps: int, paths: int, seed: int, lead: int = 0
    ) -> list[Forecast]:
        """As `Forecaster.forecast`: its own model's, else the fallback's. Raises BrokenModel when neither has one."""
        asked: dict[str, Any] = {"steps": steps, "paths": paths, "seed": seed, "lead": lead}
        try:
            if isinstance(self._own, BrokenModel):
                raise self._own
            made = self._own.forecast(windows, **asked)
        except BrokenModel as broken:
            return self.stand_in(broken, windows, **asked)
        except SystemExit as left:
            told = f"model {self._name!r} wanted to end the whole process with {left.code!r}"
            return self.stand_in(BrokenModel(told, model=self._name), windows, **asked)
        if self._is_broken:
            self._is_broken = False
            self._record(ModelRecovered(model=self._name))
        return made

    def stand_in(
        self, broken: BrokenModel, windows: Sequence[Window], *, steps: int, paths: int, seed: int, lead: int = 0
    ) -> list[Forecast]:
        """The fallback's forecast in place of what its own model did not make. Raises `broken` without a fallback."""
        self._note(broken)
        if self._fallback is None:
            raise broken
        return self._fallback.forecast(windows, steps=steps, paths=paths, seed=seed, lead=lead)

    def _note(self, broken: BrokenModel) -> None:
        self._is_broken = True
        answered_by = self._fallback.name if self._fallback else ""
        self._record(ModelBroken(model=self._name, reason=str(broken), answered_by=answered_by))


def model_of(settings: MinerSettings, record: Record) -> MinersModel:
    """The model that the settings name, with its fallback. Raises what keeps it from loading, unless there is one.

    A name that no model has, and a setting that cannot be, are refused in any case: they are no fault of the model.
    """
    if settings.fallback_model == settings.base_model and settings.weights is None:
        raise InvalidSetting(
            f"fallback_model: {settings.base_model} cannot stand in for itself", setting="fallback_model"
        )
    fallback = fallback_of(settings)
    try:
        own: Forecaster | BrokenModel = load_model(
            settings.base_model, weights=settings.weights, device=settings.device, inference=settings.inference
        )
        name = _name_with_weights(settings.base_model, settings.weights)
    except (BrokenCheckpoint, MissingPackage) as broken:
        if fallback is None:
            raise
        own, name = BrokenModel(str(broken), model=settings.base_model), settings.base_model
    return MinersModel(name, own, fallback=fallback, record=record)


def fallback_of(settings: MinerSettings) -> Forecaster | None:
    """The fallback that the settings name, as installed, or None. Raises what keeps it from loading."""
    if settings.fallback_model is None:
        return None
    return load_model(settings.fallback_model, weights=None, device="cpu", inference="auto")


def _name_with_weights(name: str, weights: Path | None) -> str:
    """`lstm_v1` for installed weights, `lstm 43f01de1` for others: the first digits of their card's checksum."""
    if weights is None:
        return name if split_name(name)[1] else shelf.pinned(name)
    return f"{name} {read_any_card(weights)['card_sha256'][:8]}"


def _source_of(module: str) -> ast.Module:
    found = find_spec(module)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"the model's module {module} is not installed", name=module)
    return ast.parse(Path(found.origin).read_text(encoding="utf-8"))


def _imported(tree: ast.Module) -> set[str]:
    """The packages that a module imports when it is loaded."""
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}
