"""An envelope without what its row says anyway: the answer's numbers, the salt, the keys are stored once.

Folded form: one little-endian uint16 per known piece (where it stood, or ABSENT), then what is left.
An empty envelope folds to nothing. Any bytes fold and unfold to themselves; only how short they get depends on them.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

ABSENT: Final = 0xFFFF


@cache
def _places(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}H")


def fold(evidence: bytes, *pieces: bytes) -> bytes:
    """`evidence` without the last occurrence of each piece; one that is empty, not found or far in stays as it is."""
    if not evidence:
        return b""
    places = []
    for piece in pieces:
        place = evidence.rfind(piece) if piece else -1
        if not 0 <= place < ABSENT:
            places.append(ABSENT)
        else:
            places.append(place)
            evidence = evidence[:place] + evidence[place + len(piece) :]
    return _places(len(pieces)).pack(*places) + evidence


def unfold(folded: bytes, *pieces: bytes) -> bytes:
    """What `fold` was given. `pieces` must be the same as then."""
    if not folded:
        return b""
    layout = _places(len(pieces))
    evidence = folded[layout.size :]
    for place, piece in zip(reversed(layout.unpack_from(folded)), reversed(pieces), strict=True):
        if place != ABSENT:
            evidence = evidence[:place] + piece + evidence[place:]
    return evidence
