"""The network without sockets, as the tests name it: see `neurons/transport/memory.py`."""

from __future__ import annotations

from neurons.transport.memory import LOOPBACK, Faults, MemoryCaller, MemoryNetwork

__all__ = ["LOOPBACK", "Faults", "MemoryCaller", "MemoryNetwork"]
