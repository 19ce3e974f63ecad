"""The demo's two hostile miners. Everything about them is honest but their answers.

`garbage` goes through everything an answer can be that it must not be; `replayer` hands in, as its own, the best answer
of the newest round it could see: one that has resolved, more than eight hours old.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle

import numpy as np

from neurons.ports import Clock, StoreReader
from protocol.answers import answer_of
from protocol.messages import Answer, Opening
from protocol.rules.challenges import VALID
from protocol.rules.rounds import RoundState

OpenStore = Callable[[], Awaitable[StoreReader | None]]
"""Opens what the replayer may look into; None while there is nothing."""


class Garbage:
    """NaN, infinity, a wrong shape, an absurd return, too late, too large: one after the other, for ever."""

    model = "garbage"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tricks = cycle(("nan", "inf", "shape", "absurd", "late", "oversized"))

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        trick = next(self._tricks)
        numbers = np.zeros((opening.asked_paths, opening.steps), dtype=np.float32)
        if trick == "nan":
            numbers[0, 0] = np.nan
        elif trick == "inf":
            numbers[-1, -1] = np.inf
        elif trick == "shape":
            numbers = numbers[:, :-1]
        elif trick == "absurd":
            numbers[0, -1] = 50.0
        elif trick == "late":
            await self._clock.sleep_until(opening.anchor_at_ms + opening.step_ms)
        else:
            numbers = np.zeros((1_000, 400), dtype=np.float32)
        return answer_of(numbers)

    async def aclose(self) -> None:
        return None


class Replayer:
    """Copies the best answer of the newest resolved round; before there is one, it stays flat."""

    model = "replayer"

    def __init__(self, open_store: OpenStore) -> None:
        self._open_store = open_store
        self._store: StoreReader | None = None

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        if self._store is None:
            self._store = await self._open_store()
        found = None if self._store is None else await self._best_answer(self._store, opening)
        if found is not None:
            return found
        return answer_of(np.zeros((opening.asked_paths, opening.steps), dtype=np.float32))

    async def _best_answer(self, store: StoreReader, opening: Opening) -> Answer | None:
        resolved = await store.rounds(
            series=opening.series, challenge=opening.challenge, state=RoundState.RESOLVED, limit=1
        ) or await store.rounds(series=opening.series, challenge=opening.challenge, state=RoundState.FINAL, limit=1)
        if not resolved:
            return None
        gains = {score.hotkey: score.gain_nano for score in await store.round_scores(resolved[0].round_id)}
        answers = [s for s in await store.submissions(resolved[0].round_id) if s.status == VALID]
        best = max(answers, key=lambda s: gains.get(s.hotkey, 0), default=None)
        return None if best is None else best.answer

    async def aclose(self) -> None:
        if self._store is not None:
            await self._store.aclose()
