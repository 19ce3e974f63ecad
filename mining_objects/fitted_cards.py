"""Numbers fitted beforehand, small enough to read: one JSON card with its own checksum, no library needed.

weights/har/card.json    format, model, settings, numbers, the SHA-256 of both, and what they were fitted on
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.errors import BrokenCheckpoint

FORMAT: Final = "augury/fitted/1"
CARD_NAME: Final = "card.json"
LARGEST_BYTES: Final = 1_000_000
_DIGITS: Final = 6
"""Significant digits that are kept of each number."""

FittedNumbers = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Card:
    """settings: what the numbers need beside them, as JSON values."""

    path: Path
    settings: dict[str, Any]
    _numbers: dict[str, Any]

    def numbers(self, shapes: Mapping[str, tuple[int, ...]]) -> FittedNumbers:
        """The numbers of these names and shapes. Raises BrokenCheckpoint when the card has others."""
        return _checked(self.path, self._numbers, shapes)


def save_card(
    folder: Path,
    *,
    model: str,
    numbers: Mapping[str, NDArray[np.float64]],
    training: dict[str, Any],
    settings: dict[str, Any] | None = None,
) -> None:
    """Writes folder/card.json in one step. training: what the card tells about the making of the numbers."""
    fitted = {
        "settings": settings or {},
        "numbers": {name: _rounded(values) for name, values in numbers.items()},
    }
    card = {"format": FORMAT, "model": model, "sha256": _digest(fitted), "training": training, **fitted}
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (CARD_NAME + ".part")
    part.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / CARD_NAME)


def load_card(folder: Path, *, model: str) -> Card:
    """The card in this folder. Raises BrokenCheckpoint when it is absent, too large, damaged or another model's."""
    path = folder / CARD_NAME
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BrokenCheckpoint(f"{path} is larger than {LARGEST_BYTES} bytes", path=str(path))
        card = json.loads(path.read_bytes())
    except OSError as absent:
        raise BrokenCheckpoint(f"cannot read {path}: {absent.strerror}", path=str(path)) from absent
    except ValueError as broken:
        raise BrokenCheckpoint(f"{path} is no JSON: {broken}", path=str(path)) from broken
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise BrokenCheckpoint(f"{path} is no card of format {FORMAT}", path=str(path))
    settings, numbers = card.get("settings"), card.get("numbers")
    if not isinstance(settings, dict) or not isinstance(numbers, dict):
        raise BrokenCheckpoint(f"{path} lacks its settings or numbers", path=str(path))
    if card.get("model") != model:
        raise BrokenCheckpoint(f"{path} holds a {card.get('model')!r} model, not {model!r}", path=str(path))
    if card.get("sha256") != (found := _digest({"settings": settings, "numbers": numbers})):
        raise BrokenCheckpoint(f"{path} is damaged or edited: its numbers have SHA-256 {found}", path=str(path))
    return Card(path, settings, numbers)


def _checked(path: Path, numbers: dict[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> FittedNumbers:
    if set(numbers) != set(shapes):
        raise BrokenCheckpoint(f"{path} has {sorted(numbers)}, want {sorted(shapes)}", path=str(path))
    found: FittedNumbers = {}
    for name, shape in shapes.items():
        try:
            found[name] = np.array(numbers[name], dtype=np.float64)
        except (TypeError, ValueError) as wrong:
            raise BrokenCheckpoint(f"{path}: {name} is no array of numbers: {wrong}", path=str(path)) from wrong
        if found[name].shape != shape or not np.isfinite(found[name]).all():
            raise BrokenCheckpoint(f"{path}: {name} has shape {found[name].shape} or is not finite, want {shape}")
    return found


def _rounded(values: NDArray[np.float64]) -> Any:
    return json.loads(
        json.dumps(np.asarray(values).tolist()), parse_float=lambda text: float(f"{float(text):.{_DIGITS}g}")
    )


def _digest(fitted: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fitted, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
