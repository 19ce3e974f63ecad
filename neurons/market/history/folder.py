"""A dataset folder while one process works on it: locked, cleared of leftovers, and what it holds already."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from neurons.market.candles import CandleArrays, joined
from neurons.market.history.blocks import (
    Block,
    DamagedBlock,
    DatasetUnwritable,
    Origin,
    block_path,
    block_paths,
    read_block,
    remove_leftovers,
)
from neurons.market.history.months import Month, months_between
from protocol.errors import NodeFault

_LOCK: Final = ".lock"


class DatasetInUse(NodeFault):
    """Another process writes this dataset; two at once would undo each other's work."""

    code = "dataset-in-use"


class ForeignDataset(NodeFault):
    """The folder holds candles of another market, step or source than those asked for."""

    code = "foreign-dataset"


@dataclass(frozen=True, slots=True)
class Held:
    """A block on disk, without its rows."""

    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch to fetch: from at_ms up to until_ms, one month after the other.

    The first block begins at from_ms and already holds what lies before at_ms, when that is later.
    """

    from_ms: int
    at_ms: int
    until_ms: int
    keep_until_ms: int = 0
    """The file on disk covers up to here from a later beginning: it stays until the new one covers as much."""


@contextmanager
def held_alone(dataset: Path) -> Iterator[int]:
    """Makes the folder and keeps other processes out while the block runs; gives the number of leftovers removed.

    The kernel lets the lock go however the process ends. Raises DatasetInUse, or DatasetUnwritable.
    """
    try:
        dataset.mkdir(parents=True, exist_ok=True)
        lock = os.open(dataset / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatasetUnwritable(f"cannot write in {dataset}: {error.strerror}", path=str(dataset)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield remove_leftovers(dataset)
    except BlockingIOError as busy:
        raise DatasetInUse(f"{dataset} is being written by another process", path=str(dataset)) from busy
    finally:
        os.close(lock)


def held_blocks(dataset: Path, origin: Origin) -> tuple[dict[Month, Held], list[Path]]:
    """What the dataset has of a venue, and the damaged files, which count as absent.

    Every page is read and its checksum compared. Raises ForeignDataset when a file is of another origin.
    """
    held: dict[Month, Held] = {}
    damaged: list[Path] = []
    for month, path in block_paths(dataset, origin.venue):
        try:
            block = read_block(path)
        except DamagedBlock:
            damaged.append(path)
            continue
        if block.origin != origin:
            raise ForeignDataset(f"{path} holds {_named(block.origin)}, asked was {_named(origin)}", path=str(path))
        held[month] = Held(block.from_ms, block.until_ms)
    return held, damaged


def missing_parts(held: dict[Month, Held], from_ms: int, until_ms: int) -> list[Part]:
    """What must be fetched so that the blocks cover [from_ms, until_ms) and all between it and what is held.

    A block grows at its end only; one that begins too late is fetched anew.
    """
    starts, ends = [block.from_ms for block in held.values()], [block.until_ms for block in held.values()]
    from_ms, until_ms = min([from_ms, *starts]), max([until_ms, *ends])
    parts: list[Part] = []
    for month in months_between(from_ms, until_ms):
        first_ms, last_ms = max(from_ms, month.start_ms), min(until_ms, month.end_ms)
        known = held.get(month, Held(first_ms, first_ms))
        late = known.from_ms > first_ms
        at_ms = first_ms if late else known.until_ms
        if at_ms >= last_ms:
            continue
        joins = bool(parts) and parts[-1].until_ms == at_ms == month.start_ms and not late
        if joins:
            parts[-1] = Part(parts[-1].from_ms, parts[-1].at_ms, last_ms, parts[-1].keep_until_ms)
        else:
            parts.append(Part(first_ms, at_ms, last_ms, known.until_ms if late else 0))
    return parts


def beginning_of(dataset: Path, origin: Origin, part: Part) -> Block:
    """The block that a part goes on with: as it is on disk, or empty."""
    if part.at_ms > part.from_ms:
        return read_block(block_path(dataset, origin.venue, Month.of(part.from_ms)))
    return Block.empty(origin, part.from_ms)


def read_venue(dataset: Path, venue: str) -> Block | None:
    """All months of a venue as one block (longer than a month); None when it has none.

    A stretch that is not covered yet, because a download ended short, is candles missing.
    Raises DamagedBlock, and ForeignDataset when two months are of two origins.
    """
    blocks = [read_block(path) for _, path in block_paths(dataset, venue)]
    if not blocks:
        return None
    for earlier, later in pairwise(blocks):
        if later.origin != earlier.origin:
            raise ForeignDataset(f"{venue} is {_named(earlier.origin)}, then {_named(later.origin)}")
    candles: CandleArrays = joined([block.candles for block in blocks])
    return Block(blocks[0].origin, blocks[0].from_ms, blocks[-1].until_ms, candles)


def _named(origin: Origin) -> str:
    return f"{origin.symbol} of {origin.exchange or origin.venue} ({origin.source}, {origin.step_ms // 1_000} s)"
