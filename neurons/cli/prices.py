"""`augury prices`: which venues said what of a close, which of them counted, and how two validators compare."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from neurons.cli.refusals import Db
from neurons.cli.tables import AsJson, console, show_json, table
from protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from neurons.cli.closes import CloseTold, Comparison, VenueSummary

MISSING: Final = "MISSING"


@dataclass(frozen=True, slots=True)
class Range:
    """Closes of a span. due: how many instants of it lie in session; missing: reason -> how often.

    not_held: instants in session, between the first and the newest close held, that the database has nothing of.
    """

    series: str
    from_ms: int
    to_ms: int
    due: int
    agreed: int
    missing: dict[str, int]
    not_held: tuple[int, ...]
    venues: list[VenueSummary]
    closes: list[CloseTold]


def prices(
    series: Annotated[str, typer.Argument(metavar="SERIES", help="Such as BTC-USD.")],
    db: Db,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The close of this instant; else the newest.")] = "",
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="Every close from this instant on ...")] = "",
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="... to this one; else a day, or to the end.")
    ] = "",
    against: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Compare with this database, close by close, and say why.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many lines of a range at most, the newest.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Show what each venue said of a close and why it counted or not, from a validator's database.

    TIME is 2025-06-15, 2025-06-15T12:05Z or epoch milliseconds. A range is listed and summed up by venue.
    """
    from neurons.cli.times import read_instant

    if at and (since or until):
        raise InvalidSetting("--at shows one close, --from and --to a range: give one or the other", setting="at")
    if at and against:
        raise InvalidSetting("--against compares ranges: give --from and --to with it, or nothing", setting="against")
    db = db.expanduser()
    begins = read_instant(since, setting="from") if since else None
    ends = read_instant(until, setting="to") if until else None
    if against:
        comparison = asyncio.run(_compare(db, against.expanduser(), series, begins, ends))
        show_json(comparison) if as_json else show_comparison(comparison, limit)
    elif since or until:
        told = asyncio.run(_range(db, series, begins, ends))
        show_json(told) if as_json else show_range(told, limit)
    else:
        revisions = asyncio.run(_one(db, series, read_instant(at, setting="at") if at else None))
        show_json(revisions) if as_json else show_close(revisions)


async def _one(db: Path, series: str, at_ms: int | None) -> list[CloseTold]:
    """One close in each of its revisions, the first one first."""
    from neurons.cli.held import held_series

    async with held_series(db, series) as held:
        return await held.revisions(held.newest_ms if at_ms is None else at_ms)


async def _range(db: Path, series: str, begins: int | None, ends: int | None) -> Range:
    from neurons.cli.closes import summed_up
    from neurons.cli.held import held_series
    from protocol.units import DAY_MS

    async with held_series(db, series) as held:
        ends = held.newest_ms if ends is None else ends
        begins = ends - DAY_MS if begins is None else begins
        if begins > ends:
            raise InvalidSetting("--from is after --to: there is nothing between them", setting="from")
        closes = await held.closes(begins, ends)
        due = held.due(max(begins, held.first_ms), min(ends, held.newest_ms))
    there = {close.close_at_ms for close in closes}
    return Range(
        series=series,
        from_ms=begins,
        to_ms=ends,
        due=len(due),
        agreed=sum(close.close_e8 is not None for close in closes),
        missing=dict(Counter(close.reason for close in closes if close.close_e8 is None)),
        not_held=tuple(at for at in due if at not in there),
        venues=summed_up(closes),
        closes=closes,
    )


async def _compare(db: Path, other: Path, series: str, begins: int | None, ends: int | None) -> Comparison:
    """Over the range, or over the span that both databases hold."""
    from neurons.cli.closes import compared
    from neurons.cli.held import held_series

    async with held_series(db, series) as here, held_series(other, series) as there:
        from_ms = max(here.first_ms, there.first_ms) if begins is None else begins
        to_ms = min(here.newest_ms, there.newest_ms) if ends is None else ends
        return compared(series, await here.closes(from_ms, to_ms), await there.closes(from_ms, to_ms))


def show_close(revisions: list[CloseTold]) -> None:
    """One close, venue by venue."""
    from neurons.cli.figures import NOTHING, basis_points, decimal, exact_price, instant, minute
    from protocol.units import PRICE_SCALE, SECOND_MS

    close = revisions[-1]
    reported = [exact_price(told.close_e8) for told in close.venues if told.close_e8 is not None]
    places = 1 + max((len(price.partition(".")[2]) for price in reported), default=1)
    rows = [
        (
            told.venue,
            NOTHING if told.close_e8 is None else exact_price(told.close_e8),
            NOTHING if told.rate_e8 is None or told.worth_e8 is None else exact_price(told.worth_e8),
            NOTHING if told.adjusted_e8 is None else decimal(told.adjusted_e8, PRICE_SCALE, places),
            NOTHING if told.distance_millibp is None else basis_points(told.distance_millibp),
            told.verdict,
            NOTHING
            if told.received_at_ms is None
            else f"{decimal(told.received_at_ms - close.close_at_ms, SECOND_MS, 1, sign=True)} s",
            told.origin,
        )
        for told in close.venues
    ]
    columns = ("venue~", "reported>", "converted>", "less basis>", "bp>", "verdict", "received>", "by")
    console().print(table(f"{close.series} at {minute(close.close_at_ms)}", columns, rows))
    if close.close_e8 is None:
        console().print(f"{MISSING}: {close.reason}. Settled {instant(close.agreed_at_ms)}.")
    else:
        how = f"{close.reason} of {close.counted} that counted" if close.venues else close.reason
        console().print(f"Agreed {exact_price(close.close_e8)}: {how}. Settled {instant(close.agreed_at_ms)}.")
    for before in revisions[:-1]:
        was = MISSING if before.close_e8 is None else exact_price(before.close_e8)
        console().print(f"Revision {before.revision}, settled {instant(before.agreed_at_ms)}, said {was}.")
    console().print("bp: from the agreed close to the last price of the line. received: after the close.")


def show_range(told: Range, limit: int) -> None:
    """A line a close, newest first, and a line a venue."""
    from neurons.cli.figures import NOTHING, basis_points, exact_price, minute

    rows = [
        (
            minute(close.close_at_ms),
            MISSING if close.close_e8 is None else exact_price(close.close_e8),
            close.reason + (f", revision {close.revision}" if close.revision else ""),
            str(close.counted),
            "; ".join(f"{one.venue} {one.verdict}" for one in close.venues if one.verdict != "counted"),
        )
        for close in told.closes[: -limit - 1 : -1]
    ]
    title = f"{told.series}, {min(limit, len(told.closes))} of {len(told.closes)} closes, newest first"
    console().print(table(title, ("close (UTC)", "agreed>", "reason", "counted>", "not counted~"), rows))
    by_venue = [
        (
            one.venue,
            str(one.outcomes["counted"]),
            "; ".join(f"{count} {why}" for why, count in one.outcomes.most_common() if why != "counted") or NOTHING,
            NOTHING if one.farthest_at_ms is None else basis_points(one.farthest_millibp),
            NOTHING if one.farthest_at_ms is None else minute(one.farthest_at_ms),
        )
        for one in told.venues
    ]
    columns = ("venue", "counted>", "not counted~", "farthest bp>", "when (UTC)")
    console().print(table("By venue", columns, by_venue))
    gone = "; ".join(f"{count} {reason}" for reason, count in told.missing.items())
    console().print(
        f"{told.due} closes due in session: {told.agreed} agreed, {sum(told.missing.values())} missing"
        f"{f' ({gone})' if gone else ''}, {len(told.not_held)} not held."
    )


def show_comparison(told: Comparison, limit: int) -> None:
    """How many closes are alike, and of each other one what explains it."""
    from neurons.cli.figures import exact_price, minute

    rows = [
        (
            minute(one.close_at_ms),
            MISSING if one.here_e8 is None else exact_price(one.here_e8),
            MISSING if one.there_e8 is None else exact_price(one.there_e8),
            "; ".join(one.why) or f"{one.here_reason} here, {one.there_reason} there",
        )
        for one in told.differences[: -limit - 1 : -1]
    ]
    if rows:
        columns = ("close (UTC)", "here>", "there>", "why~")
        console().print(table(f"{told.series}, closes that differ, newest first", columns, rows))
    console().print(
        f"{told.compared} closes compared: {told.alike} alike to the bit, {len(told.differences)} differ; "
        f"{len(told.only_here)} held here only, {len(told.only_there)} there only."
    )
