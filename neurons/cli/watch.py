"""`augury watch`: news of a validator as it comes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from neurons.cli.tables import AsJson, Full, plain
from neurons.cli.where import Asking, with_options
from protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from neurons.client import News
    from neurons.settings import MinerSettings

CLOSES: Final = "closes"
ROUNDS: Final = "rounds"
STREAMS: Final = "streams"
POINTS: Final = "points"
SHOWN_CHARS: Final = 40
HOTKEY_HEX: Final = re.compile(r"[0-9a-f]{64}")


@with_options(Asking)
def watch(
    asking: Asking,
    topics: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC]...",
            help="`closes`, `rounds`, `streams`, or a topic such as closes/BTC-USD, rounds/BTC-USD/closes.point or "
            "streams/cop.json, points/HOTKEY. Default: closes and rounds.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="End after so many news; 0 for never.")] = 0,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Print rounds, closes and open streams as a validator tells them; every line is verified. Ctrl-C ends it."""
    try:
        asyncio.run(_watch(asking, topics or [CLOSES, ROUNDS], count, full=full, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _watch(asking: Asking, wanted: Sequence[str], count: int, *, full: bool, as_json: bool) -> None:
    from neurons.cli.sources import asked

    topics = topics_of(wanted, asking.settings())
    told = 0
    async with asked(asking) as reader:
        typer.echo(f"watching {', '.join(topics)}", err=True)
        async for news in reader.watch(*topics):
            typer.echo(json.dumps(plain(news)) if as_json else line(news, full=full))
            told += 1
            if told == count:
                return
    typer.echo("the validator ended the stream", err=True)


def topics_of(wanted: Sequence[str], settings: MinerSettings) -> list[str]:
    """Whole topics; `closes` and `rounds` stand for all of them that the settings' series and params make.

    Raises InvalidSetting for what is no topic.
    """
    from neurons.signers import PRESETS
    from protocol.messages import ALL_STREAMS, stream_topic
    from protocol.rules.stream_names import full_name

    series = [one.name for one in settings.series]
    challenges = [challenge.name for challenge in PRESETS[settings.params].challenges]
    groups = {
        CLOSES: [f"{CLOSES}/{name}" for name in series],
        ROUNDS: [f"{ROUNDS}/{name}/{challenge}" for name in series for challenge in challenges],
        STREAMS: [ALL_STREAMS],
    }
    topics = []
    for one in wanted:
        if one.startswith(f"{STREAMS}/"):
            topics.append(stream_topic(full_name(one.partition("/")[2])))
            continue
        if one not in groups and not one.startswith((f"{CLOSES}/", f"{ROUNDS}/")):
            known = [*groups[CLOSES], *groups[ROUNDS], STREAMS, f"{STREAMS}/NAME", f"{POINTS}/HOTKEY"]
            raise InvalidSetting(f"no topic is called {one!r}: there are {', '.join(known)}")
        topics += groups.get(one, [one])
    return list(dict.fromkeys(topics))


def line(news: News, *, full: bool) -> str:
    """One line for a person: when it was told, and what happened."""
    from neurons.cli import figures
    from protocol.messages import BalanceNews, CloseNews, SettlementNews, StreamNews
    from protocol.rules.rounds import RoundState
    from protocol.rules.stream_names import horizon_name
    from protocol.units import MICRO

    told, message = figures.instant(news.told_at_ms), news.message
    if isinstance(message, CloseNews):
        close = figures.price(message.close_e8) if message.close_e8 else f"missing: {message.reason}"
        return f"{told}  close  {message.series}  {figures.instant(message.close_at_ms)}  {close}"
    if isinstance(message, StreamNews):
        return f"{told}  value  {message.name}  {message.sequence}  {message.value.decode()[:SHOWN_CHARS]!r}"
    if isinstance(message, BalanceNews):
        owner = figures.identity(message.owner, full=full)
        return f"{told}  points  {owner}  {figures.money(message.balance_micros)}"
    if isinstance(message, SettlementNews):
        moved = sum(abs(one.amount_micros) for one in message.moved)
        horizon = horizon_name(message.name, message.delay)
        return f"{told}  settled  {horizon}  {message.value!r}  {len(message.moved)} owners moved {moved / MICRO:.6f}"
    summary = message.summary
    scored = summary.state in (RoundState.RESOLVED, RoundState.FINAL)
    parts = [
        told,
        "round",
        figures.identity(summary.round_id, full=full),
        summary.series,
        summary.challenge,
        figures.instant(summary.anchor_at_ms),
        summary.state,
        f"baseline loss {figures.loss(summary.baseline_loss_nano)}" if scored else "",
        summary.reason,
    ]
    return "  ".join(filter(None, parts))
