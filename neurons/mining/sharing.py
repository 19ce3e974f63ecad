"""Models given away, had from others and looked over: what `augury models push`, `pull` and `verify` do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mining_objects.models as shelf
from mining_objects import hub
from mining_objects.errors import MissingPackage, UnknownModel
from mining_objects.installed_weights import installed_weights, split_name, versions_of
from protocol.keys import SigningKey
from protocol.units import Hotkey

FEW: Final = 4
"""Tables of a list that are shown one by one."""
MOST_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class LookedOver:
    """A model's folder that is what it says. loads: what computes it, or why that was not tried."""

    folder: str
    model: str
    format: str
    checksum: str
    weights_sha256: str
    signed_by: Hotkey | None
    loads: str
    training: dict[str, Any]

    def story(self) -> list[tuple[str, str]]:
        """What the card tells of the making, as dotted names and texts; a few tables in a list are numbered."""
        return list(_flattened("", self.training))


def folder_of(model_or_folder: str) -> Path:
    """A folder as it is, else the installed weights of that name. Raises UnknownModel."""
    path = Path(model_or_folder).expanduser()
    if path.is_dir():
        return path
    family, version = split_name(model_or_folder)
    if not versions_of(family):
        raise UnknownModel(f"{model_or_folder} is no folder, and no installed weights have this name", model=family)
    return installed_weights(family, version)


def push_model(model_or_folder: str, destination: str, *, key: SigningKey | None) -> str:
    """As `hub.push`, of a model that loads; returns where the copy is."""
    return hub.push(folder_of(model_or_folder), hub.place_of(destination), key=key, check=_what_runs)


def pull_model(source: str, out: Path | None, *, author: Hotkey | None) -> LookedOver:
    """As `hub.pull`, of a model that loads, into weights/NAME unless told otherwise."""
    place = hub.place_of(source)
    name = place.name if isinstance(place, Path) else place.name.rpartition("/")[2]
    return _looked_over(hub.pull(place, out or Path("weights") / name, author=author, check=_what_runs))


def verify_model(model_or_folder: str, *, author: Hotkey | None) -> LookedOver:
    """As `hub.verify`, and loads it. Raises also what loading it raises."""
    return _looked_over(hub.verify(folder_of(model_or_folder), author=author))


def _looked_over(verified: hub.Verified) -> LookedOver:
    card = verified.card
    return LookedOver(
        str(verified.folder),
        _printable(verified.model),
        card["format"],
        verified.checksum,
        _printable(str(card.get("sha256", ""))),
        verified.author,
        _what_runs(verified),
        card.get("training", {}),
    )


def _what_runs(verified: hub.Verified) -> str:
    """Loads the model: what computes it, or why that was not tried. Raises what loading it raises."""
    try:
        return f"yes; runs on {shelf.create(verified.model, weights=verified.folder, inference='auto').runs_on}"
    except MissingPackage as missing:
        return f"not tried: {missing}"


def _flattened(prefix: str, told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        match value:
            case dict():
                yield from _flattened(f"{prefix}{name}.", value)
            case [dict(), *_] if len(value) <= FEW:
                for i, one in enumerate(value, start=1):
                    yield from _flattened(f"{prefix}{name} {i}.", one)
            case [dict(), *_]:
                yield _printable(f"{prefix}{name}"), f"{len(value)} of them"
            case _:
                yield _printable(f"{prefix}{name}"), _printable(str(value))


def _printable(text: str) -> str:
    """A card is a stranger's text, and ends on a screen."""
    return "".join(c if c.isprintable() else "?" for c in text[:MOST_CHARS])
