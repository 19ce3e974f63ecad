"""Replays recorded exchanges through the rule of agreed closes, beside the plain mean of what answered.

    python runnable/replay_prices.py                    every replay, as tables
    python runnable/replay_prices.py five jumping       two of them
    python runnable/replay_prices.py halt --closes halt.csv      and each close, agreed or missing
    python runnable/replay_prices.py --page docs/price_replays.md --pictures docs/pictures

Recorded candles come from AUGURY_RECORDINGS, else from ../shared/data beside the project; they are no part of it. What
is replayed stands in `runnable/price_replays/plans.py`. Ends with 2 when there are no recordings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runnable.plain_errors import run_plainly
from runnable.price_replays.pictures import PICTURES, draw
from runnable.price_replays.plans import PLANS, midnight_ms
from runnable.price_replays.running import Replayed, replay
from runnable.price_replays.tables import page, show, write_closes

_BESIDE: Final = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(PLANS)}. Not named: all.")] = None,
    *,
    from_day: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD (UTC).")] = None,
    until_day: Annotated[str | None, typer.Option("--until", help="The day after the last one.")] = None,
    markdown: Annotated[Path | None, typer.Option("--page", help="Write the tables here as Markdown too.")] = None,
    closes: Annotated[Path | None, typer.Option(help="Write every close of every replay here as CSV.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="Draw into this folder what the replays allow.")] = None,
) -> None:
    """Replay recorded exchanges through the rule of agreed closes."""
    recordings = Path(os.environ.get("AUGURY_RECORDINGS", _BESIDE))
    if not (recordings / "multi_exchange_2023-03").is_dir():
        raise typer.BadParameter(f"no recorded exchanges of March 2023 in {recordings}: set AUGURY_RECORDINGS")
    chosen = names or list(PLANS)
    if unknown := set(chosen) - set(PLANS):
        raise typer.BadParameter(f"no replay is called {', '.join(sorted(unknown))}: there are {', '.join(PLANS)}")
    replays = _replayed(chosen, recordings, _day(from_day), _day(until_day))
    console = Console()
    show(list(replays.values()), console)
    if closes is not None:
        write_closes(list(replays.values()), closes)
    drawn = _drawn(replays, pictures) if pictures is not None else {}
    if markdown is not None:
        command = "python runnable/replay_prices.py --page docs/price_replays.md --pictures docs/pictures"
        links = {os.path.relpath(file, markdown.parent): caption for file, caption in drawn.items()}
        markdown.write_text(page(list(replays.values()), command, links), encoding="utf-8")
        console.print(f"written: {markdown}", highlight=False)


def _replayed(names: list[str], recordings: Path, from_ms: int | None, until_ms: int | None) -> dict[str, Replayed]:
    """Every replay by name, with a bar for each. Raises BadParameter for days that none of its closes lie in."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    replays = {}
    with bars:
        for name in names:
            plan = PLANS[name].of_days(from_ms, until_ms)
            if plan.from_ms >= plan.until_ms:
                raise typer.BadParameter(f"{name} has no closes in those days")
            task = bars.add_task(name, total=None)
            replays[name] = replay(
                plan, recordings, tell=lambda done, total, task=task: bars.update(task, completed=done, total=total)
            )
    return replays


def _drawn(replays: Mapping[str, Replayed], folder: Path) -> dict[Path, str]:
    """Draws the pictures of which every replay is there: file -> caption."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for picture in PICTURES:
        if picture.replays <= set(replays):
            draw(picture, replays, folder / picture.file)
            drawn[folder / picture.file] = picture.caption
    return drawn


def _day(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return midnight_ms(text)
    except ValueError as error:
        raise typer.BadParameter(f"want a day as YYYY-MM-DD, not {text!r}") from error


if __name__ == "__main__":
    run_plainly(lambda: typer.run(main))
