"""Virtual time, as the tests name it: see `neurons/virtual_time.py`."""

from __future__ import annotations

from neurons.virtual_time import START_MS, Deadlock, VirtualClock, VirtualTimeLoop, outside, run_virtual

__all__ = ["START_MS", "Deadlock", "VirtualClock", "VirtualTimeLoop", "outside", "run_virtual"]
