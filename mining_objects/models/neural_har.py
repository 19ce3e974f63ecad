"""HAR's spread, told the week of New York, and corrected by small networks that see more spans, the sign and the clock.

The regression of `har` gets one more input at each number of steps: by how much New York's week would have these
steps larger than the day's shape has them. A few networks of two layers then say, at knots along the horizon, by how
much in logarithms that scale should be moved; their mean is taken (a deep ensemble). Single outcomes say too little of
the scale they were drawn with for networks to learn from: these are trained on how much the candles ahead moved in all
(`mining_objects/neural_har_fitting.py`). The shape of the law lies between that of outcomes before the fit and that
which the outcomes of the window itself had, over the scales that the model would have said then: its form, and
its level over the next hour, follow a market that has changed or was never seen. Paths are made as by `har`. Needs no
torch.

Sources: Lakshminarayanan, Pritzel & Blundell (2017), arXiv:1612.01474 (deep ensembles); Corsi & Reno (2012),
doi:10.1080/07350015.2012.663261 (falls raise volatility, over spans as long as HAR's).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Window
from mining_objects.causal import ewma
from mining_objects.fitted_cards import load_card
from mining_objects.installed_weights import installed_weights
from mining_objects.models.har import (
    ANCHORS,
    HALF_LIVES,
    LARGEST_INPUT,
    Har,
    HarFit,
    along_anchors,
    members_of,
    spread_inputs,
    stretched,
)
from mining_objects.new_york_week import DAYS, week_slots
from mining_objects.season import slots_of
from mining_objects.spread_law import tabulate_shape
from protocol.units import DAY_MS

NETWORKS: Final = 5
HIDDEN: Final = 32
KNOTS: Final = (1, 3, 10, 32, 100, 300)
"""Steps at which a network answers; between them straight lines in ln k."""
SPANS: Final = (3.0, 36.0, 144.0, 576.0, 2304.0, 5760.0)
"""Half-lives of mean absolute sizes that `har` does not look at, in steps."""
ROUGH_SPANS: Final = (18.0, 1152.0)
SIGNED_SPANS: Final = (12.0, 72.0, 288.0)
DAY_WAVES: Final = 4
WEEK_WAVES: Final = 3
WEEK_STEPS: Final = (3, 12, 36, 84)
"""Steps over which the networks are told what New York's week says."""
INPUTS: Final = (
    5 + len(WEEK_STEPS) + len(SPANS) + len(ROUGH_SPANS) + 2 * len(SIGNED_SPANS) + 2 * (DAY_WAVES + WEEK_WAVES)
)
LARGEST_CORRECTION: Final = 1.0
"""Beyond it, in logarithms, no network is believed."""
OWN_DAYS: Final = 25
"""Of the window, whose outcomes shape the law too; the days before are for the averages to begin with."""
OWN_EVERY: Final = 12
"""Steps between them: an hour, so that all stand where T stands within its hour."""
OWN_TRUST: Final = 2.0 / 3.0
"""Weight of the window's own shape when all its hours are there; with fewer it shrinks in proportion."""
AT_ANCHORS: Final = np.array(ANCHORS) - 1
"""Where the anchors stand among the steps from 1 on."""
_LARGEST_DRIFT: Final = 3.0
_ANCHORS: Final = np.array(ANCHORS)
_MEMBERS: Final = 256


@dataclass(frozen=True, slots=True)
class WeekHarFit:
    """season, shapes: as in HarFit.  week: (7, slots).  weights: (anchors, inputs of HAR and one for the week)."""

    season: Floats
    week: Floats
    weights: Floats
    shapes: Floats

    SHAPES: ClassVar[dict[str, tuple[int, ...]]] = HarFit.SHAPES | {
        "week": (DAYS, 288),
        "weights": (len(ANCHORS), len(HALF_LIVES) + 2),
    }


@dataclass(frozen=True, slots=True)
class Networks:
    """mean, deviation: (INPUTS,), of the inputs.  The layers of all networks, each (networks, from, to), with biases,
    (networks, to): INPUTS -> HIDDEN -> HIDDEN -> knots."""

    mean: Floats
    deviation: Floats
    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats
    last: Floats
    last_bias: Floats

    SHAPES: ClassVar[dict[str, tuple[int, ...]]] = {
        "mean": (INPUTS,),
        "deviation": (INPUTS,),
        "first": (NETWORKS, INPUTS, HIDDEN),
        "first_bias": (NETWORKS, HIDDEN),
        "second": (NETWORKS, HIDDEN, HIDDEN),
        "second_bias": (NETWORKS, HIDDEN),
        "last": (NETWORKS, HIDDEN, len(KNOTS)),
        "last_bias": (NETWORKS, len(KNOTS)),
    }

    def answer(self, inputs: Floats) -> Floats:
        """Shape (n, knots): the networks' mean correction of ln scale. inputs: (n, INPUTS)."""
        normal = (inputs - self.mean) / self.deviation
        hidden = _silu(normal @ self.first + self.first_bias[:, None])
        hidden = _silu(hidden @ self.second + self.second_bias[:, None])
        told: Floats = np.mean(hidden @ self.last + self.last_bias[:, None], axis=0)
        return np.clip(told, -LARGEST_CORRECTION, LARGEST_CORRECTION)


class NeuralHar(Har):
    """No direction: the point path is flat, all skill is in the spread."""

    name: ClassVar[str] = "neural_har"

    def __init__(self, fit: WeekHarFit, networks: Networks) -> None:
        super().__init__(HarFit(300_000, fit.season, fit.weights[:, :-1], fit.shapes))
        self.week_fit, self.networks = fit, networks

    @classmethod
    def load(cls, folder: Path | None = None, *, device: str = "cpu") -> Self:
        """From a card's folder, by default the one installed. device: taken, not needed. Raises BrokenCheckpoint."""
        del device
        numbers = load_card(folder or installed_weights(cls.name), model=cls.name).numbers(
            WeekHarFit.SHAPES | Networks.SHAPES
        )
        parts = [{name: numbers[name] for name in part.SHAPES} for part in (WeekHarFit, Networks)]
        return cls(WeekHarFit(**parts[0]), Networks(**parts[1]))

    def law(self, window: Window, season: Floats, lead: int, steps: int) -> tuple[Floats, Floats]:
        """As for `har`; the shapes are moved towards those of the window's own last weeks."""
        last, at = own_rows(window)
        known = known_at(window, season, self.week_fit.week, last, at, lead, max(steps, ANCHORS[-1]))
        weights, answers = self.week_fit.weights, self.networks.answer(known.inputs)
        log_factor = along_anchors((self.fit.weights @ known.simple[-1])[:, None], steps)[:, 0]
        log_factor += along_anchors(weights[:, -1:], steps)[:, 0] * known.told[-1, :steps]
        log_factor += along_knots(answers[-1], np.arange(1, steps + 1))
        scale = stretched(window, season, known.level[-1] * np.exp(log_factor), lead)
        said = known.simple @ self.fit.weights.T + weights[:, -1] * known.told[:, AT_ANCHORS]
        residuals = residuals_of(window, season, known.level, said + along_knots(answers, _ANCHORS), known.anchor)
        return scale, blended_shapes(self.fit.shapes, residuals, len(at))


class Known(NamedTuple):
    """What is known at n rows of a window. anchor: (n,), the row of the close at T, which may lie after the window.

    simple: (n, inputs of HAR).  level: (n,), a size of one step.  told: (n, steps), as `week_over_season` has it.
    inputs: (n, INPUTS), of the networks.
    """

    anchor: NDArray[np.int64]
    simple: Floats
    level: Floats
    told: Floats
    inputs: Floats


def known_at(
    window: Window, season: Floats, week: Floats, last: int, at: NDArray[np.int64], lead: int, steps: int
) -> Known:
    """At n of the last rows; row t depends on rows <= t alone. last: how many they are.  at: (n,), which of them."""
    simple, level = spread_inputs(window, season, last)
    anchor = len(window) - last + at + lead
    told = week_over_season(window, anchor, week, season, steps)
    inputs = network_inputs(window, season, simple, level, told, at, lead)
    return Known(anchor, simple[at], level[at], told, inputs)


def own_rows(window: Window) -> tuple[int, NDArray[np.int64]]:
    """How many of the last rows hold OWN_DAYS, and which of these stand where the newest does in its hour."""
    last = min(len(window), OWN_DAYS * DAY_MS // window.step_ms + 1)
    return last, np.arange((last - 1) % OWN_EVERY, last, OWN_EVERY)


def residuals_of(
    window: Window, season: Floats, level: Floats, log_factor: Floats, anchor: NDArray[np.int64]
) -> Floats:
    """Shape (n, anchors): outcomes over the scales that were said, NaN where the outcome is not known yet or at all.

    level: (n,).  log_factor: (n, anchors).  anchor: (n,), the row of the close at each T; may lie after the window.
    """
    shape = np.concatenate([[0.0], np.cumsum(season[slots_of(window.open_time_ms, window.step_ms)] ** 2)])
    log_close = np.log(window.close)
    ends = anchor[:, None] + _ANCHORS
    inside = ends < len(window)
    begin, end = np.minimum(anchor, len(window) - 1)[:, None], np.minimum(ends, len(window) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = level[:, None] * np.sqrt(shape[end + 1] - shape[begin + 1]) * np.exp(log_factor)
        over: Floats = np.where(inside, (log_close[end] - log_close[begin]) / scale, np.nan)
    return over


def blended_shapes(fitted: Floats, residuals: Floats, wanted: int) -> Floats:
    """Shape (anchors, 65): the fitted shapes, moved towards those of the residuals, (n, anchors), `wanted` of them.

    Their form follows by OWN_TRUST; their level, the mean absolute size, by as much less as the outcomes overlap: of
    100 steps so few stand apart that their level is noise.
    """
    shapes, sizes = fitted.copy(), _mean_sizes(fitted)
    for place, column in enumerate(residuals.T):
        known = column[np.isfinite(column)]
        if len(known) and known.any():
            own, trust = tabulate_shape(known), OWN_TRUST * min(1.0, len(known) / wanted)
            level = _mean_sizes(own[None])[0] / sizes[place]
            shapes[place] += trust * (own / level - fitted[place])
            shapes[place] *= level ** (trust * min(1.0, OWN_EVERY / ANCHORS[place]))
    return shapes


def _mean_sizes(shapes: Floats) -> Floats:
    """Shape (n,): the mean absolute value under laws of these shapes, (n, 65)."""
    sizes: Floats = np.abs(members_of(shapes, _MEMBERS)).mean(axis=1)
    return sizes


def week_over_season(window: Window, anchor: NDArray[np.int64], week: Floats, season: Floats, steps: int) -> Floats:
    """Shape (n, steps): ln of the scale that the week's shape gives 1..steps steps over that which the season's gives.

    anchor: (n,), the row of the close at each T; may lie after the window, as the steps do.
    """
    first, last = int(anchor.min()) + 1, int(anchor.max()) + steps + 1
    at_ms = window.open_time_ms[0] + window.step_ms * np.arange(first, last, dtype=np.int64)
    shapes = week.ravel()[week_slots(at_ms, window.step_ms)], season[slots_of(at_ms, window.step_ms)]
    sums = [np.concatenate([[0.0], np.cumsum(shape**2)]) for shape in shapes]
    start = (anchor + 1 - first)[:, None]
    over = [total[start + np.arange(1, steps + 1)] - total[start] for total in sums]
    ratio: Floats = 0.5 * np.log(over[0] / over[1])
    return ratio


def network_inputs(
    window: Window,
    season: Floats,
    simple: Floats,
    level: Floats,
    told: Floats,
    at: NDArray[np.int64],
    lead: int,
) -> Floats:
    """Shape (n, INPUTS): what the networks are shown at n of the last rows; row t depends on rows <= t alone.

    simple, level: as `spread_inputs` gives them for the last rows.  at: (n,), which of these.  told: (n, steps), as
    `week_over_season` does.  The signed means say whether the price rose or fell, in the size that a walk of the day's
    level would have; the clock is that of T, `lead` steps after each row.
    """
    rows, level = len(window) - len(level) + at, level[at]
    free = window.log_returns() / season[slots_of(window.open_time_ms, window.step_ms)]
    size = np.abs(free)
    with np.errstate(divide="ignore", invalid="ignore"):
        spans = [np.log(ewma(size, span)[rows] / level) for span in SPANS]
        rough = [0.5 * np.log(ewma(size**2, span)[rows]) - np.log(ewma(size, span)[rows]) for span in ROUGH_SPANS]
        signed = [ewma(free, span)[rows] / level * np.sqrt(span) for span in SIGNED_SPANS]
    sizes = np.column_stack([simple[at, 1:], *spans, *rough])
    sizes = np.clip(np.nan_to_num(sizes), -LARGEST_INPUT, LARGEST_INPUT)
    drift = np.clip(np.nan_to_num(np.column_stack(signed)), -_LARGEST_DRIFT, _LARGEST_DRIFT)
    clock = clock_of(window.open_time_ms[rows] + (1 + lead) * window.step_ms)
    return np.concatenate([sizes, told[:, np.array(WEEK_STEPS) - 1], drift, np.abs(drift), clock], axis=1)


def clock_of(at_ms: NDArray[np.int64]) -> Floats:
    """Shape (n, 14): sines and cosines of the day (UTC) and the week at these instants."""
    turns = [
        2.0 * np.pi * harmonic * (at_ms % period) / period
        for period, waves in ((DAY_MS, DAY_WAVES), (7 * DAY_MS, WEEK_WAVES))
        for harmonic in range(1, waves + 1)
    ]
    return np.column_stack([wave(turn) for turn in turns for wave in (np.sin, np.cos)])


def along_knots(answers: Floats, steps: NDArray[np.int64]) -> Floats:
    """Shape (..., len(steps)): what stands at the knots, (..., knots), at these steps: straight lines in ln k."""
    return answers @ knot_shares(steps)


def knot_shares(steps: NDArray[np.int64]) -> Floats:
    """Shape (knots, len(steps)): how much each knot counts at each step; columns sum to 1."""
    return np.stack([np.interp(np.log(steps), np.log(KNOTS), one) for one in np.eye(len(KNOTS))])


def _silu(x: Floats) -> Floats:
    """x / (1 + e**-x). Source: Hendrycks & Gimpel (2016), arXiv:1606.08415."""
    smooth: Floats = x / (1.0 + np.exp(-np.clip(x, -50.0, 50.0)))
    return smooth
