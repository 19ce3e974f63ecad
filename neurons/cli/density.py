"""A distribution drawn in text: how likely each stretch of values is, the median, and the central intervals.

the curve: eighths of a character high, one column a stretch of equal width, from the 0.5% to the 99.5% quantile
├────━━━━━━┃━━━━━━────┤   95% of the probability within the ends, 50% within the thick line, the median
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
SPARKS: Final = "▁▂▃▄▅▆▇█"
DRAWN: Final = (0.005, 0.995)
"""From which quantile to which the curve reaches."""
COLUMNS_A_BAR: Final = 2
WIDE: Final = (0.025, 0.975)
HALF: Final = (0.25, 0.75)


@dataclass(frozen=True, slots=True)
class Smooth:
    """A continuous distribution by points of it: values and probabilities, both ascending from 0 to 1, at least one."""

    values: Sequence[float]
    probabilities: Sequence[float]

    def quantile(self, probability: float) -> float:
        return float(np.interp(probability, self.probabilities, self.values))

    @property
    def is_a_point(self) -> bool:
        """Whether all of it lies on one number."""
        return self.values[0] == self.values[-1]

    def share(self, values: Sequence[float]) -> Sequence[float]:
        """The probability of at most each value."""
        found: list[float] = np.interp(values, self.values, self.probabilities, left=0.0, right=1.0).tolist()
        return found


def drawn(smooth: Smooth, *, width: int, height: int) -> list[str]:
    """The curve, the line of the intervals below it, and the values at both ends: height + 2 lines of at most width.

    width: at least 30.  A distribution that is one number is one sentence.
    """
    if smooth.is_a_point:
        return [f"Everybody says {smooth.values[0]:.6g}."]
    low, high = (smooth.quantile(end) for end in DRAWN)
    edges = np.linspace(low, high, width + 1)
    bars = np.linspace(low, high, width // COLUMNS_A_BAR + 1)
    chances = np.diff(smooth.share(bars.tolist())).repeat(COLUMNS_A_BAR)
    levels = np.round(chances / chances.max() * height * 8).astype(int)
    lines = ["".join(_cell(int(level), row) for level in levels).rstrip() for row in range(height - 1, -1, -1)]
    first, last = f"{low:.6g}", f"{high:.6g}"
    return [*lines, _intervals(smooth, edges.tolist()), first + last.rjust(width - len(first))]


def spark(values: Sequence[float]) -> str:
    """Numbers as a line of bars, the least the lowest."""
    least, most = min(values), max(values)
    if least == most:
        return SPARKS[3] * len(values)
    return "".join(SPARKS[min(7, int((value - least) / (most - least) * 8))] for value in values)


def _cell(level: int, row: int) -> str:
    return EIGHTHS[min(8, max(0, level - 8 * row))]


def _column(value: float, edges: Sequence[float]) -> int:
    """Where a value stands, within the picture."""
    place = int(np.searchsorted(edges, value, side="right")) - 1
    return min(max(place, 0), len(edges) - 2)


def _intervals(smooth: Smooth, edges: Sequence[float]) -> str:
    line = [" "] * (len(edges) - 1)
    for ends, mark in ((WIDE, "─"), (HALF, "━")):
        first, last = (_column(smooth.quantile(end), edges) for end in ends)
        line[first : last + 1] = mark * (last + 1 - first)
    first, last = (_column(smooth.quantile(end), edges) for end in WIDE)
    line[first], line[last] = "├", "┤"
    line[_column(smooth.quantile(0.5), edges)] = "┃"
    return "".join(line).rstrip()
