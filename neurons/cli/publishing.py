"""`augury publish`: a number becomes a stream, once or every so often from a command's output."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from neurons.cli.tables import AsJson, plain
from neurons.cli.where import Asking, with_options
from protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from neurons.client import PollResult
    from protocol.messages import Percentile

WORDS_AS_THEY_STAND: Final = {"ignore_unknown_options": True}
"""So that a value may be negative."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a value is published: see `StreamWriter.publish`. anything: not only numbers."""

    name: str
    budget: float
    rule: str
    with_percentiles: bool
    anything: bool

    def options(self) -> dict[str, Any]:
        return {"budget": self.budget, "rule": self.rule, "with_percentiles": self.with_percentiles}


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a command is read. count: 0 for ever."""

    every_ms: int
    aligned: bool
    count: int


@with_options(Asking)
def publish(
    asking: Asking,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The stream, such as cop.json; `cop` is the same.")],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="VALUE | -- COMMAND...",
            help="The value; or with --every the command that prints it. One word with blanks is run by the shell.",
        ),
    ],
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Run the command so often, such as 90s, 5m or 1h.")
    ] = None,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="With --every: on the clock's whole intervals, not from now on.")
    ] = False,
    count: Annotated[int, typer.Option(min=0, help="With --every: end after so many readings; 0 for never.")] = 0,
    budget: Annotated[float, typer.Option(help="What the stream's settlements are multiplied by.")] = 1.0,
    rule: Annotated[
        str, typer.Option(help="Of settlement, chosen with the first value: micro, logpool, micro2021, micro2023.")
    ] = "",
    percentiles: Annotated[
        bool, typer.Option("--percentiles", help="Publish where each value fell too, as streams z1~NAME~70.json ...")
    ] = False,
    anything: Annotated[
        bool, typer.Option("--any", help="Take lists, objects and text too, not only a number.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a value to an open stream, once or every so often. The first value of a free name makes it yours."""
    from neurons.cli.times import read_duration
    from protocol.rules.stream_names import check_plain_name, full_name

    wanted = Wanted(check_plain_name(full_name(name)), budget, rule, percentiles, anything)
    if every is None and (len(words) != 1 or aligned or count):
        raise InvalidSetting(
            f"publish one value, or say how often to run a command: augury publish {name} --every 5m -- COMMAND"
        )
    try:
        if every is None:
            asyncio.run(_publish_once(asking, wanted, words[0], as_json=as_json))
        else:
            rhythm = Rhythm(read_duration(every, setting="every"), aligned, count)
            asyncio.run(_publish_often(asking, wanted, words, rhythm, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _publish_once(asking: Asking, wanted: Wanted, value: str, *, as_json: bool) -> None:
    from neurons.cli.command_output import checked_value
    from neurons.cli.stream_sources import stream_writer

    text = checked_value(value, anything=wanted.anything)
    async with stream_writer(asking) as writer:
        reply = await writer.publish(wanted.name, text, **wanted.options())
    if as_json:
        typer.echo(json.dumps(plain(reply)))
    else:
        typer.echo(published_line(reply.receipt.received_at_ms, wanted.name, text, reply.percentiles))


async def _publish_often(
    asking: Asking, wanted: Wanted, words: Sequence[str], rhythm: Rhythm, *, as_json: bool
) -> None:
    from neurons.cli.command_output import checked_value, output_of
    from neurons.cli.stream_sources import stream_writer
    from neurons.client import MicroPoll

    async def read() -> str | None:
        printed = await output_of(words)
        return None if printed is None else checked_value(printed, anything=wanted.anything)

    def tell(result: PollResult) -> None:
        if as_json:
            typer.echo(json.dumps(plain(result)))
        else:
            line = result_line(result, wanted.name)
            typer.echo(line, err=not result.reply)

    async with stream_writer(asking) as writer:
        poll = MicroPoll(
            read,
            rhythm.every_ms,
            name=wanted.name,
            writer=writer,
            clock=writer.clock,
            origin_ms=0 if rhythm.aligned else None,
            tell=tell,
            **wanted.options(),
        )
        await poll.run(times=rhythm.count or None)


def result_line(result: PollResult, name: str) -> str:
    """One reading for a person: the value and where it fell, or what went wrong."""
    from neurons.cli.figures import instant

    missed = f"  ({result.missed} missed before it)" if result.missed else ""
    if result.reply is not None:
        return published_line(result.at_ms, name, result.values[name], result.reply.percentiles) + missed
    return f"{instant(result.at_ms)}  {name}  {result.outcome}: {result.why}{missed}"


def published_line(at_ms: int, name: str, text: str, fell: Sequence[Percentile]) -> str:
    """A value that was taken: when, and where it fell among the forecasts of each horizon that met it."""
    from neurons.cli.figures import instant

    told = f"{instant(at_ms)}  {name}  {text[:60]}"
    if not fell:
        return told
    return f"{told}  fell at " + ", ".join(f"{one.percentile:.3f} of {one.delay} s" for one in fell if one.name == name)
