"""Peers that live in a virtual environment of their own: processes that do one round for each line they are sent.

A peer's script tells by lines that begin with "> "; whatever else it prints is its own log. Between rounds its
processes stand still, so that they burn nothing while another side is measured.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path


def python_of(venv: Path, packages: Sequence[str]) -> str:
    """The Python of a virtual environment with these packages in it, which is made when it is not there."""
    python = venv / "bin" / "python"
    if not venv.exists():
        print(f"installing {' '.join(packages)} into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)


class OutsidePeer:
    """One process of a peer."""

    def __init__(self, process: asyncio.subprocess.Process, command: str) -> None:
        self._process, self._command = process, command

    async def told(self) -> str:
        """What it tells next. Raises RuntimeError, naming the command to try by hand, when it has ended."""
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            if line.startswith("> "):
                return line[2:].strip()
        raise RuntimeError(f"the peer ended; to see why: {self._command}")

    async def ask(self, what: str = "") -> str:
        """Sends a line and waits for what it tells."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        return await self.told()

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stand_still(self) -> None:
        self._process.send_signal(signal.SIGSTOP)


@asynccontextmanager
async def outside_peer(python: str, script: str, *arguments: str) -> AsyncIterator[OutsidePeer]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(python, script, *arguments), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield OutsidePeer(process, " ".join((python, script, *arguments)))
    finally:
        process.kill()
        await process.wait()
