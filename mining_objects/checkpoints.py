"""Weights on disk: numbers in safetensors, everything else in a JSON card that holds their SHA-256 and its own.

    weights/lstm_v1/
    ├── weights.safetensors    tensors only; reading it can run no code
    └── card.json              model, format, checksums, config, what it was trained on and how well it did

Never pickle: a pickle from a stranger is a program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as tensors_from_bytes
from safetensors.numpy import save as tensors_to_bytes

from mining_objects.cards import WEIGHTS_NAME, read_card, write_card
from mining_objects.errors import BrokenCheckpoint

FORMAT: Final = "augury/checkpoint/2"
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
    part = folder / (WEIGHTS_NAME + ".part")
    part.write_bytes(payload)
    part.replace(folder / WEIGHTS_NAME)
    card = {
        "format": FORMAT,
        "model": checkpoint.model,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "bytes": len(payload),
        "config": checkpoint.config,
        "training": checkpoint.training,
    }
    write_card(folder, card)


def load_checkpoint(folder: Path, *, model: str) -> Checkpoint:
    """The checkpoint in folder. Raises BrokenCheckpoint when it is absent, damaged, foreign or another model's."""
    card = read_card(folder, format=FORMAT, model=model)
    if not isinstance(card.get("config"), dict) or not isinstance(card.get("training"), dict):
        raise BrokenCheckpoint(f"the card in {folder} lacks its config or training", path=str(folder))
    tensors = read_weights(folder, card)
    return Checkpoint(model=model, config=card["config"], training=card["training"], tensors=tensors)


def read_weights(folder: Path, card: Mapping[str, Any]) -> Tensors:
    """The tensors beside a card that was read, once their file is the one that it names. Raises BrokenCheckpoint."""
    path = folder / WEIGHTS_NAME
    payload = _read(path)
    found = hashlib.sha256(payload).hexdigest()
    if found != card.get("sha256"):
        raise BrokenCheckpoint(
            f"{path} is damaged or exchanged: SHA-256 {found}, but the card says {card.get('sha256')}",
            path=str(path),
            found=found,
            expected=card.get("sha256"),
        )
    try:
        return tensors_from_bytes(payload)
    except (SafetensorError, KeyError) as broken:
        raise BrokenCheckpoint(f"{path} is no safetensors file of known types: {broken}", path=str(path)) from broken


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BrokenCheckpoint(f"{path} is larger than {LARGEST_BYTES} bytes", path=str(path))
        return path.read_bytes()
    except OSError as absent:
        raise BrokenCheckpoint(f"cannot read {path}: {absent.strerror}", path=str(path)) from absent
