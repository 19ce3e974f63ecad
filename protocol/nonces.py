"""The nonces that have been acted on, for as long as their messages could still be let in."""

from __future__ import annotations

import heapq

from protocol.errors import Expired, Overloaded, Replayed
from protocol.units import Hotkey


class NonceTable:
    """Every (sender, nonce) with the instant until which it is kept; bounded, and never forgetful to make room.

    A clock that steps back could bring a message back to life whose nonce was dropped. So the table knows up to
    which instant it has forgotten, and lets in nothing that should have been dropped by then.
    """

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._held: dict[bytes, int] = {}
        self._by_expiry: list[tuple[int, bytes]] = []
        self._forgotten_before_ms = 0

    def __len__(self) -> int:
        return len(self._held)

    def check(self, sender: Hotkey, nonce: bytes, *, expires_at_ms: int) -> None:
        """Raises Replayed for a nonce that is held, Expired for one that may have been held and dropped."""
        if sender + nonce in self._held:
            raise Replayed("this nonce has been acted on")
        if expires_at_ms < self._forgotten_before_ms:
            raise Expired("too old to tell whether it is a repetition")

    def remember(self, sender: Hotkey, nonce: bytes, *, expires_at_ms: int, now_ms: int) -> None:
        """Keeps a nonce until `expires_at_ms` has passed. Raises as `check` does; Overloaded when there is no room."""
        self._forget(now_ms)
        self.check(sender, nonce, expires_at_ms=expires_at_ms)
        if len(self._held) >= self._capacity:
            raise Overloaded("no room to remember another call; ask again later")
        self._hold(sender + nonce, expires_at_ms)

    def restore(self, sender: Hotkey, nonce: bytes, *, expires_at_ms: int) -> None:
        """Takes back one that was stored before a restart, whether or not there is room; the latest expiry counts."""
        if expires_at_ms > self._held.get(sender + nonce, -1):
            self._hold(sender + nonce, expires_at_ms)

    def forget_before(self, at_ms: int) -> None:
        """Says that nonces which expired before `at_ms` may be missing here, as after a restart."""
        self._forgotten_before_ms = max(self._forgotten_before_ms, at_ms)

    def _hold(self, key: bytes, expires_at_ms: int) -> None:
        self._held[key] = expires_at_ms
        heapq.heappush(self._by_expiry, (expires_at_ms, key))

    def _forget(self, now_ms: int) -> None:
        self.forget_before(now_ms)
        while self._by_expiry and self._by_expiry[0][0] < now_ms:
            expired_at_ms, key = heapq.heappop(self._by_expiry)
            if self._held.get(key) == expired_at_ms:
                del self._held[key]
