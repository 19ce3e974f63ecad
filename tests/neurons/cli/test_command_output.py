"""What a command prints, and what is left of one that is given up: nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

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


def test_a_command_that_is_given_up_leaves_nothing_running(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)

    async def scenario() -> None:
        reading = asyncio.create_task(output_of([f"exec 3> {told}; echo begun >&3; tail -f /dev/null | cat"]))
        with await asyncio.to_thread(told.open) as pipe:
            assert "begun\n" == await asyncio.to_thread(pipe.readline)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            async with asyncio.timeout(10):
                assert "" == await asyncio.to_thread(pipe.read), "somebody could still write"

    asyncio.run(scenario())


def test_only_a_number_is_a_value_unless_anything_is() -> None:
    assert "1e3" == checked_value("1e3", anything=False)
    assert "[1, 2]" == checked_value("[1, 2]", anything=True)
    for text, anything in (("[1, 2]", False), ("warm", False), ("nan", True), ("nan", False)):
        with pytest.raises(InvalidRequest):
            checked_value(text, anything=anything)
