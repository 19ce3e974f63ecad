"""Dataset folders: which files of one are read, and whether they are what its manifest describes.

Two kinds, by the manifest's format. A folder of recordings has one file a series. A downloaded one has month files of
several venues (`venue=binance/2023-01.parquet`) and usually the agreed candles beside them (`venue=agreed`): the folder
itself means the agreed ones, or its only venue's; a venue's own folder means that venue.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mining_objects.errors import BadCandles

MANIFEST_NAME: Final = "manifest.json"
RECORDED_FORMAT: Final = "augury/candles/1"
DOWNLOADED_FORMAT: Final = "augury/candles/2"
VENUE_FOLDER: Final = "venue="
_AGREED: Final = "agreed"
_LISTED: Final = 20
"""So many names at most in a sentence."""


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """The files of one series, oldest first. step_ms: None where nobody says."""

    series: str
    files: tuple[Path, ...]
    step_ms: int | None = None

    @property
    def sha256(self) -> str:
        """Of the file, or of the files' own SHA-256s one after the other."""
        digests = [sha256_of(file) for file in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def choose_files(path: Path) -> ChosenFiles:
    """What a path means: a candle file, a dataset folder, or the folder of one venue in a dataset.

    Raises BadCandles when a folder leaves open which series is meant, or is not what its manifest describes.
    """
    if not path.exists():
        raise BadCandles(f"cannot read {path}: there is no such file or folder", path=str(path))
    if not path.is_dir():
        return ChosenFiles(path.stem, (path,))
    if path.name.startswith(VENUE_FOLDER) and not (path / MANIFEST_NAME).exists():
        return _of_venue(path.parent, _read_manifest(path.parent), path.name.removeprefix(VENUE_FOLDER))
    manifest = _read_manifest(path)
    if manifest["format"] == DOWNLOADED_FORMAT:
        venues = sorted(manifest["venues"])
        if _AGREED not in venues and len(venues) != 1:
            listed = ", ".join(str(path / f"{VENUE_FOLDER}{name}") for name in venues)
            raise BadCandles(f"{path} holds several venues; name the one to read: {listed}", path=str(path))
        return _of_venue(path, manifest, _AGREED if _AGREED in venues else venues[0])
    if len(manifest["files"]) != 1:
        raise BadCandles(f"{path} holds {len(manifest['files'])} files; name the one to read", path=str(path))
    ((name, facts),) = manifest["files"].items()
    file = path / Path(name).name
    _verify(file, facts)
    return ChosenFiles(file.stem, (file,), manifest.get("step_ms"))


def _of_venue(folder: Path, manifest: dict[str, Any], venue: str) -> ChosenFiles:
    """The month files of one venue of a downloaded dataset, each verified."""
    prefix = f"{VENUE_FOLDER}{venue}/"
    names = sorted(name for name in manifest["files"] if name.startswith(prefix))
    if not names:
        raise BadCandles(f"{folder} has no candles of {venue}", path=str(folder))
    files = tuple(folder / prefix / Path(name).name for name in names)
    for name, file in zip(names, files, strict=True):
        _verify(file, manifest["files"][name])
    series = str(manifest.get("series", folder.name))
    return ChosenFiles(series if venue == _AGREED else f"{series} {venue}", files, manifest["step_ms"])


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, with the parts that are needed. Raises BadCandles."""
    path = folder / MANIFEST_NAME
    if not path.exists():
        inside = sorted(one.parent.name for one in folder.glob(f"*/{MANIFEST_NAME}"))
        there = f"; datasets in it: {', '.join(inside[:_LISTED])}" if inside else ""
        raise BadCandles(f"{folder} is no dataset, it has no {MANIFEST_NAME}{there}", path=str(folder))
    try:
        manifest = json.loads(path.read_bytes())
        needed: dict[str, dict[str, type]] = {
            RECORDED_FORMAT: {"files": dict},
            DOWNLOADED_FORMAT: {"files": dict, "venues": dict, "step_ms": int},
        }
        for name, kind in needed[manifest["format"]].items():
            if not isinstance(manifest[name], kind):
                raise TypeError(f"{name} is no {kind.__name__}")
    except (OSError, ValueError, KeyError, TypeError) as broken:
        raise BadCandles(f"{path} is no dataset manifest: {broken}", path=str(path)) from broken
    checked: dict[str, Any] = manifest
    return checked


def _verify(file: Path, facts: dict[str, Any]) -> None:
    if sha256_of(file) != facts.get("sha256"):
        raise BadCandles(
            f"{file} is not the file its manifest describes: the SHA-256 differs. After a download that was "
            "interrupted, run it again",
            path=str(file),
        )


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes. Raises BadCandles when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as absent:
        raise BadCandles(f"cannot read {path}: {absent.strerror}", path=str(path)) from absent
