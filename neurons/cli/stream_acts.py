"""`augury stream ...`: what a stream's owner does beside publishing. `augury transfer`: points for a key in debt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from neurons.cli.streams import NameOfStream
from neurons.cli.tables import AsJson, console, show_json, table
from neurons.cli.where import Asking, with_options

if TYPE_CHECKING:
    from neurons.client import StreamWriter
    from protocol.messages import StreamActReply

T = TypeVar("T")

app = typer.Typer(
    help="Look after an open stream: keep it alive or end it, link it, subscribe it, read its mailbox.",
    no_args_is_help=True,
)
Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="The streams, such as cop.json; `cop` is the same.")
]
Delay = Annotated[int, typer.Argument(min=1, metavar="SECONDS", help="How old the stream's values are, such as 70.")]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="The stream that they may explain.")]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="The stream whose values it is sent.")]
Undo = Annotated[bool, typer.Option("--undo", help="Take it back.")]


@app.command("touch")
@with_options(Asking)
def touch(asking: Asking, names: Names, as_json: AsJson = False) -> None:
    """Keep streams alive though no value comes."""
    from protocol.rules.stream_names import full_name

    wanted = [full_name(name) for name in names]
    reply = _act(asking, lambda writer: writer.touch(*wanted))
    _tell(reply, f"{', '.join(wanted)}: lives on", as_json=as_json)


@app.command("delete")
@with_options(Asking)
def delete(
    asking: Asking,
    name: NameOfStream,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a stream, with its links, subscriptions and forecasts. Its name is anybody's then."""
    from neurons.cli.confirming import make_sure
    from protocol.rules.stream_names import full_name

    wanted = full_name(name)
    make_sure(f"{wanted} ends, with its links, subscriptions and forecasts", yes=yes)
    _tell(_act(asking, lambda writer: writer.delete(wanted)), f"{wanted}: ended", as_json=as_json)


@app.command("link")
@with_options(Asking)
def link(
    asking: Asking, name: NameOfStream, delay: Delay, target: Target, undo: Undo = False, as_json: AsJson = False
) -> None:
    """State that the delayed values of a stream of yours may explain another stream."""
    from protocol.rules.stream_names import full_name

    source, other = full_name(name), full_name(target)
    reply = _act(asking, lambda writer: (writer.unlink if undo else writer.link)(source, delay, other))
    _tell(reply, f"{source}, {delay} s late, to {other}: {'no longer linked' if undo else 'linked'}", as_json=as_json)


@app.command("links")
@with_options(Asking)
def links(asking: Asking, name: NameOfStream, as_json: AsJson = False) -> None:
    """Show the links from a stream, then those to it."""
    from neurons.cli.stream_sources import look
    from protocol.rules.stream_names import full_name

    told = look(asking, lambda reader: reader.links(full_name(name)))
    if as_json:
        show_json(told)
    elif told:
        rows = [(one.name, str(one.delay), one.target) for one in told]
        console().print(table(f"Links of {full_name(name)}", ("stream", "seconds late>", "may explain"), rows))
    else:
        typer.echo(f"no link from or to {full_name(name)}")


@app.command("subscribe")
@with_options(Asking)
def subscribe(asking: Asking, name: NameOfStream, source: Source, undo: Undo = False, as_json: AsJson = False) -> None:
    """Have each value of another stream put into the mailbox of yours."""
    from protocol.rules.stream_names import full_name

    mine, other = full_name(name), full_name(source)
    reply = _act(asking, lambda writer: (writer.unsubscribe if undo else writer.subscribe)(mine, other))
    said = "no longer subscribes" if undo else "subscribes"
    _tell(reply, f"{mine}: {said} to {other}", as_json=as_json)


@app.command("subscriptions")
@with_options(Asking)
def subscriptions(asking: Asking, name: NameOfStream, as_json: AsJson = False) -> None:
    """Show what a stream subscribes to, and who subscribes to it."""
    from neurons.cli.stream_sources import look
    from protocol.rules.stream_names import full_name

    told = look(asking, lambda reader: reader.subscriptions(full_name(name)))
    if as_json:
        show_json(told)
        return
    typer.echo(f"subscribes to     {', '.join(told.sources) or 'nothing'}")
    typer.echo(f"subscribed to by  {', '.join(told.subscribers) or 'nobody'}")


@app.command("mailbox")
@with_options(Asking)
def mailbox(asking: Asking, name: NameOfStream, as_json: AsJson = False) -> None:
    """Show the newest value that each subscribed stream sent to a stream of yours."""
    from neurons.cli.stream_sources import look
    from neurons.cli.streams import shortened
    from protocol.rules.stream_names import full_name

    told = look(asking, lambda reader: reader.mailbox(full_name(name)))
    if as_json:
        show_json([{"sender": one.sender, "value": one.value.decode()} for one in told])
    elif told:
        rows = [(one.sender, shortened(one.value.decode())) for one in told]
        console().print(table(f"Mailbox of {full_name(name)}", ("sender", "newest value>"), rows))
    else:
        typer.echo(f"nothing was sent to {full_name(name)} yet")


@with_options(Asking)
def transfer(
    asking: Asking,
    recipient: Annotated[
        str, typer.Argument(metavar="OWNER", help="A hotkey, or the first digits or the name that a board shows.")
    ],
    amount: Annotated[
        float | None, typer.Argument(metavar="[POINTS]", help="How many; all that can be given unless told.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give points to a key in debt, which receives nine tenths of them. It never rises above zero by that."""
    from neurons.cli.stream_sources import find_owner

    async def give(writer: StreamWriter) -> tuple[StreamActReply, str]:
        whose = await find_owner(writer, recipient)
        reply = await writer.transfer(whose, amount)
        log = await writer.confirms()
        return reply, next((line.about for line in log if line.operation == "transfer"), "")

    reply, about = asyncio.run(_as_writer(asking, give, publishes=False))
    _tell(reply, f"transferred: {about}", as_json=as_json)


def _act(asking: Asking, act: Callable[[StreamWriter], Awaitable[StreamActReply]]) -> StreamActReply:
    return asyncio.run(_as_writer(asking, act, publishes=True))


async def _as_writer(asking: Asking, act: Callable[[StreamWriter], Awaitable[T]], *, publishes: bool) -> T:
    from neurons.cli.stream_sources import stream_writer

    async with stream_writer(asking, publishes=publishes) as writer:
        return await act(writer)


def _tell(reply: StreamActReply, done: str, *, as_json: bool) -> None:
    """What was done, signed for by the validator; what was not taken of it ends with exit code 1."""
    from neurons.cli.figures import instant

    if as_json:
        show_json(reply)
    elif not reply.refused:
        typer.echo(f"{instant(reply.receipt.received_at_ms)}  {done}")
    for part in reply.refused:
        typer.echo(f"augury: {part.subject}: {part.sentence}", err=True)
    if reply.refused:
        raise typer.Exit(1)
