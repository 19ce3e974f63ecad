"""The weeks before: the same nodes, rules and signatures, with a network in memory and a clock that jumps.

What it leaves is what a validator and its miners would hold after those weeks: a database each. Its rounds carry the
provenance `fast-forward`.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from neurons.entropy import SystemEntropy
from neurons.market.evidence import no_history, row_of
from neurons.market.feed import agreed_closes
from neurons.market.markets import SourceMarket
from neurons.market.settling import SettleRules
from neurons.mining.forecasting import Answerer
from neurons.mining.handlers import MinerParts
from neurons.mining.node import KnownValidator, MinerNode
from neurons.ports import Store
from neurons.records import Change, CloseRow, MetaRow
from neurons.settings import LogSettings
from neurons.store.claim import MARKET
from neurons.store.copying import copy_store
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from neurons.telemetry import Metrics, Telemetry, open_log
from neurons.transport.memory import MemoryCaller, MemoryNetwork
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from neurons.virtual_time import VirtualClock, run_virtual
from protocol.params import NetworkParams
from protocol.units import DAY_MS, HOUR_MS, UnixMs
from runnable.demo.ahead import Ahead, workers
from runnable.demo.cast import SERIES, Cast, Player
from runnable.demo.hostile import Garbage, Replayer
from runnable.demo.market import DemoMarket

PROVENANCE = "fast-forward"
MOST_LOOKBACK_MS = 32 * DAY_MS
"""More than any model looks back."""


@dataclass(frozen=True)
class FastForward:
    """What is fast-forwarded: these players in this market under these params, for so long before live rounds."""

    cast: Cast
    market: DemoMarket
    params: NetworkParams
    span_ms: int
    progress: Callable[[int], None]
    """Told, every simulated hour, how many milliseconds have passed."""

    @property
    def start_ms(self) -> int:
        return self.market.live_from_ms - self.span_ms

    def run(self) -> None:
        """Runs it and writes everybody's database."""
        source = next(iter(self.market.sources.values()))
        candles = source.candles(self.start_ms - MOST_LOOKBACK_MS, self.market.live_from_ms)
        pool = workers(candles, count=max(1, (os.cpu_count() or 2) // 2))
        try:
            stores = run_virtual(self._play(pool), start_ms=self.start_ms)
        finally:
            # The job at hand is waited for, a second at most: a worker killed while it writes its result is never
            # found dead by the pool, which then waits for the rest of it.
            pool.shutdown(cancel_futures=True)
        asyncio.run(self._write(stores))

    async def _play(self, pool: ProcessPoolExecutor) -> dict[str, MemoryStore]:
        clock, network = VirtualClock(), MemoryNetwork()
        ahead = {player.role.name: self._ahead(player, pool) for player in self.cast.players if not player.role.hostile}
        stores = {player.role.name: MemoryStore() for player in self.cast.players} | {"validator": MemoryStore()}
        closes = await self._history()
        label = MetaRow(MARKET, self.market.label)
        await stores["validator"].apply(Change(closes=tuple(closes), meta=(label,)))
        validator = await ValidatorNode.open(
            key=self.cast.validator_key,
            params=self.params,
            series=[SERIES],
            clock=clock,
            entropy=SystemEntropy(),
            store=stores["validator"],
            caller=MemoryCaller(network, clock, self.params.wire),
            telemetry=_silent(clock),
            door=Doorkeeping(allowed=None, allow_private_endpoints=True),
            provenance=PROVENANCE,
            tells_miners=False,
        )
        known = KnownValidator(self.cast.validator_key.hotkey, f"127.0.0.1:{self.cast.validator_port}")
        network.host(known.endpoint, validator)
        for player in self.cast.players:
            answerer = ahead.get(player.role.name) or self._hostile(player, clock, stores["validator"])
            node = await self._miner(player, answerer, stores[player.role.name], clock, network, known)
            network.host(player.endpoint, node)
            await node.register(known)
        market = SourceMarket(
            SERIES, self.market.sources, clock, self.params, earlier=closes[-2 * self.params.truth.basis_window_steps :]
        )
        running = asyncio.create_task(validator.run({SERIES: market}), name="validator")
        try:
            for hour in range(self.start_ms + HOUR_MS, self.market.live_from_ms + 1, HOUR_MS):
                await _either(clock.sleep_until(hour), running)
                self.progress(hour - self.start_ms)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return stores

    async def _history(self) -> list[CloseRow]:
        """Agreed closes of the thirty days before, by the same rule as live ones. Looks up now and then for Ctrl-C."""
        time = self.params.time
        first = self.start_ms - (time.min_history_steps + 2 * time.steps) * time.step_ms
        rules, history = SettleRules.of(self.params), no_history(self.params)
        agreed = agreed_closes(self.market.sources, rules, from_ms=first, to_ms=self.start_ms, history=history)
        rows = []
        for close in agreed:
            rows.append(row_of(close, series=SERIES, agreed_at_ms=UnixMs(close.close_at_ms + time.settle_delay_ms)))
            if len(rows) % 256 == 0:
                await asyncio.sleep(0)
        return rows

    def _ahead(self, player: Player, pool: ProcessPoolExecutor) -> Ahead:
        """An honest miner's answers; the first are being made before the first round opens."""
        last = self.market.live_from_ms + HOUR_MS
        answerer = Ahead(player.role.kind, player.key.hotkey, pool, self.params, last)
        answerer.begin(self.start_ms)
        return answerer

    def _hostile(self, player: Player, clock: VirtualClock, seen: Store) -> Answerer:
        return Garbage(clock) if player.role.kind == "garbage" else Replayer(partial(_same, seen))

    async def _miner(
        self,
        player: Player,
        answerer: Answerer,
        store: Store,
        clock: VirtualClock,
        network: MemoryNetwork,
        known: KnownValidator,
    ) -> MinerNode:
        parts = MinerParts(
            me=player.key.hotkey,
            params=self.params,
            clock=clock,
            entropy=SystemEntropy(),
            store=store,
            answerer=answerer,
            endpoint=player.endpoint,
            reveal_guard_ms=self.params.time.reveal_opens_after_ms // 3,
        )
        return await MinerNode.open(
            parts,
            key=player.key,
            telemetry=_silent(clock),
            caller=MemoryCaller(network, clock, self.params.wire),
            validators=[known],
        )

    async def _write(self, stores: dict[str, MemoryStore]) -> None:
        """Each memory to its node's file; a miner keeps the drafts of rounds that are still to be revealed."""
        for name, store in stores.items():
            if name != "validator":
                recent = self.market.live_from_ms - 4 * HOUR_MS
                await store.prune(now_ms=self.market.live_from_ms, evidence_before_ms=recent)
            async with await SqliteStore.open(self.cast.folder / name / "augury.sqlite") as target:
                await copy_store(store, target)


async def _either(wanted: Awaitable[None], running: asyncio.Task[None]) -> None:
    """Waits for the first; the second only ends by failing, and then that is raised."""
    waiting = asyncio.ensure_future(wanted)
    done, _ = await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    if running in done:
        waiting.cancel()
        await running


async def _same(store: Store) -> Store:
    return store


def _silent(clock: VirtualClock) -> Telemetry:
    """Weeks of events that nobody reads."""
    log = open_log(LogSettings(level="error", format="json"), io.StringIO())
    return Telemetry(log=log, metrics=Metrics(now_ms=clock.now_ms))
