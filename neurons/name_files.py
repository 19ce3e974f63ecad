"""Name files: the best name found so far for a hotkey, and how far the search has come. Nothing in them is secret.

One JSON file beside the key file, replaced whole: whoever stops a search at any instant, loses at most what was under
way, and the search goes on where the file says.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from neurons.keystore import KeyFileBroken, KeyFileError
from protocol.rules.memorable import Name, name_of
from protocol.rules.name_search import Found
from protocol.units import HOTKEY_BYTES, Hotkey

FORMAT: Final = "augury-name/1"
MAX_FILE_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class NameSearch:
    """How far the search for a hotkey's name has come: every nonce below `tried` was tried, `best` is the longest."""

    hotkey: Hotkey
    tried: int = 0
    best: Found | None = None

    def advanced(self, tried: int, found: Found | None) -> NameSearch:
        """The search after more nonces; a name counts when it has more letters than the best so far."""
        better = found is not None and found.name.difficulty > self.difficulty
        return replace(self, tried=tried, best=found if better else self.best)

    @property
    def difficulty(self) -> int:
        """The letters of the best name, 0 without one."""
        return self.best.name.difficulty if self.best else 0

    @property
    def name(self) -> Name | None:
        return self.best.name if self.best else None


def name_path(key_file: Path) -> Path:
    """Where the name of a key file's hotkey is kept: hotkey.json -> hotkey.name.json."""
    return key_file.with_suffix(".name.json")


def write_name_file(path: Path, search: NameSearch) -> None:
    """Replaces the file by one that says this, whole or not at all. Raises KeyFileError (ours)."""
    content = {
        "format": FORMAT,
        "hotkey": search.hotkey.hex(),
        "tried": search.tried,
        "nonce": search.best.nonce if search.best else None,
        "name": str(search.best.name) if search.best else None,
        "difficulty": search.difficulty,
    }
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}", file=str(path)) from error


def read_name_file(path: Path, hotkey: Hotkey) -> NameSearch:
    """The search that the file tells of, a new one where there is none. The name is read from the nonce, not believed.

    Raises KeyFileBroken (ours) for a file of another hotkey, a nonce without a name, or no name file at all.
    """
    try:
        text = path.read_bytes()[: MAX_FILE_BYTES + 1]
    except FileNotFoundError:
        return NameSearch(hotkey)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be opened: {error.strerror}", file=str(path)) from error
    try:
        content = json.loads(text)
        tried, nonce = content["tried"], content["nonce"]
        sound = content["format"] == FORMAT and type(tried) is int and 0 <= tried < 1 << 64
        whose = bytes.fromhex(content["hotkey"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _broken(path, "not a name file, or not a whole one") from error
    if not sound or len(whose) != HOTKEY_BYTES or not (nonce is None or type(nonce) is int):
        raise _broken(path, "not a name file, or not a whole one")
    if whose != hotkey:
        raise _broken(path, f"tells of hotkey {whose.hex()[:16]}..., not of this one")
    if nonce is None:
        return NameSearch(hotkey, tried)
    name = name_of(hotkey, nonce)
    if name is None:
        raise _broken(path, f"nonce {nonce} gives this hotkey no name")
    return NameSearch(hotkey, tried, Found(nonce, name))


def _broken(path: Path, what: str) -> KeyFileBroken:
    return KeyFileBroken(f"{path}: {what}", file=str(path))
