"""Work in several processes: in order, the same as in one, and over soon when one fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import psutil
import pytest

from runnable.test_report.workers import in_processes

_shared: list[int] = []


def _begin(number: int) -> None:
    _shared[:] = [number]


def _work(job: int) -> int:
    if job == 13:
        raise ValueError("an unlucky job")
    return _shared[0] * job


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.processes)])
def test_results_come_in_the_order_of_the_jobs(count):
    assert [0, 7, 14, 21, 28] == list(in_processes(count, _work, range(5), begin=_begin, shared=7))


@pytest.mark.processes
def test_a_job_that_fails_ends_the_work_with_its_own_error():
    with pytest.raises(ValueError, match="unlucky"):
        list(in_processes(2, _work, range(12, 40), begin=_begin, shared=7))


class _InterruptedOnTheWay:
    """A result during whose journey Ctrl-C reaches its process."""

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        os.kill(os.getpid(), signal.SIGINT)
        return int, (7,)


def _interrupted_on_the_way(job: int) -> _InterruptedOnTheWay:
    return _InterruptedOnTheWay()


def _interrupted_at_work(job: int) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    return job


@pytest.mark.processes
def test_ctrl_c_ends_a_process_at_work_and_none_that_hands_over_a_result():
    assert [7, 7] == list(in_processes(2, _interrupted_on_the_way, range(2), begin=_begin, shared=7))
    with pytest.raises(BrokenProcessPool):
        list(in_processes(2, _interrupted_at_work, range(2), begin=_begin, shared=7))


def _say_who_and_stay(job: int) -> int:
    print(os.getpid(), flush=True)
    signal.pause()
    return job


def hold_two_processes() -> None:
    """What the process does that the test below kills."""
    list(in_processes(2, _say_who_and_stay, range(2), begin=_begin, shared=7))


@pytest.mark.processes
def test_a_parent_that_is_killed_leaves_no_process_behind():
    program = "from tests.runnable.test_report.test_workers import hold_two_processes; hold_two_processes()"
    main_guard = f"if __name__ == '__main__':\n    {program}"
    with subprocess.Popen([sys.executable, "-c", main_guard], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
        parent.kill()
    assert [] == psutil.wait_procs(workers, timeout=20)[1]
