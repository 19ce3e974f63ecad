"""Small services for tests of the transport: what a node is when nothing is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from neurons.transport.methods import METHODS
from protocol.messages import Purpose

UNARY = tuple(purpose for purpose in METHODS if purpose is not Purpose.WATCH)


class EchoService:
    """Answers every unary call with the envelope turned round; remembers who asked what."""

    def __init__(self) -> None:
        self.seen: list[tuple[Purpose, bytes, str]] = []

    def serves(self) -> Sequence[Purpose]:
        return tuple(METHODS)

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        self.seen.append((purpose, envelope, peer))
        return envelope[::-1]

    async def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        self.seen.append((Purpose.WATCH, envelope, peer))
        for part in envelope.split(b" "):
            yield part


class ScriptedService(EchoService):
    """Does what it was given: a reply, an error to raise, or a coroutine function to await."""

    def __init__(self, script: bytes | Exception | Callable[[bytes], Awaitable[bytes]]) -> None:
        super().__init__()
        self.script = script

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        self.seen.append((purpose, envelope, peer))
        if isinstance(self.script, Exception):
            raise self.script
        if isinstance(self.script, bytes):
            return self.script
        return await self.script(envelope)

    async def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        yield await self.answer(Purpose.WATCH, envelope, peer=peer)


class MinerOnly(EchoService):
    """Serves Commit and Describe and nothing else."""

    def serves(self) -> Sequence[Purpose]:
        return (Purpose.COMMIT, Purpose.DESCRIBE)


async def never(_: bytes) -> bytes:
    """A script that waits until it is cancelled."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")
