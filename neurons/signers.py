"""From the settings of whoever signs to key, clock and rules: all that a command needs which runs no node."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from typing import Final

from neurons.clock import ScaledClock, SystemClock
from neurons.config import passphrase_from_environment
from neurons.keystore import is_encrypted, load_key_file, read_passphrase
from neurons.settings import SignerSettings
from protocol.keys import SigningKey
from protocol.params import DAY, DEMO, MAIN, NetworkParams

PRESETS: Final[Mapping[str, NetworkParams]] = {"main": MAIN, "day": DAY, "demo": DEMO}


def clock_of(settings: SignerSettings) -> ScaledClock:
    """The system's clock, or a demonstration's that runs faster."""
    asked = settings.clock
    if asked.sim_origin_ms is None or asked.wall_origin_ms is None:
        return SystemClock()
    return ScaledClock(sim_origin_ms=asked.sim_origin_ms, wall_origin_ms=asked.wall_origin_ms, scale=asked.scale)


def key_of(settings: SignerSettings, *, ask: Callable[[str], bytes | None] | None = None) -> SigningKey:
    """The node's hotkey, its file opened with the passphrase file's or the environment's passphrase.

    ask: where neither is given and the key is encrypted, gets one for this prompt, once; None when nobody answers.
    Raises the KeyFileError that fits (ours).
    """
    passphrase = (
        read_passphrase(settings.passphrase_file) if settings.passphrase_file else passphrase_from_environment()
    )
    if passphrase is None and ask is not None and is_encrypted(settings.key_path):
        passphrase = ask(f"Passphrase of {settings.key_path}: ")
    return load_key_file(settings.key_path, passphrase=passphrase, allow_unencrypted=settings.allow_unencrypted_key)


def ask_at_terminal(prompt: str) -> bytes | None:
    """What the person at the terminal types, unseen; None when there is no terminal or the person gives up."""
    if not sys.stdin.isatty():
        return None
    try:
        return getpass(prompt).encode()
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return None
