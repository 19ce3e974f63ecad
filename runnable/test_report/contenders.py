"""Who takes part in a test: models by name or folder, with what their cards say, and whether they saw the test before.

A model that was fitted on a day of the test period knows its outcomes: such a test is refused, or says so everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mining_objects import models
from mining_objects.base_mining_model import Forecaster
from mining_objects.cards import read_any_card
from mining_objects.errors import UnknownModel
from mining_objects.installed_weights import installed_weights, split_name, versions_of
from neurons.market.history.request import instant_ms
from protocol.errors import InvalidSetting
from protocol.units import DAY_MS, Hotkey
from runnable.test_report.model_files import forecaster_in

PYTHON: Final = ".py"
BESIDE: Final = ("flat", "drift", "ewma")
"""Who plays beside the tested models unless told otherwise: what anybody can run without fitting anything."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One key of the tested network. label: what the report calls it.  model: what `models.create` takes, or a file.

    folder: of the weights, None for a model that learns nothing beforehand.  card_sha256: as its card has it; that of a
    file; or "".
    fitted_until_ms: the end of what it was fitted on, as its card and those of its members say; None when no card says.
    """

    label: str
    model: str
    folder: Path | None
    is_tested: bool
    card_sha256: str
    fitted_until_ms: int | None

    @property
    def is_file(self) -> bool:
        """Whether the model is a Python file of somebody's own."""
        return self.model.endswith(PYTHON)

    @property
    def hotkey(self) -> Hotkey:
        """A key of its own, the same in every test."""
        return Hotkey(hashlib.sha256(b"augury/contender\0" + self.label.encode()).digest())

    def create(self) -> Forecaster:
        """The model, ready to forecast. Raises as `models.create`, and for a file as `forecaster_in`."""
        if self.is_file:
            return forecaster_in(Path(self.model))
        return models.create(split_name(self.model)[0], weights=self.folder)


def contenders_of(tested: Sequence[str], beside: Sequence[str], weights: Mapping[str, Path]) -> tuple[Contender, ...]:
    """The tested models, then those beside them that are not tested themselves.

    Each model is created once, so that one that cannot be is found before the test begins.
    tested, beside: names of models, folders of weights, Python files that define a model, or names that `weights`
    gives a folder to. A folder's card says which model it belongs to.
    Raises InvalidSetting (no model, a name given twice, weights of nobody), and as `Contender.create`.
    """
    names = [(name, True) for name in tested] + [(name, False) for name in beside if name not in tested]
    found = [_contender(name, weights.get(name), is_tested=is_tested) for name, is_tested in names]
    labels = [one.label for one in found]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if not tested or twice:
        raise InvalidSetting(f"{', '.join(twice)} is named twice" if twice else "no model is named", setting="models")
    if unused := sorted(set(weights) - set(labels)):
        raise InvalidSetting(f"weights for {', '.join(unused)}, which is not among the models", setting="weights")
    for one in found:
        one.create()
    return tuple(found)


def check_unseen(contenders: Sequence[Contender], from_ms: int, *, allowed: bool) -> list[str]:
    """A sentence for each contender that was fitted on days of the test, or whose card does not say on which.

    Raises InvalidSetting for the first kind unless it is allowed.
    """
    seen = [one for one in contenders if one.fitted_until_ms is not None and one.fitted_until_ms > from_ms]
    if seen and not allowed:
        told = "; ".join(f"{one.label} was fitted on candles before {day_of(one.fitted_until_ms)}" for one in seen)
        raise InvalidSetting(
            f"the test begins on {day_of(from_ms)}, but {told}: begin later, or fit on less. "
            "--overlap tests all the same and labels the report",
            setting="from",
        )
    unsaid = [one for one in contenders if one.folder is not None and one.fitted_until_ms is None]
    files = [one for one in contenders if one.is_file]
    return [
        *(f"{one.label} HAS SEEN this period: fitted on candles before {day_of(one.fitted_until_ms)}" for one in seen),
        *(f"{one.label} may have seen this period: its card does not say what it was fitted on" for one in unsaid),
        *(f"{one.label} may have seen this period: nothing says what its file was made from" for one in files),
    ]


def day_of(at_ms: int | None) -> str:
    """The UTC day of an instant, as 2024-03-01; empty for None."""
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


def _contender(name: str, given: Path | None, *, is_tested: bool) -> Contender:
    if name.endswith(PYTHON) and Path(name).is_file():
        sha256 = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        return Contender(Path(name).stem, name, None, is_tested, sha256, None)
    if given is None and Path(name).name != name and not Path(name).is_dir():
        raise UnknownModel(f"{name} is neither a folder of weights nor a {PYTHON} file, and no model has this name")
    label, folder, model = name, given, name
    if given is None and Path(name).is_dir():
        folder = Path(name)
        label = folder.resolve().name
    if folder is not None:
        model = str(read_any_card(folder)["model"])
    else:
        family, version = split_name(name)
        folder = installed_weights(family, version) if versions_of(family) else None
    card = {} if folder is None else read_any_card(folder)
    until = None if folder is None else max(_fitted_until_ms(card), default=None)
    return Contender(label, model, folder, is_tested, str(card.get("card_sha256", "")), until)


def _fitted_until_ms(card: Mapping[str, Any]) -> Iterator[int]:
    """Every end of a fitting period that a card and the cards of its members tell."""
    yield from _ends_in(card.get("training"))
    members = card.get("settings", {}).get("members", []) if isinstance(card.get("settings"), dict) else []
    for member in members:
        family, version = split_name(str(member))
        if versions_of(family):
            yield from _fitted_until_ms(read_any_card(installed_weights(family, version)))


def _ends_in(told: object) -> Iterator[int]:
    """`until` (a day after the last) and `last` (the last day), at any depth."""
    match told:
        case dict():
            for key, value in told.items():
                if key in ("until", "last") and isinstance(value, str):
                    yield instant_ms(value) + (DAY_MS if key == "last" else 0)
                else:
                    yield from _ends_in(value)
        case list():
            for one in told:
                yield from _ends_in(one)
