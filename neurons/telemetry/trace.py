"""One trace id from an envelope to its row: the envelope's nonce in hex, carried by the context.

Tasks started within the block carry it too. It names a request and proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_trace: ContextVar[str] = ContextVar("augury_trace", default="")


def current_trace() -> str:
    """The trace id of the request being worked on; empty outside of any."""
    return _trace.get()


def adopt_trace(nonce: bytes) -> None:
    """From here on this task belongs to the envelope with this nonce: the one that it sends."""
    _trace.set(nonce.hex())


@contextmanager
def tracing(nonce: bytes) -> Iterator[str]:
    """Everything logged or stored in the block belongs to the envelope with this nonce (16 bytes)."""
    token = _trace.set(nonce.hex())
    try:
        yield _trace.get()
    finally:
        _trace.reset(token)
