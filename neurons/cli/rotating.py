"""`augury keys rotate`: a new key follows the old one, or nobody does.

    new key file --> statement signed by both, in a file --> the old key's name, then the statement, to every validator

Each step is on disk before the next begins, so the same command goes on where it was cut off, and brings the statement
to a validator that was away. The statement is no secret: whoever has the file can bring it.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from neurons.cli.confirming import make_sure
from neurons.cli.tables import AsJson, console, show_json, table
from neurons.cli.where import Asking, with_options
from protocol.errors import AuguryError, InvalidSetting

if TYPE_CHECKING:
    from neurons.peers_file import ListedValidator
    from neurons.settings import MinerSettings
    from protocol.keys import SigningKey
    from protocol.rules.succession import Succession

FORMAT: Final = "augury-succession/1"


@dataclass(frozen=True, slots=True)
class Brought:
    """What one validator said to the statement. why: empty where it was taken."""

    validator: str
    endpoint: str
    why: str


@with_options(Asking)
def rotate(
    asking: Asking,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The new key's file; made if there is none.")
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="End the key; nobody follows it. For ever.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Keep the new key in the clear. For tests and demonstrations.")
    ] = False,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option("--new-passphrase-file", metavar="FILE", help="The new key's passphrase; else you are asked."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand a key over to a new one, which has its streams, name and points from then on; or revoke it.

    Tells the validator of --validator, or all of --validators-file. The old key signs nothing more there.
    """
    from neurons.signers import PRESETS, clock_of, key_of

    if revoke == (to is not None):
        raise InvalidSetting("say what follows the key: --to FILE for a new one, or --revoke for nobody")
    settings = asking.settings()
    before = key_of(settings)
    _make_sure(before, to, yes=yes)
    after = None if to is None else _new_key(to, new_passphrase_file, unencrypted=unencrypted)
    path = settings.key_path.with_suffix(".succession.json")
    network = PRESETS[settings.params].network
    statement = _kept(path, network, before, after, issued_at_ms=clock_of(settings).now_ms())
    brought = asyncio.run(_bring(settings, _listed(asking, settings), before, statement))
    if as_json:
        show_json({"statement": str(path), "succession": statement, "validators": brought})
    else:
        _tell(path, to, brought)
    if any(one.why for one in brought):
        raise typer.Exit(1)


def _new_key(path: Path, passphrase_file: Path | None, *, unencrypted: bool) -> SigningKey:
    from neurons.cli.keys import create_key, new_passphrase
    from neurons.keystore import is_encrypted, load_key_file

    file = path.expanduser()
    if not file.exists():
        return create_key(file, passphrase_file, unencrypted=unencrypted)
    passphrase = new_passphrase(passphrase_file) if is_encrypted(file) else None
    return load_key_file(file, passphrase=passphrase, allow_unencrypted=unencrypted)


def _make_sure(before: SigningKey, to: Path | None, *, yes: bool) -> None:
    """Raises InvalidSetting unless the person means it."""
    make_sure(
        f"Key {before.hotkey.hex()[:8]} ends for ever, with all that it has"
        if to is None
        else f"The key in {to} follows {before.hotkey.hex()[:8]}, which signs nothing more",
        yes=yes,
    )


def _kept(path: Path, network: str, before: SigningKey, after: SigningKey | None, *, issued_at_ms: int) -> Succession:
    """The statement in the file, or a new one, which is in the file then. Raises InvalidSetting for another's."""
    from protocol.rules.succession import NOBODY, hand_over, revoke
    from protocol.units import UnixMs

    if path.exists():
        known = read_statement(path)
        if (known.network, known.before, known.after) != (network, before.hotkey, after.hotkey if after else NOBODY):
            raise InvalidSetting(f"{path}: states something else; a key is handed over once", file=str(path))
        return known
    at_ms = UnixMs(issued_at_ms)
    made = (
        revoke(network, before, issued_at_ms=at_ms)
        if after is None
        else hand_over(network, before, after, issued_at_ms=at_ms)
    )
    _write(path, made)
    return made


def read_statement(path: Path) -> Succession:
    """The statement in a file, its signatures checked. Raises InvalidSetting, BadSignature or InvalidRequest."""
    from protocol.rules.succession import Succession, check_succession
    from protocol.units import Hotkey, UnixMs

    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']!r:.40} is not {FORMAT}")
        statement = Succession(
            network=told["network"],
            before=Hotkey(bytes.fromhex(told["before"])),
            after=Hotkey(bytes.fromhex(told["after"])),
            issued_at_ms=UnixMs(told["issued_at_ms"]),
            consent=bytes.fromhex(told["consent"]),
            acceptance=bytes.fromhex(told["acceptance"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidSetting(f"{path}: is no whole statement of a succession: {error}", file=str(path)) from error
    check_succession(statement, network=statement.network)
    return statement


def _write(path: Path, statement: Succession) -> None:
    """On disk, whole, before anybody hears of it."""
    told = {
        "format": FORMAT,
        "network": statement.network,
        "before": statement.before.hex(),
        "after": statement.after.hex(),
        "issued_at_ms": statement.issued_at_ms,
        "consent": statement.consent.hex(),
        "acceptance": statement.acceptance.hex(),
    }
    draft = path.with_suffix(".tmp")
    try:
        with draft.open("w") as file:
            file.write(json.dumps(told, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise InvalidSetting(f"{path}: cannot be written: {error.strerror}", file=str(path)) from error


def _listed(asking: Asking, settings: MinerSettings) -> tuple[ListedValidator, ...]:
    from neurons.peers_file import read_validators_file

    if asking.validator is None and settings.validators_file is not None:
        return read_validators_file(settings.validators_file)
    return (asking.peer(settings),)


async def _bring(
    settings: MinerSettings, validators: tuple[ListedValidator, ...], before: SigningKey, statement: Succession
) -> list[Brought]:
    """Every validator hears the old key's name, where one is known, and then the statement."""
    from neurons.name_files import name_path, read_name_file

    found = read_name_file(name_path(settings.key_path), before.hotkey).best
    brought = []
    for validator in validators:
        try:
            await _bring_to(validator, settings, before, statement, None if found is None else found.nonce)
            why = ""
        except AuguryError as error:
            why = str(error)
        brought.append(Brought(validator.hotkey.hex(), validator.endpoint, why))
    return brought


async def _bring_to(
    validator: ListedValidator,
    settings: MinerSettings,
    before: SigningKey,
    statement: Succession,
    nonce: int | None,
) -> None:
    """A key of the moment brings the statement: the old one may have ended, and the new one has nothing to say yet.

    A key that has ended has shown its name before, or never will.
    """
    from neurons.client import StreamWriter
    from neurons.entropy import SystemEntropy
    from neurons.signers import PRESETS, clock_of
    from protocol.errors import KeyEnded
    from protocol.keys import SEED_BYTES, SigningKey

    params = PRESETS[settings.params]
    tried: dict[str, Any] = {"params": params, "clock": clock_of(settings), "patience_ms": params.wire.call_timeout_ms}
    if nonce is not None:
        async with StreamWriter(validator, before, **tried) as old:
            with suppress(KeyEnded):
                await old.take_name(nonce)
    messenger = SigningKey.from_seed(SystemEntropy().bytes(SEED_BYTES))
    async with StreamWriter(validator, messenger, **tried) as writer:
        await writer.end_key(statement)


def _tell(path: Path, to: Path | None, brought: list[Brought]) -> None:
    rows = [(one.validator[:8], one.endpoint, one.why or "taken") for one in brought]
    console().print(table("The statement was brought to", ("validator", "endpoint", "answer~"), rows))
    typer.echo(f"It is kept in {path}; it is no secret.")
    if any(one.why for one in brought):
        typer.echo("Run the same command again to bring it to those that did not take it.")
    if to is None:
        typer.echo("Those that took it refuse the key from now on. What it has stays where it is.")
    else:
        typer.echo(f"From now on sign with {to}: its streams, points and name are the old key's.")
        typer.echo("A miner registers anew with it: what it proved in closes stays with the old key.")
