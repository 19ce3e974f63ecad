"""Processes that train one network together: who they are, what each looks at, and what they agree on.

Each takes its part of every batch; gradients are averaged (DistributedDataParallel), so that all hold equal weights
after every step. torchrun starts them and tells them, by the environment, how to find each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel

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
        return network if self.world == 1 else DistributedDataParallel(network, broadcast_buffers=False)

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


@contextmanager
def ranks_of(device: torch.device) -> Iterator[Ranks]:
    """The ranks that torchrun started, joined while the context lasts; this process alone when it was not torchrun."""
    if not dist.is_torchelastic_launched():
        yield ALONE
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=WAIT)
    try:
        if device.type == "cuda":
            torch.cuda.set_device(dist.get_rank() % torch.cuda.device_count())
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
