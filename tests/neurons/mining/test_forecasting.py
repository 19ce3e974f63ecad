"""One forecast per series and instant serves every challenge and validator, whatever the model; a broken one answers
nobody and the node lives on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from mining_objects import models
from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.errors import BrokenModel
from neurons.mining.forecasting import Forecasting
from neurons.mining.models import MinersModel
from neurons.telemetry import Event, ModelBroken, ModelRecovered
from neurons.transport.status import refusal_of
from protocol.messages import Opening
from protocol.rules.rounds import round_id
from protocol.units import MINUTE_MS, Digest
from tests.support.brisk import ANCHOR, BRISK, PATHS, POINT, play
from tests.support.windows import walk_window
from tests.support.world import SERIES, World, signing_key


class Moody(Forecaster):
    """A Gaussian walk until told to break."""

    name: ClassVar[str] = "moody"
    oversample: ClassVar[int] = 1
    lookback, least = 10, 2

    def __init__(self) -> None:
        self.is_broken = False
        self.batches: list[list[str]] = []

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        self.batches.append([window.series for window in windows])
        unit = float("nan") if self.is_broken else 1e-4
        return [
            Forecast(unit * np.ones(steps), unit * np.cumsum(c.standard_normal((paths, steps)), axis=1))
            for c in chances
        ]


@dataclass
class Feed:
    """The same generated candles, ending wherever they are wanted."""

    series: str
    asked: list[int] = field(default_factory=list)

    async def window(self, *, until_ms: int) -> Window:
        self.asked.append(until_ms)
        window = walk_window(20, series=self.series)
        end = until_ms - until_ms % window.step_ms - window.step_ms
        return Window(
            self.series,
            window.step_ms,
            window.open_time_ms + (end - int(window.open_time_ms[-1])),
            *(getattr(window, name) for name in ("open", "high", "low", "close", "volume")),
        )

    async def aclose(self) -> None:
        return None


async def inline(run):
    return run()


def forecasting(model: Forecaster, record, *, fallback=None, series=(SERIES,), me="miner") -> Forecasting:
    return Forecasting(
        MinersModel(model.name, model, fallback=fallback, record=record),
        {name: Feed(name) for name in series},
        me=signing_key(me).hotkey,
        challenges=BRISK.challenges,
        offload=inline,
    )


def opening_of(series: str, paths: int) -> Opening:
    challenge = BRISK.challenge(POINT if paths == 1 else PATHS)
    return Opening(
        round_id=round_id(BRISK, series, challenge, ANCHOR),
        series=series,
        challenge=challenge.name,
        anchor_at_ms=ANCHOR,
        params_version=BRISK.version,
        step_ms=BRISK.time.step_ms,
        steps=BRISK.time.steps,
        min_paths=challenge.min_paths,
        max_paths=challenge.max_paths,
        asked_paths=challenge.asked_paths,
        sigma_pico=10**9,
        history_digest=Digest(bytes(32)),
        opened_at_ms=ANCHOR - 90_000,
    )


def test_all_series_are_forecast_in_one_batch_and_once_for_every_asker():
    model = Moody()
    made = forecasting(model, lambda event: None, series=("AAA-USD", "BBB-USD"))

    async def ask() -> list[tuple[int, ...]]:
        openings = [opening_of(series, paths) for series in ("AAA-USD", "BBB-USD") for paths in (1, 64)]
        answers = await asyncio.gather(*(made.answer(one, now_ms=ANCHOR - 60_000) for one in openings * 3))
        return [answer.shape for answer in answers]

    assert [(1, 12), (64, 12), (1, 12), (64, 12)] * 3 == asyncio.run(ask())
    assert [["AAA-USD", "BBB-USD"]] == model.batches


def play_with_a_breakdown(fallback: Forecaster | None) -> tuple[Counter[str], list[Event], list[str]]:
    """A miner whose model is broken for two point rounds and then mended: what became of its answers, what was
    recorded, and what it called its model in its drafts."""
    model, heard, drafts = Moody(), list[Event](), list[str]()

    async def scenario(world: World) -> None:
        miner = await world.miner("alice", forecasting(model, heard.append, fallback=fallback, me="alice"))
        await world.until(ANCHOR + 7 * MINUTE_MS)
        model.is_broken = True
        await world.until(ANCHOR + 17 * MINUTE_MS)
        model.is_broken = False
        await world.until(ANCHOR + 30 * MINUTE_MS)
        drafts.extend(row.model for row in await miner.store.drafts(from_ms=0))

    return play(scenario, until_ms=ANCHOR + 95 * MINUTE_MS).statuses("alice"), heard, drafts


def test_a_miner_whose_model_breaks_answers_nothing_lives_on_and_says_so():
    statuses, heard, drafts = play_with_a_breakdown(None)
    broken = [event for event in heard if isinstance(event, ModelBroken)]

    assert 2 == statuses["silent"]
    assert {"silent", "valid"} == set(statuses)
    assert broken
    assert {""} == {event.answered_by for event in broken}
    assert [ModelRecovered(model="moody")] == [event for event in heard if isinstance(event, ModelRecovered)]
    assert {"moody"} == set(drafts)


def test_a_miner_with_a_fallback_answers_all_along_and_its_drafts_say_what_made_them():
    statuses, heard, drafts = play_with_a_breakdown(models.create("flat"))

    assert {"valid"} == set(statuses)
    assert {"flat"} == {event.answered_by for event in heard if isinstance(event, ModelBroken)}
    assert 2 == drafts.count("flat in place of moody, which is broken")


def test_what_a_broken_model_is_told_as_over_the_wire_is_its_code_and_no_detail():
    refusal = refusal_of(BrokenModel("model 'moody', BTC-USD: paths holds 7 numbers that are not finite"))

    assert ("broken-model", "the node met a fault of its own, which is logged there") == (
        refusal.code,
        refusal.sentence,
    )
