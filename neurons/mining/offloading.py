"""A model away from the event loop, in a thread that nobody has to wait for.

The event loop's own threads are few, and a process waits for them at its end: a model that never returns would hold up
both. A thread here may hang as long as it likes; whoever asked is freed by its own deadline.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(run: Callable[[], T]) -> T:
    """What `run` returns or raises, from a daemon thread that is logged under the caller's trace."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    ended: asyncio.Future[T] = loop.create_future()

    def settle(made: T | None, error: BaseException | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(made)  # type: ignore[arg-type] # T may itself be None

    def work() -> None:
        made, error = None, None
        try:
            made = context.run(run)
        except BaseException as raised:  # noqa: BLE001 - whoever asked is told, whatever it is
            error = raised
        with suppress(RuntimeError):  # the loop has ended, and with it whoever asked
            loop.call_soon_threadsafe(settle, made, error)

    threading.Thread(target=work, name="model", daemon=True).start()
    return await ended
