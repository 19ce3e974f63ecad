"""Numbers fitted beforehand, small enough to read: one JSON card with its own checksum, no library needed.

weights/har_v1/card.json    format, model, what the numbers were fitted on, settings, numbers, the SHA-256 of all
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.cards import CARD_NAME, read_card, write_card
from mining_objects.errors import BrokenCheckpoint

FORMAT: Final = "augury/fitted/2"
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
    card = {
        "format": FORMAT,
        "model": model,
        "training": training,
        "settings": settings or {},
        "numbers": {name: _rounded(values) for name, values in numbers.items()},
    }
    write_card(folder, card)


def load_card(folder: Path, *, model: str) -> Card:
    """The card in this folder. Raises BrokenCheckpoint when it is absent, too large, damaged or another model's."""
    card = read_card(folder, format=FORMAT, model=model)
    path = folder / CARD_NAME
    settings, numbers = card.get("settings"), card.get("numbers")
    if not isinstance(settings, dict) or not isinstance(numbers, dict):
        raise BrokenCheckpoint(f"{path} lacks its settings or numbers", path=str(path))
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
