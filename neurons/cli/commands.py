"""The table of commands, and the one place where their errors become sentences."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from neurons.cli import keys, nodes
from protocol.errors import AuguryError


class PlainErrors(TyperGroup):
    """A group of commands that says what was wrong in one sentence, and exits with 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AuguryError as error:
            typer.echo(f"augury: {error}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=PlainErrors,
    help="Augury: a network of strangers that forecasts. Run a node, or look at one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("validator", context_settings=nodes.EVERYTHING_AFTER, add_help_option=False)(nodes.validator)
app.command("miner", context_settings=nodes.EVERYTHING_AFTER, add_help_option=False)(nodes.miner)
app.add_typer(keys.app, name="keys")
