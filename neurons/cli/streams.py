"""`augury streams` and `augury lags`: which open streams there are, and what they took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.tables import AsJson, Full, console, show_json, table
from neurons.cli.where import Asking, with_options

if TYPE_CHECKING:
    from protocol.messages import LagLine, StreamSummary

NameOfStream = Annotated[str, typer.Argument(metavar="NAME", help="The stream, such as cop.json; `cop` is the same.")]
SHOWN_CHARS = 60


@with_options(Asking)
def streams(
    asking: Asking,
    after: Annotated[str, typer.Option(metavar="NAME", help="Only names after this one.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 50,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """List the open streams that live: whose they are, when the last value came, what is at stake."""
    from neurons.cli.stream_sources import look

    told = look(asking, lambda reader: reader.streams(after=after, limit=limit))
    if as_json:
        show_json(told)
    elif told:
        show_streams(told, full=full)
    else:
        typer.echo("no stream lives here" if not after else f"no stream comes after {after}")


def show_streams(told: Sequence[StreamSummary], *, full: bool) -> None:
    """The streams as a table."""
    from neurons.cli.figures import decimal, identity, instant
    from protocol.units import MICRO

    rows = [
        (
            one.name,
            identity(one.owner, full=full),
            instant(one.created_at_ms // 1_000 * 1_000),
            instant(one.value_at_ms // 1_000 * 1_000),
            decimal(one.budget_micros, MICRO, 3),
            one.rule,
        )
        for one in told
    ]
    columns = ("stream", "owner", "created (UTC)", "last value (UTC)", "budget>", "rule")
    console(full=full).print(table("Open streams, by name", columns, rows))
    console().print("budget: what its settlements are multiplied by. rule: by which they are settled.")


@with_options(Asking)
def lags(
    asking: Asking,
    name: NameOfStream,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20,
    before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only values before 2025-06-15, 2025-06-15T12:05Z or epoch ms.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest values of a stream, newest first."""
    from neurons.cli.stream_sources import look
    from neurons.cli.times import read_instant
    from protocol.rules.stream_names import full_name

    before_ms = 0 if before is None else read_instant(before, setting="before")
    told = look(asking, lambda reader: reader.lags(full_name(name), limit=limit, before_ms=before_ms))
    if as_json:
        show_json([{"at_ms": one.at_ms, "value": one.value.decode()} for one in told])
    elif told:
        show_lags(full_name(name), told)
    else:
        typer.echo("no value is that old")


def show_lags(name: str, told: Sequence[LagLine]) -> None:
    """The values as a table, each with the time since the one before it."""
    from neurons.cli.figures import NOTHING, instant

    earlier = [one.at_ms for one in told[1:]]
    gaps = [f"{(one.at_ms - before) / 1_000:,.1f} s" for one, before in zip(told, earlier, strict=False)]
    rows = [
        (instant(one.at_ms), gap, shortened(one.value.decode()))
        for one, gap in zip(told, [*gaps, NOTHING], strict=True)
    ]
    console().print(table(f"{name}, newest first", ("came (UTC)", "after>", "value>"), rows))


def shortened(text: str) -> str:
    """The beginning of a value that is too long for a table, and its size."""
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}... ({len(text.encode()):,} bytes)"
