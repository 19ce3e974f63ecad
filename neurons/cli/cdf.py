"""`augury cdf`: how everybody together expects a stream's value some seconds ahead, as a picture, live if wanted."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from neurons.cli.streams import NameOfStream
from neurons.cli.tables import AsJson, console, show_json, table
from neurons.cli.where import Asking, with_options
from protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from rich.text import Text

    from neurons.client import StreamReader
    from protocol.messages import CdfAnswer

WIDTH: Final = 72
HEIGHT: Final = 10
LAGS_SHOWN: Final = 60
REFRESH_MS: Final = 5_000
"""Forecasts come between values and are not told: so often the picture asks anew."""


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows. lags: the newest numbers, newest first."""

    name: str
    delay: int
    at_ms: int
    told: CdfAnswer
    lags: tuple[float, ...]


@with_options(Asking)
def cdf(
    asking: Asking,
    name: NameOfStream,
    delay: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="How far ahead: 70, 310, 910 or 3555.")],
    form: Annotated[
        str, typer.Option(help="empirical, smooth, 2021 or 2023: for the numbers of --values and --json.")
    ] = "smooth",
    values: Annotated[
        str, typer.Option(metavar="X,X,...", help="Print the probability of at most each of these, and no picture.")
    ] = "",
    live: Annotated[bool, typer.Option("--live", help="Keep the picture up to date until Ctrl-C.")] = False,
    count: Annotated[int, typer.Option(min=0, help="With --live: end after so many pictures; 0 for never.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show how a stream's value some seconds ahead is distributed, by the scenarios of all who predict it."""
    from neurons.cli.stream_sources import look
    from protocol.rules.stream_names import full_name

    whole, wanted = full_name(name), _numbers(values)
    if live:
        try:
            asyncio.run(_live(asking, whole, delay, count))
        except KeyboardInterrupt:
            raise typer.Exit(0) from None
    elif as_json:
        show_json(look(asking, lambda reader: reader.cdf(whole, delay, values=wanted, form=form)))
    elif wanted:
        show_probabilities(
            whole, delay, look(asking, lambda reader: reader.cdf(whole, delay, values=wanted, form=form))
        )
    else:
        view = look(asking, lambda reader: _view(reader, whole, delay))
        console().print(picture(view))


def show_probabilities(name: str, delay: int, told: CdfAnswer) -> None:
    """Values and the probability of at most each."""
    pairs = zip(told.values, told.probabilities, strict=True)
    rows = [(f"{value:.6g}", f"{probability:.4f}") for value, probability in pairs]
    typer.echo(_title(name, delay, told))
    console().print(table("Distribution", ("value>", "probability of at most it>"), rows))


def picture(view: View) -> Text:
    """The distribution drawn, its median and central intervals, and the newest values."""
    from rich.text import Text

    from neurons.cli.density import HALF, WIDE, Smooth, drawn, spark
    from neurons.cli.figures import instant

    smooth = Smooth(view.told.values, view.told.probabilities)
    title = f"{_title(view.name, view.delay, view.told)}, {instant(view.at_ms // 1_000 * 1_000)}"
    lines = [f"\n{title}", "", *drawn(smooth, width=WIDTH, height=HEIGHT)]
    if not smooth.is_a_point:
        half, wide = (f"{smooth.quantile(low):.6g} to {smooth.quantile(high):.6g}" for low, high in (HALF, WIDE))
        lines += ["", f"median {smooth.quantile(0.5):.6g}    50% within {half}    95% within {wide}"]
    if view.lags:
        newest = "  ".join(f"{value:.6g}" for value in view.lags[:8])
        lines += ["", f"last values, oldest first  {spark(view.lags[::-1])}", f"newest first  {newest}"]
    return Text("\n".join(lines), no_wrap=True)


def _title(name: str, delay: int, told: CdfAnswer) -> str:
    return f"{name}, {delay} s ahead, by {told.owners} owner{'' if told.owners == 1 else 's'}"


async def _view(reader: StreamReader, name: str, delay: int) -> View:
    told = await reader.cdf(name, delay, form="smooth")
    lags = await reader.lagged_values(name, LAGS_SHOWN)
    return View(name, delay, reader.clock.now_ms(), told, tuple(lags))


async def _live(asking: Asking, name: str, delay: int, count: int) -> None:
    """One picture after another: at each value that comes, and every few seconds besides."""
    from rich.live import Live
    from rich.text import Text

    from neurons.cli.stream_sources import stream_reader
    from protocol.errors import NotFound

    changed = asyncio.Event()
    async with stream_reader(asking) as reader:
        listening = asyncio.create_task(_listen(reader, name, changed))
        try:
            with Live(console=console(), auto_refresh=False) as screen:
                for shown in itertools.count(1):
                    try:
                        screen.update(picture(await _view(reader, name, delay)), refresh=True)
                    except NotFound as error:
                        screen.update(Text(f"{name}, {delay} s ahead: {error}"), refresh=True)
                    if shown == count:
                        return
                    await _changed_or_later(changed, reader)
                    if listening.done():
                        await listening
                        return
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _changed_or_later(changed: asyncio.Event, reader: StreamReader) -> None:
    try:
        async with reader.clock.timeout(REFRESH_MS):
            await changed.wait()
    except TimeoutError:
        return
    changed.clear()


async def _listen(reader: StreamReader, name: str, changed: asyncio.Event) -> None:
    from protocol.messages import stream_topic

    try:
        async for _ in reader.watch(stream_topic(name)):
            changed.set()
    finally:
        changed.set()


def _numbers(text: str) -> list[float]:
    """Numbers with commas between. Raises InvalidSetting."""
    try:
        return [float(one) for one in text.split(",")] if text else []
    except ValueError as error:
        raise InvalidSetting(f"--values: {text[:40]!r} are no numbers with commas between", setting="values") from error
