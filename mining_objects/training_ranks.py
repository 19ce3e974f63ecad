"""Processes that train one network together: who they are, what each looks at, and what they agree on.

Each takes its part of every batch; gradients are averaged (DistributedDataParallel), so that all hold equal weights
after every step. They meet at a file of one machine, or torchrun tells each by its environment where the others are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from protocol.errors import InvalidSetting

WAIT: Final = timedelta(minutes=10)
"""A rank that hears nothing of the others for so long ends."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those that train together; rank 0 alone writes files."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def part(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """This rank's part of a batch; the parts of all make it up, and differ by one example at most."""
        return np.array_split(chosen, self.world)[self.rank]

    def wrap(self, network: nn.Module) -> nn.Module:
        """The same network, with gradients averaged over all ranks as they are made."""
        return network if self.world == 1 else DistributedDataParallel(network)

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each value summed over all ranks in float64, the same bits on every rank."""
        if self.world == 1:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64, device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(told)
        summed: list[float] = told.tolist()
        return summed


ALONE: Final = Ranks()
"""One process by itself."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """How a process finds the others of one machine: who it is, how many they are, and a file none has made yet."""

    rank: int
    world: int
    file: Path


def by_torchrun() -> bool:
    """Whether torchrun started this process."""
    return dist.is_torchelastic_launched()


@contextmanager
def joined(device: torch.device, meeting: Meeting | None = None) -> Iterator[Ranks]:
    """The ranks of a meeting, or those that torchrun started, while the context lasts; else this process alone.

    Raises InvalidSetting when there are fewer CUDA devices than ranks, or the device cannot train with others.
    """
    if meeting is None and not by_torchrun():
        yield ALONE
        return
    if device.type not in ("cpu", "cuda"):
        raise InvalidSetting(f"{device.type} trains alone: set devices to 1", setting="training.devices")
    backend = "nccl" if device.type == "cuda" else "gloo"
    if meeting is None:
        dist.init_process_group(backend, timeout=WAIT)
    else:
        store = f"file://{meeting.file}"
        dist.init_process_group(backend, init_method=store, rank=meeting.rank, world_size=meeting.world, timeout=WAIT)
    try:
        _take_device(device)
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _take_device(device: torch.device) -> None:
    """On CUDA, one device a rank."""
    if device.type != "cuda":
        return
    there, local = torch.cuda.device_count(), dist.get_node_local_rank(fallback_rank=dist.get_rank())
    if local >= there:
        raise InvalidSetting(f"there are {there} CUDA devices, fewer than processes", setting="training.devices")
    torch.cuda.set_device(local)
