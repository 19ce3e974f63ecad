"""What a command prints, as a value to publish: how `augury publish --every 5m -- COMMAND` reads."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from protocol.errors import InvalidRequest
from protocol.rules.stream_values import MAX_VALUE_BYTES, ValueKind, read_value

SHELL: Final = ("/bin/sh", "-c")
KILLED_WITHIN_S: Final = 5.0


class CommandFailed(Exception):
    """The command ended with another code than 0, or printed more than a value holds."""


async def output_of(words: Sequence[str]) -> str | None:
    """What a command prints on standard output, without the blanks around it; None for nothing.

    words: the program and its arguments; one word with blanks in it is run by the shell. It has nothing to read, and
    what it says on standard error stays there. Whoever waits and is cancelled kills it, with all that it started.
    Raises CommandFailed, and OSError for a program that is not there.
    """
    has_shell = len(words) == 1 and len(words[0].split()) > 1
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *(SHELL if has_shell else ()), *words, stdin=DEVNULL, stdout=PIPE, start_new_session=True
        )
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)  # asyncio alone would kill the shell and leave what that has started
        raise
    try:
        printed = await _read(process)
        code = await process.wait()
    finally:
        await _end(process)
    if code:
        raise CommandFailed(f"{words[0]!r} ended with {code}")
    return printed.decode("utf-8", "replace").strip() or None


def checked_value(text: str, *, anything: bool) -> str:
    """The text, if it is a number; anything: or whatever else can be published.

    Raises InvalidRequest (whoever printed it).
    """
    is_number = read_value(text).kind is ValueKind.SCALAR
    if not (is_number or anything):
        raise InvalidRequest(f"{text[:60]!r} is no number; --any takes lists, objects and text too", field="value")
    return text


async def _read(process: Process) -> bytes:
    assert process.stdout is not None, "its output was asked for"
    printed = bytearray()
    while chunk := await process.stdout.read(MAX_VALUE_BYTES):
        printed += chunk
        if len(printed) > MAX_VALUE_BYTES:
            raise CommandFailed(f"it printed more than {MAX_VALUE_BYTES} bytes")
    return bytes(printed)


async def _end(process: Process) -> None:
    """Nothing of it is left: it leads a group of its own, which whatever it started belongs to."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    async with asyncio.timeout(KILLED_WITHIN_S):
        await process.communicate()
