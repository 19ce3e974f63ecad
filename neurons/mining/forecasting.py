"""From an opening record to an answer: one forecast per series and grid instant serves both challenges everywhere.

All series of the miner are forecast in one batch when the first of them is asked for, and kept until a few instants
have passed. Whoever asks may give up: the batch goes on, and the next one who asks finds it. The model runs outside the
event loop through `offload`; one that takes longer than LONGEST_FORECAST_S is broken, and asked nothing more until it
returns.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.errors import BrokenModel
from neurons.mining.candles import WindowFeed
from neurons.mining.models import MinersModel
from neurons.ports import VenueUnavailable
from protocol.answers import answer_of
from protocol.errors import AuguryError, InvalidRequest, TooLittleHistory
from protocol.messages import Answer, Opening
from protocol.params import ChallengeParams
from protocol.units import Hotkey

INSTANTS_KEPT: Final = 8
LONGEST_FORECAST_S: Final = 30.0
"""Half of the minute in which a commitment is taken: what is left is for a fallback, and for one more call."""

Model: TypeAlias = Forecaster
"""What a miner forecasts with, by the name that the commands use: only this folder reaches what learns."""

Offload = Callable[[Callable[[], list[Forecast]]], Awaitable[list[Forecast]]]
"""Runs a model away from the event loop: `in_daemon_thread` in life, inline where time is virtual."""

Made = dict[str, Forecast | AuguryError]
"""By series."""


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
        self._making: OrderedDict[tuple[int, int], asyncio.Task[Made]] = OrderedDict()
        self._stuck: asyncio.Future[list[Forecast]] | None = None

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
        making = self._making.get(key)
        if making is None or _has_failed(making):
            making = self._making[key] = asyncio.create_task(self._forecast_all(opening, now_ms), name="forecast")
            making.add_done_callback(_look_at)
            while len(self._making) > INSTANTS_KEPT:
                self._making.popitem(last=False)[1].cancel()
        forecast = (await asyncio.shield(making))[opening.series]
        if isinstance(forecast, AuguryError):
            if self._making.get(key) is making:
                del self._making[key]
            raise forecast
        if opening.max_paths == 1:
            return answer_of(forecast.point.reshape(1, -1))
        return answer_of(forecast.paths[: opening.asked_paths])

    async def _forecast_all(self, opening: Opening, now_ms: int) -> Made:
        """One batch for all series whose candles end at the same instant; a series without candles keeps its error."""
        until_ms = min(now_ms, opening.anchor_at_ms)
        made: Made = {}
        by_end: dict[int, list[Window]] = {}
        for series, feed in self._feeds.items():
            try:
                window = await feed.window(until_ms=until_ms)
            except (TooLittleHistory, VenueUnavailable) as error:
                made[series] = error
            else:
                by_end.setdefault(window.end_ms, []).append(window)
        for end_ms, windows in by_end.items():
            forecasts = await self._ask_model(
                windows,
                steps=opening.steps,
                paths=self._paths_at(opening.anchor_at_ms),
                seed=seed_of(self._me, opening.anchor_at_ms),
                lead=(opening.anchor_at_ms - end_ms) // opening.step_ms,
            )
            made.update(zip((window.series for window in windows), forecasts, strict=True))
        return made

    async def _ask_model(self, windows: list[Window], **asked: int) -> list[Forecast]:
        """The model's forecasts, or its fallback's. Raises BrokenModel, also where the model does not return in time.

        A model that has not returned from the time before is not asked again.
        """
        if self._stuck is None or self._stuck.done():
            running = asyncio.ensure_future(self._offload(partial(self._model.forecast, windows, **asked)))
            running.add_done_callback(_look_at)
            if (await asyncio.wait({running}, timeout=LONGEST_FORECAST_S))[0]:
                return running.result()
            self._stuck = running
        name = self._model.own_name
        told = f"model {name!r} was asked over {LONGEST_FORECAST_S:g} s ago and has not answered yet"
        late = BrokenModel(told, model=name)
        return await self._offload(partial(self._model.stand_in, late, windows, **asked))

    def _paths_at(self, anchor_at_ms: int) -> int:
        """The paths that the largest ensemble due at this instant asks for; 0 when only points are."""
        asked = [c.asked_paths for c in self._challenges if c.max_paths > 1 and anchor_at_ms % c.cadence_ms == 0]
        return max(asked, default=0)

    async def aclose(self) -> None:
        """Lets the feeds' venues go, and whatever is being made."""
        for making in self._making.values():
            making.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        for feed in self._feeds.values():
            await feed.aclose()


def _has_failed(making: asyncio.Task[Made]) -> bool:
    return making.done() and (making.cancelled() or making.exception() is not None)


def _look_at(running: asyncio.Future[Any]) -> None:
    """What a model says after nobody waits any more is let go without a word in the log of the event loop."""
    if not running.cancelled():
        running.exception()
