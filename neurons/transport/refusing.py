"""Where an exception in a handler becomes a status on the wire: once, for every kind of call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from neurons.transport.limits import Streams
from neurons.transport.problems import Stopping
from neurons.transport.status import CODE_KEY, Refusal, refusal_of
from protocol.errors import AuguryError, NodeFault, TooSlow

STATUS_S: Final = 1.0
"""How long a stream's last word may take to leave: behind a frame that nobody reads it would wait for ever."""

log = logging.getLogger(__name__)


async def refuse(context: Any, error: Exception) -> None:
    """Ends the call with the error's status, code and public sentence. Raises AbortError, which gRPC expects."""
    refusal = word_for(error)
    await context.abort(refusal.status, refusal.sentence, ((CODE_KEY, refusal.code),))


def word_for(error: Exception) -> Refusal:
    """What the caller hears. Refusals are the node's business to count; our own faults are logged here, a bug with
    its trace."""
    if isinstance(error, NodeFault) and not isinstance(error, Stopping):
        log.error("a call failed on this side: %s: %s", error.code, error)
    elif not isinstance(error, AuguryError):
        log.error("a call met an unexpected %s; the node lives on", type(error).__name__, exc_info=error)
    return refusal_of(error)


async def write_in_time(frame: bytes, context: Any, limit_s: float) -> None:
    """Hands one frame to gRPC. Raises TooSlow when the other side has not made room for it in time."""
    try:
        async with asyncio.timeout(limit_s):
            await context.write(frame)
    except TimeoutError as error:
        raise TooSlow(f"a frame waited {limit_s} s for its reader") from error


@asynccontextmanager
async def refusing(context: Any, streams: Streams) -> AsyncIterator[None]:
    """Around the feeding of a stream: what goes wrong ends it with a typed status, also when the node stops."""
    try:
        with streams:
            yield
    except asyncio.CancelledError:
        if not streams.ending:
            raise
        await _last_word(context, Stopping("the node is stopping"))
    except (TooSlow, Stopping) as error:
        await _last_word(context, error)
    except Exception as error:  # noqa: BLE001 - the border: nothing a stranger causes may stop the node
        await refuse(context, error)


async def _last_word(context: Any, error: Exception) -> None:
    """The status goes out behind what its subscriber has yet to read; nobody waits for that long."""
    try:
        async with asyncio.timeout(STATUS_S):
            await refuse(context, error)
    except TimeoutError:
        log.debug("a subscriber that does not read will hear the end of its stream later")
