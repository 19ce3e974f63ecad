"""Where a command looks: the options that name a database or a validator, once for all commands that read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from neurons.peers_file import ListedValidator
    from neurons.settings import MinerSettings

PANEL: Final = "Where to look"


def _option(flag: str, metavar: str | None, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, rich_help_panel=PANEL)


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask over the network, and as whom. What is not given here comes as for a node: from the environment
    (AUGURY_KEY_FILE, AUGURY_PARAMS, ...), then from the TOML file of --config or AUGURY_CONFIG."""

    validator: Annotated[
        str | None, _option("--validator", "HOTKEY@HOST:PORT", "Ask this validator over the network.")
    ] = None
    validators_file: Annotated[
        Path | None, _option("--validators-file", "FILE", "Ask the first validator of a miner's validators_file.")
    ] = None
    key_file: Annotated[
        Path | None, _option("--key-file", "FILE", "Sign with this key; any key may ask. Default: the miner's.")
    ] = None
    passphrase_file: Annotated[
        Path | None, _option("--passphrase-file", "FILE", "The key file's passphrase, unless AUGURY_PASSPHRASE has it.")
    ] = None
    allow_unencrypted_key: Annotated[
        bool, _option("--allow-unencrypted-key", None, "Take a key file that is not encrypted.")
    ] = False
    params: Annotated[str | None, _option("--params", "main|day|demo", "The network's rules.")] = None
    config: Annotated[
        Path | None, _option("--config", "FILE", "A miner's TOML file: key, validators, params, clock.")
    ] = None

    def settings(self) -> MinerSettings:
        """What these options and everything below them say. Raises InvalidSetting."""
        from neurons.config import parse
        from neurons.settings import MinerSettings

        arguments = [] if not self.allow_unencrypted_key else ["--allow_unencrypted_key"]
        for name in ("validators_file", "key_file", "passphrase_file", "params", "config"):
            value = getattr(self, name)
            arguments += [] if value is None else [f"--{name}", str(value)]
        return parse(MinerSettings, arguments, command="augury")

    def peer(self, settings: MinerSettings) -> ListedValidator:
        """The validator to ask. Raises InvalidSetting when none is named, or not well."""
        from neurons.peers_file import read_validators_file

        if self.validator is not None:
            return read_peer(self.validator)
        if settings.validators_file is None:
            raise InvalidSetting("say whom to ask: --validator HOTKEY@HOST:PORT or --validators-file FILE")
        listed = read_validators_file(settings.validators_file)
        if not listed:
            raise InvalidSetting(f"{settings.validators_file}: lists no validator", file=str(settings.validators_file))
        return listed[0]


@dataclass(frozen=True, slots=True)
class Where(Asking):
    """A database on this machine, or a validator to ask."""

    db: Annotated[
        Path | None,
        _option("--db", "PATH", "Read a validator's database on this machine, also while the validator runs."),
    ] = None


def read_peer(text: str) -> ListedValidator:
    """HOTKEY@HOST:PORT. Raises InvalidSetting."""
    from neurons.peers_file import ENDPOINT, HOTKEY, ListedValidator
    from protocol.units import Hotkey

    hotkey, at, endpoint = text.partition("@")
    if not (at and HOTKEY.fullmatch(hotkey) and ENDPOINT.fullmatch(endpoint)):
        raise InvalidSetting(
            f"a validator is written HOTKEY@HOST:PORT with 64 hex digits, not {text[:100]!r}", setting="validator"
        )
    return ListedValidator(Hotkey(bytes.fromhex(hotkey)), endpoint)


def with_options(kind: type[Asking]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command every option of `kind`; the command takes them as its first argument, a `kind`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        names = [field.name for field in fields(kind)]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            command(kind(**{name: given.pop(name) for name in names}), **given)

        own = list(inspect.signature(command).parameters.values())[1:]
        shared = [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
            for field in fields(kind)
        ]
        hints = get_type_hints(kind, include_extras=True) | get_type_hints(command, include_extras=True)
        taken = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + shared
        run.__signature__ = inspect.Signature([p.replace(annotation=hints[p.name]) for p in taken])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: hints[parameter.name] for parameter in taken}
        del run.__wrapped__
        return run

    return decorate
