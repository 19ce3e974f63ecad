"""A network without sockets: envelopes go straight to the services, errors cross the same border as in gRPC.

    network = MemoryNetwork()
    network.host("miner:1", service)
    caller = MemoryCaller(network, clock, wire)
    network.faults["miner:1"] = Faults(delay_ms=200)

It passes the suite that `GrpcCaller` passes (tests/contracts/test_caller.py) and keeps time by the clock alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from neurons.ports import Clock, Service
from neurons.transport.limits import check_size
from neurons.transport.status import error_of, refusal_of, unreachable
from protocol.envelope import max_envelope_bytes
from protocol.messages import Purpose
from protocol.params import WireParams

LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Faults:
    """What goes wrong between callers and one endpoint; nothing by default."""

    unreachable: bool = False
    """Refused before anything arrives."""
    silent: bool = False
    """The request vanishes: the service never sees it, the caller waits to its deadline."""
    drop_replies: bool = False
    """The service answers, the reply is lost, the caller waits to its deadline."""
    delay_ms: int = 0
    """Every request takes this long to arrive."""
    tamper_request: Callable[[bytes], bytes] | None = None
    tamper_reply: Callable[[bytes], bytes] | None = None
    """What becomes of the bytes on their way; a reply swapped for another is `lambda _: other`."""


class MemoryNetwork:
    """Which service listens at which endpoint, and what is wrong on the way there."""

    def __init__(self) -> None:
        self.faults: dict[str, Faults] = {}
        self._services: dict[str, Service] = {}

    def host(self, endpoint: str, service: Service) -> None:
        """From now on this service answers there (a second one replaces the first: a restart)."""
        self._services[endpoint] = service

    def remove(self, endpoint: str) -> None:
        """Nobody answers there any more."""
        self._services.pop(endpoint, None)

    def service(self, endpoint: str, purpose: Purpose) -> Service:
        """Raises PeerUnreachable when nobody there answers this purpose."""
        service = self._services.get(endpoint)
        if service is None or self.faults_of(endpoint).unreachable:
            raise unreachable(endpoint, "unavailable", "nobody listens there")
        if purpose not in service.serves():
            raise unreachable(endpoint, "not-served", "Method not found!")
        return service

    def faults_of(self, endpoint: str) -> Faults:
        return self.faults.get(endpoint, Faults())


class MemoryCaller:
    """The `Caller` port on a MemoryNetwork. Every service sees it at `ip`."""

    def __init__(self, network: MemoryNetwork, clock: Clock, wire: WireParams, *, ip: str = LOOPBACK) -> None:
        self._network, self._clock, self._ip = network, clock, ip
        self._max_bytes = max_envelope_bytes(wire)
        self._in_flight: set[asyncio.Task[bytes]] = set()
        self._closed = False

    async def call(self, endpoint: str, purpose: Purpose, envelope: bytes, *, timeout_ms: int) -> bytes:
        self._check(endpoint, envelope)
        task = asyncio.create_task(self._delivered(endpoint, purpose, envelope), name=f"{purpose.name} {endpoint}")
        self._in_flight.add(task)
        try:
            async with self._clock.timeout(timeout_ms):
                return await task
        except TimeoutError as error:
            raise unreachable(endpoint, "timeout", f"no answer within {timeout_ms} ms") from error
        except asyncio.CancelledError:
            self._raise_if_only_closed(endpoint)
            raise
        finally:
            self._in_flight.discard(task)

    async def watch(self, endpoint: str, envelope: bytes, *, silence_ms: int) -> AsyncIterator[bytes]:
        self._check(endpoint, envelope)
        service = self._network.service(endpoint, Purpose.WATCH)
        frames = service.watch(envelope, peer=self._ip)
        while True:
            try:
                async with self._clock.timeout(silence_ms):
                    frame = await anext(frames)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise unreachable(endpoint, "timeout", f"no frame for {silence_ms} ms") from error
            except Exception as error:
                raise error_of(refusal_of(error), endpoint=endpoint) from error
            yield frame

    async def aclose(self) -> None:
        self._closed = True
        for task in self._in_flight:
            task.cancel()

    async def _delivered(self, endpoint: str, purpose: Purpose, envelope: bytes) -> bytes:
        faults = self._network.faults_of(endpoint)
        if faults.delay_ms:
            await self._clock.sleep_until(self._clock.now_ms() + faults.delay_ms)
        service = self._network.service(endpoint, purpose)
        if faults.silent:
            await asyncio.Event().wait()
        sent = envelope if faults.tamper_request is None else faults.tamper_request(envelope)
        try:
            reply = await service.answer(purpose, sent, peer=self._ip)
        except Exception as error:
            raise error_of(refusal_of(error), endpoint=endpoint) from error
        if faults.drop_replies:
            await asyncio.Event().wait()
        check_size(reply, self._max_bytes)
        return reply if faults.tamper_reply is None else faults.tamper_reply(reply)

    def _check(self, endpoint: str, envelope: bytes) -> None:
        if self._closed:
            raise unreachable(endpoint, "closed", "this caller is closed")
        check_size(envelope, self._max_bytes)

    def _raise_if_only_closed(self, endpoint: str) -> None:
        task = asyncio.current_task()
        if self._closed and task is not None and not task.cancelling():
            raise unreachable(endpoint, "closed", "the caller was closed during the call") from None
