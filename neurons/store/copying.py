"""All that a memory store holds into another store: how fast-forwarded rounds reach a node's file."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from neurons.ports import Store
from neurons.records import Change
from neurons.store.memory import MemoryStore

ROWS_A_CHANGE: Final = 2_000


async def copy_store(source: MemoryStore, target: Store) -> int:
    """Writes every row of `source` into `target` and returns how many there were; open streams, which nobody
    fast-forwards, are left out.

    Killed half-way, it may be done again; only refusals, which add up, are then counted twice.
    Raises what `target.apply` raises.
    """
    copied = 0
    for table, rows in source.snapshot():
        while some := tuple(islice(rows, ROWS_A_CHANGE)):
            change: dict[str, Any] = {table: some}
            await target.apply(Change(**change))
            copied += len(some)
    return copied
