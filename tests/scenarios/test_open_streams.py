"""Open streams on a whole validator in virtual time: from a first value to points, through restarts and full disks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from neurons.ports import PeerUnreachable
from neurons.validating.streams import acts
from neurons.validating.streams.rows import taken_back
from protocol.errors import InvalidRequest, KeyEnded, NotFound, Overloaded
from protocol.messages import ALL_STREAMS, SettlementNews, StreamNews, points_topic, stream_topic
from protocol.rules.points import POINTS
from protocol.rules.succession import hand_over, revoke
from protocol.units import DAY_MS, SECOND_MS
from tests.support.failing_store import FailingStore, full_while
from tests.support.named_keys import name_nonce
from tests.support.sample_database import QUICK
from tests.support.stream_writers import LETTERS, stream_writer
from tests.support.world import World, run_world, signing_key

PARAMS = replace(QUICK, streams=replace(QUICK.streams, letters_given=7))


def around(centre: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(centre, 1.0, 225)


async def wait(world: World, seconds: float) -> None:
    await world.until(world.clock.now_ms() + round(seconds * SECOND_MS))


def play(scenario) -> None:
    run_world(scenario, params=PARAMS)


def test_a_value_is_published_predicted_settled_and_told() -> None:
    async def scenario(world: World) -> None:
        ann, near, far = (stream_writer(world, name) for name in ("ann", "near", "far"))
        told: list[object] = []

        async def listen() -> None:
            async for news in stream_writer(world, "listener", named=False).watch(ALL_STREAMS):
                told.append(news.message)

        world.run_beside("listener", listen())
        await wait(world, 1)
        for value in (9.0, 11.0, 10.0):
            await ann.publish("cop.json", value)
            await wait(world, 2)
        assert ["cop.json"] == [stream.name for stream in await near.streams()]
        assert () == await near.submit({("cop.json", 70): around(10.0, 1)})
        assert () == await far.submit({("cop.json", 70): around(14.0, 2)})
        distribution = await ann.cdf("cop.json", 70)
        assert (3, 0.99) == (distribution.owners, pytest.approx(distribution.probabilities[-1], abs=0.01))
        await wait(world, 71)
        reply = await ann.publish("cop.json", 10.1, with_percentiles=True)
        assert {70, 310, 910, 3555} >= {fell.delay for fell in reply.percentiles} >= {70}

        assert [("cop.json", 70)] == await near.taking_part()
        assert [near.hotkey] == [line.owner for line in await near.predictions("cop.json", 70)]
        everybody = await ann.predictions("cop.json", 70, judged=True)
        assert {ann.hotkey, near.hotkey, far.hotkey} == {line.owner for line in everybody}

        balances = {name: (await one.balance()).balance_micros for name, one in {"near": near, "far": far}.items()}
        assert balances["near"] > 0 > balances["far"]
        [best, *_] = await near.board(stream="cop.json", delay=70)
        assert (near.hotkey, balances["near"]) == (best.owner, best.score_micros)
        assert () == await near.board(stream="cop.json", delay=70, since_day=world.clock.now_ms() // DAY_MS + 1)
        [line] = await near.transactions()
        assert ("cop.json", 70, balances["near"]) == (line.stream, line.delay, line.amount_micros)
        assert [("70::cop.json", balances["near"])] == [(p.horizon, p.amount_micros) for p in await near.performance()]
        assert [10.1, 10.0, 11.0, 9.0] == await near.lagged_values("cop.json")

        await wait(world, 1)
        values = [(one.name, one.value) for one in told if isinstance(one, StreamNews)]
        assert [("cop.json", text) for text in (b"9.0", b"11.0", b"10.0", b"10.1")] == values[:4]
        assert "z1~cop~70.json" in {name for name, _ in values}
        [paid] = [one for one in told if isinstance(one, SettlementNews) and one.name == "cop.json"]
        assert {near.hotkey: balances["near"], far.hotkey: balances["far"]}.items() <= {
            moved.owner: moved.amount_micros for moved in paid.moved
        }.items()
        assert 0 == sum(
            amount for (_, unit), amount in (await world.validator_store.balances()).items() if unit == POINTS
        )

    play(scenario)


def test_whoever_follows_a_key_hears_what_it_has() -> None:
    async def scenario(world: World) -> None:
        ann, told = stream_writer(world, "ann"), []

        async def listen() -> None:
            async for news in stream_writer(world, "listener", named=False).watch(points_topic(ann.hotkey)):
                told.append(news.message)

        world.run_beside("listener", listen())
        await wait(world, 1)
        await ann.publish("a.json", 1.0)
        await stream_writer(world, "bob").publish("b.json", 1.0)
        await wait(world, 1)
        assert [(ann.hotkey, -500_000_000)] == [(one.owner, one.balance_micros) for one in told]

    play(scenario)


def test_one_streams_topic_tells_of_that_stream_alone() -> None:
    async def scenario(world: World) -> None:
        ann, told = stream_writer(world, "ann"), []

        async def listen() -> None:
            async for news in stream_writer(world, "listener", named=False).watch(stream_topic("b.json")):
                told.append(news.message)

        world.run_beside("listener", listen())
        await wait(world, 1)
        for name in ("a.json", "b.json"):
            await ann.publish(name, 1.0)
        await wait(world, 1)
        assert ["b.json"] == [message.name for message in told]

    play(scenario)


def test_a_validator_that_starts_again_goes_on_where_it_was() -> None:
    async def scenario(world: World) -> None:
        ann, bob = stream_writer(world, "ann"), stream_writer(world, "bob")
        await ann.publish_set({"cop.json": 1.0, "rain.json": 2.0}, with_copulas=True)
        await ann.subscribe("cop.json", "rain.json")
        await ann.link("cop.json", 70, "rain.json")
        for turn in range(4):
            await bob.submit({("cop.json", 70): around(turn, turn), ("rain.json", 3555): around(turn, turn)})
            await wait(world, 75)
            await ann.publish_set({"cop.json": turn + 0.5, "rain.json": turn - 0.5}, with_copulas=True)
        await ann.publish("note.json", '{"a": 1}')
        await ann.delete("note.json")
        before = world.validator.keeper.book
        balance, mailbox = await bob.balance(), await ann.mailbox("cop.json")
        await world.stop_validator()
        await world.start_validator()
        after = world.validator.keeper.book
        before.state.answered.clear()
        assert before == after
        assert (balance, mailbox) == (await bob.balance(), await ann.mailbox("cop.json"))
        await wait(world, 75)
        await ann.publish("cop.json", 9.0)
        assert balance != await bob.balance()

    play(scenario)


def test_what_could_not_be_stored_has_not_happened() -> None:
    async def scenario(world: World) -> None:
        full = False
        await world.stop_validator()
        inner = world.validator_store
        world.validator_store = FailingStore(inner, before_apply=full_while(lambda: full))
        await world.start_validator()
        ann = stream_writer(world, "ann")
        await ann.publish("cop.json", 1.0)
        await wait(world, 2)
        full = True
        with pytest.raises(PeerUnreachable, match="cannot store"):
            await ann.publish("cop.json", 2.0)
        full = False
        await wait(world, 2)
        assert [1.0] == await ann.lagged_values("cop.json")
        await ann.publish("cop.json", 3.0)
        assert [3.0, 1.0] == await ann.lagged_values("cop.json")
        kept = (await taken_back(inner, PARAMS.streams)).book
        world.validator.keeper.book.state.answered.clear()
        assert world.validator.keeper.book == kept

    play(scenario)


def test_many_acts_at_once_are_one_commit_and_all_count() -> None:
    async def scenario(world: World) -> None:
        writers = [stream_writer(world, f"owner {number}") for number in range(20)]
        for one in writers:
            await one.take_name(name_nonce(signing_key(f"owner {writers.index(one)}"), LETTERS))
        store = FailingStore(world.validator_store)
        world.validator.keeper.store = store
        await asyncio.gather(*(one.publish(f"s{number}.json", 1.0) for number, one in enumerate(writers)))
        assert 20 == len(await writers[0].streams())
        assert 5 > store.applied

    play(scenario)


def test_a_key_without_a_name_may_look_and_nothing_else() -> None:
    async def scenario(world: World) -> None:
        stranger, ann = stream_writer(world, "stranger", named=False), stream_writer(world, "ann")
        await ann.publish("cop.json", 1.0)
        assert [1.0] == await stranger.lagged_values("cop.json")
        with pytest.raises(InvalidRequest, match="letters"):
            await stranger.publish("rain.json", 1.0)
        with pytest.raises(InvalidRequest, match="owner"):
            await stream_writer(world, "bob").publish("cop.json", 2.0)
        with pytest.raises(NotFound):
            await stranger.cdf("rain.json", 70)

    play(scenario)


def test_a_successor_has_the_balance_and_the_old_key_nothing_to_say() -> None:
    async def scenario(world: World) -> None:
        old, new = signing_key("old"), signing_key("new")
        before, after = stream_writer(world, old), stream_writer(world, new, named=False)
        await before.publish("cop.json", 1.0)
        balance = (await before.balance()).balance_micros
        await after.end_key(hand_over(PARAMS.network, old, new, issued_at_ms=world.clock.now_ms()))
        with pytest.raises(KeyEnded):
            await before.publish("cop.json", 2.0)
        await wait(world, 2)
        await after.publish("cop.json", 3.0)
        assert balance == (await after.balance()).balance_micros
        await world.stop_validator()
        await world.start_validator()
        with pytest.raises(KeyEnded):
            await before.balance()
        await after.end_key(revoke(PARAMS.network, new, issued_at_ms=world.clock.now_ms()))
        with pytest.raises(KeyEnded):
            await after.touch("cop.json")

    play(scenario)


def test_an_act_that_waited_while_its_key_ended_is_refused() -> None:
    async def scenario(world: World) -> None:
        old, new = signing_key("old"), signing_key("new")
        before, after = stream_writer(world, old), stream_writer(world, new, named=False)
        await before.publish("cop.json", 1.0)
        await wait(world, 2)
        ending = after.end_key(hand_over(PARAMS.network, old, new, issued_at_ms=world.clock.now_ms()))
        ended, published = await asyncio.gather(ending, before.publish("cop.json", 2.0), return_exceptions=True)
        assert isinstance(published, KeyEnded)
        assert not isinstance(ended, BaseException)
        assert [1.0] == await after.lagged_values("cop.json")

    play(scenario)


def test_only_a_key_that_is_known_can_be_handed_over_and_names_have_a_bound(monkeypatch) -> None:
    async def scenario(world: World) -> None:
        stranger, other, ann = signing_key("stranger"), signing_key("other"), stream_writer(world, "ann")
        statement = hand_over(PARAMS.network, stranger, other, issued_at_ms=world.clock.now_ms())
        with pytest.raises(InvalidRequest, match="nothing to hand over"):
            await ann.end_key(statement)
        monkeypatch.setattr(acts, "MOST_NAMES", 0)
        with pytest.raises(Overloaded):
            await stream_writer(world, "bob").take_name(name_nonce(signing_key("bob"), LETTERS))

    play(scenario)


def test_an_act_that_changes_nothing_leaves_no_evidence() -> None:
    async def scenario(world: World) -> None:
        ann = stream_writer(world, "ann")
        first = await ann.take_name(name_nonce(signing_key("ann"), LETTERS))
        again = await ann.take_name(name_nonce(signing_key("ann"), LETTERS))
        store = world.validator_store
        assert await store.stream_evidence(first.receipt.evidence_sha256) is not None
        assert await store.stream_evidence(again.receipt.evidence_sha256) is None

    play(scenario)
