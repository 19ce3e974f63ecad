"""Token buckets: how many calls an address or a key may make, in a bounded amount of memory."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

MILLI = 1_000
IPV6_BLOCK_BITS = 64
"""One household or host commonly holds a whole /64; counting single addresses would count nobody."""


class TokenBuckets:
    """A bucket for each key: `size` calls at once, `per_second` more each second, in whole thousandths of a call.

    Holds at most `max_buckets`. Beyond that the one untouched for longest is dropped, which is the one that
    had most time to fill up again: dropping a full bucket changes nothing.
    """

    def __init__(self, *, size: int, per_second: int, max_buckets: int) -> None:
        self._full = size * MILLI
        self._per_ms = per_second  # thousandths a millisecond are calls a second
        self._max_buckets = max_buckets
        self._levels: dict[str | bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str | bytes, *, now_ms: int) -> bool:
        """Whether this call fits; if so it is counted. A clock that steps back refills nothing."""
        level, at_ms = self._levels.pop(key, (self._full, now_ms))
        level = min(self._full, level + max(0, now_ms - at_ms) * self._per_ms)
        fits = level >= MILLI
        self._levels[key] = (level - MILLI if fits else level, now_ms)
        if len(self._levels) > self._max_buckets:
            del self._levels[next(iter(self._levels))]
        return fits


@lru_cache(maxsize=65_536)
def address_block(peer_ip: str) -> str:
    """What an address is counted under: an IPv4 address itself, an IPv6 address's /64, any other name as it is."""
    try:
        address = ipaddress.ip_address(peer_ip)
    except ValueError:
        return peer_ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(address) >> IPV6_BLOCK_BITS << IPV6_BLOCK_BITS, IPV6_BLOCK_BITS)))
    return str(address)
