"""A validator's database of some hours of rounds, for whatever reads one: made by a world in virtual time.

Prices are generated, and one of the miners is told a part of what will happen: that is how a skill comes about here.
The rules are MAIN's with short blocks, epochs and disputes, so that hours show what takes days.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurons.mining.forecasting import Answerer
from neurons.records import Change, RefusalRow
from neurons.store.copying import copy_store
from neurons.store.memory import MemoryStore
from neurons.store.sqlite import SqliteStore
from protocol.answers import answer_of
from protocol.messages import Answer, Opening
from protocol.params import POINT, NetworkParams
from protocol.units import HOUR_MS, MINUTE_MS, Hotkey, UnixMs
from tests.support.virtual_time import START_MS
from tests.support.world import SHORT_HISTORY, Answering, Guessing, WalkMarket, World, run_world, signing_key

QUICK: NetworkParams = replace(
    SHORT_HISTORY,
    challenges=(POINT, replace(SHORT_HISTORY.challenges[1], asked_paths=64)),
    time=replace(SHORT_HISTORY.time, steps=24, epoch_ms=2 * HOUR_MS, dispute_window_ms=10 * MINUTE_MS),
    skill=replace(SHORT_HISTORY.skill, block_steps=6, min_blocks=4),
    pay=replace(SHORT_HISTORY.pay, bootstrap_share_ppm=200_000),
)


@dataclass(frozen=True, slots=True)
class Told:
    """A miner that is told a part of each future log-return, as no honest miner can be."""

    market: WalkMarket
    part: float
    model: str = "told"

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        anchor = self.market.close(opening.anchor_at_ms)
        steps = range(1, opening.steps + 1)
        known = [math.log(self.market.close(opening.anchor_at_ms + k * opening.step_ms) / anchor) for k in steps]
        if opening.max_paths == 1:
            return answer_of(np.array([known], np.float32) * np.float32(self.part))
        chance = np.random.default_rng(opening.anchor_at_ms)
        walk = np.cumsum(chance.normal(0, opening.sigma_pico / 1e12, (opening.asked_paths, opening.steps)), axis=1)
        return answer_of((walk + self.part * np.array(known)).astype(np.float32))

    async def aclose(self) -> None:
        return None


def wrong_shape(opening: Opening) -> Answer:
    """A point answer of one step too few; ensembles are right."""
    paths, steps = (1, opening.steps - 1) if opening.max_paths == 1 else (opening.asked_paths, opening.steps)
    return answer_of(np.zeros((paths, steps), np.float32))


def answerers(world: World) -> Mapping[str, Answerer]:
    """Who takes part: one who knows, one who guesses, one who copies the baseline, one who errs."""
    return {
        "told": Told(world.market, 0.3),
        "guessing": Guessing(1, bet=0.5),
        "flat": Answering(lambda opening: answer_of(np.zeros((opening.asked_paths, opening.steps), np.float32))),
        "erring": Answering(wrong_shape),
    }


HOTKEYS: Mapping[str, Hotkey] = {
    name: signing_key(name).hotkey for name in ("told", "guessing", "flat", "erring", "validator")
}


def write_sample_database(path: Path, *, hours: int = 12, params: NetworkParams = QUICK) -> UnixMs:
    """Runs a world for so long and writes what its validator remembers. Returns when the world ended."""
    kept: list[MemoryStore] = []
    ends_at_ms = UnixMs(START_MS + hours * HOUR_MS)

    async def scenario(world: World) -> None:
        for name, answerer in answerers(world).items():
            await world.miner(name, answerer)
        await world.until(ends_at_ms)
        refusal = RefusalRow(
            UnixMs(START_MS - START_MS % HOUR_MS),
            "rate-limited",
            None,
            3,
            "more calls from this address than its bucket",
        )
        await world.validator_store.apply(Change(refusals=(refusal,)))
        assert isinstance(world.validator_store, MemoryStore)
        kept.append(world.validator_store)

    run_world(scenario, params=params)
    asyncio.run(_copy(kept[0], path))
    return ends_at_ms


async def _copy(source: MemoryStore, path: Path) -> None:
    async with await SqliteStore.open(path) as store:
        await copy_store(source, store)
