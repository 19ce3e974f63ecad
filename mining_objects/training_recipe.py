"""A recipe: everything that decides what weights come out of a training, read from TOML, with nothing guessed.

model = "lstm"
[config]      the family's own settings            [training]   see training_settings.TrainingSettings
[data]        files, dates, strides                [sweep]      what a search tries, by dotted key
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar, get_origin, get_type_hints

from mining_objects.trainable import ModelFamily, family_named
from mining_objects.training_settings import TrainingSettings
from protocol.errors import InvalidSetting

_SECTIONS: Final = ("model", "config", "data", "training", "sweep")
_WORDS: Final = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class DataSettings:
    """files: datasets below the data folder, pooled; none means that the folder itself is the one dataset.

    train_from, validation_from, until: days or instants, UTC; training uses candles before validation_from, validation
    those from it on and before `until`; nothing from there on is looked at.  embargo_steps: between the two periods, at
    least as far as outcomes reach.  stride, validation_stride: steps between two examples.
    """

    files: tuple[str, ...] = ()
    train_from: str = "1970-01-01"
    validation_from: str = "2024-09-01"
    until: str = "2025-01-01"
    embargo_steps: int = 288
    stride: int = 6
    validation_stride: int = 12


@dataclass(frozen=True, slots=True)
class Recipe:
    """config: the family's own dataclass.  sweep: dotted key -> choices, or a range (see mining_objects.sweeping)."""

    family: ModelFamily[Any]
    config: Any
    data: DataSettings = field(default_factory=DataSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    sweep: Mapping[str, Any] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        """The recipe as the nested table that `recipe_of` reads, every key written out."""
        parts = {"config": self.config, "data": self.data, "training": self.training}
        return {"model": self.family.name} | {name: asdict(part) for name, part in parts.items()}

    def flat(self) -> dict[str, Any]:
        """The same by dotted key: `training.batch`."""
        table = self.table()
        dotted = {f"{s}.{key}": v for s in ("config", "data", "training") for key, v in table[s].items()}
        return {"model": table["model"]} | dotted


def read_recipe(path: Path | None, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a TOML file, or the defaults without one; then each override, `training.epochs=2`, in TOML's words.

    Raises InvalidSetting, naming the key and the nearest that there is.
    """
    return recipe_of(override(_read_toml(path) if path else {}, overrides))


def override(table: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The table with each KEY=VALUE set. A value that is no TOML is taken as text. Raises InvalidSetting."""
    changed: dict[str, Any] = {k: dict(v) if isinstance(v, Mapping) else v for k, v in table.items()}
    for text in overrides:
        key, equals, value = text.partition("=")
        section, dot, name = key.strip().partition(".")
        if not equals or (not dot and section != "model"):
            raise InvalidSetting(f"want SECTION.KEY=VALUE such as training.epochs=2, was {text!r}", setting=key)
        try:
            read: Any = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            read = value.strip()
        if dot:
            changed[section] = {**changed.get(section, {}), name: read}
        else:
            changed[section] = read
    return changed


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with these values by dotted key. Raises InvalidSetting as read_recipe does."""
    table = recipe.table() | {"sweep": dict(recipe.sweep)}
    for key, value in values.items():
        section, _, name = key.partition(".")
        if section not in _SECTIONS[1:-1]:
            raise InvalidSetting(f"{key!r} is no key of [config], [data] or [training]", setting=key)
        table[section] = {**table[section], name: value}
    return recipe_of(table)


def recipe_of(table: Mapping[str, Any]) -> Recipe:
    """The recipe that a nested table describes. Raises InvalidSetting as read_recipe does."""
    _refuse_unknown(table, _SECTIONS, "")
    for section in _SECTIONS[1:]:
        if not isinstance(table.get(section, {}), Mapping):
            raise InvalidSetting(f"{section} must be a section: [{section}]", setting=section)
    family = family_named(str(table.get("model", "lstm")))
    recipe = Recipe(
        family,
        _filled(family.config_class, table.get("config", {}), "config"),
        _filled(DataSettings, {**family.defaults.get("data", {}), **table.get("data", {})}, "data"),
        _filled(TrainingSettings, {**family.defaults.get("training", {}), **table.get("training", {})}, "training"),
        dict(table.get("sweep", {})),
    )
    family.check(recipe.config)
    recipe.training.check()
    for name in ("stride", "validation_stride"):
        if getattr(recipe.data, name) < 1:
            raise InvalidSetting(f"data.{name} must be at least 1", setting=f"data.{name}")
    _check_order(recipe)
    return recipe


def instant_ms(text: str, key: str) -> int:
    """A day or an instant, UTC where it does not say, as epoch milliseconds. Raises InvalidSetting."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise InvalidSetting(f"{key}: {text!r} is no date such as 2024-09-01", setting=key) from wrong
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)


def to_toml(recipe: Recipe) -> str:
    """The recipe as a TOML file that `read_recipe` reads back to an equal one."""
    table = recipe.table()
    lines = [f"model = {_written(table['model'])}"]
    for section in ("config", "data", "training"):
        lines += ["", f"[{section}]", *(f"{key} = {_written(value)}" for key, value in table[section].items())]
    return "\n".join(lines) + "\n"


def _check_order(recipe: Recipe) -> None:
    names = ("train_from", "validation_from", "until")
    at = [instant_ms(getattr(recipe.data, name), f"data.{name}") for name in names]
    if not at[0] < at[1] < at[2]:
        told = ", ".join(f"data.{name} is {getattr(recipe.data, name)}" for name in names)
        raise InvalidSetting(
            f"want data.train_from < data.validation_from < data.until, but {told}", setting="data.until"
        )
    reach = max(recipe.family.steps(recipe.config))
    if recipe.data.embargo_steps < reach:
        raise InvalidSetting(
            f"data.embargo_steps must be at least {reach}, as far as outcomes reach, was {recipe.data.embargo_steps}",
            setting="data.embargo_steps",
        )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as absent:
        raise InvalidSetting(f"{path}: cannot be read: {absent.strerror}", file=str(path)) from absent
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise InvalidSetting(f"{path}: is no TOML: {broken}", file=str(path)) from broken


def _refuse_unknown(table: Mapping[str, Any], known: Sequence[str], section: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.0)[0]
            where = f"[{section}] has no key" if section else "a recipe has no section or key"
            raise InvalidSetting(f"{where} {key!r}; did you mean {near!r}?", setting=f"{section}.{key}".strip("."))


def _filled(cls: type[D], table: Mapping[str, Any], section: str) -> D:
    """The dataclass with the table's values in their fields' types. Raises InvalidSetting."""
    assert is_dataclass(cls)
    types = get_type_hints(cls)
    _refuse_unknown(table, [f.name for f in fields(cls)], section)
    return cls(**{key: _typed(value, types[key], f"{section}.{key}") for key, value in table.items()})


def _typed(value: Any, kind: Any, key: str) -> Any:
    if get_origin(kind) is tuple:
        (inner, *_) = kind.__args__
        if isinstance(value, list | tuple):
            return tuple(_typed(one, inner, key) for one in value)
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif kind is str and isinstance(value, date):
        return value.isoformat()
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise InvalidSetting(f"{key} must be {_WORDS.get(kind, 'a list')}, was {value!r}", setting=key)


def _written(value: Any) -> str:
    """One value in TOML. Strings here are names, dates and paths."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_written(one) for one in value) + "]"
    return repr(value)
