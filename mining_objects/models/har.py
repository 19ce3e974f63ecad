"""The spread of the next hours from that of the last hour, day and week, as years of candles have weighed them.

A heterogeneous autoregression (HAR) on realised absolute variation. Returns are freed of the day's shape; their mean
absolute size over spans of half an hour to four days tells, by weights fitted on years before, the scale of the
return over k steps, for each k of a few anchors. The law around it has the fat-tailed shape that past outcomes had at
that k. Paths come from filtered historical simulation: moves drawn from the window's own standardised residuals feed
back into each path's volatility. At every step the paths keep their ranks and take the quantiles of the fitted law.

Sources: Corsi (2009), doi:10.1093/jjfinec/nbp001 (HAR); Forsberg & Ghysels (2007), doi:10.1093/jjfinec/nbl010
(absolute variation foretells volatility best); Barone-Adesi, Giannopoulos & Vosper (1999) (filtered historical
simulation); Schefzik, Thorarinsdottir & Gneiting (2013), doi:10.1214/13-STS443 (ranks of one law, margins of
another).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Forecast, Forecaster, Window
from mining_objects.causal import ewma
from mining_objects.errors import BadCandles
from mining_objects.fitted_cards import FittedNumbers, load_card
from mining_objects.installed_weights import installed_weights
from mining_objects.models.ewma import feedback_walk, standardise
from mining_objects.season import season_of, slots_of
from mining_objects.spread_law import Z_GRID, normal_scores

INSTALLED_WEIGHTS: Final = installed_weights("har")
HALF_LIVES: Final = (6.0, 18.0, 72.0, 288.0, 1152.0)
"""Of the mean absolute sizes, in steps; the day's is the level that the others are compared with."""
ANCHORS: Final = (1, 2, 3, 6, 9, 12, 18, 24, 36, 48, 60, 72, 84, 100, 144, 204, 300)
"""Steps for which scales and shapes are fitted; between them both are interpolated in ln k."""
FITTED_LEAD: Final = 1
"""Steps from the newest candle to T in the examples, as when a miner is asked; other leads take the same weights."""
SEASON_TRUST: Final = (0.5, 0.3)
SEASON_WIDTH: Final = 25
LARGEST_INPUT: Final = 2.0
_LEVEL: Final = HALF_LIVES.index(288.0)
_WALK_HALF_LIVES: Final = np.array([12.0, 72.0, 288.0, 2016.0])
_WALK_WEIGHTS: Final = np.full(4, 0.25)
_LARGEST_RESIDUAL: Final = 8.0


@dataclass(frozen=True, slots=True)
class HarFit:
    """season: (2, slots).  weights: (anchors, inputs).  shapes: (anchors, 65), the law of outcome / scale."""

    step_ms: int
    season: Floats
    weights: Floats
    shapes: Floats

    SHAPES: ClassVar[dict[str, tuple[int, ...]]] = {
        "season": (2, 288),
        "weights": (len(ANCHORS), len(HALF_LIVES) + 1),
        "shapes": (len(ANCHORS), len(Z_GRID)),
    }

    @classmethod
    def of_numbers(cls, numbers: FittedNumbers) -> Self:
        return cls(step_ms=300_000, **numbers)


class SpreadForecaster(Forecaster):
    """No direction: the point path is flat, all skill is in the spread, which a subclass says directly for each step.

    season: (2, slots), the day's shape as learnt; each window's own is blended in.
    """

    oversample: ClassVar[int] = 1
    lookback = 30 * 288
    least = 5 * 288
    season: Floats

    @abstractmethod
    def law(self, window: Window, season: Floats, lead: int, steps: int) -> tuple[Floats, Floats]:
        """Scales at the steps, (steps,), never falling, 0 where nothing moved; shapes at the anchors, (anchors, 65).

        season: (2 * slots,), of this window.  lead: steps from the window's end to T.
        """

    def simulate(
        self, windows: Sequence[Window], *, steps: int, paths: int, chances: Sequence[np.random.Generator]
    ) -> list[Forecast]:
        return self.simulate_after(windows, [0] * len(windows), steps=steps, paths=paths, chances=chances)

    def simulate_after(
        self,
        windows: Sequence[Window],
        leads: Sequence[int],
        *,
        steps: int,
        paths: int,
        chances: Sequence[np.random.Generator],
    ) -> list[Forecast]:
        return [
            Forecast(point=np.zeros(steps), paths=self._paths(window, lead, steps, paths, chance))
            for window, lead, chance in zip(windows, leads, chances, strict=True)
        ]

    def _paths(self, window: Window, lead: int, steps: int, paths: int, chance: np.random.Generator) -> Floats:
        if paths == 0:
            return np.zeros((0, steps))
        season = season_of(window, self.season, SEASON_TRUST, width=SEASON_WIDTH)
        scale, shapes = self.law(window, season, lead, steps)
        if not scale[0] > 0.0:
            return np.zeros((paths, steps))
        ranks = ranks_of_walk(window, season, lead, steps, paths, chance)
        by_step = np.empty((steps, paths))
        np.put_along_axis(by_step, ranks, scale[:, None] * members_of(along_anchors(shapes, steps), paths), 1)
        return by_step.T


class Har(SpreadForecaster):
    """The regression's scale, and the law's shape as fitted."""

    name: ClassVar[str] = "har"

    def __init__(self, fit: HarFit) -> None:
        self.fit, self.season = fit, fit.season

    @classmethod
    def load(cls, folder: Path | None = None, *, device: str = "cpu") -> Self:
        """From a card's folder, by default the one installed. device: taken, not needed. Raises BrokenCheckpoint."""
        del device
        return cls(HarFit.of_numbers(load_card(folder or INSTALLED_WEIGHTS, model=cls.name).numbers(HarFit.SHAPES)))

    def law(self, window: Window, season: Floats, lead: int, steps: int) -> tuple[Floats, Floats]:
        return scale_ahead(window, season, self.fit, lead, steps), self.fit.shapes


def spread_inputs(window: Window, season: Floats, last: int) -> tuple[Floats, Floats]:
    """What the scale is a function of, for the last rows: inputs (last, inputs), and the level, a size of one step.

    Mean absolute sizes of returns freed of the season, as logarithms over the day's; the first input is 1, the second
    the root mean square over the mean absolute size of the day. Inputs are cut at +-2. Level 0 where nothing moved.
    Raises BadCandles when the window's candles are not those the season is made for.
    """
    slots = len(season) // 2
    if window.step_ms * slots != 86_400_000:
        raise BadCandles(f"{window.series}: the model was fitted on candles of {86_400_000 // slots} ms")
    free = np.abs(window.log_returns() / season[slots_of(window.open_time_ms, window.step_ms)])
    sizes = np.stack([ewma(free, half_life)[-last:] for half_life in HALF_LIVES], axis=1)
    rough = np.sqrt(ewma(free**2, HALF_LIVES[_LEVEL])[-last:])
    level = np.nan_to_num(sizes[:, _LEVEL])
    with np.errstate(divide="ignore", invalid="ignore"):
        others = np.log(np.delete(sizes, _LEVEL, axis=1) / level[:, None])
        inputs = np.column_stack([np.ones(len(level)), np.log(rough / level), others])
    return np.clip(np.nan_to_num(inputs, nan=0.0), -LARGEST_INPUT, LARGEST_INPUT), level


def scale_ahead(window: Window, season: Floats, fit: HarFit, lead: int, steps: int) -> Floats:
    """Shape (steps,): the scale of the log-return over 1..steps steps from T, `lead` steps after the window. Rising."""
    inputs, level = spread_inputs(window, season, 1)
    return stretched(
        window, season, level[0] * np.exp(along_anchors((fit.weights @ inputs[0])[:, None], steps)[:, 0]), lead
    )


def stretched(window: Window, season: Floats, size: Floats, lead: int) -> Floats:
    """Shape (steps,): scales over 1..steps steps from T; never falling. size: (steps,), of one step, free of the day's
    shape, for each number of steps."""
    ahead = window.end_ms + window.step_ms * np.arange(lead, lead + len(size), dtype=np.int64)
    shape = np.sqrt(np.cumsum(season[slots_of(ahead, window.step_ms)] ** 2))
    scale: Floats = np.maximum.accumulate(size * shape)
    return scale


def along_anchors(rows: Floats, steps: int) -> Floats:
    """Rows that stand at the anchors, at each of the steps 1..steps: straight lines in ln k, constant beyond."""
    place = np.interp(np.log(np.arange(1, steps + 1)), np.log(ANCHORS), np.arange(len(ANCHORS)))
    low = np.minimum(place.astype(np.int64), len(ANCHORS) - 2)
    share = (place - low)[:, None]
    between: Floats = (1.0 - share) * rows[low] + share * rows[low + 1]
    return between


def members_of(shapes: Floats, members: int) -> Floats:
    """Shape (steps, members): the quantiles (i - 1/2) / members of each step's shape, rising."""
    place = np.clip((normal_scores(members) - Z_GRID[0]) / (Z_GRID[1] - Z_GRID[0]), 0.0, len(Z_GRID) - 1.001)
    low = place.astype(np.int64)
    quantiles: Floats = shapes[:, low] + (place - low) * (shapes[:, low + 1] - shapes[:, low])
    return quantiles


def ranks_of_walk(
    window: Window, season: Floats, lead: int, steps: int, paths: int, chance: np.random.Generator
) -> NDArray[np.int64]:
    """Shape (steps, paths): for each step after T, which path of a simulated walk is lowest, next, and so on."""
    ahead = window.end_ms + window.step_ms * np.arange(lead + steps, dtype=np.int64)
    free = window.log_returns() / season[slots_of(window.open_time_ms, window.step_ms)]
    levels = np.stack([ewma(free**2, half_life) for half_life in _WALK_HALF_LIVES], axis=1)
    residuals = standardise(free, levels @ _WALK_WEIGHTS, _LARGEST_RESIDUAL)
    half = (paths + 1) // 2
    drawn = residuals[chance.integers(0, len(residuals), size=(len(ahead), half))]
    drawn *= chance.choice((-1.0, 1.0), size=(len(ahead), half))
    moves = feedback_walk(drawn, levels[-1], _WALK_HALF_LIVES, _WALK_WEIGHTS)
    walk = np.cumsum(moves * season[slots_of(ahead, window.step_ms)][:, None], axis=0)
    after = walk[lead:] - walk[lead - 1] if lead else walk
    return np.argsort(np.concatenate([after, -after], axis=1)[:, :paths].astype(np.float32), axis=1)
