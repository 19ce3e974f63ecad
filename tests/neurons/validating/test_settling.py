"""The books of a validator: what is read back while it is dropped is read again."""

from __future__ import annotations

import asyncio

from neurons.store.memory import MemoryStore
from neurons.validating.settling import Settling
from tests.support.brisk import BRISK, POINT
from tests.support.world import SERIES


class Reread(MemoryStore):
    """Drops the book in the middle of its first reading, as a re-score does."""

    def __init__(self) -> None:
        super().__init__()
        self.settling, self.asked = Settling(self, BRISK), 0

    async def rounds(self, **wanted):
        self.asked += 1
        if self.asked == 1:
            self.settling.forget(SERIES, POINT)
        return await super().rounds(**wanted)


def test_a_book_that_is_dropped_while_it_is_read_back_is_read_again():
    store = Reread()

    book = asyncio.run(store.settling.book(SERIES, POINT))

    assert 4 == store.asked
    assert book is asyncio.run(store.settling.book(SERIES, POINT))
    assert 4 == store.asked
