"""Keys with memorable names, each searched once in a run of tests."""

from __future__ import annotations

from functools import lru_cache
from itertools import count

from protocol.keys import SigningKey
from protocol.rules.name_search import search

NONCES_AT_ONCE = 65_536


@lru_cache(maxsize=256)
def name_nonce(key: SigningKey, letters: int) -> int:
    """The first nonce with which a key has a name of so many letters: 7 take a tenth of a second."""
    for turn in count():
        for found in search(key.hotkey, start=turn * NONCES_AT_ONCE, count=NONCES_AT_ONCE, letters=letters):
            return found.nonce
    raise AssertionError("a name is found at last")
