"""Draws what miner_testing.py measured: some forecasts as fans, and the gain as it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from mining_objects.evaluation import PATHS_NAME, POINT_NAME, ScoredRound, sigma_of_round
from protocol.units import NANO

_COLOURS: Final = ("#1b7f79", "#d1495b", "#edae49", "#3d5a98", "#7b5ea7", "#6c757d")
_INK: Final = "#222831"


def draw_forecasts(rounds: Sequence[ScoredRound], model: str, path: Path) -> None:
    """Every round that kept its forecasts: what was known, the model's fan, the baseline's band, and what happened."""
    plt = _pyplot()
    chosen = [scored for scored in rounds if model in scored.forecasts]
    columns = min(3, len(chosen))
    lines = -(-len(chosen) // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(5.2 * columns, 3.6 * lines), squeeze=False)
    for axes, scored in zip(grid.flat, chosen, strict=False):
        _draw_round(axes, scored, model)
    for axes in list(grid.flat)[len(chosen) :]:
        axes.set_visible(False)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)
    figure.suptitle(f"{model}: forecasts of 100 five-minute steps", fontsize=14, color=_INK)
    figure.tight_layout(rect=(0, 0.06, 1, 0.98))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_gains(rounds: Sequence[ScoredRound], path: Path, title: str) -> None:
    """Per challenge: each model's gain over the baseline summed to each round, as part of the mean baseline loss."""
    plt = _pyplot()
    figure, grid = plt.subplots(1, 2, figsize=(13, 4.6))
    days = [datetime.fromtimestamp(r.anchor_at_ms / 1_000, UTC) for r in rounds]
    for axes, challenge in zip(grid, (PATHS_NAME, POINT_NAME), strict=True):
        baseline = np.array([r.baseline_nano[challenge] for r in rounds]) / NANO
        axes.axhline(0.0, color=_INK, linewidth=1, linestyle="--", label="standing baseline")
        for colour, model in zip(_COLOURS, rounds[0].loss_nano[challenge], strict=False):
            loss = np.array([r.loss_nano[challenge][model] for r in rounds]) / NANO
            gain = np.cumsum(baseline - loss) / baseline.sum()
            axes.plot(days, 100 * gain, color=colour, linewidth=1.6, label=f"{model}  {100 * gain[-1]:+.2f}%")
        axes.set_title(challenge, color=_INK)
        axes.set_ylabel("gain so far, % of the whole baseline loss")
        axes.legend(frameon=False, loc="best")
        _tidy(axes)
    figure.autofmt_xdate(rotation=25)
    figure.suptitle(title, fontsize=13, color=_INK)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_round(axes: Any, scored: ScoredRound, model: str) -> None:
    forecast = scored.forecasts[model]
    steps = np.arange(len(scored.truth) + 1)
    fan = np.concatenate([np.zeros((5, 1)), np.quantile(forecast.paths, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)], axis=1)
    band = 1.645 * sigma_of_round(scored) * np.sqrt(steps)
    colour = _COLOURS[0]
    axes.fill_between(steps, *(100 * fan[[0, 4]]), color=colour, alpha=0.18, linewidth=0, label="90% of the paths")
    axes.fill_between(steps, *(100 * fan[[1, 3]]), color=colour, alpha=0.32, linewidth=0, label="50% of the paths")
    for sign in (-1, 1):
        axes.plot(steps, 100 * sign * band, color=_COLOURS[5], linewidth=1, linestyle="--",
                  label="baseline, 90%" if sign > 0 else None)  # fmt: skip
    before = np.arange(-len(scored.before) + 1, 1)
    axes.plot(before, 100 * scored.before, color=_INK, linewidth=1.1, alpha=0.55, label="known")
    axes.plot(steps, 100 * np.concatenate([[0.0], scored.truth]), color=_COLOURS[1], linewidth=1.4, label="happened")
    axes.plot(steps, 100 * np.concatenate([[0.0], forecast.point]), color=colour, linewidth=1.2, label="point path")
    gain = 1 - scored.loss_nano[PATHS_NAME][model] / scored.baseline_nano[PATHS_NAME]
    at = datetime.fromtimestamp(scored.anchor_at_ms / 1_000, UTC)
    axes.set_title(f"{at:%a %Y-%m-%d %H:%M} UTC   gain {gain:+.1%}", fontsize=10, color=_INK)
    axes.set_xlabel("steps from the anchor")
    axes.set_ylabel("log-return, %")
    _tidy(axes)


def _tidy(axes: Any) -> None:
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _pyplot() -> Any:
    """pyplot drawing to files only: no window, no display needed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot
