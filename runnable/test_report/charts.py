"""The pictures of a report, each from a trial: fans, levels, skill, reward, steps, regimes, hours of the week."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mining_objects.base_mining_model import Floats
from mining_objects.regimes import REGIMES, WEEKDAYS
from mining_objects.significance import Comparison, Estimate
from protocol.rules.deviations import DEVIATION_SCALE, QUANTILES_PPM
from protocol.units import DAY_MS, HOUR_MS, MICRO
from runnable.test_report.breakdowns import by_epoch, gain_by_step, heat_of, regime_table
from runnable.test_report.contenders import day_of
from runnable.test_report.findings import LEVELS, PIT_BINS, SHOWN_STEPS, covered_part, pit_shares
from runnable.test_report.svg import Plot, Whisker, colour, forest, heat_map, nice_ticks
from runnable.test_report.tables import GAIN, SHARE, SIZE, Cell, Figure, Table, figure, text_of
from runnable.test_report.trial import STANDING, Trial

FANS = (("calm", 0.1), ("typical", 0.5), ("wild", 0.95))
"""Rounds that are drawn: those whose sigma, known before, stands at these parts of all."""
TRAILING_DAYS = 14
_SMALL = (330.0, 220.0)


def differences(trial: Trial, ruled: Sequence[Comparison]) -> list[str]:
    """Every comparison by the rules, with its interval."""
    rows = [
        Whisker(
            f"{one.first} against {one.second}",
            100 * one.gain.value,
            None if one.gain.low is None else 100 * one.gain.low,
            None if one.gain.high is None else 100 * one.gain.high,
            colour(trial.labels.index(one.first)) if one.verdict in ("better", "worse") else "ref",
            f"{text_of(Figure(one.gain, GAIN))}, {one.verdict}",
        )
        for one in ruled
        if one.gain.value is not None
    ]
    return [forest(rows, unit="%", label="gain of the first over the second, by the rules")] if rows else []


def fans(trial: Trial) -> list[str]:
    """Each tested model at a calm, a typical and a wild hour: its law, the baseline's, and what came."""
    drawn = []
    for label in trial.tested:
        column = trial.labels.index(label)
        for word, part in FANS:
            drawn.append(_fan(trial, label, column, round_at(trial, part), word))
    return drawn


def fan_table(trial: Trial) -> Table:
    """The drawn rounds in figures."""
    rows = []
    for label in trial.tested:
        column = trial.labels.index(label)
        for word, part in FANS:
            row = round_at(trial, part)
            at, sigma = int(trial.paths.at_ms[row]), float(trial.sigma[row])
            told: list[Cell] = [f"{label}, {word}", f"{day_of(at)} {at % DAY_MS // HOUR_MS:02d} h", figure(sigma, SIZE)]
            quantiles = _quantiles(trial.paths.deviations[row, column], trial.unit[row])
            for k in SHOWN_STEPS:
                ends = [float(quantiles[k - 1, i]) if trial.paths.answered[row, column] else None for i in (0, -1)]
                told += [Figure(Estimate(float(trial.paths.truth[row, k - 1]), *ends), SIZE)]
            rows.append(tuple(told))
    columns = ("model, hour", "T (UTC)", "sigma", *(f"step {k}: what came (5 to 95%)" for k in SHOWN_STEPS))
    note = "Log-returns from the anchor in per cent; in brackets the middle 90% of the model's law."
    return Table("fans", "The drawn hours", note, columns, tuple(rows))


def round_at(trial: Trial, part: float) -> int:
    """The row of the hour whose sigma stands at this part of all hours' sigmas, the earliest of equals."""
    order = np.argsort(trial.sigma, kind="stable")
    return int(order[round(part * (len(order) - 1))])


def levels(trial: Trial) -> list[str]:
    """Each tested model that answered: how many outcomes fell in each tenth of its law, with intervals."""
    drawn = []
    for label in trial.tested:
        css = colour(trial.labels.index(label))
        for k in SHOWN_STEPS:
            shares = pit_shares(trial, label, k)
            ends = [end for one in shares for end in (one.value, one.high) if end is not None]
            if not ends:
                continue
            plot = Plot(
                x=(0, PIT_BINS),
                y=(0, max(20.0, 110 * max(ends))),
                y_unit="%",
                title=f"{label}, step {k}",
                x_label="tenths of the law",
                size=_SMALL,
            )
            for i, one in enumerate(shares):
                plot.bar(i + 0.06, i + 0.94, 100 * (one.value or 0.0), css, text_of(Figure(one, SHARE)))
                if one.low is not None and one.high is not None:
                    plot.span(i + 0.5, 100 * one.low, 100 * one.high, "ink")
            plot.level(100 / PIT_BINS)
            drawn.append(plot.render(f"{label}: levels of the outcomes of step {k}"))
    return drawn


def reliability(trial: Trial) -> list[str]:
    """Coverage less its level, at each of the shown steps."""
    drawn = []
    at = 100 * np.array(LEVELS)
    lines = {
        (label, k): 100 * np.array([covered_part(trial, label, k, level) for level in LEVELS]) - at
        for label in trial.labels
        for k in SHOWN_STEPS
    }
    span = max(5.0, *(float(np.nanmax(np.abs(line))) for line in lines.values() if np.isfinite(line).any()))
    for k in SHOWN_STEPS:
        plot = Plot(
            x=(5, 100),
            y=(-span, span),
            title=f"step {k}",
            x_label="middle part of the law, %",
            size=_SMALL,
        )
        plot.x_ticks((level, f"{level:.0f}") for level in (10, 30, 50, 80, 95))
        plot.band(np.array([5.0, 100.0]), np.full(2, -2.0), np.full(2, 2.0), "faint")
        plot.level(0.0)
        for place, label in enumerate(trial.labels):
            plot.line(at, lines[label, k], colour(place), label)
        drawn.append(plot.render(f"coverage less its level at step {k}, in points"))
    return drawn


def skill_over_time(trial: Trial) -> list[str]:
    """The trailing gain over the standing baseline, and the proven skill that is paid."""
    epochs, _, _, proven = by_epoch(trial)
    days = epochs.astype(float) * trial.course.params.time.epoch_ms / DAY_MS
    gains = {label: 100 * _trailing(trial, label, days) for label in trial.labels}
    shown = np.concatenate([gains[label][np.isfinite(gains[label])] for label in trial.tested] + [np.zeros(1)])
    low, high = float(shown.min()) - 2.0, float(shown.max()) + 1.0
    left = _over_days(days, (low, high), f"gain of the last {TRAILING_DAYS} days", "%")
    right = _over_days(days, (0.0, max(1.0, 100 * float(proven.max()))), "proven skill, as it is paid", "%")
    left.level(0.0)
    for place, label in enumerate(trial.labels):
        left.line(days, gains[label], colour(place), label)
        right.line(days, 100 * proven[:, place], colour(place), label)
    return [left.render("gain over the standing baseline as time went on"), right.render("proven skill over time")]


def reward(trial: Trial) -> list[str]:
    """What each was paid so far: among all, and alone."""
    epochs, paid, alone, _ = by_epoch(trial)
    days = epochs.astype(float) * trial.course.params.time.epoch_ms / DAY_MS
    highest = max(1.0, float(alone.max()), float(paid.max()))
    drawn = []
    for title, sums in (("paid so far, aug, in one network", paid), ("paid so far, aug, each alone", alone)):
        plot = _over_days(days, (0.0, highest), title, "")
        for place, label in enumerate(trial.labels):
            plot.line(days, sums[:, place], colour(place), f"{label}: {sums[-1, place]:,.1f} aug")
        drawn.append(plot.render(title))
    return drawn


def horizons(trial: Trial) -> list[str]:
    """The gain at each step."""
    steps = trial.course.params.time.steps
    k = np.arange(1, steps + 1)
    lines = {label: 100 * gain_by_step(trial, label) for label in (*trial.labels, *trial.references)}
    shown = [label for label in lines if label != STANDING]
    inside = np.concatenate([lines[label][np.isfinite(lines[label])] for label in trial.tested] + [np.zeros(1)])
    span = (float(inside.min()) - 4.0, float(inside.max()) + 1.0)
    plot = Plot(x=(0.0, float(np.log(steps))), y=span, y_unit="%", x_label="step (logarithmic)", size=(680.0, 280.0))
    plot.x_ticks((float(np.log(at)), str(at)) for at in (1, 2, 3, 6, 12, 24, 48, 100) if at <= steps)
    plot.level(0.0)
    for place, label in enumerate(shown):
        css = colour(place) if label in trial.labels else f"ref r{place - len(trial.labels)}"
        plot.line(np.log(k), lines[label], css, label)
    return [plot.render("gain over the standing baseline by step")]


def regimes(trial: Trial) -> list[str]:
    """Gains in calm, usual and wild hours, with their intervals."""
    table = regime_table(trial)
    cells = {str(row[0]): row[1:] for row in table.rows if row[0] in trial.tested}
    known = [
        100 * v
        for row in cells.values()
        for cell in row
        if isinstance(cell, Figure)
        for v in (cell.estimate.value, cell.estimate.low, cell.estimate.high)
        if v is not None
    ]
    plot = Plot(x=(-0.5, 2.5), y=(min([0.0, *known]) - 0.5, max([1.0, *known]) + 0.5), y_unit="%", size=(680.0, 280.0))
    plot.x_ticks(enumerate(REGIMES))
    plot.level(0.0)
    for place, (label, row) in enumerate(cells.items()):
        shift = (place - (len(cells) - 1) / 2.0) * min(0.14, 0.7 / max(1, len(cells)))
        for at, cell in enumerate(row):
            if isinstance(cell, Figure) and cell.estimate.value is not None:
                low, high = (None if v is None else 100 * v for v in (cell.estimate.low, cell.estimate.high))
                tip = f"{label}, {REGIMES[at]}: {text_of(cell)}"
                plot.whisker(at + shift, 100 * cell.estimate.value, low, high, colour(trial.labels.index(label)), tip)
    return [plot.render("gain over the standing baseline by how calm the market was")]


def hours_of_week(trial: Trial) -> list[str]:
    """Each tested model's gain in each hour of the week, all on one scale."""
    maps = {label: heat_of(trial, label) for label in trial.tested}
    sizes = [abs(value) for rows in maps.values() for row in rows for value in row if value is not None]
    largest = float(np.quantile(sizes, 0.9)) if sizes else 1.0
    hours = [f"{hour:02d}" for hour in range(24)]
    drawn = []
    for label, rows in maps.items():
        tips = [
            [
                "" if value is None else f"{day} {hour}: {GAIN.write(value)}%"
                for hour, value in zip(hours, row, strict=True)
            ]
            for day, row in zip(WEEKDAYS, rows, strict=True)
        ]
        title = f"{label} (full colour: {100 * largest:.0f}% or more)"
        drawn.append(
            heat_map(
                rows, WEEKDAYS, hours, title=title, largest=largest, tips=tips, label=f"{label}: hours of the week"
            )
        )
    return drawn


def _fan(trial: Trial, label: str, column: int, row: int, word: str) -> str:
    played, steps = trial.paths, trial.course.params.time.steps
    k = np.arange(steps + 1, dtype=float)
    scale = 100 * trial.sigma[row] * np.sqrt(k)
    truth = np.concatenate([[0.0], 100 * played.truth[row]])
    quantiles = _quantiles(played.deviations[row, column], scale[1:])
    baseline = 1.645 * scale
    reach = 1.1 * max(float(np.nanmax(np.abs(truth))), float(baseline.max()), float(np.abs(quantiles).max()))
    at = int(played.at_ms[row])
    gain = 1.0 - played.loss_nano[row, column] / max(1, int(played.baseline_nano[row]))
    told = f"gain {gain:+.0%}" if played.answered[row, column] else "no answer"
    title, when = f"{label}, {word} hour: {told}", f"steps from {day_of(at)} {at % DAY_MS // HOUR_MS:02d} h"
    plot = Plot(x=(0, steps), y=(-reach, reach), y_unit="%", title=title, x_label=when, size=_SMALL)
    plot.x_ticks((tick, f"{tick:.0f}") for tick in nice_ticks(0, steps))
    if played.answered[row, column]:
        for outer in (0, 1, 2):
            low, high = (np.concatenate([[0.0], quantiles[:, i]]) for i in (outer, -1 - outer))
            plot.band(k, low, high, colour(column))
    plot.line(k, baseline, "ref r0", "90% of the standing baseline")
    plot.line(k, -baseline, "ref r0", "90% of the standing baseline")
    plot.line(k, truth, "ink", "what came")
    return plot.render(f"{title}, {when}")


def _quantiles(deviations: np.ndarray, scale: Floats) -> Floats:
    """(steps, quantiles): the law at 5%, 15%, ... 95%, from how it deviates from the baseline's."""
    from statistics import NormalDist

    normal = np.array([NormalDist().inv_cdf(ppm / MICRO) for ppm in QUANTILES_PPM])
    quantiles: Floats = scale[:, None] * (normal + deviations / DEVIATION_SCALE)
    return quantiles


def _trailing(trial: Trial, label: str, days: Floats) -> Floats:
    """The gain over the standing baseline of the days up to each; NaN in the first half of the first span."""
    day = trial.paths.at_ms / DAY_MS
    mine, other = trial.ruled[label], trial.ruled[STANDING]
    both = ~np.isnan(mine + other)
    found = []
    for end in days + 1.0:
        of_span = both & (day < end) & (day >= end - TRAILING_DAYS)
        below = float(other[of_span].sum())
        is_young = end - days[0] < TRAILING_DAYS / 2
        found.append(np.nan if is_young or below == 0.0 else 1.0 - float(mine[of_span].sum()) / below)
    return np.array(found)


def _over_days(days: Floats, y: tuple[float, float], title: str, y_unit: str) -> Plot:
    plot = Plot(x=(float(days[0]), float(days[-1])), y=y, title=title, y_unit=y_unit, size=(500.0, 280.0))
    plot.x_ticks(_day_ticks(days))
    return plot


def _day_ticks(days: Floats) -> Sequence[tuple[float, str]]:
    places = np.unique(np.linspace(0, len(days) - 1, min(5, len(days))).round().astype(int))
    return [(float(days[place]), day_of(int(days[place] * DAY_MS))) for place in places.tolist()]
