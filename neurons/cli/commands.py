"""The table of commands, and the one place where their errors become sentences."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from neurons.cli import keys, models, nodes, publishing, stream_acts
from neurons.cli.backup import backup
from neurons.cli.cdf import cdf
from neurons.cli.doctor import doctor
from neurons.cli.epochs import epochs
from neurons.cli.explain import explain
from neurons.cli.gateway import gateway
from neurons.cli.notices import confirms, errors, warnings
from neurons.cli.points import balance, leaderboard, performance, transactions, volumes
from neurons.cli.prices import prices
from neurons.cli.refusals import refusals
from neurons.cli.rounds import rounds
from neurons.cli.standings import standings
from neurons.cli.streams import lags, streams
from neurons.cli.watch import watch
from protocol.errors import AuguryError


class PlainErrors(TyperGroup):
    """A group of commands that says what was wrong in one sentence, and exits with 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AuguryError as error:
            typer.echo(f"augury: {error}", err=True)
            raise typer.Exit(2) from error


def _with_dashes(name: str) -> str:
    """Nodes spell their settings with underscores, so --key_file is --key-file here too."""
    return name.replace("_", "-")


app = typer.Typer(
    cls=PlainErrors,
    help="Augury: a network of strangers that forecasts. Run a node, or look at one.",
    context_settings={"token_normalize_func": _with_dashes},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
NODES, LOOK, STREAMS, KEEP = "Run a node", "Look at a network", "Open streams", "Look after a node"

for node in (nodes.validator, nodes.miner, gateway):
    app.command(rich_help_panel=NODES, context_settings=nodes.EVERYTHING_AFTER, add_help_option=False)(node)
for look in (rounds, standings, explain, epochs, prices, refusals, watch):
    app.command(rich_help_panel=LOOK)(look)
app.command(rich_help_panel=STREAMS, context_settings=publishing.WORDS_AS_THEY_STAND)(publishing.publish)
for look in (streams, lags, cdf, leaderboard, balance, transactions, performance, volumes):
    app.command(rich_help_panel=STREAMS)(look)
for own in (stream_acts.transfer, confirms, errors, warnings):
    app.command(rich_help_panel=STREAMS)(own)
app.add_typer(stream_acts.app, name="stream", rich_help_panel=STREAMS)
app.command(rich_help_panel=KEEP, context_settings=nodes.EVERYTHING_AFTER)(doctor)
app.command(rich_help_panel=KEEP)(backup)
app.add_typer(models.app, name="models", rich_help_panel=KEEP)
app.add_typer(keys.app, name="keys", rich_help_panel=KEEP)
