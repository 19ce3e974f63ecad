"""Examples as tensors on the device that trains: what a batch needs is gathered there, into memory that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from mining_objects.datasets import Examples
from mining_objects.trainable import Batch

ANSWERED_AT_ONCE: Final = 1_024
"""Examples a batch where nothing is learnt from them."""


class ExampleBatches:
    """One period's examples. A batch's inputs are overwritten by the next batch: done with one, then the other.

    A large tensor made anew for every batch costs a page fault for each 4 KiB of it; these are made once.
    """

    def __init__(self, examples: Examples, steps: tuple[int, ...], device: torch.device) -> None:
        unit = examples.scale[:, None] * np.sqrt(np.asarray(steps, dtype=np.float32))
        self._features = torch.from_numpy(examples.features).to(device)
        self._first_rows = torch.from_numpy(examples.rows - examples.lookback + 1).to(device)
        self._lookback = torch.arange(examples.lookback, device=device)
        self._outcomes = torch.from_numpy(examples.outcomes / unit).to(device)
        self._scale = torch.from_numpy(examples.scale).to(device)
        self._baseline = torch.from_numpy(examples.baseline / examples.scale).to(device)
        told = np.empty((len(unit), 0), np.float32) if examples.realised is None else examples.realised / unit
        self._realised = torch.from_numpy(told).to(device)
        self._inputs = torch.empty(0, examples.features.shape[1], device=device)

    def __len__(self) -> int:
        return len(self._first_rows)

    def __iter__(self) -> Iterator[Batch]:
        yield from self.part(0, 1)

    def part(self, index: int, of: int) -> Iterator[Batch]:
        """The index-th of so many parts of the examples, in order of time."""
        mine = np.array_split(np.arange(len(self)), of)[index]
        for start in range(0, len(mine), ANSWERED_AT_ONCE):
            yield self.take(mine[start : start + ANSWERED_AT_ONCE])

    def take(self, chosen: NDArray[np.int64]) -> Batch:
        """The chosen examples, in that order."""
        index = torch.from_numpy(chosen).to(self._features.device)
        rows = (self._first_rows[index][:, None] + self._lookback).flatten()
        if len(rows) > len(self._inputs):
            self._inputs = torch.empty(len(rows), self._features.shape[1], device=self._features.device)
        inputs = self._inputs[: len(rows)]
        torch.index_select(self._features, 0, rows, out=inputs)
        return Batch(
            inputs.view(len(chosen), len(self._lookback), -1),
            self._outcomes[index],
            self._scale[index],
            self._baseline[index],
            self._realised[index],
        )
