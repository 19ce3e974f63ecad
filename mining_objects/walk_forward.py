"""Models asked at every hour of a period and scored step by step, beside four ways to guess one volatility.

`runnable/miner_testing.py` tests models by the network's rules, capped, scaled and paid; here is what lies under it:
the CRPS of each step in log-returns, exact for the answers' own law, where in that law outcomes fell, and references
that need no paths, as a Gaussian's CRPS has a closed form. Which differences are more than luck: `significance`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.base_mining_model import Floats, Forecaster, Window
from mining_objects.causal import ewma, rolling_mean
from protocol.units import HOUR_MS

CENTRAL: Final = (0.5, 0.8, 0.95)
"""Parts of a law, around its median, whose coverage is counted."""
MONTH_STEPS: Final = 30 * 288

_erf = np.vectorize(math.erf, otypes=[float])
_ERF_GRID: Final = np.linspace(-6.0, 6.0, 12_001)
_ERF: Final = _erf(_ERF_GRID)


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions of a period: the row of each anchor close, and what followed.

    at_ms: (n,), the anchors.  rows: (n,).  truth: (n, steps), log-returns from the anchor, NaN where none is known.
    """

    window: Window
    lead: int
    at_ms: NDArray[np.int64]
    rows: NDArray[np.int64]
    truth: Floats

    def every(self, n: int) -> Asked:
        """Each n-th question."""
        return Asked(self.window, self.lead, self.at_ms[::n], self.rows[::n], self.truth[::n])


@dataclass(frozen=True, slots=True)
class Scored:
    """crps, pit: by step. crps: (n, steps), log-return.  pit: (n, steps), where in its law the outcome lay, 0 to 1.
    point: (n, steps), the point path; zeros for references.  NaN where truth is, or where no answer was given."""

    crps: Floats
    pit: Floats
    point: Floats

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(n, steps, 3): whether the outcome lay in CENTRAL's intervals."""
        return np.stack([np.abs(2.0 * self.pit - 1.0) <= part for part in CENTRAL], axis=2)


def ask_hourly(window: Window, from_ms: int, until_ms: int, *, steps: int, lead: int) -> Asked:
    """Every hour T in [from_ms, until_ms) whose close is known, with 30 days before it and all steps in the period."""
    ends = window.open_time_ms + window.step_ms
    hourly = (ends % HOUR_MS == 0) & (ends >= from_ms) & (ends + steps * window.step_ms <= until_ms)
    rows = np.flatnonzero(hourly & ~np.isnan(window.close))
    rows = rows[(rows + steps < len(window)) & (rows - lead >= MONTH_STEPS)]
    log_close = np.log(window.close)
    truth = log_close[rows[:, None] + np.arange(1, steps + 1)] - log_close[rows][:, None]
    kept = ~np.isnan(truth[:, -1])
    return Asked(window, lead, ends[rows[kept]], rows[kept], truth[kept])


def score_model(
    model: Forecaster,
    asked: Asked,
    *,
    paths: int,
    seed: int = 1,
    watch: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Scored:
    """One forecast at each anchor, from the candles that end `lead` steps before it. watch: a bar, if one is wanted."""
    window, steps = asked.window, asked.truth.shape[1]
    scored = Scored(*(np.empty(asked.truth.shape) for _ in range(3)))
    for i in watch(range(len(asked.rows))):
        known = int(asked.rows[i]) + 1 - asked.lead
        past = window.rows(max(0, known - model.lookback), known)
        chance = seed + int(asked.at_ms[i]) // window.step_ms
        (forecast,) = model.forecast([past], steps=steps, paths=paths, seed=chance, lead=asked.lead)
        members = np.sort(forecast.paths.astype(np.float64), axis=0)
        scored.crps[i] = ensemble_crps(members, asked.truth[i])
        scored.pit[i] = ensemble_pit(members, asked.truth[i])
        scored.point[i] = forecast.point
    return scored


def score_gaussian(scale: Floats, asked: Asked) -> Scored:
    """A driftless normal law at each step. scale: (n, steps), its deviation."""
    crps = gaussian_crps(asked.truth, scale)
    pit = 0.5 + 0.5 * np.interp(asked.truth / scale / math.sqrt(2.0), _ERF_GRID, _ERF)
    return Scored(crps, pit, np.zeros(asked.truth.shape))


def ensemble_crps(members: Floats, truth: Floats) -> Floats:
    """CRPS of each step's own law. members: (m, steps), rising along m.  truth: (steps,).  NaN where truth is.

    The float twin of protocol.rules.scores.crps_numerators, whose formula and sources stand there.
    """
    m = len(members)
    spread = (np.arange(1 - m, m, 2) @ members) / m**2
    crps: Floats = np.abs(members - truth).mean(axis=0) - spread
    return crps


def ensemble_pit(members: Floats, truth: Floats) -> Floats:
    """Probability integral transform: the level of each step's law at which the outcome lay. Shapes as ensemble_crps.

    The i-th lowest of m members is the quantile of level (i - 1/2) / m, straight lines between them, the outermost
    levels beyond; among members equal to the outcome the middle one counts.
    """
    m, steps = members.shape
    below, upto = (members < truth).sum(axis=0), (members <= truth).sum(axis=0)
    low, high = np.clip(below - 1, 0, m - 1), np.clip(below, 0, m - 1)
    at = np.arange(steps)
    gap = members[high, at] - members[low, at]
    share = np.where(gap > 0.0, (truth - members[low, at]) / np.where(gap > 0.0, gap, 1.0), 0.0)
    between = (low + 0.5 + np.clip(share, 0.0, 1.0)) / m
    pit: Floats = np.where(upto > below, (below + upto) / (2.0 * m), between)
    return np.where(np.isnan(truth), np.nan, pit)


def gaussian_crps(truth: Floats, scale: Floats) -> Floats:
    """CRPS of a driftless normal law; source as in losses.gaussian_crps."""
    z = truth / scale
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    erf = np.interp(z / math.sqrt(2.0), _ERF_GRID, _ERF)
    crps: Floats = scale * (z * erf + 2.0 * density - 1.0 / math.sqrt(math.pi))
    return crps


def one_volatility(asked: Asked, how: str) -> Floats:
    """Shape (n, steps): sigma * sqrt(k), sigma known at the newest candle.

    how: "constant", of all candles so far; "month", of the last 30 days; or a half-life in steps of an EWMA, "72".
    """
    squares = asked.window.log_returns() ** 2
    if how == "constant":
        known = ~np.isnan(squares)
        mean = np.cumsum(np.where(known, squares, 0.0)) / np.maximum(np.cumsum(known), 1)
    elif how == "month":
        mean = rolling_mean(squares, MONTH_STEPS)
    else:
        mean = ewma(squares, float(how))
    sigma: Floats = np.sqrt(mean[asked.rows - asked.lead])
    return sigma[:, None] * np.sqrt(np.arange(1, asked.truth.shape[1] + 1))


def best_half_life(window: Window, from_ms: int, until_ms: int, *, steps: int, lead: int, tried: Sequence[str]) -> str:
    """The half-life whose Gaussian walk has the lowest CRPS in a period, hour by hour."""
    asked = ask_hourly(window, from_ms, until_ms, steps=steps, lead=lead)
    return min(tried, key=lambda h: float(np.nanmean(gaussian_crps(asked.truth, one_volatility(asked, h)))))
