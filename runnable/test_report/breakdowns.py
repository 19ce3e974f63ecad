"""Where a model is good: by step, by how calm the market was, by weekday and hour, and as time went on.

Gains here are by the rules over the standing baseline. Each interval is that of its own cell: they describe, and no
verdict is drawn from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mining_objects.regimes import REGIMES, WEEKDAYS, hour_of, weekday_of
from protocol.units import DAY_MS, MICRO, NANO
from runnable.test_report.contenders import day_of
from runnable.test_report.tables import AUG, GAIN, Figure, Row, Table, figure
from runnable.test_report.trial import PATHS, STANDING, Trial

STEP_GROUPS: Final = ((1, 1), (2, 3), (4, 12), (13, 36), (37, 72), (73, 100), (12, 12), (100, 100))
HOURS_TOGETHER: Final = 4
WEEK_MS: Final = 7 * DAY_MS
_DESCRIBES: Final = "Gain by the rules over the standing baseline, with the 95% interval of each cell alone."


def horizon_table(trial: Trial) -> Table:
    """Gains by groups of steps."""
    columns = tuple(f"step {a}" if a == b else f"{a} to {b}" for a, b in STEP_GROUPS)
    rows: list[Row] = []
    for label in trial.labels:
        cells = []
        for first, last in STEP_GROUPS:
            steps = slice(first - 1, last)
            mine, other = (_mean(trial.crps[name][:, steps] / trial.unit[:, steps]) for name in (label, STANDING))
            cells.append(Figure(trial.blocks.gain(mine, other), GAIN))
        rows.append((label, *cells))
    return Table("horizons", "By step", _DESCRIBES, ("model", *columns), tuple(rows))


def gain_by_step(trial: Trial, label: str) -> NDArray[np.float64]:
    """(steps,): gain over the standing baseline at each step, by the rules."""
    mine, other = trial.crps[label] / trial.unit, trial.crps[STANDING] / trial.unit
    known = ~(np.isnan(mine) | np.isnan(other))
    sums = [np.where(known, losses, 0.0).sum(axis=0) for losses in (mine, other)]
    gain: NDArray[np.float64] = np.where(sums[1] > 0.0, 1.0 - sums[0] / np.where(sums[1] > 0.0, sums[1], 1.0), np.nan)
    return gain


def regime_table(trial: Trial) -> Table:
    """Gains in calm, usual and wild hours."""
    regime = trial.terciles.regime_of(trial.sigma)
    columns = [f"{name}, {int((regime == place).sum()):,} hours" for place, name in enumerate(REGIMES)]
    rows: tuple[Row, ...] = tuple((label, *_gains(trial, label, regime, range(3))) for label in trial.labels)
    low, high = (f"{100 * limit:.3f}%" for limit in (trial.terciles.low, trial.terciles.high))
    note = (
        f"{_DESCRIBES} Calm: sigma of a 5-minute step below {low}; wild: above {high}: thirds of the hours before the "
        "test. Sigma is known when a round opens."
    )
    return Table("regimes", "By how calm the market was", note, ("model", *columns), rows)


def clock_table(trial: Trial) -> Table:
    """Gains by parts of the day."""
    part = hour_of(trial.paths.at_ms) // HOURS_TOGETHER
    parts = range(24 // HOURS_TOGETHER)
    columns = [f"{HOURS_TOGETHER * p:02d} to {HOURS_TOGETHER * (p + 1):02d} h" for p in parts]
    rows: tuple[Row, ...] = tuple((label, *_gains(trial, label, part, parts)) for label in trial.labels)
    return Table("clock", "By hour (UTC)", _DESCRIBES, ("model", *columns), rows)


def weekday_table(trial: Trial) -> Table:
    """Gains by weekday."""
    day = weekday_of(trial.paths.at_ms)
    rows: tuple[Row, ...] = tuple((label, *_gains(trial, label, day, range(7))) for label in trial.labels)
    return Table("weekdays", "By weekday (UTC)", _DESCRIBES, ("model", *WEEKDAYS), rows)


def heat_table(trial: Trial) -> Table:
    """Gains of the tested models in each hour of the week, without intervals."""
    rows: list[Row] = []
    for label in trial.tested:
        for weekday, row in zip(WEEKDAYS, heat_of(trial, label), strict=True):
            rows.append((f"{label}, {weekday}", *(figure(value, GAIN) for value in row)))
    note = "Gain by the rules over the standing baseline; a cell has few hours and no interval."
    return Table("heat", "By hour and weekday (UTC)", note,
                 ("model, weekday", *(f"{hour:02d}" for hour in range(24))), tuple(rows))  # fmt: skip


def heat_of(trial: Trial, label: str) -> list[list[float | None]]:
    """Seven rows of 24 gains."""
    cell = weekday_of(trial.paths.at_ms) * 24 + hour_of(trial.paths.at_ms)
    mine, other = trial.ruled[label], trial.ruled[STANDING]
    known = ~(np.isnan(mine) | np.isnan(other))
    own, standing = (np.bincount(cell[known], weights=losses[known], minlength=168) for losses in (mine, other))
    gains = [1.0 - a / b if b > 0.0 else None for a, b in zip(own.tolist(), standing.tolist(), strict=True)]
    return [gains[24 * day : 24 * day + 24] for day in range(7)]


def week_table(trial: Trial) -> Table:
    """Gains week by week."""
    week = (trial.paths.at_ms - trial.from_ms) // WEEK_MS
    rows: list[Row] = []
    for one in np.unique(week).tolist():
        of_week = week == one
        cells = [
            figure(_plain_gain(trial.ruled[label][of_week], trial.ruled[STANDING][of_week]), GAIN)
            for label in trial.labels
        ]
        rows.append((day_of(trial.from_ms + one * WEEK_MS), int(of_week.sum()), *cells))
    note = "Gain by the rules over the standing baseline in each week from the first day on."
    return Table("weeks", "Skill over time", note, ("from", "hours", *trial.labels), tuple(rows))


def day_table(trial: Trial) -> Table:
    """Cumulative pay and proven skill at the end of each epoch."""
    epochs, paid, _, proven = by_epoch(trial)
    epoch_ms = trial.course.params.time.epoch_ms
    rows: list[Row] = []
    for i, epoch in enumerate(epochs.tolist()):
        cells = [
            cell
            for column in range(len(trial.labels))
            for cell in (figure(paid[i, column] * MICRO, AUG), figure(proven[i, column], GAIN))
        ]
        rows.append((day_of(epoch * epoch_ms), *cells))
    columns = [f"{label}{what}" for label in trial.labels for what in (", paid so far", ", proven")]
    note = "Both challenges together, in aug; proven: of closes.paths at the epoch's last round."
    return Table("epochs", "Cumulative reward", note, ("epoch", *columns), tuple(rows))


def by_epoch(
    trial: Trial,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Epochs (e,); paid so far and paid alone so far, in aug, and proven skill of closes.paths, (e, contenders)."""
    epochs = np.unique(np.concatenate([one.epochs for one in trial.epochs.values()]))
    sums = []
    for name in ("paid_micros", "alone_micros"):
        total = np.zeros((len(epochs), len(trial.labels)))
        for one in trial.epochs.values():
            total[np.searchsorted(epochs, one.epochs)] += getattr(one, name) / MICRO
        sums.append(np.cumsum(total, axis=0))
    of_round = trial.paths.at_ms // trial.course.params.time.epoch_ms
    last = np.searchsorted(of_round, epochs, side="right") - 1
    skill = trial.paid[PATHS].skill_nano / NANO
    return epochs, sums[0], sums[1], np.where(last[:, None] >= 0, skill[np.maximum(last, 0)], 0.0)


def _gains(trial: Trial, label: str, kind: NDArray[np.int64], kinds: Sequence[int]) -> list[Figure]:
    """A gain for each kind of hour."""
    found = []
    for one in kinds:
        mine = np.where(kind == one, trial.ruled[label], np.nan)
        found.append(Figure(trial.blocks.gain(mine, trial.ruled[STANDING]), GAIN))
    return found


def _plain_gain(mine: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    known = ~(np.isnan(mine) | np.isnan(other))
    below = float(other[known].sum())
    return 1.0 - float(mine[known].sum()) / below if below > 0.0 else None


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    mean: NDArray[np.float64] = np.where(known, values, 0.0).sum(axis=1) / np.where(
        known.any(axis=1), known.sum(axis=1), np.nan
    )
    return mean
