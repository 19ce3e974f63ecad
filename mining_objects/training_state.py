"""A training as it stands between two batches, on disk: one safetensors file, written whole or not at all.

    network.*     parameters and buffers          optimiser.*   the optimiser's moments
    best.*        the best epoch's                metadata      where it stands and what it is a training of, as JSON

Nothing random needs keeping: the order of the data follows from seed and epoch, dropout's draws from seed, step and
rank, the learning rate from the step. So a training that goes on from here gives the bits it would have given.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from mining_objects.errors import BrokenCheckpoint, ResumeMismatch
from mining_objects.result_folders import writing

STATE_NAME: Final = "resume.safetensors"
_FORMAT: Final = "augury/training/1"

Identity = Mapping[str, Any]
"""What must be the same for a training to go on: settings and data digests by dotted name, JSON values."""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """tensors: by the prefixes above.  progress: JSON; floats keep every bit."""

    progress: dict[str, Any]
    tensors: dict[str, Tensor]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with prefix and a dot, without it."""
        return {n.removeprefix(prefix + "."): t for n, t in self.tensors.items() if n.startswith(prefix + ".")}


def save_state(folder: Path, identity: Identity, state: TrainingState) -> None:
    """Replaces the state in folder in one step, on the disk when this returns; a kill leaves the old or the new one.

    Raises UnwritableFolder, for a full disk too, and leaves the old one.
    """
    told = {"format": _FORMAT, "sha256": _digest(state.tensors)}
    told |= {"identity": json.dumps(dict(identity)), "progress": json.dumps(state.progress)}
    payload = tensors_to_bytes(state.tensors, metadata=told)
    part = folder / (STATE_NAME + ".part")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            part.replace(folder / STATE_NAME)
        finally:
            part.unlink(missing_ok=True)
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def load_state(folder: Path, identity: Identity) -> TrainingState:
    """The state in folder. Raises BrokenCheckpoint when it is absent, damaged or foreign; ResumeMismatch, naming the
    first difference, when it is a training of something else."""
    path = folder / STATE_NAME
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        if told.get("format") != _FORMAT:
            raise BrokenCheckpoint(f"{path} holds no training of format {_FORMAT}", path=str(path))
        before, progress = json.loads(told["identity"]), json.loads(told["progress"])
    except (OSError, SafetensorError, KeyError, ValueError) as broken:
        raise BrokenCheckpoint(f"{path} holds no training to go on with: {broken}", path=str(path)) from broken
    if told.get("sha256") != _digest(tensors):
        raise BrokenCheckpoint(f"{path} is damaged: its tensors have another SHA-256", path=str(path))
    refuse_difference(before, identity)
    return TrainingState(progress, tensors)


def refuse_difference(before: Identity, now: Identity) -> None:
    """Raises ResumeMismatch, naming the first difference in order of names."""
    now = json.loads(json.dumps(dict(now)))
    for name in sorted(before.keys() | now.keys()):
        was, is_ = before.get(name), now.get(name)
        if was != is_:
            raise ResumeMismatch(
                f"this is another training than the one that stopped: {name} is {is_!r} and was {was!r}",
                key=name,
                was=was,
                now=is_,
            )


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + b"\0")
        digest.update(tensors[name].detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
