"""A commitment fixes an answer before anyone sees it; the salt keeps it from being guessed.

The hash runs over fields of fixed size, except the answer's numbers, which come last and whose size shape and
dtype fix. So no two different (round, miner, answer, salt) give the same bytes to hash.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from protocol.errors import CommitmentMismatch
from protocol.messages import Answer
from protocol.messages.checks import SALT_BYTES, sized
from protocol.units import Digest, Hotkey, RoundId, short

DOMAIN: Final = b"augury/commit/1\0"
DTYPE_NUMBER: Final[dict[str, int]] = {"float32": 1, "float64": 2}


def commitment(round_id: RoundId, miner: Hotkey, answer: Answer, salt: bytes) -> Digest:
    """The digest that commits `miner` to `answer` in this round.

    SHA-256 of, one after the other: "augury/commit/1" and a zero byte; round id (32 bytes); miner (32); the number
    of sides (1); each side (4, little-endian); dtype (1: float32 is 1, float64 is 2); salt (32); the answer's bytes.
    Raises Malformed for a salt of another size.
    """
    sized("salt", salt, SALT_BYTES)
    sides = len(answer.shape)
    told = hashlib.sha256(DOMAIN + round_id + miner)
    told.update(struct.pack(f"<B{sides}IB", sides, *answer.shape, DTYPE_NUMBER[answer.dtype]))
    told.update(salt)
    told.update(answer.values)
    return Digest(told.digest())


def check_commitment(committed: Digest, round_id: RoundId, miner: Hotkey, answer: Answer, salt: bytes) -> None:
    """Raises CommitmentMismatch (the miner's) unless this answer and salt are what was committed to."""
    found = commitment(round_id, miner, answer, salt)
    if found != committed:
        raise CommitmentMismatch(
            f"{short(miner)} committed to {short(committed)} and revealed {short(found)}",
            committed=committed,
            revealed=found,
        )
