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


def check_writable(folder: Path) -> None:
    """Finds that files can be written into a folder that is there or can be made; leaves nothing behind.

    Raises UnwritableFolder.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    with writing(folder), tempfile.TemporaryFile(dir=there):
        pass
