"""Growth curves as small PNGs: one panel a quantity, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure


def growth_picture(
    path: Path, sizes: Sequence[float], curves: Mapping[str, Sequence[float]], *, across: str, title: str
) -> None:
    """Draws each curve over `sizes`. A straight line that rises by a decade a decade is growth in proportion."""
    figure = Figure(figsize=(3.2 * len(curves), 3.0), layout="constrained")
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for panel, (name, values) in zip(panels, curves.items(), strict=True):
        panel.plot(sizes, values, marker="o", color="#1f6f8b")
        for size, value in zip(sizes, values, strict=True):
            panel.annotate(f"{value:.3g}", (size, value), textcoords="offset points", xytext=(0, 6), ha="center")
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_ylim(min(values) / 2, max(values) * 2)
        panel.set_xticks(list(sizes), [f"{size:g}" for size in sizes])
        panel.minorticks_off()
        panel.set_xlabel(across)
        panel.set_title(name, fontsize=9)
        panel.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
