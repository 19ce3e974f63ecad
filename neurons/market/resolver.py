"""Names to addresses in threads that nobody waits for.

The event loop's own look-ups share a few threads with everything else that blocks, and a process waits for them at
its end: five venues whose names do not resolve would hold up both. A thread here may hang as long as the system lets
it; whoever asked is freed by its own deadline.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult


class ThreadPerName(AbstractResolver):
    """Resolves each name in a daemon thread; aiohttp's connector remembers the answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError as the system does."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()

        def settle(answer: list[Any] | OSError) -> None:
            if found.done():
                return
            if isinstance(answer, OSError):
                found.set_exception(answer)
            else:
                found.set_result(answer)

        def look_up() -> None:
            answer: list[Any] | OSError
            try:
                answer = socket.getaddrinfo(
                    host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            except OSError as error:
                answer = error
            with suppress(RuntimeError):  # the loop has ended, and with it whoever asked
                loop.call_soon_threadsafe(settle, answer)

        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in await found
        ]

    async def close(self) -> None: ...
