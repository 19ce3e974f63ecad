"""`augury gateway`: the web gateway, and `augury gateway keys`: the write keys that it takes."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from neurons.cli.tables import AsJson

if TYPE_CHECKING:
    from neurons.gateway_settings import GatewaySettings
    from neurons.web.write_keys import WriteKeyEntry, WriteKeys

KEYS: Final = "keys"
keys = typer.Typer(help="Say whose hotkey acts for a write key.", no_args_is_help=True, add_completion=False)

DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="The gateway's data folder.")]
Table = Annotated[
    Path | None,
    typer.Option("--write-keys-file", metavar="FILE", help="The table; write_keys.json in the data folder else."),
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The gateway's TOML file.")]


def gateway(context: typer.Context) -> None:
    """Run a web gateway for microprediction clients (`--help` lists its settings), or keep its write keys (`keys`)."""
    if context.args[:1] == [KEYS]:
        command = typer.main.get_command(keys)
        raise typer.Exit(command.main(context.args[1:], prog_name="augury gateway keys", standalone_mode=False) or 0)
    from neurons.gateway import main

    raise typer.Exit(main(context.args))


@keys.command("add")
def add(
    key_file: Annotated[Path, typer.Argument(metavar="KEY_FILE", help="The hotkey's file, from `augury keys new`.")],
    note: Annotated[str, typer.Option("--note", help="For whoever reads the table.")] = "",
    data_dir: DataDir = None,
    table: Table = None,
    config: Config = None,
) -> None:
    """Let a hotkey act for a write key. The write key is asked for, unseen, or read from standard input.

    The hotkey's memorable name is taken from the file that `augury keys mine` keeps beside the key: after mining a
    better one, add the write key again. A gateway that runs takes the change at once.
    """
    from neurons.keystore import read_hotkey
    from neurons.name_files import name_path, read_name_file
    from neurons.web.write_keys import WriteKeyEntry, write_key_digest

    path = key_file.expanduser().absolute()
    hotkey = read_hotkey(path)
    best = read_name_file(name_path(path), hotkey).best
    entry = WriteKeyEntry(write_key_digest(_write_key()), path, None if best is None else best.nonce, note)
    _table(_settings(data_dir, table, config)).add(entry)
    typer.echo(f"write key  {entry.code}  {entry.animal or '(no animal)'}")
    typer.echo(f"hotkey     {hotkey.hex()}")
    typer.echo(f"name       {best.name if best else '(none: augury keys mine finds one)'}")


@keys.command("list")
def list_(data_dir: DataDir = None, table: Table = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show the write keys, by their public codes, and whose hotkeys act for them."""
    from neurons.cli.tables import console, show_json
    from neurons.cli.tables import table as table_of

    entries = list(_table(_settings(data_dir, table, config)).entries().values())
    if as_json:
        show_json([{**asdict(one), "key_file": str(one.key_file)} for one in entries])
    elif entries:
        rows = [(one.code[:8], one.animal or "-", _hotkey(one), str(one.key_file), one.note) for one in entries]
        console().print(table_of("Write keys", ("code", "animal", "hotkey", "key file~", "note~"), rows))
    else:
        typer.echo("there is no write key in the table")


@keys.command("remove")
def remove(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The write key's public code, 8 digits of it or more.")],
    data_dir: DataDir = None,
    table: Table = None,
    config: Config = None,
) -> None:
    """Take a write key out of the table. The hotkey and its file stay; a gateway that runs refuses the key at once."""
    removed = _table(_settings(data_dir, table, config)).remove(code.lower())
    typer.echo(f"removed {removed.code} {removed.animal}".rstrip())


def _settings(data_dir: Path | None, table: Path | None, config: Path | None) -> GatewaySettings:
    from neurons.config import parse
    from neurons.gateway_settings import GatewaySettings

    arguments: list[str] = []
    for flag, value in (("--data_dir", data_dir), ("--write_keys_file", table), ("--config", config)):
        arguments += [] if value is None else [flag, str(value)]
    return parse(GatewaySettings, arguments, command="augury gateway keys")


def _table(settings: GatewaySettings) -> WriteKeys:
    from neurons.web.write_keys import WriteKeys

    return WriteKeys(settings.table_path, most=settings.most_write_keys)


def _write_key() -> str:
    """From the person at the terminal, who sees nothing of it, or the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Write key", hide_input=True)).strip()
    return sys.stdin.readline().strip()


def _hotkey(entry: WriteKeyEntry) -> str:
    """The first digits of the hotkey in the key file, or why there is none to be read."""
    from neurons.keystore import KeyFileError, read_hotkey
    from protocol.units import short

    try:
        return short(read_hotkey(entry.key_file))
    except KeyFileError as error:
        return error.code
