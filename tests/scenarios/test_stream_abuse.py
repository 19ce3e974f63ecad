"""What strangers may try on a validator of open streams, in virtual time: nothing grows for free."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from neurons.ports import Store
from neurons.records import Change
from neurons.transport.limits import Door
from neurons.validating.streams import readings
from protocol.errors import InvalidRequest, Overloaded
from protocol.messages import CdfQuestion, StreamReadReply, TransactionsQuestion
from protocol.rules.stream_records import NoticeKind
from tests.scenarios.test_open_streams import play, wait
from tests.support.failing_store import FailingStore
from tests.support.stream_writers import stream_writer
from tests.support.world import World, signing_key

NOBODYS = [(f"s{number}.json", 70) for number in range(1_000)]


class Recording(FailingStore):
    """Writes down what is stored."""

    changes: list[Change]

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.changes = []

    async def apply(self, change: Change) -> None:
        self.changes.append(change)
        await super().apply(change)


def test_a_key_without_a_name_leaves_nothing_behind() -> None:
    async def scenario(world: World) -> None:
        stranger = stream_writer(world, "stranger", named=False)
        with pytest.raises(InvalidRequest, match="letters"):
            await stranger.cancel(NOBODYS)
        assert {} == world.validator.keeper.book.state.answered
        assert [] == list(await world.validator_store.notices(stranger.hotkey, NoticeKind.ERROR))

    play(scenario)


def test_a_batch_of_nothing_leaves_a_few_lines_and_no_evidence() -> None:
    async def scenario(world: World) -> None:
        ann, store = stream_writer(world, "ann"), Recording(world.validator_store)
        await ann.publish("cop.json", 1.0)
        world.validator.keeper.store = store
        assert 1_000 == len(await ann.cancel(NOBODYS))
        assert 65 == len(await store.notices(ann.hotkey, NoticeKind.ERROR, limit=1_000))
        assert [()] == [change.open_streams.evidence for change in store.changes]

    play(scenario)


def test_the_dearest_distribution_is_told_at_fewer_points_the_more_predict(monkeypatch) -> None:
    async def scenario(world: World) -> None:
        ann = stream_writer(world, "ann")
        await ann.publish("cop.json", 1.0)
        points = [number / 10 for number in range(60)]
        assert await ann.cdf("cop.json", 70, values=points, form="2021")
        monkeypatch.setattr(readings, "LOOKS_2021", 0)
        with pytest.raises(InvalidRequest, match="50 values"):
            await ann.cdf("cop.json", 70, values=points, form="2021")

    play(scenario)


def test_a_value_in_several_lines_leaves_a_log_that_can_be_read() -> None:
    async def scenario(world: World) -> None:
        ann = stream_writer(world, "ann")
        await ann.publish("note.json", '{"a":\n\x1b[2J1}')
        assert ['name note.json, value {"a":\\n\\x1b[2J1}'] == [line.about for line in await ann.confirms()]

    play(scenario)


class SlowSettlements(FailingStore):
    """Counts how many search for settlements at once; each takes a second."""

    def __init__(self, inner: Store, world: World) -> None:
        super().__init__(inner)
        self.world, self.under_way, self.most = world, 0, 0

    async def settled_of(self, *asked: object, **how: object) -> tuple[tuple[()], tuple[()]]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await wait(self.world, 1)
        self.under_way -= 1
        return (), ()


def test_searches_for_a_keys_settlements_wait_for_each_other_and_nobody_waits_for_them(monkeypatch) -> None:
    async def scenario(world: World) -> None:
        store = SlowSettlements(world.validator_store, world)
        asked = readings.StreamReadings(world.validator.keeper, store, Door("searches", 3))
        anybody = signing_key("anybody").hotkey
        searches = (asked.answer(TransactionsQuestion(anybody), anybody) for _ in range(5))
        told = await asyncio.gather(*searches, return_exceptions=True)
        assert [StreamReadReply] * 3 + [Overloaded] * 2 == [type(one) for one in told]
        assert 1 == store.most

    play(scenario)


def test_the_distribution_of_many_owners_is_drawn_aside_and_says_the_same(monkeypatch) -> None:
    async def scenario(world: World) -> None:
        ann, bob = stream_writer(world, "ann"), stream_writer(world, "bob")
        for value in (1.0, 2.0):
            await ann.publish("cop.json", value)
            await wait(world, 2)
        await bob.submit({("cop.json", 70): [number / 10 for number in range(225)]})
        asked = readings.StreamReadings(world.validator.keeper, world.validator_store)
        questions = [CdfQuestion("cop.json", 70, form) for form in readings.FORMS]
        at_once = [await asked.answer(one, bob.hotkey) for one in questions]
        threads: set[int] = set()

        def draw(*asked: object) -> Callable[[], object]:
            drawn = of_form(*asked)
            return lambda: (threads.add(threading.get_ident()), drawn())[1]

        of_form = readings.FORMS[""]
        monkeypatch.setattr(readings, "FORMS", {**readings.FORMS, "": draw})
        monkeypatch.setattr(readings, "DRAWN_AT_ONCE", 0)
        assert at_once == [await asked.answer(one, bob.hotkey) for one in questions]
        assert threads - {threading.get_ident()}
        full = readings.StreamReadings(world.validator.keeper, world.validator_store, drawings=Door("drawings", 0))
        with pytest.raises(Overloaded):
            await full.answer(questions[0], bob.hotkey)

    play(scenario)
