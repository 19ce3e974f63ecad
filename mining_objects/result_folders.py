"""Folders that results go to: found writable before hours of work, and a full disk told in one sentence."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mining_objects.errors import UnwritableFolder


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """While it lasts, whatever the system refuses is UnwritableFolder, naming folder and reason."""
    try:
        yield
    except OSError as refused:
        raise UnwritableFolder(
            f"{folder} cannot be written: {refused.strerror or refused}", path=str(folder), reason=refused.strerror
        ) from refused


def make_writable(folder: Path) -> None:
    """Makes the folder if it is absent, and tries a file in it that is gone afterwards. Raises UnwritableFolder."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
