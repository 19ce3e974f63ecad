"""The server's half of a conversation: each turn is answered as a call of its own would be, by the same table.

A stranger may open a stream without a signature, so one that has brought nothing this node would answer is ended
after `prove_s`; and a stream whose answers are not read stops being read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc

from neurons.transport.conversation import CONVERSE
from neurons.transport.limits import Door, ServerLimits, Streams
from neurons.transport.problems import Stopping
from neurons.transport.refusing import refusing, word_for, write_in_time
from neurons.transport.status import Refusal
from neurons.transport.turns import read_request, reply_turn
from protocol.errors import Malformed, TooSlow, UnknownSender
from protocol.messages import Purpose

Answer = Callable[[bytes, str], Awaitable[bytes]]
"""(envelope, the caller's IP) -> the reply's envelope."""
NOT_SERVED: Final = Refusal(grpc.StatusCode.UNIMPLEMENTED, "", "this node does not serve that call")

SERVICE, METHOD = CONVERSE.split("/")[1:]


def conversation_handler(
    answers: Mapping[Purpose, Answer], door: Door, streams: Streams, limits: ServerLimits, ip_of: Callable[[str], str]
) -> grpc.GenericRpcHandler[Any, Any]:
    """Serves these calls as turns of a conversation."""
    by_number = {purpose.value: answer for purpose, answer in answers.items()}

    async def converse(_: Any, context: Any) -> None:
        async with refusing(context, streams):
            with door:
                await _Talk(by_number, context, ip_of(context.peer()), limits, streams).run()

    handler = grpc.stream_stream_rpc_method_handler(converse)
    return grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})


class _Talk:
    """One conversation with one caller."""

    def __init__(
        self, answers: Mapping[int, Answer], context: Any, peer: str, limits: ServerLimits, streams: Streams
    ) -> None:
        self._answers, self._context, self._peer = answers, context, peer
        self._limits, self._streams = limits, streams
        self._room = asyncio.Semaphore(limits.turns)
        self._outgoing: deque[bytes] = deque()
        self._is_writing = False
        self._is_proven = False
        self._inside = 0
        self._end: Exception | None = None

    async def run(self) -> None:
        """Until the caller ends it; when the node stops, what has come is still answered. Raises why it ended."""
        task = asyncio.current_task()
        assert task is not None, "streams are fed by tasks"
        self._task = task
        self._proving = asyncio.get_running_loop().call_later(self._limits.prove_s, self._want_proof)
        try:
            async with asyncio.TaskGroup() as answering:
                try:
                    while isinstance(raw := await self._context.read(), bytes):
                        await self._room.acquire()
                        answering.create_task(self._answer(raw))
                except asyncio.CancelledError:
                    if not self._streams.ending or self._end:
                        raise
                    task.uncancel()
                    self._end = Stopping("the node is stopping")
        except asyncio.CancelledError:
            if self._end is None:
                raise
            task.uncancel()
        finally:
            self._proving.cancel()
        if self._end is not None:
            raise self._end

    async def _answer(self, raw: bytes) -> None:
        """One turn; whoever finds nobody writing writes what is ready, and only what is written makes room."""
        try:
            number, purpose, envelope = read_request(raw)
        except Malformed as error:
            self._stop(error)
            return
        self._outgoing.append(reply_turn(number, await self._reply(purpose, envelope)))
        if self._is_writing:
            return
        self._is_writing = True
        try:
            while self._outgoing:
                await write_in_time(self._outgoing.popleft(), self._context, self._limits.write_s)
                self._room.release()
        except TooSlow as slow:
            self._stop(slow)
        finally:
            self._is_writing = False

    async def _reply(self, purpose: int, envelope: bytes) -> bytes | Refusal:
        answer = self._answers.get(purpose)
        if answer is None:
            return NOT_SERVED
        self._inside += 1
        try:
            reply = await answer(envelope, self._peer)
        except Exception as error:  # noqa: BLE001 - the border: nothing a stranger causes may stop the node
            return word_for(error)
        finally:
            self._inside -= 1
        self._is_proven = True
        return reply

    def _want_proof(self) -> None:
        """What is still being answered was let in by the gate: refusals take no time."""
        if self._inside:
            self._proving = asyncio.get_running_loop().call_later(self._limits.prove_s, self._want_proof)
        elif not self._is_proven:
            self._stop(UnknownSender(f"a conversation has to bring an answerable call within {self._limits.prove_s} s"))

    def _stop(self, why: Exception) -> None:
        self._end = self._end or why
        self._task.cancel()
