"""What an experiment found, as values; and how a terminal and a picture show it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of the picture."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One experiment's table, verdict and picture. `holds`: whether the claim held. `prices`: says if generated."""

    title: str
    claim: str
    prices: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    holds: bool
    verdict: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    is_bars: bool = False


def show(finding: Finding, console: Console) -> None:
    """The table and the verdict line."""
    table = Table(title=f"{finding.title}\n[dim]{finding.prices}[/dim]", title_justify="left")
    for place, column in enumerate(finding.columns):
        table.add_column(column, justify="left" if place == 0 else "right")
    for row in finding.rows:
        table.add_row(*row)
    console.print(table)
    colour, word = ("green", "HOLDS") if finding.holds else ("red", "DOES NOT HOLD")
    console.print(f"[{colour}]{word}[/{colour}]: {finding.claim} {finding.verdict}\n", highlight=False)


def draw(finding: Finding, file: Path) -> None:
    """The picture, as PNG. Raises ImportError without matplotlib (`pip install 'augury[miner]'`)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for curve in finding.curves:
        if finding.is_bars:
            axes.barh([curve.label], curve.y)
        else:
            axes.plot(curve.x, curve.y, label=curve.label)
    if finding.is_bars:
        axes.invert_yaxis()
    else:
        axes.legend()
    axes.set_xlabel(finding.y_label if finding.is_bars else finding.x_label)
    if not finding.is_bars:
        axes.set_ylabel(finding.y_label)
    axes.set_title(f"{finding.title}\n{finding.prices}", fontsize=10)
    axes.grid(alpha=0.3)
    figure.savefig(file, dpi=120)
