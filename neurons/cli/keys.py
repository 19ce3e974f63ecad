"""`augury keys`: make a hotkey, or say whose key a file holds."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from protocol.units import Hotkey

app = typer.Typer(help="Make a hotkey, or say whose key a file holds.", no_args_is_help=True)

File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The key file.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="A node's data folder: the key is hotkey.json in it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command("new")
def new(
    file: File = None,
    data_dir: DataDir = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE",
            help="A file (mode 0600) whose one line is the passphrase. Without it AUGURY_PASSPHRASE counts, "
            "and without that you are asked.",
        ),
    ] = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Keep the key in the clear. For tests and demonstrations.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new hotkey in a file that only you can read. Never overwrites."""
    from neurons.entropy import SystemEntropy
    from neurons.keystore import KeyFileExists, create_key_file

    path = _path(file, data_dir)
    if path.exists():
        raise KeyFileExists(f"{path}: exists; a key is never overwritten", file=str(path))
    if unencrypted and passphrase_file is not None:
        raise InvalidSetting("--unencrypted and --passphrase-file exclude each other")
    passphrase = None if unencrypted else _passphrase(passphrase_file)
    key = create_key_file(path, entropy=SystemEntropy().bytes, passphrase=passphrase)
    _tell(path, key.hotkey, encrypted=not unencrypted, as_json=as_json)


@app.command("show")
def show(file: File = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say whose key a file holds. Needs no passphrase: the hotkey is public."""
    from neurons.keystore import read_hotkey

    path = _path(file, data_dir)
    hotkey = read_hotkey(path)
    _tell(path, hotkey, encrypted=json.loads(path.read_bytes())["encrypted"], as_json=as_json)


def _path(file: Path | None, data_dir: Path | None) -> Path:
    if file is not None and data_dir is None:
        return file.expanduser()
    if data_dir is not None and file is None:
        return data_dir.expanduser() / "hotkey.json"
    raise InvalidSetting(
        "say which key file: --file FILE, or --data-dir DIR for hotkey.json in a node's data folder "
        "(.augury/validator and .augury/miner, unless set elsewhere)"
    )


def _passphrase(file: Path | None) -> bytes:
    """From the file, the environment, or the person at the terminal, who is asked twice."""
    from neurons.config import passphrase_from_environment
    from neurons.keystore import PassphraseNeeded, read_passphrase

    if file is not None:
        return read_passphrase(file.expanduser())
    given = passphrase_from_environment()
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise PassphraseNeeded(
            "no passphrase: give --passphrase-file or AUGURY_PASSPHRASE, run this on a terminal, "
            "or say --unencrypted for a demonstration"
        )
    asked: str = typer.prompt("Passphrase for the new key", hide_input=True, confirmation_prompt="The same again")
    return asked.encode()


def _tell(path: Path, hotkey: Hotkey, *, encrypted: bool, as_json: bool) -> None:
    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    if as_json:
        told = {"hotkey": hotkey.hex(), "file": str(path), "mode": mode, "encrypted": encrypted}
        typer.echo(json.dumps(told))
        return
    typer.echo(f"hotkey     {hotkey.hex()}")
    typer.echo(f"file       {path}")
    typer.echo(f"mode       {mode} (only its owner may read it)")
    typer.echo(f"encrypted  {'yes' if encrypted else 'NO - whoever reads the file is this hotkey'}")
