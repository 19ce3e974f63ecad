"""The caller's half of a conversation: many calls over one stream that is kept open.

A stream for each call costs both sides more than signing and checking what it carries; a turn on a stream that is
already open does not. Turns may be answered in any order: a slow answer holds up nobody else's.

    ask ──▶ _outgoing ──▶ _speak ──▶ peer ──▶ _listen ──▶ the one who waits for that number
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import grpc

from neurons.transport.status import Refusal, error_of, refusal_in, unreachable
from neurons.transport.turns import read_reply, request_turn
from protocol.errors import Malformed, Overloaded
from protocol.messages import Purpose

CONVERSE: Final = "/augury.v1.Conversation/Converse"


class NotHeld(Exception):
    """The peer holds no conversation with us; `ever`: whether it may later."""

    def __init__(self, *, ever: bool) -> None:
        super().__init__()
        self.ever = ever


class Conversation:
    """One stream to one peer. Belongs to the running loop; it is over when the stream is, and never begins again."""

    def __init__(self, channel: grpc.aio.Channel, endpoint: str) -> None:
        self.over = False
        self._endpoint = endpoint
        self._stream: Any = channel.stream_stream(CONVERSE, None, None)(None)
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._outgoing: dict[int, bytes] = {}
        self._wake = asyncio.Event()
        self._heard = False
        self._speaking = asyncio.create_task(self._speak())
        self._listening = asyncio.create_task(self._listen())

    async def ask(self, purpose: Purpose, envelope: bytes, *, timeout_s: float) -> bytes:
        """The envelope that answers this one. Raises PeerUnreachable, the peer's Rejected or Ignored, or NotHeld.

        A conversation in which nothing came in time and nobody else waits is given up: the next call begins a new one.
        """
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        answer: asyncio.Future[bytes] = loop.create_future()
        self._waiting[number] = answer
        self._outgoing[number] = request_turn(number, purpose, envelope)
        self._wake.set()
        timer = loop.call_later(timeout_s, self._expire, number, timeout_s)
        try:
            return await answer
        finally:
            timer.cancel()
            self._forget(number)

    def end(self, why: Callable[[], Exception]) -> None:
        """Ends the stream; everyone who waits hears an error of their own."""
        if self.over:
            return
        self.over = True
        self._stream.cancel()
        self._speaking.cancel()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(why())

    async def aclose(self, why: Callable[[], Exception]) -> None:
        """Ends the stream and returns when nothing of it is left."""
        self.end(why)
        await asyncio.gather(self._speaking, self._listening, return_exceptions=True)

    def _expire(self, number: int, timeout_s: float) -> None:
        answer = self._waiting[number]
        if answer.done():
            return  # it came at the last moment
        answer.set_exception(unreachable(self._endpoint, "timeout", f"no answer within {timeout_s:g} s"))
        self._forget(number)
        if not self._waiting:
            self.end(lambda: unreachable(self._endpoint, "timeout", "the conversation was given up"))

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)
        self._outgoing.pop(number, None)

    async def _speak(self) -> None:
        """Hands over one turn after the other, as fast as the peer takes them."""
        try:
            while True:
                while self._outgoing:
                    await self._stream.write(self._outgoing.pop(next(iter(self._outgoing))))
                self._wake.clear()
                await self._wake.wait()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the stream has ended: `_listen` hears why

    async def _listen(self) -> None:
        """Gives each answer to whoever waits for it; at the end of the stream, the reason to all."""
        try:
            while isinstance(raw := await self._stream.read(), bytes):
                self._take(*read_reply(raw))
        except grpc.aio.AioRpcError as error:
            refusal = refusal_in(error)
            self.end(lambda: self._why(refusal))
        except Malformed:
            self.end(lambda: unreachable(self._endpoint, "broken-off", "the peer sent what is no turn"))
        finally:
            self.end(lambda: unreachable(self._endpoint, "broken-off", "the peer ended the conversation"))

    def _take(self, number: int, reply: bytes | Refusal) -> None:
        self._heard = True
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return  # who asked has stopped waiting
        if isinstance(reply, Refusal):
            answer.set_exception(error_of(reply, endpoint=self._endpoint))
        else:
            answer.set_result(reply)

    def _why(self, refusal: Refusal) -> Exception:
        if not self._heard and refusal.status is grpc.StatusCode.UNIMPLEMENTED:
            return NotHeld(ever=False)
        if not self._heard and (refusal.code == Overloaded.code or refusal.status is grpc.StatusCode.INTERNAL):
            return NotHeld(ever=True)  # a write that meets the stream's end hides the peer's reason behind INTERNAL
        return error_of(refusal, endpoint=self._endpoint)
