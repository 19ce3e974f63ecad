"""`augury confirms`, `errors`, `warnings`: the log that a validator keeps of what a key did, for that key alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.tables import AsJson, console, show_json, table
from neurons.cli.where import Asking, with_options

if TYPE_CHECKING:
    from neurons.client import StreamReader
    from protocol.messages import NoticeLine

Limit = Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")]


@with_options(Asking)
def confirms(asking: Asking, limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show what your key did on open streams and was taken, newest first."""
    _tell(asking, lambda reader: reader.confirms(limit), "Confirmed, newest first", as_json=as_json)


@with_options(Asking)
def errors(asking: Asking, limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show which submissions of your key were refused and why, newest first."""
    _tell(asking, lambda reader: reader.errors(limit), "Refused, newest first", as_json=as_json)


@with_options(Asking)
def warnings(asking: Asking, limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show what happened to your key without its doing, such as a withdrawal after bankruptcy, newest first."""
    _tell(asking, lambda reader: reader.warnings(limit), "Warnings, newest first", as_json=as_json)


def _tell(
    asking: Asking,
    question: Callable[[StreamReader], Awaitable[tuple[NoticeLine, ...]]],
    title: str,
    *,
    as_json: bool,
) -> None:
    from neurons.cli.figures import instant
    from neurons.cli.stream_sources import look

    told = look(asking, question)
    if as_json:
        show_json(told)
    elif told:
        rows = [(instant(one.at_ms // 1_000 * 1_000), one.operation, one.about) for one in told]
        console().print(table(title, ("when (UTC)", "operation", "about~"), rows))
    else:
        typer.echo("nothing there")
