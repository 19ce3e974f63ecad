"""The demo's processes: started in one group each, waited for until they serve, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from protocol.errors import NodeFault

ROOT: Final = Path(__file__).parents[2]
READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 5.0


class ProcessFailed(NodeFault):
    """A process of the demo did not come up, or ended by itself; names the log that says why."""

    code = "process-failed"


@dataclass(slots=True)
class Child:
    """One process of the demo and the file that its errors go to."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    announced: str = ""
    """What it said of itself when it was ready."""


@dataclass(slots=True)
class Household:
    """All processes of a demo: `async with Household(folder) as home: await home.start(...)`."""

    folder: Path
    children: list[Child] = field(default_factory=list)

    async def start(self, name: str, command: Sequence[str]) -> Child:
        """Starts a Python script of the project; it is ready once it has printed a line. Its errors go to NAME.log."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=os.environ | _ONE_THREAD,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    async def ready(self) -> None:
        """Waits until every process has announced itself. Raises ProcessFailed for one that did not."""
        await asyncio.gather(*(self._announced(child) for child in self.children if not child.announced))

    async def _announced(self, child: Child) -> None:
        if child.process.stdout is None:
            raise ProcessFailed(f"{child.name} has no output to read")
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                line = await child.process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            raise ProcessFailed(f"{child.name} did not come up: {_last_line(child.log)} ({child.log})")
        child.announced = line.decode(errors="replace").strip()

    def check(self) -> None:
        """Raises ProcessFailed when one has ended by itself."""
        for child in self.children:
            if child.process.returncode is not None:
                raise ProcessFailed(
                    f"{child.name} ended with {child.process.returncode}: {_last_line(child.log)} ({child.log})"
                )

    async def __aenter__(self) -> Household:
        return self

    async def __aexit__(self, *_failure: object) -> None:
        """Asks every process to stop, then makes those that do not; at once when somebody will not wait for that."""
        for child in self.children:
            _signal(child, signal.SIGTERM)
        ending = [asyncio.create_task(child.process.wait()) for child in self.children]
        if not ending:
            return
        try:
            await asyncio.wait(ending, timeout=STOP_WITHIN_S)
        finally:
            for child in self.children:
                if child.process.returncode is None:
                    _signal(child, signal.SIGKILL)
        await asyncio.gather(*ending)


_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GRPC_VERBOSITY": "NONE"}
"""Ten processes share the machine: none may take every core for one product of matrices."""


def _signal(child: Child, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, which)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][-300:] if lines else "it said nothing"
