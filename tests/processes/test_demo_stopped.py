"""Ctrl-C, `kill` and a closed terminal stop the demo in its fast-forward: one sentence, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from tests.support.processes import LOOK_EVERY_S, ROOT

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

STARTS_WITHIN_S = 60


def descendants(pid: int) -> set[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return set(psutil.Process(pid).children(recursive=True))
    return set()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "closed terminal"])
def test_a_demo_that_is_stopped_says_so_and_leaves_no_process(tmp_path, which):
    folder, output = tmp_path / "demo", tmp_path / "output"
    command = [sys.executable, "runnable/local_network.py", "--plain", "--folder", str(folder)]
    with output.open("wb") as said:
        demo = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline, workers = time.monotonic() + STARTS_WITHIN_S, set[psutil.Process]()
        while not workers:
            assert demo.poll() is None, output.read_text()
            assert time.monotonic() < deadline
            time.sleep(LOOK_EVERY_S)
            workers = descendants(demo.pid)
        demo.send_signal(which)
        while demo.poll() is None:
            workers |= descendants(demo.pid)
            time.sleep(LOOK_EVERY_S)
        assert 130 == demo.returncode
        assert "stopped; nothing is left running" == output.read_text().strip().splitlines()[-1]
        assert "Traceback" not in output.read_text()
        psutil.wait_procs(workers, timeout=10)
        assert [] == [worker for worker in workers if worker.is_running()]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(demo.pid, signal.SIGKILL)
        demo.wait(10)
