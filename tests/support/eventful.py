"""A validator's database with something of everything in it: honest, silent, late and unsound miners, missing closes,
void rounds, closed epochs, pushed answers. Prices are generated; every close carries its venues' reports."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurons.market.evidence import no_history, row_of
from neurons.market.feed import agreed_closes
from neurons.market.generated import GeneratedMarket, MarketShape, VenueShape
from neurons.market.markets import SourceMarket
from neurons.market.settling import SettleRules
from neurons.records import Change, DraftRow
from neurons.store.auditing import AuditSqlite
from neurons.store.copying import copy_store
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.validating.node import ValidatorNode
from neurons.validating.replay.findings import Findings
from neurons.validating.replay.whole import replay_database
from neurons.validator import earlier_closes
from protocol.answers import answer_of
from protocol.envelope import seal
from protocol.messages import Answer, Opening, Purpose, RegisterRequest, SubmitRequest
from protocol.messages.checks import SALT_BYTES
from protocol.params import NetworkParams
from protocol.units import HOUR_MS, MINUTE_MS, UnixMs
from tests.support.brisk import ANCHOR, BRISK, resigned
from tests.support.memory_network import Faults
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import SERIES, Answering, Guessing, RunningMiner, World

HISTORY_STEPS = 300
"""More than a window of sigma lies behind the first round."""
GAPPY = MarketShape(
    seed=7,
    venues=(
        VenueShape("gen-amber", gap_ppm=25_000, bad_print_ppm=4_000),
        VenueShape("gen-birch", basis_bp=3.0, noise_bp=0.8, gap_ppm=25_000),
        VenueShape("gen-coral", basis_bp=-4.0, noise_bp=1.0, gap_ppm=25_000),
    ),
)
EVENTFUL: NetworkParams = replace(
    BRISK,
    truth=replace(BRISK.truth, basis_window_steps=48),
    skill=replace(BRISK.skill, memory_ms=8 * HOUR_MS, half_life_ms=2 * HOUR_MS),
    sharing=replace(BRISK.sharing, window_ms=4 * HOUR_MS),
)

NOON = ANCHOR + 6 * HOUR_MS
"""When `a_morning` is over."""


@dataclass
class Knowing:
    """A miner that looks at the hidden market to come, and is a little off: its skill is proven soon."""

    market: GeneratedMarket
    seed: int
    model: str = "knowing"

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        source = self.market.venue("gen-amber")
        last = opening.anchor_at_ms + opening.steps * opening.step_ms
        candles = source.candles(opening.anchor_at_ms - 12 * opening.step_ms, last)
        ends = candles.open_time_ms + opening.step_ms
        closes = np.log(candles.close_e8.astype(float))
        at = opening.anchor_at_ms + opening.step_ms * np.arange(opening.steps + 1)
        path = np.interp(at, ends, closes)
        chance = np.random.default_rng([self.seed, opening.anchor_at_ms // opening.step_ms])
        shape = opening.asked_paths, opening.steps
        off = np.cumsum(chance.normal(0, 0.3 * opening.sigma_pico / 1e12, shape), axis=1)
        return answer_of((path[1:] - path[0] + off).astype(np.float32))

    async def aclose(self) -> None:
        return None


def unsound(opening: Opening) -> Answer:
    """Infinity in every third round, a wrong shape in every third, else a flat path."""
    steps = opening.steps + (opening.anchor_at_ms // opening.step_ms % 3 == 1)
    answer = np.zeros((opening.asked_paths, steps), dtype=np.float32)
    if opening.anchor_at_ms // opening.step_ms % 3 == 2:
        answer[0, 0] = np.inf
    return answer_of(answer)


class EventfulWorld(World):
    """A World whose closes are agreed from three generated venues with gaps, also again after each restart."""

    def __init__(self, params: NetworkParams, shape: MarketShape, history_steps: int) -> None:
        super().__init__(params)
        self.history_steps = history_steps
        self.generated = GeneratedMarket(shape)
        names = (venue.name for venue in shape.venues)
        self.sources = dict(zip(names, self.generated.sources(), strict=True))

    async def push_answer(self, miner: RunningMiner, draft: DraftRow) -> None:
        """Sends a miner's answer with Submit, as a kind that is not pulled would."""
        await self._say(miner, SubmitRequest(draft.challenge, draft.round_id.hex(), draft.salt, draft.answer))

    async def register_for(self, miner: RunningMiner, *challenges: str) -> None:
        """Registers a miner for these challenges only."""
        await self._say(miner, RegisterRequest(miner.endpoint, challenges))

    async def _say(self, miner: RunningMiner, message: SubmitRequest | RegisterRequest) -> None:
        now = self.clock.now_ms()
        request = seal(
            message,
            key=miner.key,
            params=self.params,
            recipient=self.validator_key.hotkey,
            nonce=now.to_bytes(8, "little") + len(repr(message)).to_bytes(8, "little"),
            issued_at_ms=now,
            deadline_ms=now + MINUTE_MS,
        )
        await self.caller().call("validator:1", message.PURPOSE, request.raw, timeout_ms=MINUTE_MS)

    async def start_validator(self) -> ValidatorNode:
        now, rules = self.clock.now_ms(), SettleRules.of(self.params)
        known = await self.validator_store.closes(SERIES, from_ms=0, to_ms=now)
        newest = known[-1].close_at_ms if known else None
        earlier = await earlier_closes(self.validator_store, SERIES, newest, self.params)
        if not earlier:
            past = agreed_closes(
                self.sources,
                rules,
                from_ms=now - self.history_steps * rules.step_ms,
                to_ms=now,
                history=no_history(self.params),
            )
            due = [(close, UnixMs(close.close_at_ms + rules.settle_delay_ms)) for close in past]
            earlier = [row_of(close, series=SERIES, agreed_at_ms=due_ms) for close, due_ms in due]
            await self.validator_store.apply(Change(closes=tuple(earlier)))
        self.market = SourceMarket(SERIES, self.sources, self.clock, self.params, earlier=earlier)  # type: ignore[assignment]
        return await super().start_validator()


async def everybody(world: EventfulWorld) -> None:
    """Two who know, two who guess, one unsound, one who is silent, and one whose salt is never the committed one."""
    await world.miner("alice", Knowing(world.generated, 1))
    await world.miner("bob", Knowing(world.generated, 2))
    await world.miner("carol", Guessing(3))
    await world.miner("dave", Answering(unsound))
    await world.miner("eve", Guessing(5))
    await world.miner("frank", Guessing(6))
    mallory = await world.miner("mallory", Guessing(7))
    other_salt = resigned(
        mallory.key, Purpose.REVEAL_REPLY, lambda reply: replace(reply, salt=bytes(SALT_BYTES)), params=world.params
    )
    world.network.faults[mallory.endpoint] = Faults(tamper_reply=other_salt)
    world.stop_miner("frank")


async def eve_stops_before_the_reveals_of(world: EventfulWorld, anchor_at_ms: int, *, push: bool) -> None:
    """Eve commits to the round and is gone; with `push` she sends her answer to the validator herself."""
    await world.until(anchor_at_ms + 2_000)
    eve = world.miners["eve"]
    world.stop_miner("eve")
    if push:
        await world.until(anchor_at_ms + 20_000)
        for draft in await eve.store.drafts(from_ms=anchor_at_ms):
            await world.push_answer(eve, draft)
    await world.until(anchor_at_ms + 2 * MINUTE_MS)
    await world.miner("eve", register=False)


def play_eventful(
    scenario: Callable[[EventfulWorld], Awaitable[None]],
    *,
    params: NetworkParams = EVENTFUL,
    shape: MarketShape = GAPPY,
    history_steps: int = HISTORY_STEPS,
    clock: VirtualClock | None = None,
) -> MemoryStore:
    """Runs a scenario and returns its validator's store."""

    async def main() -> MemoryStore:
        world = EventfulWorld(params, shape, history_steps)
        world.clock = clock or world.clock
        try:
            await world.start_validator()
            await scenario(world)
        finally:
            await world.close()
        assert isinstance(world.validator_store, MemoryStore)
        return world.validator_store

    return run_virtual(main())


def on_disk(store: MemoryStore, path: Path) -> Path:
    """All of a memory store in a file."""

    async def copy() -> None:
        async with await SqliteStore.open(path) as target:
            await copy_store(store, target)

    asyncio.run(copy())
    return path


def findings_of(path: Path) -> Findings:
    async def replay() -> Findings:
        async with AuditSqlite.open(path) as database:
            return await replay_database(database, lambda done, total: None)

    return asyncio.run(replay())


def execute(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


async def a_morning(world: EventfulWorld) -> None:
    """Everybody, an answer that is pushed, one that is never revealed, and a miner that comes late."""
    await everybody(world)
    await eve_stops_before_the_reveals_of(world, ANCHOR, push=True)
    await eve_stops_before_the_reveals_of(world, ANCHOR + HOUR_MS, push=False)
    await world.until(ANCHOR + 2 * HOUR_MS)
    await world.miner("gina", Knowing(world.generated, 9))
    await world.until(NOON)
