"""`augury rounds`: the newest rounds and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.tables import AsJson, Full, console, show_json, table
from neurons.cli.where import Where, with_options

if TYPE_CHECKING:
    from protocol.messages import RoundSummary


@with_options(Where)
def rounds(
    where: Where,
    series: Annotated[str, typer.Option(help="Only of this series, such as BTC-USD.")] = "",
    challenge: Annotated[str, typer.Option(help="Only of this challenge, such as closes.point.")] = "",
    state: Annotated[
        str, typer.Option(help="Only in this state: committing, revealing, scoring, resolved, final, void ...")
    ] = "",
    before: Annotated[int, typer.Option(metavar="MS", help="Only anchored before this instant (UTC epoch ms).")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """List the newest rounds: what was asked, who answered, where they stand."""
    from neurons.cli.sources import read

    told = read(
        where,
        lambda source: source.rounds(series=series, challenge=challenge, state=state, before_ms=before, limit=limit),
    )
    if as_json:
        show_json(told)
    elif told:
        show(told, full=full)
    else:
        typer.echo("no round matches")


def show(told: Sequence[RoundSummary], *, full: bool) -> None:
    """The rounds as a table, and a word on its columns."""
    from neurons.cli.figures import NOTHING, identity, loss, minute, sigma
    from protocol.rules.rounds import SETTLED_STATES, RoundState

    rows = [
        (
            identity(r.round_id, full=full),
            r.series,
            minute(r.anchor_at_ms),
            r.challenge,
            r.state,
            f"{r.answers}/{r.commitments}",
            sigma(r.sigma_pico),
            loss(r.baseline_loss_nano) if r.state in SETTLED_STATES and r.state != RoundState.VOID else NOTHING,
            "; ".join(filter(None, (r.provenance if r.provenance != "live" else "", r.reason))),
        )
        for r in told
    ]
    columns = ("round", "series", "anchor T (UTC)", "challenge", "state", "answers>", "sigma>", "baseline>", "note~")
    console(full=full).print(table("Rounds, newest first", columns, rows))
    console().print(
        "answers: valid ones of those committed. sigma: usual move in one step. "
        "baseline: what the standing forecast lost."
    )
