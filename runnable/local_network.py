"""A local network you can watch: `make demo`, or `python runnable/local_network.py --help`.

A validator, three price venues and eight miners as real processes over loopback. Weeks of the same market go through
the same nodes first, in memory, so that memories exist; then live rounds run on a clock 600 times too fast. It ends by
itself with who earned what and why. Ctrl-C stops everything at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from neurons.clock import ScaledClock
from neurons.store.sqlite import ReadOnlySqlite
from neurons.supervise import report
from protocol.errors import NodeFault
from protocol.params import DEMO
from protocol.units import DAY_MS
from runnable.demo.cast import OWN, SERIES, Cast, Player, gather
from runnable.demo.fast_forward import FastForward
from runnable.demo.ledger_view import LedgerView, Snapshot, is_over
from runnable.demo.market import DemoMarket, generated, recorded
from runnable.demo.processes import Household
from runnable.demo.screen import Screen

STARTING_S: Final = 14
"""Wall time that the processes have to come up before the clock passes the instant at which the weeks before ended."""
LONGEST_LIVE_S: Final = 150
REFRESH_S: Final = 0.5
_STOP_ASKED: Final = threading.Event()
"""Set by a signal that asks for the end."""
PLAIN_WIDTH: Final = 120
FOLDER: Final = Path(".augury/demo")
SEED: Final = 5
"""Two weeks are short for a 99% proof, and most seeds prove nothing in them; this one did when twelve were tried."""


@dataclass(frozen=True)
class Demo:
    """One run: the cast, the market, and how long of what."""

    cast: Cast
    market: DemoMarket
    rounds: int
    scale: int
    console: Console
    plain: bool

    async def run(self) -> Snapshot:
        """Starts everybody, watches until enough rounds are paid, stops everybody. Raises ProcessFailed."""
        clock = ScaledClock(
            sim_origin_ms=self.market.live_from_ms,
            wall_origin_ms=time.time_ns() // 1_000_000 + STARTING_S * 1_000,
            scale=self.scale,
        )
        async with Household(self.cast.folder) as home:
            with self.console.status("starting three venues, a validator and eight miners ..."):
                await self._start_everybody(home, clock)
            return await self._watch(home, clock)

    async def _start_everybody(self, home: Household, clock: ScaledClock) -> None:
        times = [
            "--sim-origin-ms", str(clock.sim_origin_ms), "--wall-origin-ms", str(clock.wall_origin_ms),
            "--scale", str(clock.scale),
        ]  # fmt: skip
        for name, venue in self.market.venues.items():
            await home.start(f"venue-{name}", ["runnable/price_venue.py", *venue.flags, *times])
        await home.ready()
        urls = {child.name.removeprefix("venue-"): child.announced.split()[1] for child in home.children}
        common = _common_settings(
            [venue.settings(name, urls[name]) for name, venue in self.market.venues.items()], clock
        )
        validator = ["--listen.port", str(self.cast.validator_port), "--admit", "open", "--allow_private_endpoints"]
        await home.start(
            "validator",
            ["neurons/validator.py", "--data_dir", str(self.cast.validator_folder), *validator, *common],
        )
        await home.ready()
        for player in self.cast.players:
            await home.start(player.role.name, [*self._script(player), *self._settings(player), *common])
        await home.ready()

    def _script(self, player: Player) -> list[str]:
        if player.role.kind == OWN:
            return ["runnable/own_model.py"]
        if not player.role.hostile:
            return ["neurons/miner.py", "--base_model", player.role.kind]
        seen = [str(self.cast.database)] if player.role.kind == "replayer" else []
        return ["runnable/demo/hostile_miner.py", player.role.kind, *seen]

    def _settings(self, player: Player) -> list[str]:
        return [
            "--data_dir", str(player.folder),
            "--listen.port", str(player.port),
            "--validators_file", str(self.cast.validators_file),
        ]  # fmt: skip

    async def _watch(self, home: Household, clock: ScaledClock) -> Snapshot:
        store = ReadOnlySqlite.open(self.cast.database)
        view = LedgerView(store, self.cast, DEMO, self.market.live_from_ms)
        screen = Screen(self.cast, view, self.market.label, self.scale)
        deadline = time.monotonic() + LONGEST_LIVE_S
        first = seen = await view.look(clock.now_ms())
        try:
            with self._live() as live:
                while not is_over(seen, rounds=self.rounds) and time.monotonic() < deadline:
                    home.check()
                    live.update(screen.render(seen, self._status(seen)), refresh=True)
                    await asyncio.sleep(REFRESH_S)
                    seen = await view.look(clock.now_ms())
        finally:
            await store.aclose()
        screen.farewell(self.console, first, seen, self.cast.database)
        return seen

    def _live(self) -> Live:
        """A full screen on a terminal; nothing but the last words elsewhere."""
        console = Console(quiet=True) if self.plain else self.console
        return Live(console=console, screen=not self.plain, auto_refresh=False)

    def _status(self, seen: Snapshot) -> str:
        states = seen.live_states
        opened, final = sum(states.values()), states["final"]
        return f"live rounds: {opened} opened, {states['resolved'] + final} resolved, {final} of {self.rounds} final"


def _common_settings(venues: list[dict[str, object]], clock: ScaledClock) -> list[str]:
    """What the validator and all miners are told alike: the params, the clock, the venues."""
    return [
        "--params", "demo", "--allow_unencrypted_key", "--log.level", "warning", "--metrics.port", "0",
        "--series", json.dumps([{"name": SERIES, "venues": venues}]),
        "--clock.scale", str(clock.scale),
        "--clock.sim_origin_ms", str(clock.sim_origin_ms),
        "--clock.wall_origin_ms", str(clock.wall_origin_ms),
    ]  # fmt: skip


def _remember(cast: Cast, market: DemoMarket, weeks: float, console: Console) -> None:
    """The weeks before, with a progress bar."""
    span = int(weeks * 7) * DAY_MS
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"fast-forwarding {span // DAY_MS} days of {market.label}", total=span)

        def passed(done_ms: int) -> None:
            if _STOP_ASKED.is_set():
                raise KeyboardInterrupt  # should the loop's own cancellation have met something that ends with it
            progress.update(task, completed=done_ms)

        FastForward(cast, market, DEMO, span, passed).run()


def _as_if_interrupted(*_: object) -> None:
    """Ctrl-C is what asyncio knows how to stop on, in order; a closed terminal and `kill` mean the same."""
    _STOP_ASKED.set()
    signal.raise_signal(signal.SIGINT)


def main(
    candles: Annotated[
        list[Path] | None, typer.Option(help="Recorded candles of three venues or more (Parquet); else generated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated market.")] = SEED,
    weeks: Annotated[float, typer.Option(help="Weeks to fast-forward before live rounds.", min=0.5, max=8)] = 2.0,
    rounds: Annotated[int, typer.Option(help="Live rounds to see paid before it ends.", min=1, max=200)] = 12,
    scale: Annotated[int, typer.Option(help="How many times too fast the clock runs.", min=60, max=900)] = 600,
    folder: Annotated[Path, typer.Option(help="Where keys, databases and logs go; emptied first.")] = Path(
        ".augury/demo"
    ),
    plain: Annotated[bool, typer.Option(help="No live view, only progress and the last words.")] = False,
) -> None:
    """A local network you can watch: venues, a validator, honest and hostile miners; who earns what, and why."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _as_if_interrupted)
    before_ms = int(weeks * 7) * DAY_MS + (DEMO.time.min_history_steps + 300) * DEMO.time.step_ms
    try:
        market = recorded(candles, before_ms=before_ms) if candles else generated(seed)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        cast = gather(folder.resolve())
        _remember(cast, market, weeks, console)
        demo = Demo(cast, market, rounds, scale, console, plain or not console.is_terminal)
        asyncio.run(demo.run())
    except (NodeFault, BaseExceptionGroup) as error:
        raise typer.Exit(report(error)) from None
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        raise typer.Exit(130) from None


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        typer.run(main)
    sys.exit(0)
