"""What the pages of a gateway are made with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from neurons.client import StreamReader
from neurons.ports import Clock, Entropy
from neurons.web.asking import Asked
from neurons.web.door import Door
from protocol.messages import StreamSummary
from protocol.params import NetworkParams
from protocol.units import SECOND_MS, Hotkey, short

LISTED_FOR_MS: Final = 2 * SECOND_MS
"""A list of all streams is asked for anew after so long: crawlers ask for it in three forms at once."""
NAMED_FOR_MS: Final = 600 * SECOND_MS
MOST_NAMES: Final = 20_000


class Listing:
    """The live streams and the names of their owners, asked of the validator no more often than needed."""

    def __init__(self, reader: StreamReader, clock: Clock) -> None:
        self._reader, self._clock = reader, clock
        self._streams: tuple[int, list[StreamSummary]] | None = None
        self._names: dict[Hotkey, tuple[int, str]] = {}
        self._turn = asyncio.Lock()

    async def streams(self) -> list[StreamSummary]:
        """Every live stream, in the order of names, as of the last seconds."""
        async with self._turn:
            if self._streams is None or self._clock.now_ms() >= self._streams[0] + LISTED_FOR_MS:
                self._streams = self._clock.now_ms(), await self._reader.all_streams()
            return self._streams[1]

    async def owner_name(self, owner: Hotkey) -> str:
        """An owner's memorable name, or the first digits of its hotkey, as of the last minutes."""
        known = self._names.get(owner)
        if known is None or self._clock.now_ms() >= known[0] + NAMED_FOR_MS:
            if len(self._names) >= MOST_NAMES:
                self._names.clear()
            told = await self._reader.balance(owner)
            known = self._names[owner] = self._clock.now_ms(), told.name or short(owner)
        return known[1]


@dataclass(frozen=True)
class GatewayParts:
    """reader: asks as the gateway itself.  door: who comes with a write key.  cdf_form: of the distributions told."""

    reader: StreamReader
    door: Door
    listing: Listing
    params: NetworkParams
    clock: Clock
    entropy: Entropy
    cdf_form: str


Page = Callable[[GatewayParts, Asked], Awaitable[Any]]
"""One page: the fields of a request to what `json` writes. Raises AuguryError."""
