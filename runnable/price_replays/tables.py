"""What replays found, as tables: on the screen, as the page docs/price_replays.md, and close by close."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from protocol.rules.prices import Reason
from runnable.price_replays.running import Floats, Replayed

FINDINGS: Final = (
    "replay",
    "closes agreed",
    "by a median",
    "missing",
    "rounds VOID",
    "agreed: median",
    "99%",
    "largest",
    "outside",
    "plain mean: median",
    "99%",
    "largest",
    "outside",
)
_MISSING: Final = (Reason.TOO_FEW, Reason.DISAGREE)
NOT_COUNTED: Final = ("replay", "venue", "quote", "reports refused", "no report")
EXPLAINED: Final = """\
Each close of five minutes went through the rule that settles rounds (`neurons/market/feed.py: agreed_closes`, which is
`protocol/rules/prices.py: agree_close` under the watcher's own settling), starting without a memory. USDT and USDC are
converted by the closes that the same rule agrees on for `usdt-usd` and `usdc-usd`, unless "nothing converted" is said.

- **Distances** are in basis points from the honest median: the median of all eleven venues in BTC that were recorded
  then, each in dollars at the middle of the recorded rates. It is a yardstick, not a truth. Median and 99% are of
  absolute distances; the largest has its sign and its day and time (UTC).
- **by a median**: of 2f + 1 = 3 or more reports, and how many of those lie beyond every honest report that counted:
  by the rule, none can. The others come from two reports that agree within 25 bp.
- **outside**: closes more than 1 bp beyond every honest venue of the replay, in dollars.
- **plain mean**: of what every venue of the replay answered, as written. This is how TSPS makes its truth.
- **missing**: closes without an agreement, by reason. **rounds VOID**: of all rounds of 100 steps that open and end in
  the period, those without an anchor, without their last step, or with fewer than 90 steps.
- What is MADE UP is said so; all else was recorded.
"""


@dataclass(frozen=True, slots=True)
class Distances:
    """How far prices stand from the honest median, in bp; NaN and no instant where there are none."""

    median: float
    most: float
    largest: float
    at_ms: int | None
    outside: int


def distances(replayed: Replayed, prices: Floats) -> Distances:
    """Of a line of prices from the honest median, over the instants where both are."""
    bp = 1e4 * (prices / replayed.honest - 1)
    there = np.flatnonzero(~np.isnan(bp))
    if there.size == 0:
        return Distances(np.nan, np.nan, np.nan, None, 0)
    median, most = np.quantile(np.abs(bp[there]), (0.5, 0.99)).tolist()
    at = there[np.argmax(np.abs(bp[there]))]
    return Distances(median, most, float(bp[at]), int(replayed.instants_ms[at]), _outside(replayed, prices))


def _outside(replayed: Replayed, prices: Floats) -> int:
    """Prices more than 1 bp beyond every honest venue of the replay."""
    honest = np.stack([replayed.worth[name] for name in replayed.plan.honest], axis=1)
    lowest, highest = np.fmin.reduce(honest, axis=1), np.fmax.reduce(honest, axis=1)
    return int(np.count_nonzero((prices < lowest * 0.9999) | (prices > highest * 1.0001)))


def findings_row(replayed: Replayed) -> tuple[str, ...]:
    """The row of a replay below FINDINGS."""
    closes, medians = len(replayed.instants_ms), replayed.reasons[Reason.MEDIAN]
    missing = Counter({why: replayed.reasons[why] for why in _MISSING if replayed.reasons[why]})
    agreed, mean = distances(replayed, replayed.agreed), distances(replayed, replayed.mean)
    return (
        replayed.plan.name,
        f"{closes - missing.total():,} of {closes:,}",
        f"{medians:,}, outside {replayed.medians_outside}" if medians and replayed.plan.honest else f"{medians:,}",
        _counts(missing),
        f"{replayed.void_rounds:,} of {replayed.rounds:,}",
        *_cells(agreed),
        *_cells(mean),
    )


def not_counted_rows(replayed: Replayed) -> list[tuple[str, ...]]:
    """A row below NOT_COUNTED for each venue that once did not count."""
    name, rows = replayed.plan.name, []
    for venue in replayed.plan.venues:
        refused, absent = replayed.refused.get(venue.name, Counter()), replayed.absent.get(venue.name, Counter())
        if refused or absent:
            lies = ", MADE UP" if replayed.plan.liar and replayed.plan.liar[0] == venue.name else ""
            rows.append((name, f"{venue.name}{lies}", venue.quote, _counts(refused), _counts(absent)))
    return rows


def show(replays: Sequence[Replayed], console: Console) -> None:
    """Both tables for a person."""
    table = Table(
        title="agreed closes and the plain mean; distances in bp from the honest median", title_justify="left"
    )
    for place, heading in enumerate(FINDINGS):
        table.add_column(heading, justify="left" if place in (0, 3) else "right", overflow="fold")
    for replayed in replays:
        table.add_row(*findings_row(replayed))
    console.print(table)
    counts = Table(title="what did not count", title_justify="left")
    for heading in NOT_COUNTED:
        counts.add_column(heading)
    for replayed in replays:
        for row in not_counted_rows(replayed):
            counts.add_row(*row)
    console.print(counts)
    for replayed in replays:
        console.print(f"[bold]{replayed.plan.name}[/]: {replayed.plan.meaning}", highlight=False)


def page(replays: Sequence[Replayed], command: str, pictures: Mapping[str, str]) -> str:
    """The Markdown page. command: what wrote it.  pictures: path from the page -> caption."""
    lines = [
        "# Replays of March 2023",
        "",
        "Written from recorded candles, which are not part of this project, by",
        "",
        f"    {command}",
        "",
        "What follows from it is in [prices.md](prices.md).",
        "",
        EXPLAINED,
        *(f"- `{replayed.plan.name}`: {replayed.plan.meaning}." for replayed in replays),
        "",
        "## Distances",
        "",
        *_markdown(FINDINGS, [findings_row(replayed) for replayed in replays]),
        "",
        "## What did not count",
        "",
        *_markdown(NOT_COUNTED, [row for replayed in replays for row in not_counted_rows(replayed)]),
        "",
        *(line for file, caption in pictures.items() for line in (f"![{caption}]({file})", "")),
    ]
    return "\n".join(lines).rstrip() + "\n"


def write_closes(replays: Sequence[Replayed], path: Path) -> None:
    """Every close of every replay as CSV: prices in dollars, distances in bp; an empty cell where there is none."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("replay", "close_at_utc", "agreed", "plain_mean", "honest_median", "agreed_bp", "plain_mean_bp"))
        for told in replays:
            columns = (told.agreed, told.mean, told.honest, told.agreed_bp, told.mean_bp)
            for at_ms, *numbers in zip(told.instants_ms.tolist(), *columns, strict=True):
                at = datetime.fromtimestamp(at_ms / 1_000, UTC)
                cells = ("" if np.isnan(number) else f"{number:.4f}" for number in numbers)
                rows.writerow((told.plan.name, f"{at:%Y-%m-%dT%H:%MZ}", *cells))


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows)]


def _cells(found: Distances) -> tuple[str, ...]:
    if found.at_ms is None:
        return ("-", "-", "-", "-")
    at = datetime.fromtimestamp(found.at_ms / 1_000, UTC)
    return (f"{found.median:.1f}", f"{found.most:.1f}", f"{found.largest:+.1f} ({at:%d %H:%M})", f"{found.outside:,}")


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in sorted(counted.items())) or "none"
