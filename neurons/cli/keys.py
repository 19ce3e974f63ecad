"""`augury keys`: make a hotkey, say whose key a file holds, search a memorable name for it, hand it over."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.rotating import rotate
from protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from protocol.keys import SigningKey
    from protocol.units import Hotkey

app = typer.Typer(
    help="Make a hotkey, say whose key a file holds, search a memorable name for it, hand it over.",
    no_args_is_help=True,
)
File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The key file.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="A node's data folder: the key is hotkey.json in it."),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="A file (mode 0600) whose one line is the passphrase. Without it AUGURY_PASSPHRASE counts, "
        "and without that you are asked.",
    ),
]
Unencrypted = Annotated[
    bool, typer.Option("--unencrypted", help="Keep the key in the clear. For tests and demonstrations.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command("new")
def new(
    file: File = None,
    data_dir: DataDir = None,
    passphrase_file: PassphraseFile = None,
    unencrypted: Unencrypted = False,
    as_json: AsJson = False,
) -> None:
    """Make a new hotkey in a file that only you can read. Never overwrites."""
    from neurons.keystore import KeyFileExists

    path = _path(file, data_dir)
    if path.exists():
        raise KeyFileExists(f"{path}: exists; a key is never overwritten", file=str(path))
    hotkey = create_key(path, passphrase_file, unencrypted=unencrypted).hotkey
    _tell(path, hotkey, encrypted=not unencrypted, as_json=as_json)


@app.command("show")
def show(file: File = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say whose key a file holds. Needs no passphrase: the hotkey is public."""
    from neurons.keystore import read_hotkey

    path = _path(file, data_dir)
    hotkey = read_hotkey(path)
    _tell(path, hotkey, encrypted=json.loads(path.read_bytes())["encrypted"], as_json=as_json)


@app.command("mine")
def mine(
    file: File = None,
    data_dir: DataDir = None,
    difficulty: Annotated[
        int,
        typer.Option("--difficulty", min=6, max=15, metavar="LETTERS", help="The letters that the name must have."),
    ] = 8,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=1024, help="Processes that search. Without it one a core.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.0, help="Stop after so long, with the best name so far.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    unencrypted: Unencrypted = False,
    as_json: AsJson = False,
) -> None:
    """Search a memorable name for a hotkey, on all cores. Makes the key where there is none.

    The name and the place where the search stands are kept beside the key, in a file that is not secret: stop it with
    Ctrl-C whenever you like, and go on with the same command. Needs no passphrase for a key that exists. Exits with 1
    when it ends without a name of so many letters.
    """
    from neurons.cli.name_mining import cores
    from neurons.cli.name_mining import mine as search
    from neurons.cli.name_screen import screen, tell_result
    from neurons.keystore import read_hotkey
    from neurons.name_files import name_path, read_name_file

    path = _path(file, data_dir)
    hotkey = read_hotkey(path) if path.exists() else create_key(path, passphrase_file, unencrypted=unencrypted).hotkey
    state = read_name_file(name_path(path), hotkey)
    processes = workers or cores()
    with screen(state, difficulty, processes) as tell:
        done = search(
            state,
            name_path(path),
            letters=difficulty,
            workers=processes,
            seconds=float("inf") if seconds is None else seconds,
            tell=tell,
        )
    tell_result(done, name_path(path), letters=difficulty, as_json=as_json)
    if done.state.difficulty < difficulty:
        raise typer.Exit(1)


def create_key(path: Path, passphrase_file: Path | None, *, unencrypted: bool) -> SigningKey:
    """A new key in path, sealed by the passphrase that the file, the environment or the person gives."""
    from neurons.entropy import SystemEntropy
    from neurons.keystore import create_key_file

    if unencrypted and passphrase_file is not None:
        raise InvalidSetting("--unencrypted and --passphrase-file exclude each other")
    passphrase = None if unencrypted else new_passphrase(passphrase_file)
    return create_key_file(path, entropy=SystemEntropy().bytes, passphrase=passphrase)


def _path(file: Path | None, data_dir: Path | None) -> Path:
    if file is not None and data_dir is None:
        return file.expanduser()
    if data_dir is not None and file is None:
        return data_dir.expanduser() / "hotkey.json"
    raise InvalidSetting(
        "say which key file: --file FILE, or --data-dir DIR for hotkey.json in a node's data folder "
        "(.augury/validator and .augury/miner, unless set elsewhere)"
    )


def new_passphrase(file: Path | None) -> bytes:
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
    from neurons.name_files import name_path, read_name_file

    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    name = read_name_file(name_path(path), hotkey).name
    if as_json:
        told = {"hotkey": hotkey.hex(), "file": str(path), "mode": mode, "encrypted": encrypted}
        typer.echo(json.dumps(told if name is None else told | {"name": str(name), "difficulty": name.difficulty}))
        return
    typer.echo(f"hotkey     {hotkey.hex()}")
    if name is not None:
        typer.echo(f"name       {name} ({name.difficulty} letters)")
    typer.echo(f"file       {path}")
    typer.echo(f"mode       {mode} (only its owner may read it)")
    typer.echo(f"encrypted  {'yes' if encrypted else 'NO - whoever reads the file is this hotkey'}")


app.command("rotate")(rotate)
