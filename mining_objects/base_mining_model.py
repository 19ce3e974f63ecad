"""What a model sees and what it answers; the checks and the arithmetic every model shares.

A model is asked on a grid instant T for the closes of the `steps` candles after it, as log-returns from the
close at T. It has to answer before T, so the newest candle it can see may end `lead` steps earlier. The shared
code here lets it forecast lead + steps ahead of its last close and subtracts the part up to T, path by path:

    last close          T (anchor)                            T + steps
    ───────●──────────────●──────────────────────────────────────●
           └─ lead ───────┴─ steps: r(T+k) - r(T) ───────────────┘

A missing candle at the end of a window only makes the lead longer.
"""

from __future__ import annotations

import hashlib
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mining_objects.errors import BadCandles, BrokenModel
from protocol.errors import AuguryError, TooLittleHistory
from protocol.units import PRICE_SCALE

MAX_ABS_RETURN: Final = 2.0
"""A larger log-return (a factor of 7.4) is refused by the network's rules, so it never leaves the node."""

Floats = NDArray[np.float64]
_PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Window:
    """Complete candles of one series on a regular grid, oldest first; a missing candle is a row of NaN.

    open_time_ms: shape (n,), int64, each exactly step_ms after the one before.
    open, high, low, close, volume: shape (n,), float64. Gaps are never filled: models must cope with NaN rows.
    Raises BadCandles when an array has another length, the grid is irregular or a price is not positive.
    """

    series: str
    step_ms: int
    open_time_ms: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        n = len(self.open_time_ms)
        for name in (*_PRICES, "volume"):
            if getattr(self, name).shape != (n,):
                raise BadCandles(f"{self.series}: {name} has shape {getattr(self, name).shape}, want ({n},)")
        if n > 1 and not (np.diff(self.open_time_ms) == self.step_ms).all():
            raise BadCandles(f"{self.series}: open times are not {self.step_ms} ms apart; use Window.on_grid")
        if (self.close <= 0).any() or np.isinf(self.close).any():
            raise BadCandles(f"{self.series}: a close is not a positive finite price")

    @classmethod
    def on_grid(cls, series: str, step_ms: int, open_time_ms: NDArray[np.int64], columns: dict[str, Floats]) -> Self:
        """A window from candles with gaps: every missing candle becomes a row of NaN.

        open_time_ms: shape (n,), strictly increasing, on the grid.  columns: open, high, low, close, volume, (n,).
        Raises BadCandles when times repeat, run backwards or lie off the grid.
        """
        if len(open_time_ms) == 0:
            raise BadCandles(f"{series}: no candles")
        if (np.diff(open_time_ms) <= 0).any() or (open_time_ms % step_ms).any():
            raise BadCandles(f"{series}: open times repeat, run backwards or lie off the {step_ms} ms grid")
        rows = (open_time_ms - open_time_ms[0]) // step_ms
        grid = open_time_ms[0] + step_ms * np.arange(rows[-1] + 1, dtype=np.int64)
        spread = {}
        for name in (*_PRICES, "volume"):
            spread[name] = np.full(len(grid), np.nan)
            spread[name][rows] = columns[name]
        return cls(series=series, step_ms=step_ms, open_time_ms=grid, **spread)

    @classmethod
    def of_closes(cls, series: str, step_ms: int, close_e8: Mapping[int, int]) -> Self:
        """A window from agreed closes alone: close in 1e-8 by the instant at which its candle ENDS, on the grid.

        Open, high, low and volume are NaN: closes do not tell them. Raises BadCandles as on_grid does.
        """
        ends = sorted(close_e8)
        closes = np.array([close_e8[at] for at in ends], dtype=np.float64) / PRICE_SCALE
        columns = {name: np.full(len(ends), np.nan) for name in (*_PRICES, "volume")} | {"close": closes}
        return cls.on_grid(series, step_ms, np.array(ends, dtype=np.int64) - step_ms, columns)

    def __len__(self) -> int:
        return len(self.open_time_ms)

    @property
    def end_ms(self) -> int:
        """The instant at which the last row's candle ends."""
        return int(self.open_time_ms[-1]) + self.step_ms

    def rows(self, start: int, stop: int) -> Self:
        """The candles from index start up to, not including, stop; views, nothing is copied."""
        cut = slice(start, stop)
        parts = {f.name: getattr(self, f.name)[cut] for f in fields(self) if f.name not in ("series", "step_ms")}
        return type(self)(series=self.series, step_ms=self.step_ms, **parts)

    def log_returns(self) -> Floats:
        """Shape (n,): ln(close / the close one step before); NaN first and wherever either close is missing."""
        returns = np.full(len(self), np.nan)
        returns[1:] = np.diff(np.log(self.close))
        return returns


@dataclass(frozen=True, slots=True)
class Forecast:
    """Log-returns from an anchor close. point: shape (steps,).  paths: shape (m, steps), coherent along the steps."""

    point: NDArray[np.floating]
    paths: NDArray[np.floating]


class Forecaster(ABC):
    """A model. Subclasses say how far they look back and simulate; shifting, thinning and checking happen here."""

    name: ClassVar[str]
    oversample: ClassVar[int] = 4
    """How many paths are simulated for each one that is answered."""
    runs_on: str = "numpy"
    """What computes it; a network says whether torch or onnxruntime, and where."""
    lookback: int
    """How many candles it wants to see."""
    least: int
    """How many of those it cannot do without."""

    @abstractmethod
    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        """Log-returns 1..steps after each window's last row, whose close is there; one chance per window."""

    def forecast(
        self, windows: Sequence[Window], *, steps: int, paths: int, seed: int, lead: int = 0
    ) -> list[Forecast]:
        """One forecast per window: log-returns from the close at T, where T = the window's end + lead steps.

        Equal inputs and seed give equal bits; a series' chance does not depend on what else is in the batch.
        paths may be 0 (a point is always made).  Returns float32.
        Raises TooLittleHistory when a window is too short, BrokenModel when the model fails or its output cannot be
        sent: whatever a model raises is this one error to whoever runs it.
        """
        seen, leads = [], []
        for window in windows:
            missing = _missing_at_end(window)
            kept = window.rows(max(0, len(window) - missing - self.lookback), len(window) - missing)
            if len(kept) < self.least:
                raise TooLittleHistory(
                    f"model {self.name!r} needs {self.least} candles of {window.series}, has {len(kept)}",
                    model=self.name,
                    series=window.series,
                )
            seen.append(kept)
            leads.append(lead + missing)
        if not seen:
            return []
        chances = [_chance(seed, window.series) for window in seen]
        try:
            answers = self.simulate_after(seen, leads, steps=steps, paths=self.oversample * paths, chances=chances)
        except AuguryError:
            raise
        except Exception as error:
            raise BrokenModel(f"model {self.name!r} failed: {_told(error)}", model=self.name) from error
        if len(answers) != len(seen):
            raise BrokenModel(f"model {self.name!r} answered {len(answers)} of {len(seen)} windows", model=self.name)
        return [
            self._finished(answer, steps=steps, paths=paths, series=window.series)
            for answer, window in zip(answers, seen, strict=True)
        ]

    def simulate_after(
        self,
        windows: Sequence[Window],
        leads: Sequence[int],
        *,
        steps: int,
        paths: int,
        chances: Sequence[np.random.Generator],
    ) -> list[Forecast]:
        """Log-returns 1..steps from the close `lead` steps after each window's last row.

        Here: simulated from the last close on and shifted, path by path. A model that knows the law of a return
        between two later closes says so itself.
        """
        reach = max(leads) + steps
        answers = self.simulate(windows, steps=reach, paths=paths, chances=chances)
        for answer, window in zip(answers, windows, strict=False):
            self._check_shapes(answer, (reach,), (paths, reach), window.series)
        return [_from_anchor(answer, lead, steps) for answer, lead in zip(answers, leads, strict=False)]

    def _finished(self, forecast: Forecast, *, steps: int, paths: int, series: str) -> Forecast:
        """The forecast thinned and as float32, or BrokenModel: NaN and absurd numbers never leave the node."""
        self._check_shapes(forecast, (steps,), (self.oversample * paths, steps), series)
        for what, values in (("point", forecast.point), ("paths", forecast.paths)):
            fault = ""
            if not np.isfinite(values).all():
                fault = f"holds {int((~np.isfinite(values)).sum())} numbers that are not finite"
            elif values.size and np.abs(values).max() > MAX_ABS_RETURN:
                fault = f"reaches a log-return of {np.abs(values).max():.3g}, beyond {MAX_ABS_RETURN}"
            if fault:
                raise self._broken(f"{what} {fault}", series)
        thinned = thin_to_quantiles(forecast.paths.astype(np.float32), paths)
        return Forecast(point=forecast.point.astype(np.float32), paths=thinned)

    def _check_shapes(self, forecast: Forecast, point: tuple[int], paths: tuple[int, int], series: str) -> None:
        """Raises BrokenModel for answers that are too short, too long or of other dimensions."""
        for what, values, shape in (("point", forecast.point, point), ("paths", forecast.paths, paths)):
            if values.shape != shape:
                raise self._broken(f"{what} has shape {values.shape}, want {shape}", series)

    def _broken(self, fault: str, series: str) -> BrokenModel:
        return BrokenModel(f"model {self.name!r}, {series}: {fault}", model=self.name, series=series)


def thin_to_quantiles(drawn: NDArray[np.float32], paths: int) -> NDArray[np.float32]:
    """The law of many drawn paths in few: at each step the quantiles (i - 1/2) / paths, ordered like the drawn ones.

    drawn: shape (a multiple c of paths, steps).  Returns shape (paths, steps).
    An ensemble stands for a law by its members' empirical distribution, which quantiles match better than as many
    random draws. Path i keeps the ranks of drawn path i, so paths stay coherent along the steps.
    Source: Schefzik, Thorarinsdottir & Gneiting (2013), doi:10.1214/13-STS443 (ensemble copula coupling, ECC-Q).
    """
    if paths == 0 or len(drawn) == paths:
        return drawn
    each = len(drawn) // paths
    by_step = np.ascontiguousarray(drawn.T)
    order = np.argsort(by_step[:, :paths], axis=1)
    by_step.sort(axis=1)
    middle = (by_step[:, (each - 1) // 2 :: each] + by_step[:, each // 2 :: each]) / np.float32(2)
    thinned = np.empty((by_step.shape[0], paths), np.float32)
    np.put_along_axis(thinned, order, middle, axis=1)
    return np.ascontiguousarray(thinned.T)


def _told(error: Exception) -> str:
    """An error of a model's code and where it came from, in one line."""
    *_, place = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def _missing_at_end(window: Window) -> int:
    """How many rows at the end have no close. Raises TooLittleHistory when none has."""
    present = np.flatnonzero(~np.isnan(window.close))
    if not len(present):
        raise TooLittleHistory(f"no close of {window.series} in the window", series=window.series)
    return len(window) - 1 - int(present[-1])


def _chance(seed: int, series: str) -> np.random.Generator:
    """A random stream of its own for each (seed, series), the same on every machine."""
    digest = hashlib.sha256(f"{seed}/{series}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def _from_anchor(answer: Forecast, lead: int, steps: int) -> Forecast:
    """Log-returns from the last close -> from the close `lead` steps later."""
    point, paths = answer.point, answer.paths
    if lead == 0:
        return Forecast(point=point[:steps], paths=paths[:, :steps])
    return Forecast(
        point=point[lead : lead + steps] - point[lead - 1 : lead],
        paths=paths[:, lead : lead + steps] - paths[:, lead - 1 : lead],
    )
