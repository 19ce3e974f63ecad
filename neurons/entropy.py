"""Chance as the operating system gives it: the `Entropy` port in life. Tests use a seeded one."""

from __future__ import annotations

import os


class SystemEntropy:
    """For nonces, salts and seeds: nobody can predict it."""

    def bytes(self, count: int) -> bytes:
        """count bytes from the system's cryptographic source."""
        return os.urandom(count)
