"""Settings: flags over environment over a TOML file over defaults, parsed once into frozen values.

The only reader of the environment. Every setting has a description, which `--help` and docs/settings.md
show; a wrong one is refused in one sentence that says where it stands and what was meant.

    flag            --listen.port 8090
    environment     AUGURY_LISTEN__PORT=8090
    TOML            [listen]
                    port = 8090
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from neurons.gateway_settings import GatewaySettings
from neurons.settings import MinerSettings, SignerSettings, ValidatorSettings
from protocol.errors import InvalidSetting

S = TypeVar("S", bound=SignerSettings)

NODES: Final = (ValidatorSettings, MinerSettings, GatewaySettings)
"""The settings of every kind of node."""
PREFIX: Final = "AUGURY_"
PASSPHRASE: Final = "AUGURY_PASSPHRASE"
OTHER_VARIABLES: Final = {
    PASSPHRASE: "The passphrase of the key file, for an unattended start. `passphrase_file` is the better place.",
    "AUGURY_RECORDINGS": "The folder of recorded market data that tests and figures use.",
    "AUGURY_OUTSIDE_CLIENT": "`yes` lets a test install the PyPI client of microprediction and run it for two minutes.",
}
"""Environment variables that are no setting of their own."""
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]*@")
"""The login in an address, which is nobody's to read in an error."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as a person meets it. `many`: a list or table, written in TOML or, elsewhere, as JSON."""

    key: str
    field: FieldInfo
    default: Any
    many: bool

    @property
    def flag(self) -> str:
        return f"--{self.key}"

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper().replace(".", "__")

    @property
    def description(self) -> str:
        return self.field.description or ""

    @property
    def is_switch(self) -> bool:
        return self.field.annotation is bool


def settings_of(model: type[BaseModel]) -> Iterator[Setting]:
    """Every setting of a model in the order they are declared; a section's settings have dotted keys."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        kind = _model_in(field)
        if kind is None or get_args(field.annotation):
            yield Setting(name, field, default, many=kind is not None)
            continue
        for inner in settings_of(kind):
            yield Setting(f"{name}.{inner.key}", inner.field, getattr(default, inner.key), inner.many)


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    """The model that a section, or each element of a list, is made of."""
    parts = (field.annotation, *get_args(field.annotation))
    return next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), None)


def parse(model: type[S], arguments: Sequence[str], *, command: str, environment: Mapping[str, str] | None = None) -> S:
    """The settings of one node from its command line and everything else it stands on.

    arguments: what follows the command's name. environment: this process's own unless given.
    `--help` prints every setting and leaves the process. Raises InvalidSetting (ours).
    """
    variables = os.environ if environment is None else environment
    known, unknown = _parser(model, command).parse_known_args(list(arguments))
    if unknown:
        raise InvalidSetting(f"the command line: {unknown[0]} is no setting{_nearest(model, unknown[0])}")
    flags = vars(known)
    file = flags.pop("config") or variables.get(f"{PREFIX}CONFIG")
    by_flag = {key: value for key, value in flags.items() if value is not None}
    sources = [
        Source("the command line", "--{}", _nested(_decoded(model, by_flag, "--{}"))),
        Source("the environment", PREFIX + "{}", _from_environment(model, variables)),
        *([read_toml(Path(file))] if file else []),
    ]
    return build(model, sources)


def passphrase_from_environment(environment: Mapping[str, str] | None = None) -> bytes | None:
    """The key file's passphrase when the environment holds one. It is never part of the settings, which are logged."""
    value = (os.environ if environment is None else environment).get(PASSPHRASE)
    return None if value is None else value.encode()


def default_variables(**defaults: str) -> None:
    """Sets variables that libraries read when they load, where they are not set. For `neurons/library_defaults.py`."""
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


@dataclass(frozen=True, slots=True)
class Source:
    """Where values came from: its name and how it spells a key, for the sentence about a wrong one."""

    name: str
    spelling: str
    values: Mapping[str, Any]

    def spell(self, key: str) -> str:
        if self.spelling.startswith(PREFIX):
            return self.spelling.format(key.upper().replace(".", "__"))
        return self.spelling.format(key)


def read_toml(path: Path) -> Source:
    """A settings file. Raises InvalidSetting (ours) when it is missing, unreadable or no TOML."""
    try:
        return Source(str(path), "{}", tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidSetting(f"{path}: cannot be read: {error.strerror}", file=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path}: is no TOML: {error}", file=str(path)) from error


def build(model: type[S], sources: Sequence[Source]) -> S:
    """The settings that sources, strongest first, give together. Raises InvalidSetting (ours) for a wrong one."""
    merged = _nested({setting.key: setting.default for setting in settings_of(model) if "." in setting.key})
    for source in reversed(sources):
        merged = _merge(merged, source.values)
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        raise _explained(model, sources, error) from error


def _explained(model: type[BaseModel], sources: Sequence[Source], error: ValidationError) -> InvalidSetting:
    """One complaint as one sentence: where the key stands, what was wrong, what may have been meant.

    A key that does not exist comes first: it is often the reason why another is missing.
    """
    complaints = error.errors(include_url=False)
    complaint = next((c for c in complaints if c["type"] == "extra_forbidden"), complaints[0])
    path = [str(part) for part in complaint["loc"]]
    key = ".".join(path)
    source = next((s for s in sources if _holds(s.values, path)), None)
    said = complaint["msg"].removeprefix("Value error, ")
    if complaint["type"] == "value_error":
        return InvalidSetting(f"{key}: {said}" if key else said, setting=key)
    where = f"{source.name}: {source.spell(key)}" if source else key
    if complaint["type"] == "extra_forbidden":
        return InvalidSetting(f"{where} is no setting{_nearest(model, key)}", setting=key)
    shown = "" if complaint["type"] == "missing" else f" = {_LOGIN.sub('', repr(complaint['input']))}"
    return InvalidSetting(f"{where}{shown}: {said[:1].lower()}{said[1:]}", setting=key)


def _nearest(model: type[BaseModel], key: str) -> str:
    """What may have been meant: among the keys of the section or list element that the unknown key stands in."""
    *above, name = key.lstrip("-").partition("=")[0].split(".")
    inner: type[BaseModel] | None = model
    for part in above:
        if inner is not None and not part.isdigit():
            inner = _model_in(inner.model_fields[part]) if part in inner.model_fields else None
    near = difflib.get_close_matches(name, (inner or model).model_fields, n=1, cutoff=0.6)
    if inner is not None and near:
        return f"; did you mean {'.'.join([*above, *near])}?"
    known = [setting.key for setting in settings_of(model)]
    near = difflib.get_close_matches(".".join([*above, name]), known, n=1, cutoff=0.6)
    near += [k for k in known if k.rpartition(".")[2] == name]
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join((inner or model).model_fields)}"


def _holds(values: Any, path: Sequence[str]) -> bool:
    for part in path:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            return False
    return True


def _merge(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key; anything else of the stronger source replaces the weaker's."""
    merged = dict(weak)
    for key, value in strong.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"listen.port": 1} -> {"listen": {"port": 1}}"""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return tree


def _from_environment(model: type[BaseModel], variables: Mapping[str, str]) -> dict[str, Any]:
    """Raises InvalidSetting for an AUGURY_ variable that no node has: a typo there would go unseen for ever."""
    mine = {setting.variable: setting.key for setting in settings_of(model)}
    anybodys = {s.variable for kind in NODES for s in settings_of(kind)}
    known = anybodys | set(OTHER_VARIABLES) | {f"{PREFIX}CONFIG"}
    for name in variables:
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise InvalidSetting(f"the environment: {name} is no setting{hint}", setting=name)
    found = {mine[name]: value for name, value in variables.items() if name in mine}
    return _nested(_decoded(model, found, PREFIX + "{}"))


def _decoded(model: type[BaseModel], flat: Mapping[str, Any], spelling: str) -> dict[str, Any]:
    """Lists and tables come as JSON where a source has only text."""
    many = {setting.key for setting in settings_of(model) if setting.many}
    decoded = dict(flat)
    for key in many & set(flat):
        try:
            decoded[key] = json.loads(flat[key])
        except json.JSONDecodeError as error:
            shown = Source("", spelling, {}).spell(key)
            raise InvalidSetting(f"{shown} must be JSON: {error}", setting=key) from error
    return decoded


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as an InvalidSetting, like every other source."""

    def error(self, message: str) -> Any:
        raise InvalidSetting(f"the command line: {message}")


def _parser(model: type[BaseModel], command: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=command,
        description=(model.__doc__ or "").strip(),
        epilog=f"A flag is also a TOML key and a variable: --log.level, [log] level, {PREFIX}LOG__LEVEL.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help=f"A TOML file of settings (or {PREFIX}CONFIG).")
    for setting in settings_of(model):
        text = setting.description + (f" (default: {show_default(setting)})" if setting.default is not None else "")
        text = text.replace("%", "%%")
        if setting.is_switch:
            parser.add_argument(
                setting.flag, dest=setting.key, action=argparse.BooleanOptionalAction, default=None, help=text
            )
        else:
            parser.add_argument(setting.flag, dest=setting.key, metavar=_metavar(setting), default=None, help=text)
    return parser


def _metavar(setting: Setting) -> str:
    choices = [part for part in get_args(setting.field.annotation) if isinstance(part, str)]
    return "|".join(choices) or ("JSON" if setting.many else setting.key.rpartition(".")[2].upper())


def show_default(setting: Setting) -> str:
    """What applies when nothing is set, in the words of a person."""
    if setting.default is None:
        return "not set"
    if setting.is_switch:
        return "yes" if setting.default else "no"
    return "; ".join(str(part) for part in setting.default) if setting.many else str(setting.default)
