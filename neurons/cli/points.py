"""`augury leaderboard`, `balance`, `transactions`, `performance`, `volumes`: who earned how many points with what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.tables import AsJson, Full, console, show_json, table
from neurons.cli.where import Asking, with_options

if TYPE_CHECKING:
    from protocol.messages import (
        BalanceAnswer,
        BoardLine,
        PerformanceLine,
        TransactionDay,
        TransactionLine,
        TransactionsAnswer,
    )
    from protocol.units import Hotkey

Owner = Annotated[
    str,
    typer.Argument(metavar="[OWNER]", help="A hotkey, or the first digits or the name that a board shows; your own."),
]
POINTS_ARE = "Points are a unit of their own: they never become pay."


@with_options(Asking)
def leaderboard(
    asking: Asking,
    stream: Annotated[str, typer.Option(metavar="NAME", help="Only what was earned on this stream.")] = "",
    delay: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Only on this horizon; 0 for all.")] = 0,
    category: Annotated[
        str,
        typer.Option(
            help="A contest, which counts the longest horizon alone: all_streams, regular, zscores_univariate ..."
        ),
    ] = "",
    sponsor: Annotated[
        str, typer.Option(metavar="OWNER", help="With --category: only on the streams of this key.")
    ] = "",
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="With --category: only in this month.")] = "",
    half_life: Annotated[
        int, typer.Option(min=0, max=36_525, metavar="DAYS", help="After so many days points count half; 0: for ever.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many places.")] = 20,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show who earned the most points: over all, on a stream, on a horizon, or in a contest."""
    from neurons.cli.figures import identity, money
    from neurons.cli.stream_sources import find_owner, look
    from neurons.client import StreamReader
    from protocol.errors import InvalidSetting
    from protocol.rules.stream_names import full_name

    if (sponsor or month) and not category:
        raise InvalidSetting("--sponsor and --month belong to a contest: say which with --category")
    name = full_name(stream) if stream else ""

    async def ask(reader: StreamReader) -> tuple[BoardLine, ...]:
        whose = (await find_owner(reader, sponsor)).hex() if sponsor else ""
        return await reader.board(
            stream=name, delay=delay, category=category, sponsor=whose, month=month, half_life_days=half_life
        )

    told = look(asking, ask)[:limit]
    if as_json:
        show_json(told)
        return
    if not told:
        typer.echo("nobody has earned or lost a point there yet")
        return
    rows = [
        (str(place), one.name, identity(one.owner, full=full), money(one.score_micros))
        for place, one in enumerate(told, start=1)
    ]
    about = [name, f"{delay} s" if delay else "", category, f"sponsor {sponsor}" if sponsor else "", month]
    title = "Leaderboard: " + (", ".join(filter(None, about)) or "all streams, all horizons")
    console(full=full).print(table(title, ("place>", "name", "owner", "points>"), rows))
    console().print(POINTS_ARE)


@with_options(Asking)
def balance(asking: Asking, owner: Owner = "", as_json: AsJson = False) -> None:
    """Show the points of a key, and how many it can lose before it is bankrupt."""
    from neurons.cli.stream_sources import find_owner, look
    from neurons.client import StreamReader

    async def ask(reader: StreamReader) -> tuple[Hotkey, BalanceAnswer]:
        whose = await find_owner(reader, owner)
        return whose, await reader.balance(whose)

    whose, told = look(asking, ask)
    if as_json:
        show_json(told)
        return
    from neurons.cli.figures import money

    left = told.balance_micros - told.level_micros
    typer.echo(f"owner       {whose.hex()}")
    typer.echo(f"name        {told.name or 'none that this validator knows'}")
    typer.echo(f"difficulty  {told.difficulty} letters")
    typer.echo(f"balance     {money(told.balance_micros)} points")
    typer.echo(f"bankrupt    below {money(told.level_micros)}, {money(left)} away" if left >= 0 else "bankrupt    yes")


@with_options(Asking)
def transactions(
    asking: Asking,
    owner: Owner = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20,
    before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only before 2025-06-15, 2025-06-15T12:05Z or epoch ms.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest settlements of a key: what each value paid it, and why; of older ones what each day paid it."""
    from neurons.cli.stream_sources import find_owner, look
    from neurons.cli.times import read_instant
    from neurons.client import StreamReader

    before_ms = 0 if before is None else read_instant(before, setting="before")

    async def ask(reader: StreamReader) -> TransactionsAnswer:
        return await reader.settled(await find_owner(reader, owner), before_ms=before_ms, limit=limit)

    told = look(asking, ask)
    lines, days = told.transactions, told.days[: limit - len(told.transactions)]
    if as_json:
        show_json((*lines, *days))
        return
    if lines:
        show_transactions(lines)
    if days:
        show_transaction_days(days)
    if not lines and not days:
        typer.echo("nothing was settled yet")


def show_transactions(told: Sequence[TransactionLine]) -> None:
    """The settlements as a table, and a word on its columns."""
    from neurons.cli.figures import instant, money

    rows = [
        (
            instant(one.settlement_time_ms // 1_000 * 1_000),
            one.stream,
            str(one.delay),
            f"{one.value:.6g}",
            money(one.amount_micros),
            f"{one.submissions_close}/{one.submissions_count}",
            f"{one.density:.4g}",
            one.rule,
        )
        for one in told
    ]
    columns = ("settled (UTC)", "stream", "delay>", "value>", "points>", "close>", "density>", "rule")
    console().print(table("Settlements, newest first", columns, rows))
    console().print(
        "close: scenarios near the value, of all. density: their share of all, by the width of that window."
    )


def show_transaction_days(told: Sequence[TransactionDay]) -> None:
    """Sums of days as a table, and why they are sums."""
    from neurons.cli.figures import day, money

    rows = [(day(one.day), one.stream, str(one.delay), str(one.settlements), money(one.amount_micros)) for one in told]
    columns = ("day (UTC)", "stream", "delay>", "settlements>", "points>")
    console().print(table("Older settlements, by day", columns, rows))
    console().print("The validator keeps these settlements only as what they paid in a day.")


@with_options(Asking)
def performance(
    asking: Asking,
    owner: Owner = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what a key earned on each horizon, best first."""
    from neurons.cli.figures import money
    from neurons.cli.stream_sources import find_owner, look
    from neurons.client import StreamReader

    async def ask(reader: StreamReader) -> tuple[PerformanceLine, ...]:
        return await reader.performance(await find_owner(reader, owner))

    told = look(asking, ask)[:limit]
    if as_json:
        show_json(told)
    elif told:
        rows = [(one.horizon, money(one.amount_micros)) for one in told]
        console().print(table("Performance, best first", ("horizon", "points>"), rows))
    else:
        typer.echo("nothing was settled yet")


@with_options(Asking)
def volumes(
    asking: Asking,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the horizons on which the most points changed hands."""
    from neurons.cli.figures import money
    from neurons.cli.stream_sources import look

    told = look(asking, lambda reader: reader.volumes(limit))
    if as_json:
        show_json(told)
    elif told:
        rows = [(one.horizon, money(one.amount_micros)) for one in told]
        console().print(table("Volumes, the most first", ("horizon", "points>"), rows))
        console().print("points: everything that was gained or lost there, without signs.")
    else:
        typer.echo("nothing was settled yet")
