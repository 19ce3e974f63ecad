"""Makes a dataset: candles downloaded from several venues at once, or read from recordings; checked, with a manifest.

    python runnable/generate_historical_data.py BTC-USD --from 2023-01-01 --step 5m --out datasets/btc
    python runnable/generate_historical_data.py recordings/binance_spot_BTCUSDT_5m.parquet --out datasets/recorded

The first goes on where it was interrupted or killed, and extends the dataset when it is run again later. The dataset
is what miner_training.py and miner_testing.py read; its manifest holds the SHA-256 and rows of every file.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mining_objects.errors import MissingPackage
from neurons.clock import SystemClock
from neurons.market.history.request import HistoryRequest, request_of, series_in, step_named
from neurons.market.history.request import instant_ms as instant_of
from neurons.market.history.session import download_history
from neurons.settings import BTC_USD
from protocol.errors import InvalidSetting
from runnable.download_screen import Bars, findings_tables, problems_of
from runnable.plain_errors import run_plainly

INCOMPLETE = 1
"""The exit status when a venue could not be read over the whole period; what could be is in the dataset."""
_SERIES = re.compile(r"[A-Z0-9]{2,12}-[A-Z0-9]{2,12}")


def instant_ms(date: str | None, default: int) -> int:
    """A UTC date such as 2024-01-01 or 2024-01-01T12:00 as epoch milliseconds. Raises InvalidSetting."""
    return default if date is None else instant_of(date)


def generate(
    what: Annotated[
        list[str], typer.Argument(help="A series to download, such as BTC-USD; or recorded candles: Parquet files.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write: candles and manifest.json. Made if absent.")],
    since: Annotated[str | None, typer.Option("--from", help="First day, UTC, such as 2024-01-01.")] = None,
    until: Annotated[
        str | None, typer.Option("--to", "--until", help="Day after the last, UTC; a download goes up to now.")
    ] = None,
    step: Annotated[str, typer.Option(help="The candles' length: 1m, 5m, 15m, 30m or 1h.")] = "5m",
    venues: Annotated[
        str | None,
        typer.Option(help="With commas: binance,bybit or okx=BTC/USDT. All of the series' when not given."),
    ] = None,
    base_url: Annotated[
        list[str] | None,
        typer.Option("--base_url", help="VENUE=URL: ask this server in the venue's place. May be repeated."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A node's settings: its series and their venues are known too.")
    ] = None,
    agreed: Annotated[
        bool, typer.Option("--agreed/--no-agreed", help="Add the venues' agreed candles (two venues or more).")
    ] = True,
    repairing: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Of recordings: sort, and drop rows that hold NaN or repeat exactly; without it they are errors.",
        ),
    ] = False,
) -> None:
    """Make a dataset of candles: downloaded from several venues, or from recordings; checked, with a manifest.

    The exit status is 0 when every venue was read over the whole period, 1 when one was not, 2 for a mistake.
    """
    console = Console()
    if len(what) == 1 and _SERIES.fullmatch(what[0]):
        request = request_of(
            what[0],
            since=since,
            until=until,
            step=step,
            venues=venues,
            base_urls=base_url or [],
            known=series_in(config) if config is not None else (BTC_USD,),
            now_ms=SystemClock().now_ms(),
        )
        converted = [f"{asked.origin.venue} via {asked.via}" for asked in request.venues if asked.via is not None]
        if agreed and converted:
            raise InvalidSetting(
                f"a dataset's agreed candles are not converted, and nodes convert {', '.join(converted)}: "
                "add --no-agreed",
                setting="agreed",
            )
        if not download(request, out, console, agreeing=agreed):
            sys.exit(INCOMPLETE)
        return
    if venues or base_url or config:
        raise InvalidSetting("recordings have no venues: name one series to download", setting="venues")
    from_recordings([Path(name) for name in what], out, since, until, step, repairing, console)


def download(request: HistoryRequest, out: Path, console: Console, *, agreeing: bool) -> bool:
    """Downloads with a bar for each venue, then says what was found; whether all of it was there to be had."""
    try:
        with Bars(request, console) as bars:
            done = asyncio.run(download_history(request, out, tell=bars.show, agreeing=agreeing))
    except KeyboardInterrupt:
        console.print("what has come is kept: the same command goes on from here")
        raise
    if done.leftovers:
        console.print(f"removed {done.leftovers} file(s) that an interrupted run was writing")
    for table in findings_tables(request, done):
        if table.row_count:
            console.print(table)
    problems = problems_of(request, done)
    for problem in problems:
        console.print(f"[bold red]incomplete[/] {problem}", highlight=False, soft_wrap=True)
    return not problems


def from_recordings(
    paths: list[Path], out: Path, since: str | None, until: str | None, step: str, repairing: bool, console: Console
) -> None:
    """A dataset of recordings. Raises BadCandles, or MissingPackage without pyarrow."""
    try:
        from runnable.recorded_dataset import write_recorded
    except ModuleNotFoundError as missing:
        raise MissingPackage(f"datasets need {missing.name}: pip install 'augury[miner]'") from missing
    write_recorded(
        paths,
        out,
        from_ms=instant_ms(since, -(2**62)),
        until_ms=instant_ms(until, 2**62),
        step_ms=step_named(step),
        repairing=repairing,
        console=console,
    )


if __name__ == "__main__":
    run_plainly(lambda: typer.run(generate))
