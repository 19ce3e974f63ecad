"""Writers of open streams in a `World`: keys with memorable names that talk to its validator."""

from __future__ import annotations

from typing import Any

from neurons.client import StreamWriter
from neurons.peers_file import ListedValidator
from protocol.keys import SigningKey
from tests.support.named_keys import name_nonce
from tests.support.world import SeededEntropy, World, signing_key

LETTERS = 6
"""Of the names: found in milliseconds. A world's params give them as many more as they need."""


def stream_writer(world: World, key: SigningKey | str, *, named: bool = True, **settings: Any) -> StreamWriter:
    """A key's writer, by the key or by its name in tests; it tells its memorable name unless it has none."""
    signing = signing_key(key) if isinstance(key, str) else key
    validator = world.known_validator
    return StreamWriter(
        ListedValidator(validator.hotkey, validator.endpoint),
        signing,
        params=world.params,
        clock=world.clock,
        entropy=SeededEntropy(("writer", signing.hotkey)),
        wire=world.caller(),
        name_nonce=name_nonce(signing, LETTERS) if named else None,
        **settings,
    )
