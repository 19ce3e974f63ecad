"""The card beside a model's numbers: what it is and came from, its own checksum, and whoever stands by it.

    "format"        which fields to expect, and their version: augury/checkpoint/2
    "model"         the family that can read it: lstm
    ...             what the format adds, among it the checksum of a file beside the card
    "training"      what the numbers were made from, when and how
    "card_sha256"   SHA-256 of all of the above
    "signature"     optional: a hotkey and its Ed25519 signature over card_sha256

A card's bytes have exactly one form, the one `write_card` gives, so that no byte of it can change unseen. Not even a
blank: a card that somebody's editor laid out anew is refused like any other that is not what was written.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mining_objects.errors import BrokenCheckpoint
from protocol.keys import SigningKey, verify
from protocol.units import Hotkey

CARD_NAME: Final = "card.json"
WEIGHTS_NAME: Final = "weights.safetensors"
"""The file beside a card that holds no numbers itself."""
LARGEST_BYTES: Final = 1_000_000
"""A larger card is not read."""
_PURPOSE: Final = b"augury/card/1\0"
"""What a signature over a card begins with, so that it can stand for nothing else."""
_SEAL: Final = ("card_sha256", "signature")
_FORMAT: Final = re.compile(r"(augury/[a-z]+)/([1-9][0-9]{0,3})")

CardFields = dict[str, Any]


def write_card(folder: Path, fields: Mapping[str, Any]) -> CardFields:
    """Writes folder/card.json, unsigned, in one step; returns it with its checksum. The folder is made if absent."""
    content = {name: value for name, value in fields.items() if name not in _SEAL}
    card = content | {"card_sha256": _digest(content)}
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / CARD_NAME, _rendered(card))
    return card


def sign_card(folder: Path, key: SigningKey) -> CardFields:
    """Puts key's signature on the card in folder, in place of any other. Raises BrokenCheckpoint."""
    card = read_any_card(folder)
    signature = key.sign(_PURPOSE + bytes.fromhex(card["card_sha256"]))
    signed = card | {"signature": {"hotkey": key.hotkey.hex(), "ed25519": signature.hex()}}
    _replace(folder / CARD_NAME, _rendered(signed))
    return signed


def author_of(card: Mapping[str, Any]) -> Hotkey | None:
    """Who signed a card that was read here; None for one that nobody signed."""
    signature = card.get("signature")
    return None if signature is None else Hotkey(bytes.fromhex(signature["hotkey"]))


def read_card(folder: Path, *, format: str, model: str) -> CardFields:  # noqa: A002 - the field's own name
    """The card in folder, as it was written. Raises BrokenCheckpoint, naming file and checksums, when it is absent, too
    large, damaged, edited, wrongly signed, of another format or version, or another model's."""
    path = folder / CARD_NAME
    payload, card = _parsed(path)
    _check_format(path, card, format)
    _check_seal(path, payload, card)
    if card.get("model") != model:
        raise BrokenCheckpoint(f"{path} holds a {card.get('model')!r} model, not {model!r}", path=str(path))
    return card


def read_any_card(folder: Path) -> CardFields:
    """As `read_card`, whatever format and model it names; both are there as text."""
    path = folder / CARD_NAME
    payload, card = _parsed(path)
    if not isinstance(card.get("format"), str) or not isinstance(card.get("model"), str):
        raise BrokenCheckpoint(f"{path} does not say its format and model", path=str(path))
    _check_seal(path, payload, card)
    return card


def _parsed(path: Path) -> tuple[bytes, CardFields]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BrokenCheckpoint(f"{path} is larger than {LARGEST_BYTES} bytes", path=str(path))
        payload = path.read_bytes()
        card = json.loads(payload)
        _rendered(card)
    except OSError as absent:
        raise BrokenCheckpoint(f"cannot read {path}: {absent.strerror}", path=str(path)) from absent
    except (ValueError, RecursionError) as broken:
        raise BrokenCheckpoint(f"{path} is no JSON: {broken}", path=str(path)) from broken
    if not isinstance(card, dict):
        raise BrokenCheckpoint(f"{path} is no card", path=str(path))
    return payload, card


def _check_format(path: Path, card: CardFields, wanted: str) -> None:
    """Says apart what is foreign, what another kind of model has, what a newer version wrote, and an older one."""
    said = card.get("format")
    if said == wanted:
        return
    told = _FORMAT.fullmatch(said) if isinstance(said, str) else None
    kind, _, version = wanted.rpartition("/")
    if told is None:
        what = f"is no card of format {wanted}"
    elif told[1] != kind:
        what = f"holds a {card.get('model')!r} model of format {told[0]}, where one of {wanted} belongs"
    elif int(told[2]) > int(version):
        what = f"is of format {told[0]}, which a newer version wrote; this one reads {wanted}: upgrade augury"
    else:
        what = f"is of format {told[0]}, which an older version wrote; this one reads {wanted}: save the model anew"
    raise BrokenCheckpoint(f"{path} {what}", path=str(path), format=wanted)


def _check_seal(path: Path, payload: bytes, card: CardFields) -> None:
    found = _digest({name: value for name, value in card.items() if name not in _SEAL})
    if card.get("card_sha256") != found:
        raise BrokenCheckpoint(
            f"{path} is damaged or edited: its content has SHA-256 {found}, but it says {card.get('card_sha256')}",
            path=str(path),
            found=found,
            expected=card.get("card_sha256"),
        )
    if _rendered(card) != payload:
        raise BrokenCheckpoint(
            f"{path} is damaged or laid out anew: its bytes have SHA-256 {hashlib.sha256(payload).hexdigest()}, a card "
            f"of this content has {hashlib.sha256(_rendered(card)).hexdigest()}",
            path=str(path),
        )
    if "signature" in card and not _is_signed(card["signature"], found):
        raise BrokenCheckpoint(f"{path}: its signature is not that of the hotkey it names", path=str(path))


def _is_signed(signature: object, card_sha256: str) -> bool:
    match signature:
        case {"hotkey": str(hotkey), "ed25519": str(signed), **others} if not others:
            try:
                parts = Hotkey(bytes.fromhex(hotkey)), bytes.fromhex(signed)
            except ValueError:
                return False
            is_written_so = (parts[0].hex(), parts[1].hex()) == (hotkey, signed)
            return is_written_so and verify(parts[0], _PURPOSE + bytes.fromhex(card_sha256), parts[1])
    return False


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_rendered(content)).hexdigest()


def _rendered(card: Mapping[str, Any]) -> bytes:
    return (json.dumps(card, indent=1) + "\n").encode("ascii")


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
