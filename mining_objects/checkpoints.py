"""Weights on disk: numbers in safetensors, everything else in a JSON card that holds their SHA-256.

    weights/lstm/
    ├── weights.safetensors    tensors only; reading it can run no code
    └── card.json              model, format, checksum, config, what it was trained on and how well it did

Never pickle: a pickle from a stranger is a program.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as tensors_from_bytes
from safetensors.numpy import save as tensors_to_bytes

from mining_objects.errors import BrokenCheckpoint

FORMAT: Final = "augury/checkpoint/1"
WEIGHTS_NAME: Final = "weights.safetensors"
CARD_NAME: Final = "card.json"
LARGEST_BYTES: Final = 2**30
"""A larger file is not read."""

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors by name, and the card's own fields: `config` rebuilds the model, `training` tells its story."""

    model: str
    config: dict[str, Any]
    training: dict[str, Any]
    tensors: Tensors


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes both files into folder, made if absent; the card last and in one step, so a card means whole weights."""
    folder.mkdir(parents=True, exist_ok=True)
    payload = tensors_to_bytes({name: np.ascontiguousarray(t) for name, t in sorted(checkpoint.tensors.items())})
    card = {
        "format": FORMAT,
        "model": checkpoint.model,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "bytes": len(payload),
        "config": checkpoint.config,
        "training": checkpoint.training,
    }
    _replace(folder / WEIGHTS_NAME, payload)
    _replace(folder / CARD_NAME, (json.dumps(card, indent=2) + "\n").encode())


def load_checkpoint(folder: Path, *, model: str) -> Checkpoint:
    """The checkpoint in folder. Raises BrokenCheckpoint when it is absent, damaged, foreign or another model's."""
    card = _read_card(folder / CARD_NAME)
    if card.get("format") != FORMAT:
        raise BrokenCheckpoint(f"{folder / CARD_NAME} is no card of format {FORMAT}", path=str(folder))
    if card.get("model") != model:
        raise BrokenCheckpoint(f"{folder} holds a {card.get('model')!r} model, not {model!r}", path=str(folder))
    if not isinstance(card.get("config"), dict) or not isinstance(card.get("training"), dict):
        raise BrokenCheckpoint(f"{folder / CARD_NAME} lacks its config or training", path=str(folder))
    payload = _read_weights(folder / WEIGHTS_NAME)
    found = hashlib.sha256(payload).hexdigest()
    if found != card.get("sha256"):
        raise BrokenCheckpoint(
            f"{folder / WEIGHTS_NAME} is damaged or exchanged: SHA-256 {found}, but the card says {card.get('sha256')}",
            path=str(folder),
        )
    try:
        tensors = tensors_from_bytes(payload)
    except SafetensorError as broken:
        raise BrokenCheckpoint(
            f"{folder / WEIGHTS_NAME} is no safetensors file: {broken}", path=str(folder)
        ) from broken
    return Checkpoint(model=model, config=card["config"], training=card["training"], tensors=tensors)


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_bytes())
    except OSError as absent:
        raise BrokenCheckpoint(f"cannot read {path}: {absent.strerror}", path=str(path)) from absent
    except ValueError as broken:
        raise BrokenCheckpoint(f"{path} is no JSON: {broken}", path=str(path)) from broken
    if not isinstance(card, dict):
        raise BrokenCheckpoint(f"{path} is no card", path=str(path))
    return card


def _read_weights(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BrokenCheckpoint(f"{path} is larger than {LARGEST_BYTES} bytes", path=str(path))
        return path.read_bytes()
    except OSError as absent:
        raise BrokenCheckpoint(f"cannot read {path}: {absent.strerror}", path=str(path)) from absent


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)
