"""What a command prints, and what is left of one that is given up: nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from neurons.cli.command_output import CommandFailed, checked_value, output_of
from protocol.errors import InvalidRequest


def test_the_output_is_read_without_the_blanks_around_it() -> None:
    assert "4.5 °C" == asyncio.run(output_of(["printf", "  4.5 °C\n\n"]))
    assert "7" == asyncio.run(output_of(["echo 3 4 | tr -d ' ' | sed s/34/7/"]))
    assert "a b" == asyncio.run(output_of([sys.executable, "-c", "print('a b')"]))
    assert asyncio.run(output_of(["true"])) is None


def test_a_code_other_than_0_and_a_flood_are_failures() -> None:
    with pytest.raises(CommandFailed, match="ended with 7"):
        asyncio.run(output_of(["echo 1; exit 7"]))
    with pytest.raises(CommandFailed, match="printed more than 100000 bytes"):
        asyncio.run(output_of(["yes | head -c 1000000"]))
    with pytest.raises(FileNotFoundError):
        asyncio.run(output_of(["there-is-no-such-program"]))


@asynccontextmanager
async def told_by(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """What is written to a named pipe, which ends once nobody has it open for writing; and a writer of our own."""
    os.mkfifo(path)
    raw = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    held, pipe = os.open(path, os.O_WRONLY), asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(pipe), raw)
    try:
        async with asyncio.timeout(10):
            yield pipe, held
    finally:
        transport.close()


def lasting(path: Path) -> list[str]:
    """A command that says so when it has begun, and then never ends by itself, nor does what it starts."""
    return [f"exec 3> {path}; echo begun >&3; tail -f /dev/null | cat"]


def test_a_command_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with told_by(tmp_path / "told") as (pipe, held):
            reading = asyncio.create_task(output_of(lasting(tmp_path / "told")))
            assert b"begun\n" == await pipe.readline()
            os.close(held)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert b"" == await pipe.read(), "somebody could still write"

    asyncio.run(scenario())


def test_a_command_that_is_given_up_while_it_starts_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = asyncio.create_subprocess_exec

    async def scenario() -> None:
        async with told_by(tmp_path / "told") as (pipe, held):
            given_up = asyncio.Event()

            async def slowly(*words: str, **how: Any) -> asyncio.subprocess.Process:
                process = await start(*words, **how)
                await given_up.wait()
                return process

            monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
            reading = asyncio.create_task(output_of(lasting(tmp_path / "told")))
            assert b"begun\n" == await pipe.readline()
            os.close(held)
            reading.cancel()
            given_up.set()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert b"" == await pipe.read(), "somebody could still write"

    asyncio.run(scenario())


def test_only_a_number_is_a_value_unless_anything_is() -> None:
    assert "1e3" == checked_value("1e3", anything=False)
    assert "[1, 2]" == checked_value("[1, 2]", anything=True)
    for text, anything in (("[1, 2]", False), ("warm", False), ("nan", True), ("nan", False)):
        with pytest.raises(InvalidRequest):
            checked_value(text, anything=anything)
