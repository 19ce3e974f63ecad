"""The weights that come with the package, by name: `lstm_v1` is those and no others, `lstm` the newest of them.

mining_objects/weights/lstm_v1/    a folder for each version of each model that learns beforehand; none ever changes
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from mining_objects.errors import UnknownModel

FOLDER: Final = Path(__file__).parent / "weights"
_NAMED: Final = re.compile(r"([a-z][a-z0-9_]*)_v([1-9][0-9]{0,3})")


def split_name(name: str) -> tuple[str, int | None]:
    """`lstm_v1` -> ("lstm", 1);  `lstm` -> ("lstm", None)"""
    named = _NAMED.fullmatch(name)
    return (name, None) if named is None else (named[1], int(named[2]))


def versions_of(family: str) -> dict[int, Path]:
    """Version -> the folder of its weights, oldest first; empty for a model that has none."""
    found = {}
    for folder in FOLDER.iterdir():
        name, version = split_name(folder.name)
        if name == family and version is not None:
            found[version] = folder
    return dict(sorted(found.items()))


def installed_weights(family: str, version: int | None = None) -> Path:
    """The folder of this version, or of the newest. Raises UnknownModel, which lists those there are."""
    versions = versions_of(family)
    wanted = max(versions, default=None) if version is None else version
    if wanted is None or wanted not in versions:
        there = ", ".join(f"{family}_v{one}" for one in versions) or "none"
        raise UnknownModel(f"no such weights of {family!r} are installed; there are: {there}", model=family)
    return versions[wanted]
