"""From an opening record to an answer: one forecast per series and grid instant serves both challenges everywhere.

All series of the miner are forecast in one batch when the first of them is asked for, and kept until a few instants
have passed. The model runs outside the event loop through `offload`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias

from mining_objects.base_mining_model import Forecast, Forecaster, Window
from neurons.mining.candles import WindowFeed
from neurons.mining.models import MinersModel
from neurons.ports import VenueUnavailable
from protocol.answers import answer_of
from protocol.errors import AuguryError, InvalidRequest, TooLittleHistory
from protocol.messages import Answer, Opening
from protocol.params import ChallengeParams
from protocol.units import Hotkey

INSTANTS_KEPT: Final = 8

Model: TypeAlias = Forecaster
"""What a miner forecasts with, by the name that the commands use: only this folder reaches what learns."""

Offload = Callable[[Callable[[], list[Forecast]]], Awaitable[list[Forecast]]]
"""Runs a model away from the event loop: `asyncio.to_thread` in life, inline where time is virtual."""


def seed_of(me: Hotkey, anchor_at_ms: int) -> int:
    """The miner's own chance for an instant: two keys with one model draw differently, one key always the same."""
    text = me + anchor_at_ms.to_bytes(8, "little")
    return int.from_bytes(hashlib.sha256(b"augury/seed/1\0" + text).digest()[:8], "little")


class Answerer(Protocol):
    """What a miner answers with. Hostile miners have their own; an honest one is a `Forecasting`."""

    @property
    def model(self) -> str: ...

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer: ...

    async def aclose(self) -> None: ...


class Forecasting:
    """The forecasts of one model over the series of its feeds."""

    def __init__(
        self,
        model: MinersModel,
        feeds: Mapping[str, WindowFeed],
        *,
        me: Hotkey,
        challenges: Sequence[ChallengeParams],
        offload: Offload,
    ) -> None:
        """challenges: all that may be asked, so that one forecast at an instant serves every one that is due there."""
        self._model, self._feeds, self._me = model, dict(feeds), me
        self._challenges, self._offload = tuple(challenges), offload
        self._made: OrderedDict[tuple[int, int], dict[str, Forecast | AuguryError]] = OrderedDict()
        self._locks: dict[tuple[int, int], asyncio.Lock] = {}

    @property
    def model(self) -> str:
        return self._model.name

    async def answer(self, opening: Opening, *, now_ms: int) -> Answer:
        """The answer to an opening: a (1, steps) path or an (asked_paths, steps) ensemble, float32 log-returns from T.

        Raises InvalidRequest (theirs) for a series this miner does not follow, and what the model or the market raise
        (ours): VenueUnavailable, TooLittleHistory, and BrokenModel when the model is broken and has no fallback.
        """
        if opening.series not in self._feeds:
            known = ", ".join(sorted(self._feeds))
            raise InvalidRequest(f"this miner forecasts {known}, not {opening.series!r}", field="series")
        key = (opening.anchor_at_ms, opening.steps)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._made:
                self._made[key] = await self._forecast_all(opening, now_ms)
            while len(self._made) > INSTANTS_KEPT:
                old, _ = self._made.popitem(last=False)
                self._locks.pop(old, None)
        forecast = self._made[key][opening.series]
        if isinstance(forecast, AuguryError):
            del self._made[key]
            raise forecast
        if opening.max_paths == 1:
            return answer_of(forecast.point.reshape(1, -1))
        return answer_of(forecast.paths[: opening.asked_paths])

    async def _forecast_all(self, opening: Opening, now_ms: int) -> dict[str, Forecast | AuguryError]:
        """One batch for all series whose candles end at the same instant; a series without candles keeps its error."""
        until_ms = min(now_ms, opening.anchor_at_ms)
        made: dict[str, Forecast | AuguryError] = {}
        by_end: dict[int, list[Window]] = {}
        for series, feed in self._feeds.items():
            try:
                window = await feed.window(until_ms=until_ms)
            except (TooLittleHistory, VenueUnavailable) as error:
                made[series] = error
            else:
                by_end.setdefault(window.end_ms, []).append(window)
        for end_ms, windows in by_end.items():
            run = partial(
                self._model.forecast,
                windows,
                steps=opening.steps,
                paths=self._paths_at(opening.anchor_at_ms),
                seed=seed_of(self._me, opening.anchor_at_ms),
                lead=(opening.anchor_at_ms - end_ms) // opening.step_ms,
            )
            made.update(zip((window.series for window in windows), await self._offload(run), strict=True))
        return made

    def _paths_at(self, anchor_at_ms: int) -> int:
        """The paths that the largest ensemble due at this instant asks for; 0 when only points are."""
        asked = [c.asked_paths for c in self._challenges if c.max_paths > 1 and anchor_at_ms % c.cadence_ms == 0]
        return max(asked, default=0)

    async def aclose(self) -> None:
        """Lets the feeds' venues go."""
        for feed in self._feeds.values():
            await feed.aclose()
