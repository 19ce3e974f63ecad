"""A miner's answer to a round is made once and stored before anybody hears of it, whoever asks and whatever fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from neurons.mining.drafts import KEPT, Drafts
from neurons.ports import StoreUnavailable
from neurons.records import Change, DraftRow
from neurons.store.memory import MemoryStore
from tests.support.rows import a_draft, round_id_of


class Maker:
    """Makes a different draft each time, slowly enough for others to come in between."""

    def __init__(self, round_number: int = 1) -> None:
        self.row, self.made = a_draft(round_number), 0

    async def __call__(self) -> DraftRow:
        self.made += 1
        draft = replace(self.row, salt=bytes([self.made]) * 32)
        await asyncio.sleep(0)
        return draft


class CountingStore(MemoryStore):
    """A memory store that counts draft look-ups, and fails as many writes as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.failing = 0, 0

    async def draft(self, round_id):
        self.asked += 1
        return await super().draft(round_id)

    async def apply(self, change: Change) -> None:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("full")
        await super().apply(change)


def test_all_who_ask_at_once_get_the_one_answer_that_is_stored():
    async def asked_by_ten() -> None:
        store, make = MemoryStore(), Maker()
        drafts = Drafts(store)
        given = await asyncio.gather(*(drafts.find_or_make(round_id_of(1), make) for _ in range(10)))

        assert 1 == make.made
        assert [await store.draft(round_id_of(1))] * 10 == given

    asyncio.run(asked_by_ten())


def test_an_answer_that_could_not_be_stored_is_not_given_and_not_made_anew():
    async def first_fails() -> None:
        store, make = CountingStore(), Maker()
        drafts = Drafts(store)
        store.failing = 1
        with pytest.raises(StoreUnavailable):
            await drafts.find_or_make(round_id_of(1), make)
        assert await drafts.find(round_id_of(1)) is None
        later = await drafts.find_or_make(round_id_of(1), make)

        assert 1 == make.made
        assert await store.draft(round_id_of(1)) == later

    asyncio.run(first_fails())


def test_an_answer_of_before_a_restart_is_given_again():
    async def restarted() -> None:
        store = MemoryStore()
        before = await Drafts(store).find_or_make(round_id_of(1), Maker())
        again = Maker()

        assert before == await Drafts(store).find_or_make(round_id_of(1), again)
        assert 0 == again.made

    asyncio.run(restarted())


def test_recent_answers_are_at_hand_and_older_ones_are_read_again():
    async def many() -> None:
        store = CountingStore()
        drafts = Drafts(store)
        for number in range(KEPT + 1):
            await drafts.find_or_make(round_id_of(number), Maker(number))
        store.asked = 0

        assert a_draft(KEPT).round_id == (await drafts.find(round_id_of(KEPT))).round_id
        assert 0 == store.asked
        assert a_draft(0).round_id == (await drafts.find(round_id_of(0))).round_id
        assert 1 == store.asked

    asyncio.run(many())
