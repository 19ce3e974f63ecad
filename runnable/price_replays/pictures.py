"""Pictures of replays: every venue against the agreed line, and how far off it is below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from protocol.units import HOUR_MS
from runnable.price_replays.plans import midnight_ms
from runnable.price_replays.recordings import DOLLAR, TETHER, USD_COIN
from runnable.price_replays.running import Floats, Replayed

_INK: Final = "#222831"
_COLOURS: Final = {DOLLAR: "#3d5a98", TETHER: "#1b7f79", USD_COIN: "#edae49"}
_ODD: Final = "#d1495b"
_LINES: Final = ("#222831", "#7b5ea7", "#e07a5f")
_LINEAR_TO: Final = 60.0
"""Distances that stay within so many bp are drawn on a plain scale."""


@dataclass(frozen=True, slots=True)
class Picture:
    """agreed: the name of the replay whose venues and agreed line are above.

    below: label -> (replay, "agreed" or "mean"), the distances below, the first of them that of `agreed`.
    """

    file: str
    title: str
    caption: str
    agreed: str
    below: Mapping[str, tuple[str, str]]
    from_ms: int
    until_ms: int

    @property
    def replays(self) -> set[str]:
        return {self.agreed, *(name for name, _ in self.below.values())}


PICTURES: Final[Sequence[Picture]] = (
    Picture(
        "prices_depeg.png",
        "BTC while USDC lost its peg, March 2023",
        "Eight recorded venues, each in its own currency, and the agreed line in dollars; below, distances from the "
        "honest median in basis points",
        "eight",
        {
            "agreed, USDT converted, USDC without a rate": ("eight", "agreed"),
            "agreed, nothing converted": ("eight-as-written", "agreed"),
            "plain mean of the eight": ("eight", "mean"),
        },
        midnight_ms("2023-03-10") + 12 * HOUR_MS,
        midnight_ms("2023-03-14"),
    ),
    Picture(
        "prices_tether.png",
        "BTC while USDT stood above a dollar, March 2023",
        "Three recorded venues in USDT, two in USD: without conversion the agreed line follows the USDT venues",
        "five",
        {
            "agreed, converted": ("five", "agreed"),
            "agreed, nothing converted": ("five-as-written", "agreed"),
            "plain mean of the five": ("five", "mean"),
        },
        midnight_ms("2023-03-10") + 12 * HOUR_MS,
        midnight_ms("2023-03-14"),
    ),
    Picture(
        "prices_liar.png",
        "Four recorded venues and one that lies at random, March 2023",
        "Kraken's prices are MADE UP: each close times 0.5, 0.97, 1, 1.001 or 1.05 at random",
        "jumping",
        {"agreed": ("jumping", "agreed"), "plain mean of the five": ("jumping", "mean")},
        midnight_ms("2023-03-10") + 12 * HOUR_MS,
        midnight_ms("2023-03-14"),
    ),
    Picture(
        "prices_halt.png",
        "BTC while Binance spot stood still, 24 March 2023",
        "Five recorded venues, prices as written; Binance spot shows candles without a trade, then none",
        "halt",
        {"agreed": ("halt", "agreed"), "plain mean of what answered": ("halt", "mean")},
        midnight_ms("2023-03-24") + 10 * HOUR_MS,
        midnight_ms("2023-03-24") + 16 * HOUR_MS,
    ),
)


def draw(picture: Picture, replays: Mapping[str, Replayed], path: Path) -> None:
    """Writes a PNG. replays: at least those that the picture names, by name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.4), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_venues(above, replays[picture.agreed], picture)
    _draw_distances(below, replays, picture)
    figure.suptitle(picture.title, fontsize=13, color=_INK)
    figure.savefig(path, dpi=76, pil_kwargs={"optimize": True})


def _draw_venues(axes: Any, replayed: Replayed, picture: Picture) -> None:
    """Venues of one currency share a colour and a line of the legend; who is odd has its own."""
    inside, plan = _inside(replayed, picture), replayed.plan
    times = _times(replayed, inside)
    shown = []
    for quote in (DOLLAR, TETHER, USD_COIN):
        names = [venue.name for venue in plan.venues if venue.quote == quote and venue.name in plan.honest]
        prices = [replayed.written[name][inside] / 1e3 for name in names]
        shown += prices
        for at, line in enumerate(prices):
            label = f"in {quote}: {', '.join(names)}" if at == 0 else None
            axes.plot(times, line, color=_COLOURS[quote], linewidth=2.0, alpha=0.55, label=label)
    for venue in plan.venues:
        if venue.name not in plan.honest:
            label = f"{venue.name}, MADE UP" if plan.liar else f"{venue.name} spot, in {venue.quote}"
            prices = replayed.written[venue.name][inside] / 1e3
            axes.plot(times, prices, ".", color=_ODD, markersize=3, label=label)
    axes.plot(times, replayed.agreed[inside] / 1e3, color=_INK, linewidth=1.0, label=f"agreed ({plan.name})")
    low, high = np.nanmin(shown), np.nanmax(shown)
    margin = 0.1 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel("close, thousands,\nin each venue's own currency")
    _tidy(axes)


def _draw_distances(axes: Any, replays: Mapping[str, Replayed], picture: Picture) -> None:
    farthest = 0.0
    for colour, (label, (name, which)) in reversed(list(zip(_LINES, picture.below.items(), strict=False))):
        replayed = replays[name]
        inside = _inside(replayed, picture)
        bp: Floats = (replayed.agreed_bp if which == "agreed" else replayed.mean_bp)[inside]
        farthest = max(farthest, float(np.nanmax(np.abs(bp))))
        jumps = replayed.plan.liar is not None and which == "mean"
        line = {"marker": ".", "markersize": 3, "linestyle": "none"} if jumps else {"linewidth": 1.1}
        axes.plot(_times(replayed, inside), bp, color=colour, label=label, **line)
    replayed = replays[picture.agreed]
    inside = _inside(replayed, picture)
    times, missing = _times(replayed, inside), np.isnan(replayed.agreed[inside])
    if missing.any():
        count = np.count_nonzero(missing)
        label = f"no agreement: {count} of {len(missing)} closes"
        axes.plot(times[missing], np.zeros(count), "|", color=_ODD, markersize=14, label=label)
    axes.axhline(0, color=_INK, linewidth=0.6, alpha=0.5)
    axes.set_ylabel("from the honest median, bp")
    if farthest > _LINEAR_TO:
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylabel("from the honest median, bp\n(linear to 10, then logarithmic)")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("end of the candle, UTC")
    _date(axes)
    _tidy(axes)


def _inside(replayed: Replayed, picture: Picture) -> np.ndarray:
    return (replayed.instants_ms >= picture.from_ms) & (replayed.instants_ms <= picture.until_ms)


def _times(replayed: Replayed, inside: np.ndarray) -> np.ndarray:
    return np.array([datetime.fromtimestamp(at / 1_000, UTC) for at in replayed.instants_ms[inside].tolist()])


def _date(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=5, maxticks=10, tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))


def _tidy(axes: Any) -> None:
    axes.grid(alpha=0.25)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize=9, borderaxespad=0.2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
