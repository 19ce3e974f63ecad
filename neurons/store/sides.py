"""A settlement's owners and what each got, packed: 20 or 28 bytes an owner instead of a row.

    byte 1 when there are log scores, else 0 | owners' integers (u32) | amounts (i64) | CRPS (i64) | log scores (i64)

All little-endian, one column after the other. The integers are those of the table `hotkeys`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from protocol.rules.pot import Settlement
from protocol.units import Micros, Nano


class Sides(NamedTuple):
    """What is packed. owners: integers of hotkeys."""

    owners: tuple[int, ...]
    amounts_micros: tuple[int, ...]
    crps_nano: tuple[int, ...]
    log_score_nano: tuple[int, ...] | None


def pack(owners: Sequence[int], settlement: Settlement) -> bytes:
    """Raises struct.error (ours) for a number that does not fit."""
    count, scores = len(owners), settlement.log_score_nano
    columns = (settlement.amounts_micros, settlement.crps_nano, scores or ())
    layout = f"<?{count}I{sum(map(len, columns))}q"
    return struct.pack(layout, scores is not None, *owners, *columns[0], *columns[1], *columns[2])


def unpack(packed: bytes) -> Sides:
    """What `pack` packed."""
    has_scores = packed[0] == 1
    count = (len(packed) - 1) // (28 if has_scores else 20)
    numbers = struct.unpack(f"<?{count}I{count * (3 if has_scores else 2)}q", packed)[1:]
    owners, amounts, crps, scores = (numbers[count * n : count * (n + 1)] for n in range(4))
    return Sides(owners, amounts, crps, scores if has_scores else None)


def settlement_of(row: Any, hotkeys: Mapping[int, bytes]) -> Settlement:
    """A row of the table `settlements` as what was settled. hotkeys: integer -> hotkey, of all of its owners."""
    sides = unpack(row.sides)
    return Settlement(
        rule=row.rule,
        value=row.value,
        owners=tuple(hotkeys[owner].hex() for owner in sides.owners),
        amounts_micros=tuple(map(Micros, sides.amounts_micros)),
        reserve_micros=Micros(row.reserve_micros),
        subsidy_micros=Micros(row.subsidy_micros),
        reason=row.reason,
        window=row.window,
        winners=row.winners,
        count=row.scenarios,
        budget_micros=Micros(row.budget_micros),
        crps_nano=tuple(map(Nano, sides.crps_nano)),
        log_score_nano=None if sides.log_score_nano is None else tuple(map(Nano, sides.log_score_nano)),
    )
