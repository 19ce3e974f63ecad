"""Health and reflection: the only calls that anybody may make unsigned, and therefore few at a time.

The servicers are gRPC's own. Reflection names the services that the node serves, so that `grpcurl` and
the like can list and describe them; calling them still takes a signed envelope.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
from grpc_health.v1 import _async as health_aio
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import _async as reflection_aio
from grpc_reflection.v1alpha import reflection, reflection_pb2

from neurons.transport.limits import Door, Streams
from neurons.transport.refusing import refusing
from protocol.proto.augury.v1 import conversation_pb2_grpc, miner_pb2_grpc, validator_pb2_grpc

_DESCRIBED: Final = (conversation_pb2_grpc, miner_pb2_grpc, validator_pb2_grpc)
"""Importing them puts the descriptors that reflection shows into protobuf's default pool."""

# `_async` is public as `health.aio` and `reflection.aio`, names that type checkers cannot see.


class Health:
    """What the node says of itself to whoever probes it; serving until told otherwise."""

    def __init__(self) -> None:
        self._servicer = health_aio.HealthServicer()
        self._names: tuple[str, ...] = ("",)
        self._serving = True

    async def set_serving(self, serving: bool) -> None:
        """Answers SERVING or NOT_SERVING from now on, for the node ("") and each of its services."""
        self._serving = serving
        answer = health_pb2.HealthCheckResponse
        for name in self._names:
            await self._servicer.set(name, answer.SERVING if serving else answer.NOT_SERVING)

    async def speak_for(self, services: Sequence[str]) -> None:
        """Also answers for these gRPC services."""
        self._names = ("", *services)
        await self.set_serving(self._serving)

    async def leave(self) -> None:
        """NOT_SERVING for good: the node is stopping."""
        await self._servicer.enter_graceful_shutdown()

    def handler(self, door: Door, streams: Streams) -> grpc.GenericRpcHandler[Any, Any]:
        async def watch(request: Any, context: Any) -> None:
            async with refusing(context, streams):
                with door:
                    await self._servicer.Watch(request, context)

        request, reply = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        codec = _codec(request.FromString, reply.SerializeToString)
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self._servicer.Check, **codec),
            "Watch": grpc.unary_stream_rpc_method_handler(watch, **codec),
        }
        return grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods)


def reflection_handler(
    services: Sequence[str], door: Door, streams: Streams, *, limit_s: float
) -> grpc.GenericRpcHandler[Any, Any]:
    """Describes these services, health and reflection itself. A stream that lasts longer than limit_s is ended."""
    servicer = reflection_aio.ReflectionServicer((*services, health.SERVICE_NAME, reflection.SERVICE_NAME))

    async def info(requests: AsyncIterator[Any], context: Any) -> None:
        async with refusing(context, streams):
            with door, suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    async for reply in servicer.ServerReflectionInfo(requests, context):
                        await context.write(reply)

    request, reply = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    codec = _codec(request.FromString, reply.SerializeToString)
    method = grpc.stream_stream_rpc_method_handler(info, **codec)
    return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, {"ServerReflectionInfo": method})


def _codec(read: Callable[[bytes], Any], write: Callable[[Any], bytes]) -> dict[str, Any]:
    return {"request_deserializer": read, "response_serializer": write}
