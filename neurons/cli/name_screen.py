"""What a person sees of a search for a name: how fast it goes, how long it should take, and what it found."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from neurons.cli.name_mining import Progress
from neurons.name_files import NameSearch
from protocol.rules.memorable import expected_hashes

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@contextmanager
def screen(state: NameSearch, letters: int, workers: int) -> Iterator[Callable[[Progress], None]]:
    """Shows a search on stderr: a line that moves on a terminal, and everywhere a line for each better name."""
    console = Console(stderr=True, highlight=False)
    expected = expected_hashes(letters)
    console.print(
        f"A name of {letters} letters takes {expected:,} hashes on average. Searching in {workers} "
        f"{'process' if workers == 1 else 'processes'}; Ctrl-C stops, the same command goes on."
    )
    best = state.name
    if best is not None:
        console.print(f"Going on after {state.tried:,} hashes with {best} ({state.difficulty} letters).")
    with console.status("starting ...") as status:

        def tell(progress: Progress) -> None:
            nonlocal best
            status.update(progress_line(progress, expected))
            if progress.state.name != best:
                best = progress.state.name
                console.print(f"{best} ({progress.state.difficulty} letters) after {progress.state.tried:,} hashes")

        yield tell


def progress_line(progress: Progress, expected: int) -> str:
    """One line: hashes so far, hashes a second, the mean time for all of it, the chance to have been done by now."""
    chance = -math.expm1(-progress.state.tried / expected)
    needs = duration(expected / progress.rate) if progress.rate else "unknown"
    return (
        f"{progress.state.tried:,} hashes, {progress.rate / 1e6:.2f} M/s; mean time {needs}, chance so far {chance:.0%}"
    )


def duration(seconds: float) -> str:
    """A time to read at a glance: two units at most, as in 3 h 25 min."""
    if seconds < 1:
        return "under 1 s"
    told: list[str] = []
    left = round(seconds)
    for unit, size in _UNITS:
        many, left = divmod(left, size)
        if many or told:
            told.append(f"{many:,} {unit}")
        if len(told) == 2:
            break
    return " ".join(told)


def tell_result(done: Progress, path: Path, *, letters: int, as_json: bool) -> None:
    """The name, its nonce and its file on stdout; what to do next when the search ended early."""
    state = done.state
    if as_json:
        told = {
            "hotkey": state.hotkey.hex(),
            "name": str(state.name) if state.name else None,
            "difficulty": state.difficulty,
            "nonce": state.best.nonce if state.best else None,
            "tried": state.tried,
            "hashes_per_second": round(done.rate),
            "file": str(path),
        }
        typer.echo(json.dumps(told))
        return
    typer.echo(f"hotkey      {state.hotkey.hex()}")
    typer.echo(f"name        {state.name if state.name else 'none yet'}")
    typer.echo(f"difficulty  {state.difficulty} letters")
    if state.best is not None:
        typer.echo(f"nonce       {state.best.nonce}")
    typer.echo(f"searched    {state.tried:,} hashes, {done.rate / 1e6:.2f} M/s in this run")
    typer.echo(f"file        {path}")
    if state.difficulty < letters:
        typer.echo(f"Not yet {letters} letters: the same command goes on from here.")
