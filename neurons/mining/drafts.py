"""The answers of recent rounds: each made once, whoever asks, stored before anybody hears of it, then at hand.

Several validators ask about one round in the same instant. Were each given an answer of its own, the second
commitment would be proof of equivocation; so the first to ask has the answer made and the others wait for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from neurons.ports import Store
from neurons.records import Change, DraftRow
from protocol.units import RoundId

KEPT: Final = 64
"""Drafts at hand; older ones are read from the store again."""


@dataclass(slots=True)
class _Making:
    """A draft on its way into the store. One that was made is not made again, whatever became of its caller."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    made: DraftRow | None = None
    asking: int = 0


class Drafts:
    """One miner's drafts. Whatever `find` and `find_or_make` return is durable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: OrderedDict[RoundId, DraftRow] = OrderedDict()
        self._making: OrderedDict[RoundId, _Making] = OrderedDict()

    async def find(self, round_id: RoundId) -> DraftRow | None:
        """The draft of a round, or None when there is none. Raises StoreUnavailable (ours)."""
        draft = self._recent.get(round_id)
        if draft is None:
            draft = await self._store.draft(round_id)
            if draft is not None:
                self._keep(draft)
        return draft

    async def find_or_make(self, round_id: RoundId, make: Callable[[], Awaitable[DraftRow]]) -> DraftRow:
        """The draft of a round, made and stored when there is none. Raises StoreUnavailable, and what `make` raises."""
        draft = self._recent.get(round_id)
        if draft is not None:
            return draft
        making = self._making.setdefault(round_id, _Making())
        making.asking += 1
        try:
            async with making.lock:
                draft = await self.find(round_id)
                if draft is None:
                    draft = making.made = making.made or await make()
                    await self._store.apply(Change(drafts=(draft,)))
                    self._keep(draft)
                return draft
        finally:
            making.asking -= 1
            if not making.asking and (making.made is None or round_id in self._recent):
                self._making.pop(round_id, None)
            elif len(self._making) > KEPT:
                self._making.popitem(last=False)

    def _keep(self, draft: DraftRow) -> None:
        self._recent[draft.round_id] = draft
        if len(self._recent) > KEPT:
            self._recent.popitem(last=False)
