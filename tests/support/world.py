"""A whole network in one process: one validator, any miners, no sockets, one virtual clock.

    async def scenario(world: World) -> None:
        miner = await world.miner("alice", Guessing(seed=1))
        await world.until(world.start_ms + DAY_MS)
        assert ...
    run_world(scenario)

Prices are a generated random walk: scenarios are about messages and states, never about skill.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurons.mining.forecasting import Answerer
from neurons.mining.handlers import MinerParts
from neurons.mining.node import KnownValidator, MinerNode
from neurons.ports import Clock, Store
from neurons.records import CloseRow
from neurons.settings import LogSettings
from neurons.store.memory import MemoryStore
from neurons.telemetry import Metrics, Telemetry, open_log
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from neurons.validating.parts import SETTLEMENTS_KEPT_MS
from neurons.validating.series import FollowedSeries
from protocol.answers import answer_of
from protocol.keys import SigningKey
from protocol.messages import Answer, Opening
from protocol.params import MAIN, NetworkParams
from protocol.units import PriceE8, UnixMs
from tests.support.memory_network import MemoryCaller, MemoryNetwork
from tests.support.virtual_time import START_MS, VirtualClock, run_virtual

SERIES = "BTC-USD"
SHORT_HISTORY: NetworkParams = replace(
    MAIN,
    network="augury-test",
    time=replace(MAIN.time, min_history_steps=60),
    loss=replace(MAIN.loss, sigma_window_steps=288),
    truth=replace(MAIN.truth, basis_window_steps=24),
)
"""MAIN, but a round needs five hours of history instead of thirty days, and venues are known in two hours."""


class SeededEntropy:
    """Chance that a test can repeat."""

    def __init__(self, seed: object) -> None:
        self._random = random.Random(str(seed))

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def signing_key(name: str) -> SigningKey:
    """The key of whoever has this name."""
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


def quiet_telemetry(clock: VirtualClock) -> Telemetry:
    """Telemetry whose log nobody reads."""
    log = open_log(LogSettings(level="error", format="json"), io.StringIO(), role="test")
    return Telemetry(log=log, metrics=Metrics(now_ms=clock.now_ms))


@dataclass
class Guessing:
    """An honest miner without a model: a small random path, a Gaussian ensemble of the right width."""

    seed: int = 0
    bet: float = 0.1
    model: str = "guessing"

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        chance = np.random.default_rng([self.seed, opening.anchor_at_ms // 300_000])
        sigma = opening.sigma_pico / 1e12
        walk = np.cumsum(chance.normal(0, sigma, (opening.asked_paths, opening.steps)), axis=1)
        return answer_of((walk * (self.bet if opening.max_paths == 1 else 1.0)).astype(np.float32))

    async def aclose(self) -> None:
        return None


@dataclass
class Answering:
    """A miner that answers whatever a function makes of the opening."""

    make: Callable[[Opening], Answer]
    model: str = "scripted"

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        return self.make(opening)

    async def aclose(self) -> None:
        return None


@dataclass
class WalkMarket:
    """Generated closes of a random walk; `missing` instants have none, and none is known before it is final."""

    clock: VirtualClock
    step_ms: int
    settle_delay_ms: int
    missing: set[int] = field(default_factory=set)
    misprints: dict[int, PriceE8] = field(default_factory=dict)
    """What the venues say at first, of instants of which `close` is what they say in the end."""
    corrections: list[CloseRow] = field(default_factory=list)
    """Handed out before the next close."""
    halted_from_ms: int | None = None
    """From here on nothing is agreed and nothing is said to be missing: the market is silent."""

    def close(self, at_ms: int) -> PriceE8:
        step = at_ms // self.step_ms
        wave = 0.01 * math.sin(step / 50) + 0.002 * math.sin(step * 12.9898) + 0.001 * math.sin(step * 78.233)
        return PriceE8(round(60_000e8 * math.exp(wave)))

    async def closes(self, *, since_ms: int) -> AsyncIterator[CloseRow]:
        at = since_ms - since_ms % self.step_ms + self.step_ms
        while True:
            await self.clock.sleep_until(at + self.settle_delay_ms)
            while self.halted_from_ms is not None and at >= self.halted_from_ms:
                await self.clock.sleep_until(self.clock.now_ms() + self.step_ms)
            gone = at in self.missing
            close = None if gone else self.misprints.get(at, self.close(at))
            while self.corrections:
                yield self.corrections.pop(0)
            yield CloseRow(SERIES, UnixMs(at), 0, close, "gap" if gone else "", b"[]", self.clock.now_ms())
            at += self.step_ms


@dataclass
class RunningMiner:
    """A miner of the world, with what a test wants to look at."""

    name: str
    endpoint: str
    key: SigningKey
    store: Store
    node: MinerNode
    answerer: Answerer


class World:
    """The network of one scenario."""

    def __init__(self, params: NetworkParams = SHORT_HISTORY) -> None:
        self.params = params
        self.clock = VirtualClock()
        self.network = MemoryNetwork()
        self.validator_store: Store = MemoryStore()
        self.validator_key = signing_key("validator")
        self.market = WalkMarket(self.clock, params.time.step_ms, params.time.settle_delay_ms)
        self.series: list[str | FollowedSeries] = [SERIES]
        self.miners: dict[str, RunningMiner] = {}
        self.validator: ValidatorNode | None = None
        self.validators = [self.known_validator]
        """Whom miners started from now on let ask."""
        self.settlements_kept_ms = SETTLEMENTS_KEPT_MS
        self.door = Doorkeeping(allowed=None, allow_private_endpoints=True)
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def known_validator(self) -> KnownValidator:
        return KnownValidator(self.validator_key.hotkey, "validator:1")

    def run_beside(self, name: str, running: Coroutine[Any, Any, None]) -> None:
        """Runs something as long as the world lasts; its failure fails the scenario."""
        self._running[name] = asyncio.create_task(running, name=name)

    def caller(self) -> MemoryCaller:
        return MemoryCaller(self.network, self.clock, self.params.wire)

    async def start_validator(self) -> ValidatorNode:
        """Starts it, or starts it again: the same store, a new node."""
        node = await ValidatorNode.open(
            key=self.validator_key,
            params=self.params,
            series=self.series,
            clock=self.clock,
            entropy=SeededEntropy(("validator", self.clock.now_ms())),
            store=self.validator_store,
            caller=self.caller(),
            telemetry=quiet_telemetry(self.clock),
            door=self.door,
            settlements_kept_ms=self.settlements_kept_ms,
        )
        self.network.host("validator:1", node)
        self.run_beside("validator", node.run({SERIES: self.market}))
        self.validator = node
        return node

    async def stop_validator(self) -> None:
        """Stops it as a kill would: whatever was not stored is lost."""
        self.network.remove("validator:1")
        await self._stop("validator")

    async def miner(
        self,
        name: str,
        answerer: Answerer | None = None,
        *,
        register: bool = True,
        clock: Clock | None = None,
        telemetry: Telemetry | None = None,
    ) -> RunningMiner:
        """Starts a miner and registers it; or starts it again over its store. clock: its own, if it runs wrong."""
        known = self.miners.get(name)
        key, endpoint = signing_key(name), f"{name}:1"
        store = known.store if known is not None else MemoryStore()
        answers = answerer or (known.answerer if known is not None else Guessing(len(self.miners)))
        parts = MinerParts(
            me=key.hotkey,
            params=self.params,
            clock=clock or self.clock,
            entropy=SeededEntropy((name, self.clock.now_ms())),
            store=store,
            answerer=answers,
            endpoint=endpoint,
            reveal_guard_ms=5_000,
        )
        node = await MinerNode.open(
            parts,
            key=key,
            telemetry=telemetry or quiet_telemetry(self.clock),
            caller=self.caller(),
            validators=self.validators,
        )
        self.network.host(endpoint, node)
        self.miners[name] = RunningMiner(name, endpoint, key, store, node, answers)
        if register:
            await node.register(self.known_validator)
        return self.miners[name]

    def stop_miner(self, name: str) -> None:
        """Nobody answers at its endpoint any more."""
        self.network.remove(self.miners[name].endpoint)

    async def until(self, at_ms: int) -> None:
        """Lets time pass; a node that fails fails the scenario."""
        sleeping = asyncio.create_task(self.clock.sleep_until(at_ms), name="scenario")
        tasks = [sleeping, *self._running.values()]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        assert sleeping in done, "a node ended by itself"

    async def close(self) -> None:
        """Stops everything."""
        for name in list(self._running):
            await self._stop(name)

    async def _stop(self, name: str) -> None:
        task = self._running.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def run_world(
    scenario: Callable[[World], Awaitable[None]],
    *,
    params: NetworkParams = SHORT_HISTORY,
    start_ms: int = START_MS,
) -> None:
    """Runs a scenario in virtual time, with a validator that has all the history it needs."""

    async def main() -> None:
        world = World(params)
        try:
            await world.start_validator()
            await scenario(world)
        finally:
            await world.close()

    run_virtual(main(), start_ms=start_ms)
