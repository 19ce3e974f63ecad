"""What a replay found: how much it checked, where stored and recomputed differ, and what could not be checked."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from protocol.errors import NodeFault
from protocol.units import Hotkey, short

DIFFERENCES_KEPT: Final = 1_000
"""Beyond so many, differences are counted and not kept one by one."""
TEXT_MOST: Final = 96


class CannotReplay(NodeFault):
    """The database does not hold what a replay starts from: a validator's name, or the rules its rounds ran under."""

    code = "cannot-replay"


@dataclass(frozen=True, slots=True)
class Difference:
    """One stored value that its evidence does not give."""

    table: str
    where: str
    """The round, close, epoch or account, in words."""
    miner: str
    field: str
    stored: str
    recomputed: str


@dataclass(slots=True)
class Unchecked:
    """Things of one kind that could not be checked: how many, and the first and the last of them, in words."""

    count: int = 0
    first: str = ""
    last: str = ""


@dataclass
class Findings:
    """Grows while a replay runs; memory stays bounded whatever is found."""

    checked: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    """table.field -> differences there, those beyond DIFFERENCES_KEPT included."""
    unchecked: dict[str, Unchecked] = field(default_factory=dict)
    """What could not be checked, and why -> how many."""

    def __post_init__(self) -> None:
        self._told = hashlib.sha256(b"augury/replay/1\0")

    def differ(
        self, table: str, where: str, name: str, stored: object, recomputed: object, *, miner: Hotkey | None = None
    ) -> None:
        """Notes one difference."""
        self.found[f"{table}.{name}"] += 1
        if len(self.differences) < DIFFERENCES_KEPT:
            hotkey = "" if miner is None else short(miner)
            self.differences.append(Difference(table, where, hotkey, name, _text(stored), _text(recomputed)))

    def compare(
        self,
        table: str,
        where: str,
        stored: Mapping[str, object],
        recomputed: Mapping[str, object],
        *,
        miner: Hotkey | None = None,
    ) -> None:
        """Notes every field whose stored value is another than the recomputed one; an absent one is None."""
        if stored == recomputed:
            return
        for name in sorted({*stored, *recomputed}):
            was, wanted = stored.get(name), recomputed.get(name)
            if was != wanted:
                self.differ(table, where, name, was, wanted, miner=miner)

    def leave(self, what: str, where: str) -> None:
        """Notes one thing that cannot be checked."""
        left = self.unchecked.setdefault(what, Unchecked())
        left.count += 1
        left.first = left.first or where
        left.last = where

    def tell(self, recomputed: object) -> None:
        """Adds recomputed numbers to the digest, as canonical JSON on a line of its own."""
        text = json.dumps(recomputed, sort_keys=True, separators=(",", ":"))
        self._told.update(text.encode("ascii") + b"\n")

    @property
    def total(self) -> int:
        """How many differences there are."""
        return sum(self.found.values())

    @property
    def digest(self) -> str:
        """SHA-256 in hex over all that was told so far: two machines that recompute alike show the same line."""
        return self._told.hexdigest()


def _text(value: object) -> str:
    """A value as a person compares it; what is long by its size and digest."""
    if value is None:
        return "none"
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()}"
    text = str(value)
    return text if len(text) <= TEXT_MOST else f"{text[: TEXT_MOST - 4]} ..."
