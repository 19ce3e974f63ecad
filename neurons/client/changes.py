"""Changes of a feed that is not entirely reliable: told while it moves, and not told right after it stood still.

    COLD --two readings in a row that differ--> WARM          (nothing is told of that reading)
    WARM --a reading that moved-------------->  WARM          (its changes are told)
    WARM --no reading, or one that stands still--> COLD       (nothing is told)

A feed that repeats itself may be stale, and its next move would be several in one. The original took a reading of
exactly 0 for none; here 0 is a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

SCALAR_THRESHOLD: Final = 1e-5
VECTOR_THRESHOLD: Final = 1e-6

Reading = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """What is known of a feed. previous: the last reading, None when there was none or it is missing.

    threshold: smaller changes are none.  moving: how many numbers must change for a reading to have moved.
    """

    threshold: float = VECTOR_THRESHOLD
    moving: int = 1
    is_warm: bool = False
    previous: Reading | None = None

    def after(self, reading: Sequence[float] | None) -> tuple[Feed, Reading | None]:
        """The feed after a reading of as many numbers as ever, and its changes where they are to be told.

        None: there was no reading.
        """
        if reading is None:
            return replace(self, is_warm=False, previous=None), None
        now = tuple(map(float, reading))
        if self.previous is None:
            return replace(self, is_warm=False, previous=now), None
        changes = tuple(new - old for new, old in zip(now, self.previous, strict=True))
        has_moved = sum(abs(change) > self.threshold for change in changes) >= self.moving
        return replace(self, is_warm=has_moved, previous=now), changes if has_moved and self.is_warm else None
