"""`augury models`: what a miner can forecast with, by name; and models given to others and had from them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.tables import AsJson, console, show_json, table

if TYPE_CHECKING:
    from neurons.mining.sharing import LookedOver
    from protocol.keys import SigningKey
    from protocol.units import Hotkey

app = typer.Typer(invoke_without_command=True)

Author = Annotated[
    str | None, typer.Option("--author", metavar="HOTKEY", help="Refuse it unless this hotkey signed its card.")
]


@app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that a miner can run; share one, have one from others, verify one."""
    if context.invoked_subcommand is not None:
        return
    from neurons.mining.models import describe_models

    described = describe_models()
    if as_json:
        show_json(described)
        return
    rows = [(one.name, one.pinned if one.checksum else "", one.needs, one.checksum[:8], one.what) for one in described]
    console().print(table("Models", ("name", "weights", "needs", "checksum", "what it does~"), rows))
    typer.echo("Run one: augury miner --base_model NAME. A name under `weights` means those for ever.")


@app.command("push")
def push(
    model: Annotated[str, typer.Argument(metavar="MODEL|FOLDER", help="Installed weights, or a folder of your own.")],
    destination: Annotated[
        str,
        typer.Argument(metavar="DEST", help="A new folder, or hf:owner/name@branch; the branch is main unless named."),
    ],
    sign: Annotated[
        Path | None,
        typer.Option("--sign", metavar="FILE", help="Sign the copy's card with the hotkey in this key file."),
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", metavar="FILE", help="The key file's passphrase (mode 0600).")
    ] = None,
    unencrypted: Annotated[bool, typer.Option("--unencrypted", help="Take a key that is not encrypted.")] = False,
) -> None:
    """Give a verified copy of a model away: its card, its weights, and what is beside them for people."""
    from neurons.mining.sharing import push_model

    key = None if sign is None else _key(sign.expanduser(), passphrase_file, unencrypted=unencrypted)
    typer.echo(f"{model} is now at {push_model(model, destination, key=key)}")


@app.command("pull")
def pull(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A folder, or hf:owner/name@revision, a commit best of all.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="A new folder; weights/NAME when not given.")
    ] = None,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Get a model from elsewhere and verify it; the folder appears whole or not at all."""
    from neurons.mining.sharing import pull_model

    pulled = pull_model(source, out, author=_hotkey(author))
    _show(pulled, as_json=as_json)
    if not as_json:
        typer.echo(f"Run it: augury miner --base_model {pulled.model} --weights {pulled.folder}")


@app.command("verify")
def verify(
    model: Annotated[str, typer.Argument(metavar="MODEL|FOLDER", help="Installed weights, or a folder.")],
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Check a model's card, checksums and signature, and that it loads; show what it was made from."""
    from neurons.mining.sharing import verify_model

    _show(verify_model(model, author=_hotkey(author)), as_json=as_json)


def _show(found: LookedOver, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    rows = [
        ("model", found.model),
        ("format", found.format),
        ("checksum", found.checksum),
        ("weights", found.weights_sha256 or "in the card"),
        ("signed by", found.signed_by.hex() if found.signed_by else "nobody"),
        ("loads", found.loads),
        *found.story(),
    ]
    width = max(len(name) for name, _ in rows)
    for name, told in rows:
        typer.echo(f"{name:{width}}  {told}")
    typer.echo(f"{found.folder} is what its card says.")


def _hotkey(text: str | None) -> Hotkey | None:
    from protocol.errors import InvalidSetting
    from protocol.units import HOTKEY_BYTES, Hotkey

    if text is None:
        return None
    try:
        hotkey = bytes.fromhex(text)
    except ValueError:
        hotkey = b""
    if len(hotkey) != HOTKEY_BYTES:
        raise InvalidSetting(f"--author wants a hotkey of {2 * HOTKEY_BYTES} hex digits, was {text!r}")
    return Hotkey(hotkey)


def _key(file: Path, passphrase_file: Path | None, *, unencrypted: bool) -> SigningKey:
    """The hotkey in a file, its passphrase from a file, the environment or the person at the terminal."""
    from neurons.config import passphrase_from_environment
    from neurons.keystore import is_encrypted, load_key_file, read_passphrase

    given = read_passphrase(passphrase_file.expanduser()) if passphrase_file else passphrase_from_environment()
    if given is None and is_encrypted(file) and sys.stdin.isatty():
        given = str(typer.prompt(f"Passphrase of {file}", hide_input=True)).encode()
    return load_key_file(file, passphrase=given, allow_unencrypted=unencrypted)
