"""Forecasts made ahead, in processes of their own, for the weeks that are fast-forwarded.

What a miner sees at an instant of those weeks is known beforehand, so its forecasts need not wait for the network: a
worker makes half a day of them while the nodes play the half day before. They are what `Forecasting` would make.
"""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Forecaster
from neurons.market.candles import CandleArrays
from neurons.mining.forecasting import seed_of
from neurons.mining.models import load_model
from neurons.virtual_time import outside
from protocol.answers import answer_of
from protocol.messages import Answer, Opening
from protocol.params import NetworkParams
from protocol.units import HOUR_MS, Hotkey
from runnable.demo.cast import OWN, SERIES
from runnable.demo.market import ArrayFeed
from runnable.own_model import Calming

CHUNK_MS = 12 * HOUR_MS
CHUNKS_AHEAD = 2

Made = dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Anchor -> point of shape (steps,) and paths of shape (asked or 0, steps)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One model's forecasts for the anchors from start_ms (included) to end_ms."""

    model: str
    me: Hotkey
    start_ms: int
    end_ms: int
    params: NetworkParams


_models: dict[str, Forecaster] = {}
_feeds: dict[str, ArrayFeed] = {}
_candles: list[CandleArrays] = []


def _begin(candles: CandleArrays) -> None:
    """A worker's start: the candles are sent once. Ctrl-C is the parent's to hear; it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _candles[:] = [candles]


def model_for(kind: str) -> Forecaster:
    """The model of an honest player: by its name, or the one that `runnable/own_model.py` mines with."""
    return Calming() if kind == OWN else load_model(kind, weights=None, device="cpu", inference="auto")


def _work(job: Job) -> Made:
    """A worker's job."""
    time = job.params.time
    if job.model not in _models:
        _models[job.model] = model_for(job.model)
        lookback = _models[job.model].lookback
        _feeds[job.model] = ArrayFeed(SERIES, _candles[0], step_ms=time.step_ms, lookback=lookback)
    made: Made = {}
    for anchor in range(job.start_ms, job.end_ms, time.step_ms):
        window = _feeds[job.model].at(anchor - time.commit_opens_before_ms)
        asked = [c.asked_paths for c in job.params.challenges if c.max_paths > 1 and anchor % c.cadence_ms == 0]
        [forecast] = _models[job.model].forecast(
            [window],
            steps=time.steps,
            paths=max(asked, default=0),
            seed=seed_of(job.me, anchor),
            lead=(anchor - window.end_ms) // time.step_ms,
        )
        made[anchor] = (forecast.point.astype(np.float32), forecast.paths.astype(np.float32))
    return made


def workers(candles: CandleArrays, count: int) -> ProcessPoolExecutor:
    """Processes that forecast from these candles; whoever has them shuts them down."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin, initargs=(candles,))


class Ahead:
    """An honest answerer whose forecasts come from the workers."""

    def __init__(self, model: str, me: Hotkey, pool: ProcessPoolExecutor, params: NetworkParams, end_ms: int) -> None:
        self.model, self._me, self._pool, self._params, self._end_ms = model, me, pool, params, end_ms
        self._chunks: dict[int, Future[Made]] = {}

    def begin(self, anchors_from_ms: int) -> None:
        """Orders the first forecasts before anybody asks."""
        self._order(anchors_from_ms // CHUNK_MS)

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        """The forecast made for the opening's anchor; waits, with time standing still, while it is being made."""
        chunk = opening.anchor_at_ms // CHUNK_MS
        self._order(chunk)
        made = await outside(asyncio.wrap_future(self._chunks[chunk]))
        point, paths = made[opening.anchor_at_ms]
        return answer_of(point.reshape(1, -1) if opening.max_paths == 1 else paths)

    def _order(self, chunk: int) -> None:
        for one in range(chunk, chunk + CHUNKS_AHEAD):
            if one not in self._chunks and one * CHUNK_MS < self._end_ms:
                end_ms = min((one + 1) * CHUNK_MS, self._end_ms)
                job = Job(self.model, self._me, one * CHUNK_MS, end_ms, self._params)
                self._chunks[one] = self._pool.submit(_work, job)
        for old in [one for one in self._chunks if one < chunk - 1]:
            del self._chunks[old]

    async def aclose(self) -> None:
        return None
