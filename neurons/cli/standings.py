"""`augury standings`: what every miner has proved and earned in a challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from neurons.cli.tables import AsJson, Full, console, plain, show_json, table
from neurons.cli.where import Where, with_options

if TYPE_CHECKING:
    from neurons.cli.sources import Source
    from protocol.messages import StandingsReply

BRIEFLY: Final = {"bound at or below zero": "bound <= 0"}
"""What a column has room for."""

Series = Annotated[str | None, typer.Option(help="The series; that of the newest round when not given.")]


@with_options(Where)
def standings(
    where: Where,
    series: Series = None,
    challenge: Annotated[str | None, typer.Option(help="Only this challenge, such as closes.paths.")] = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show every miner's memory, proof and pay, best first."""
    from neurons.cli.sources import read

    told = read(where, lambda source: _asked(source, series, challenge))
    if as_json:
        show_json([{"series": name, "challenge": kind, **plain(reply)} for (name, kind), reply in told.items()])
        return
    for (name, kind), reply in told.items():
        show(f"{kind} on {name}", reply, full=full)
    console().print(
        "gain: the baseline's loss less yours, mean over rounds. bound: what luck does not explain of it. "
        "skill: the bound as a part of the baseline's loss. accrued: promised by open epochs. "
        "paid: in all, over all challenges."
    )


async def _asked(source: Source, series: str | None, challenge: str | None) -> dict[tuple[str, str], StandingsReply]:
    """By series and challenge: those that were named, or those of the newest rounds."""
    from protocol.errors import NotFound

    if series is not None and challenge is not None:
        return {(series, challenge): await source.standings(series, challenge)}
    newest = await source.rounds(series=series or "", challenge=challenge or "", limit=100)
    if not newest:
        raise NotFound("no round matches")
    kinds = sorted({(r.series, r.challenge) for r in newest if series is not None or r.series == newest[0].series})
    return {(name, kind): await source.standings(name, kind) for name, kind in kinds}


def show(title: str, reply: StandingsReply, *, full: bool) -> None:
    """One challenge's standings as a table."""
    from neurons.cli.figures import gain, identity, instant, money, percent
    from protocol.units import NANO

    rows = [
        (
            identity(s.hotkey, full=full),
            f"{s.valid}/{s.rounds}",
            str(s.blocks),
            gain(s.mean_gain_nano),
            gain(s.lower_bound_nano),
            percent(s.skill_nano, NANO),
            money(s.accrued_micros),
            money(s.paid_micros),
            BRIEFLY.get(s.reason, s.reason),
        )
        for s in reply.standings
    ]
    columns = ("miner", "valid>", "blocks>", "gain>", "bound>", "skill>", "accrued>", "paid>", "proof~")
    console(full=full).print(table(f"{title}, as of {instant(reply.as_of_ms)}", columns, rows))
