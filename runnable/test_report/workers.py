"""Work in processes of its own: results in the order of the jobs, so that they do not depend on who was faster."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TypeVar

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
SharedT = TypeVar("SharedT")


def in_processes(
    count: int,
    work: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    *,
    begin: Callable[[SharedT], None],
    shared: SharedT,
) -> Iterator[ResultT]:
    """work(job) for each job, in order. begin(shared) runs first, once in each process.

    count: 1 works in this process.  Whoever stops early, by an error or Ctrl-C, stops the processes: what they have
    begun ends within seconds, nothing else begins.
    """
    if count == 1:
        begin(shared)
        yield from map(work, jobs)
        return
    context = get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(begin, shared))
    try:
        with _ctrl_c_waits():
            futures = [pool.submit(_at_work, work, job) for job in jobs]
        for future in futures:
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Ctrl-C is heard after the block, and by processes that are started in it once they have begun.

    An interpreter that hears it while it loads would print a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(begin: Callable[[SharedT], None], shared: SharedT) -> None:
    """A process's start. Ctrl-C at a terminal reaches it too, and ends it at once and without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin(shared)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _at_work(work: Callable[[JobT], ResultT], job: JobT) -> ResultT:
    """Ctrl-C ends the work at once and without a word, but no process that hands over a result.

    Of a result that breaks off the parent would wait for the rest, for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return work(job)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent() -> None:
    """A parent that is killed can stop nobody: its processes would wait for work for ever."""
    parent = parent_process()
    assert parent is not None, "only child processes begin"
    parent.join()
    os._exit(1)
