"""Work in several processes: in order, the same as in one, and over soon when one fails."""

from __future__ import annotations

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
