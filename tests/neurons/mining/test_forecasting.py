"""One forecast per series and instant serves every challenge and validator, whatever the model; a broken one answers
nobody and the node lives on."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest

from mining_objects import models
from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.errors import BrokenModel
from neurons.mining.forecasting import Forecasting
from neurons.mining.models import MinersModel
from neurons.mining.offloading import in_daemon_thread
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


def forecasting(
    model: Forecaster, record, *, fallback=None, series=(SERIES,), me="miner", offload=inline
) -> Forecasting:
    return Forecasting(
        MinersModel(model.name, model, fallback=fallback, record=record),
        {name: Feed(name) for name in series},
        me=signing_key(me).hotkey,
        challenges=BRISK.challenges,
        offload=offload,
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


class Hanging(Moody):
    """Returns when it is let go, and not before."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def simulate(self, windows, **asked):
        assert self.let_go.wait(60)
        return super().simulate(windows, **asked)


def test_a_model_that_hangs_is_broken_asked_nothing_more_and_answers_again_once_it_returns(monkeypatch):
    monkeypatch.setattr("neurons.mining.forecasting.LONGEST_FORECAST_S", 0.05)
    model, heard = Hanging(), list[Event]()
    made = forecasting(model, heard.append, fallback=models.create("flat"), offload=in_daemon_thread)

    async def ask() -> list[str]:
        said = []
        for place in range(3):
            opening = replace(opening_of(SERIES, 1), anchor_at_ms=ANCHOR + place * 5 * MINUTE_MS)
            if place == 2:
                model.let_go.set()
                assert made._stuck is not None
                await asyncio.wait({made._stuck}, timeout=60)
            assert (1, 12) == (await made.answer(opening, now_ms=opening.anchor_at_ms - MINUTE_MS)).shape
            said.append(made.model)
        await made.aclose()
        return said

    stood_in = "flat in place of moody, which is broken"
    assert [stood_in, stood_in, "moody"] == asyncio.run(ask())
    assert [2, 1] == [sum(isinstance(event, kind) for event in heard) for kind in (ModelBroken, ModelRecovered)]
    assert "has not answered yet" in next(event.reason for event in heard if isinstance(event, ModelBroken))
    assert 2 == len(model.batches)


def test_who_gives_up_costs_nothing_the_next_one_finds_what_was_made():
    model = Hanging()
    made = forecasting(model, lambda event: None, offload=in_daemon_thread)

    async def ask() -> tuple[int, ...]:
        asking = asyncio.create_task(made.answer(opening_of(SERIES, 64), now_ms=ANCHOR - MINUTE_MS))
        await asyncio.wait({asking}, timeout=0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        model.let_go.set()
        return (await made.answer(opening_of(SERIES, 64), now_ms=ANCHOR - MINUTE_MS // 2)).shape

    assert (64, 12) == asyncio.run(ask())
    assert 1 == len(model.batches)


def test_a_model_that_would_end_the_process_is_broken_and_ends_nothing():
    class Leaving(Moody):
        def simulate(self, windows, **asked):
            sys.exit(3)

    made = forecasting(Leaving(), lambda event: None, offload=in_daemon_thread)

    async def ask() -> None:
        await made.answer(opening_of(SERIES, 1), now_ms=ANCHOR - MINUTE_MS)

    with pytest.raises(BrokenModel, match="'moody' wanted to end the whole process with 3"):
        asyncio.run(ask())


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
