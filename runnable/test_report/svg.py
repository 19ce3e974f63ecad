"""Plots as SVG text: axes, lines, bands, bars, whiskers and cells, coloured by the page's own classes.

Colours are classes (`c0` to `c5`, `ink`, `faint`), so that one picture is right on paper, in light and in dark. Numbers
are written to a tenth of a unit: the same inputs give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from mining_objects.base_mining_model import Floats

LEFT, RIGHT, TOP, BOTTOM = 52.0, 10.0, 26.0, 34.0
COLOURS: Final = 6
_TICKS: Final = 5


class Plot:
    """One pair of axes. Lines are broken where they are NaN or leave the axes; all else ends at the edge."""

    def __init__(
        self,
        *,
        x: tuple[float, float],
        y: tuple[float, float],
        size: tuple[float, float] = (560.0, 280.0),
        title: str = "",
        x_label: str = "",
        y_unit: str = "",
    ) -> None:
        self._x, self._y, (self.width, self.height) = _opened(x), _opened(y), size
        self._parts: list[str] = []
        if title:
            self._parts.append(f'<text class="title" x="{LEFT:.1f}" y="15">{escape(title)}</text>')
        if x_label:
            at = LEFT + (self.width - LEFT - RIGHT) / 2.0
            self._parts.append(_text(at, self.height - 4.0, x_label, "middle"))
        for tick in nice_ticks(*self._y):
            self._grid_line(tick)
            self._parts.append(_text(LEFT - 6.0, self._at_y(tick) + 3.5, f"{_short(tick)}{y_unit}", "end"))

    def x_ticks(self, ticks: Iterable[tuple[float, str]]) -> None:
        """Words under the axis; long ones at its ends stay within the picture."""
        for at, word in ticks:
            x = self._at_x(at)
            reach = 3.3 * len(word)
            anchor = "end" if x + reach > self.width else "start" if x - reach < LEFT - 30.0 else "middle"
            self._parts.append(_text(x, self.height - BOTTOM + 14.0, word, anchor))

    def line(self, xs: Floats, ys: Floats, css: str, tip: str = "") -> None:
        """A line, broken where a value is NaN or beyond the axes."""
        inside = np.where((ys >= self._y[0]) & (ys <= self._y[1]), ys, np.nan)
        points = "".join(
            f"{'M' if is_first else 'L'}{self._at_x(a):.1f} {self._at_y(b):.1f}" for is_first, a, b in _runs(xs, inside)
        )
        self._parts.append(f'<path class="line {css}" d="{points}">{_tip(tip)}</path>')

    def band(self, xs: Floats, low: Floats, high: Floats, css: str) -> None:
        """The area between two lines; rows with a NaN are left out."""
        known = [(float(a), float(b), float(c)) for a, b, c in zip(xs, low, high, strict=True) if math.isfinite(b + c)]
        forth = [f"{self._at_x(a):.1f} {self._at_y(c):.1f}" for a, _, c in known]
        back = [f"{self._at_x(a):.1f} {self._at_y(b):.1f}" for a, b, _ in reversed(known)]
        if known:
            self._parts.append(f'<path class="band {css}" d="M{"L".join(forth + back)}Z"/>')

    def bar(self, left: float, right: float, height: float, css: str, tip: str = "") -> None:
        """A bar from 0."""
        a, b, base, top = self._at_x(left), self._at_x(right), self._at_y(0.0), self._at_y(height)
        self._parts.append(
            f'<rect class="bar {css}" x="{a:.1f}" y="{min(base, top):.1f}" width="{b - a:.1f}" '
            f'height="{abs(base - top):.1f}">{_tip(tip)}</rect>'
        )

    def whisker(self, at: float, value: float, low: float | None, high: float | None, css: str, tip: str = "") -> None:
        """A dot with its interval."""
        x, y = self._at_x(at), self._at_y(value)
        if low is not None and high is not None:
            self.span(at, low, high, css)
        self._parts.append(f'<circle class="dot {css}" cx="{x:.1f}" cy="{y:.1f}" r="3.6">{_tip(tip)}</circle>')

    def span(self, at: float, low: float, high: float, css: str) -> None:
        """An interval alone, upright."""
        x = self._at_x(at)
        self._parts.append(
            f'<path class="line {css}" d="M{x:.1f} {self._at_y(low):.1f}L{x:.1f} {self._at_y(high):.1f}"/>'
        )

    def level(self, y: float, css: str = "ink") -> None:
        """A dashed line across."""
        at = self._at_y(y)
        self._parts.append(f'<path class="dashed {css}" d="M{LEFT:.1f} {at:.1f}L{self.width - RIGHT:.1f} {at:.1f}"/>')

    def upright(self, x: float, css: str = "faint") -> None:
        """A dashed line upwards."""
        at = self._at_x(x)
        self._parts.append(f'<path class="dashed {css}" d="M{at:.1f} {TOP:.1f}L{at:.1f} {self.height - BOTTOM:.1f}"/>')

    def render(self, label: str) -> str:
        """The picture. label: for whoever cannot see it."""
        return (
            f'<svg viewBox="0 0 {self.width:.0f} {self.height:.0f}" role="img" aria-label="{escape(label)}">'
            f"{''.join(self._parts)}</svg>"
        )

    def _grid_line(self, y: float) -> None:
        at = self._at_y(y)
        self._parts.append(f'<path class="grid" d="M{LEFT:.1f} {at:.1f}L{self.width - RIGHT:.1f} {at:.1f}"/>')

    def _at_x(self, x: float) -> float:
        share = (x - self._x[0]) / (self._x[1] - self._x[0])
        return LEFT + min(1.0, max(0.0, share)) * (self.width - LEFT - RIGHT)

    def _at_y(self, y: float) -> float:
        share = (y - self._y[0]) / (self._y[1] - self._y[0])
        return self.height - BOTTOM - min(1.0, max(0.0, share)) * (self.height - TOP - BOTTOM)


@dataclass(frozen=True, slots=True)
class Whisker:
    """A figure with its interval, as a row of a forest plot. low, high: None where there is no interval."""

    name: str
    value: float
    low: float | None
    high: float | None
    css: str
    tip: str


def forest(rows: Sequence[Whisker], *, unit: str, label: str) -> str:
    """One row a whisker, left to right, with a line at 0."""
    row, left, top, wide = 19.0, 230.0, 10.0, 430.0
    ends = [v for one in rows for v in (0.0, one.value, one.low, one.high) if v is not None]
    low, high = _opened((min(ends), max(ends)))
    low, high = low - 0.04 * (high - low), high + 0.04 * (high - low)
    height = top + row * len(rows) + 22.0

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * wide

    parts = []
    for tick in nice_ticks(low, high):
        css = "dashed ink" if abs(tick) < 1e-12 else "grid"
        parts.append(f'<path class="{css}" d="M{at(tick):.1f} {top:.1f}L{at(tick):.1f} {height - 20.0:.1f}"/>')
        parts.append(_text(at(tick), height - 6.0, f"{_short(tick)}{unit}", "middle"))
    for i, one in enumerate(rows):
        y = top + row * (i + 0.5)
        parts.append(_text(left - 10.0, y + 3.5, one.name, "end"))
        if one.low is not None and one.high is not None:
            parts.append(f'<path class="line {one.css}" d="M{at(one.low):.1f} {y:.1f}L{at(one.high):.1f} {y:.1f}"/>')
        dot = f'<circle class="dot {one.css}" cx="{at(one.value):.1f}" cy="{y:.1f}" r="3.6">{_tip(one.tip)}</circle>'
        parts.append(dot)
    return (
        f'<svg viewBox="0 0 {left + wide + 20.0:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def heat_map(
    values: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    largest: float,
    tips: Sequence[Sequence[str]],
    label: str,
) -> str:
    """Cells coloured from `worse` over nothing to `better`, full at `largest` either way; None is left empty."""
    cell, left, top = 21.0, 40.0, 26.0
    width, height = left + cell * len(columns) + 6.0, top + cell * len(rows) + 18.0
    parts = [f'<text class="title" x="{left:.1f}" y="15">{escape(title)}</text>']
    for r, name in enumerate(rows):
        parts.append(_text(left - 6.0, top + cell * r + 14.0, name, "end"))
        for c, value in enumerate(values[r]):
            x, y = left + cell * c, top + cell * r
            strength = 0.0 if value is None else min(1.0, abs(value) / largest) if largest > 0.0 else 0.0
            css = "faint" if value is None else "better" if value > 0.0 else "worse"
            parts.append(
                f'<rect class="cell {css}" fill-opacity="{strength:.2f}" x="{x:.1f}" y="{y:.1f}" '
                f'width="{cell - 1.5:.1f}" height="{cell - 1.5:.1f}">{_tip(tips[r][c])}</rect>'
            )
    for c, name in enumerate(columns):
        if c % 3 == 0:
            parts.append(_text(left + cell * c + cell / 2.0, height - 5.0, name, "middle"))
    return f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def nice_ticks(low: float, high: float) -> list[float]:
    """About five round numbers within a range."""
    step = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(step))
    wide = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= step * 0.999)
    first, last = math.ceil(low / wide - 1e-9), math.floor(high / wide + 1e-9)
    return [i * wide for i in range(first, last + 1)]


def colour(place: int) -> str:
    """The class of the place-th contender; beyond the colours there are, dashes."""
    return f"c{place % COLOURS}" + (" dash" if place >= COLOURS else "")


def _opened(span: tuple[float, float]) -> tuple[float, float]:
    """The range, opened where it is empty: there is always something to divide by."""
    low, high = span
    return (low, high) if high > low else (low - 1.0, low + 1.0)


def _runs(xs: Floats, ys: Floats) -> Iterable[tuple[bool, float, float]]:
    is_first = True
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        if math.isfinite(y):
            yield is_first, x, y
        is_first = not math.isfinite(y)


def _short(value: float) -> str:
    return f"{value + 0.0:.6g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _tip(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""
