"""Draws what a training did: losses look by look, and how its intervals held in the validation period."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from mining_objects.base_mining_model import Floats
from mining_objects.training import BASELINE, FLAT, Trained
from runnable.training_calibration import CENTRAL_PER_CENT, STEPS_SHOWN, Calibration

_INK: Final = "#222831"
_TRAINED, _VALIDATED, _REFERENCE = "#3d5a98", "#d1495b", "#6c757d"
_STEP_COLOURS: Final = ("#3d5a98", "#1b7f79", "#d1495b")
_BINS: Final = 10


def draw_losses(trained: Trained, path: Path) -> None:
    """Training loss and validation score at each look, the best one marked, the reference laws as lines."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8.4, 4.6))
    steps = [report.step for report in trained.reports]
    for colour, label, values in (
        (_TRAINED, "training loss, since the look before", [r.train_loss for r in trained.reports]),
        (_VALIDATED, "validation score", [r.score for r in trained.reports]),
    ):
        axes.plot(steps, values, color=colour, marker="o", markersize=4, linewidth=1.6, label=label)
    axes.plot(
        [trained.best.step], [trained.best.score], marker="o", markersize=12, markerfacecolor="none",
        markeredgecolor=_VALIDATED, linestyle="none", label=f"kept: {trained.best.score:.5f}",
    )  # fmt: skip
    laws = ((FLAT, ":", "Gaussian of the last day's size"), (BASELINE, "--", "standing baseline's Gaussian"))
    for name, style, law in laws:
        reference = trained.references[name]
        axes.axhline(reference, color=_REFERENCE, linestyle=style, linewidth=1.2, label=f"{law}: {reference:.5f}")
    axes.set_xlabel("batches")
    axes.set_ylabel("loss, lower is better")
    axes.set_title(f"Losses: {trained.best.skill:+.2%} over the standing baseline at best", color=_INK, loc="left")
    axes.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncol=2)
    _save(figure, path)


def draw_calibration(calibration: Calibration, path: Path) -> None:
    """Where outcomes fell in the forecast law at three steps (level bars are right), and coverage along the steps."""
    plt = _pyplot()
    figure, grid = plt.subplots(
        1, len(STEPS_SHOWN) + 1, figsize=(13.5, 3.9), width_ratios=[1] * len(STEPS_SHOWN) + [1.5]
    )
    for axes, step, colour in zip(grid, STEPS_SHOWN, _STEP_COLOURS, strict=False):
        _draw_pit(axes, calibration.pit[:, step - 1], step, colour)
    axes = grid[-1]
    k = np.arange(1, calibration.covered.shape[0] + 1)
    for column, wanted in enumerate(CENTRAL_PER_CENT):
        axes.axhline(wanted, color=_REFERENCE, linestyle="--", linewidth=1)
        axes.plot(k, calibration.covered[:, column], color=_STEP_COLOURS[column], linewidth=1.6)
        axes.annotate(
            f"{wanted}%", (1.0, wanted), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
            va="center", color=_INK,
        )  # fmt: skip
    axes.set_title("outcomes inside, wanted dashed", color=_INK, fontsize=10)
    axes.set_xlabel("step")
    axes.set_ylabel("% of outcomes")
    axes.set_ylim(30, 102)
    _tidy(axes)
    figure.suptitle(f"Calibration at {calibration.asked} hours of the validation period", color=_INK, x=0.01, ha="left")
    _save(figure, path)


def _draw_pit(axes: Any, pit: Floats, step: int, colour: str) -> None:
    known = pit[~np.isnan(pit)]
    share, edges = np.histogram(known, bins=_BINS, range=(0.0, 1.0))
    axes.bar(edges[:-1], 100 * share / len(known), width=1 / _BINS, align="edge", color=colour, edgecolor="white")
    axes.axhline(100 / _BINS, color=_REFERENCE, linestyle="--", linewidth=1)
    axes.set_title(f"step {step}", color=_INK, fontsize=10)
    axes.set_xlabel("level in the forecast law")
    axes.set_ylim(0, 100 * 2.2 / _BINS)
    if step == STEPS_SHOWN[0]:
        axes.set_ylabel("% of outcomes")
    _tidy(axes)


def _tidy(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _save(figure: Any, path: Path) -> None:
    for axes in figure.axes:
        _tidy(axes)
    figure.tight_layout()
    figure.savefig(path, dpi=130, bbox_inches="tight", metadata={"Software": None})
    _pyplot().close(figure)


def _pyplot() -> Any:
    """pyplot drawing to files only: no window, no display needed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot
