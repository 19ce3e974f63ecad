"""Contenders of a tested network whose answers a test dictates, and the market that they forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from mining_objects.base_mining_model import Forecast, Forecaster, Window
from mining_objects.errors import BrokenModel
from protocol.params import MAIN, NetworkParams
from protocol.units import DAY_MS, HOUR_MS, Hotkey
from runnable.test_report.contenders import Contender
from runnable.test_report.playing import Course
from runnable.test_report.trial import Trial, run_trial
from tests.support.windows import walk_window

Tell = Callable[[int, int, int], Forecast]
"""(T, steps, paths) -> what is answered."""


class Dictated(Forecaster):
    """Answers what it was told to; it may raise."""

    name: ClassVar[str] = "dictated"
    lookback, least = 3, 1

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def forecast(
        self, windows: Sequence[Window], *, steps: int, paths: int, seed: int, lead: int = 0
    ) -> list[Forecast]:
        return [self._tell(window.end_ms + lead * window.step_ms, steps, paths) for window in windows]

    def simulate(self, windows: Sequence[Window], **_: Any) -> list[Forecast]:
        raise NotImplementedError("a dictated forecast is not simulated")


@dataclass(frozen=True)
class Scripted(Contender):
    """A contender with a dictated model and, where it matters, a given key."""

    tell: Tell | None = None
    key: Hotkey | None = None

    @property
    def hotkey(self) -> Hotkey:
        return self.key or super().hotkey

    def create(self) -> Forecaster:
        assert self.tell is not None
        return Dictated(self.tell)


def scripted(label: str, tell: Tell, *, key: Hotkey | None = None, is_tested: bool = True) -> Scripted:
    """A contender who answers what `tell` says."""
    return Scripted(label, label, None, is_tested, "", None, tell, key)


def walking(scale: float, *, drift: float = 0.0) -> Tell:
    """A Gaussian walk whose steps have this size, the same draws at the same instant."""

    def tell(anchor: int, steps: int, paths: int) -> Forecast:
        normals = np.random.default_rng(anchor // 300_000).standard_normal((paths, steps))
        point = drift * np.arange(1, steps + 1)
        return Forecast(point.astype(np.float32), (point + scale * np.cumsum(normals, axis=1)).astype(np.float32))

    return tell


def course_of(
    window: Window,
    contenders: Sequence[Contender],
    *,
    params: NetworkParams = MAIN,
    every: int = 1,
    paths: int = 64,
    has_points: bool = True,
) -> Course:
    """A course on which the newest candle ends one step before T."""
    return Course(window, "24/7", params, tuple(contenders), 1, paths, 1, every, has_points)


@lru_cache(maxsize=1)
def small_trial() -> Trial:
    """Sixteen days of generated candles with a gap; two identical models, one too wide, one that often fails."""
    window = walk_window(77 * 288, gaps=tuple(range(65 * 288, 65 * 288 + 30)))
    from_ms = -(-int(window.open_time_ms[60 * 288]) // DAY_MS) * DAY_MS
    contenders = [
        scripted("good", walking(1.3e-3)),
        scripted("twin", walking(1.3e-3)),
        scripted("moody", _moody),
        scripted("wide", walking(3e-3, drift=1e-4), is_tested=False),
    ]
    course = course_of(window, contenders, every=12)
    return run_trial(course, from_ms, from_ms + 16 * DAY_MS, processes=1, tell=lambda *_: None)


def _moody(anchor: int, steps: int, paths: int) -> Forecast:
    if anchor // HOUR_MS % 24 == 0:
        raise BrokenModel("holds 3 numbers that are not finite", model="moody")
    return walking(1.3e-3)(anchor + HOUR_MS, steps, paths)


@lru_cache(maxsize=1)
def trial_with_a_mute() -> Trial:
    """Fifteen days of two tested models, of which one answers and one never does."""
    window = walk_window(76 * 288)
    from_ms = -(-int(window.open_time_ms[60 * 288]) // DAY_MS) * DAY_MS
    contenders = [scripted("good", walking(1.3e-3)), scripted("mute", _mute)]
    course = course_of(window, contenders, every=12, has_points=False)
    return run_trial(course, from_ms, from_ms + 15 * DAY_MS, processes=1, tell=lambda *_: None)


def _mute(anchor: int, steps: int, paths: int) -> Forecast:
    raise BrokenModel("has lost its voice", model="mute")
