"""One trace id from an envelope to its row: the envelope's nonce in hex, carried by the context.

Tasks started within the block carry it too. It names a request and proves nothing.
"""

from __future__ import annotations

from contextvars import ContextVar

_trace: ContextVar[str] = ContextVar("augury_trace", default="")


def current_trace() -> str:
    """The trace id of the request being worked on; empty outside of any."""
    return _trace.get()


def adopt_trace(nonce: bytes) -> None:
    """From here on this task belongs to the envelope with this nonce: the one that it sends."""
    _trace.set(nonce.hex())


class tracing:  # noqa: N801 - it reads as what it does: `with tracing(nonce):`
    """Everything logged or stored in the block belongs to the envelope with this nonce (16 bytes)."""

    __slots__ = ("_before", "_trace")

    def __init__(self, nonce: bytes) -> None:
        self._trace = nonce.hex()

    def __enter__(self) -> str:
        self._before = _trace.set(self._trace)
        return self._trace

    def __exit__(self, *_: object) -> None:
        _trace.reset(self._before)
