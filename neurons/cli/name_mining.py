"""The search for a name on all cores: which nonces are tried by whom, and what happens when it is stopped.

    nonces in order, in portions --> one process a core --> the state, written every few seconds

A portion counts once it and all before it are done; so the state never skips one, whatever instant the search ends at.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurons.name_files import NameSearch, write_name_file
from protocol.errors import NodeFault
from protocol.rules.memorable import MIN_LETTERS
from protocol.rules.name_search import NONCES_AT_ONCE, Found, search
from protocol.units import Hotkey

PORTION: Final = 16 * NONCES_AT_ONCE
"""Nonces that a process tries at once: about an eighth of a second."""
AHEAD: Final = 3
"""Portions handed to each process at a time."""
SAVED_EVERY_S: Final = 5.0
PORTION_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the search is: what the file would say now, and this run's own nonces and seconds."""

    state: NameSearch
    hashes: int
    seconds: float

    @property
    def rate(self) -> float:
        """Nonces a second in this run."""
        return self.hashes / self.seconds if self.seconds else 0.0


def mine(
    state: NameSearch, path: Path, *, letters: int, workers: int, seconds: float, tell: Callable[[Progress], None]
) -> Progress:
    """Searches until the hotkey has a name of so many letters, the seconds are over, or somebody stops it (Ctrl-C).

    path: the name file, written now and then and at the end.  tell: called after every portion.
    Raises NodeFault (ours) when a process dies or hangs; what was done until then is kept.
    """
    started, saved, begun_at = time.monotonic(), time.monotonic(), state.tried
    with _stopped_by_signals() as stopped, _processes(workers) as pool:
        waiting: deque[Future[Found | None]] = deque()
        handed = state.tried
        try:
            while state.difficulty < letters and not stopped() and time.monotonic() - started < seconds:
                while len(waiting) < AHEAD * workers:
                    waiting.append(pool.submit(best_of, state.hotkey, handed, max(state.difficulty + 1, MIN_LETTERS)))
                    handed += PORTION
                found = _result(waiting.popleft())
                state = state.advanced(state.tried + PORTION, found)
                if found is not None or time.monotonic() - saved > SAVED_EVERY_S:
                    write_name_file(path, state)
                    saved = time.monotonic()
                tell(Progress(state, state.tried - begun_at, time.monotonic() - started))
        finally:
            for future in waiting:
                future.cancel()
            write_name_file(path, state)
    return Progress(state, state.tried - begun_at, time.monotonic() - started)


def best_of(hotkey: Hotkey, start: int, letters: int) -> Found | None:
    """The longest name of so many letters or more in one portion, the first of equally long ones; None without one."""
    return max(
        search(hotkey, start=start, count=PORTION, letters=letters),
        key=lambda found: found.name.difficulty,
        default=None,
    )


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _result(future: Future[Found | None]) -> Found | None:
    try:
        return future.result(timeout=PORTION_TIMEOUT_S)
    except BrokenProcessPool as error:
        raise NodeFault("a process of the search died; start it again, it goes on where it was") from error
    except TimeoutError as error:
        raise NodeFault(f"no portion was done in {PORTION_TIMEOUT_S:g} s; start the search again") from error


def _processes(workers: int) -> ProcessPoolExecutor:
    """Fresh processes, which leave Ctrl-C to this one: what they have under way is worth finishing or forgetting."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _ignore_interrupts)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Within: SIGINT and SIGTERM are remembered, not raised, so that they end the search between two portions."""
    seen: list[int] = []
    before = {one: signal.signal(one, lambda number, _: seen.append(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
