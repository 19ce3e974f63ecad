"""How a process ends: asked, asked twice, deaf, faulty, or broken."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import subprocess
import sys
import textwrap

import pytest

from neurons.supervise import BUG, CUT_OFF, DONE, FAULT, leaves, report, run_until_stopped
from protocol.errors import InvalidSetting, NodeFault
from tests.support.sources import ROOT

PROGRAM = """
import asyncio, os, signal, sys
from neurons.supervise import run_until_stopped

def ask(number):
    os.kill(os.getpid(), number)

async def main():
{body}

sys.exit(run_until_stopped(main, grace_s={grace_s}))
"""


def run(body: str, *, grace_s: float = 30) -> tuple[int, str, str]:
    program = PROGRAM.format(body=textwrap.indent(textwrap.dedent(body), "    "), grace_s=grace_s)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.processes
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_lets_the_node_close_what_it_opened(number):
    code, said, complaints = run(f"""
        try:
            asyncio.get_running_loop().call_soon(ask, signal.{number})
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            print("closed")
    """)
    assert (DONE, "closed\n", "") == (code, said, complaints)


@pytest.mark.processes
def test_a_second_signal_ends_a_node_that_hangs_and_names_what_hung():
    code, said, complaints = run("""
        async def hang():
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    print("refuses", flush=True)
                    asyncio.get_running_loop().call_soon(ask, signal.SIGTERM)
        ask(signal.SIGTERM)
        await asyncio.create_task(hang(), name="hanging")
    """)
    assert (CUT_OFF, "refuses\n") == (code, said)
    assert "asked twice to stop; still running" in complaints
    assert "hanging" in complaints


@pytest.mark.processes
def test_a_node_that_does_not_stop_in_the_grace_time_is_cut_off():
    code, _, complaints = run(
        """
        async def deaf():
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
        ask(signal.SIGINT)
        await deaf()
    """,
        grace_s=0.01,
    )
    assert CUT_OFF == code
    assert "not stopped 0.01 s after it was asked to" in complaints


def ended(main) -> int:
    return run_until_stopped(main)


def test_a_node_that_ends_by_itself_ends_well():
    async def nothing() -> None:
        return None

    assert DONE == ended(nothing)


def test_a_node_fault_is_one_sentence_even_from_a_group_within_a_group(capsys):
    async def faulty() -> None:
        async with asyncio.TaskGroup() as outer:
            outer.create_task(asyncio.Event().wait())
            async with asyncio.TaskGroup() as inner:
                inner.create_task(fail())

    async def fail() -> None:
        raise InvalidSetting("port 8090 is taken")

    assert FAULT == ended(faulty)
    assert "augury: port 8090 is taken\n" == capsys.readouterr().err


def test_the_same_fault_from_many_tasks_is_said_once(capsys):
    assert FAULT == report(ExceptionGroup("many", [NodeFault("disk full"), NodeFault("disk full"), NodeFault("other")]))
    assert "augury: disk full\naugury: other\n" == capsys.readouterr().err


def test_a_bug_shows_its_traceback_also_beside_a_fault(capsys):
    async def broken() -> None:
        raise ExceptionGroup("both", [NodeFault("disk full"), ZeroDivisionError("by zero")])

    assert BUG == ended(broken)
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "ZeroDivisionError: by zero" in said


def test_a_fault_while_stopping_is_reported_and_not_hidden_by_the_stop(capsys):
    async def fails_to_close() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            raise NodeFault("the last change was not written")

    assert FAULT == ended(fails_to_close)
    assert "augury: the last change was not written\n" == capsys.readouterr().err


def test_a_node_that_cancels_itself_without_being_asked_is_a_bug(capsys):
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    assert BUG == ended(cancels_itself)
    assert "CancelledError" in capsys.readouterr().err


def test_leaves_skip_what_was_only_cancelled():
    fault = NodeFault("x")
    group = BaseExceptionGroup("g", [asyncio.CancelledError(), ExceptionGroup("h", [fault])])
    assert [fault] == list(leaves(group))


def test_signal_handlers_are_gone_afterwards():
    async def nothing() -> None:
        return None

    before = signal.getsignal(signal.SIGTERM)
    run_until_stopped(nothing)
    assert before == signal.getsignal(signal.SIGTERM)


HEAPS = """
import re, sys, threading
from neurons.supervise import share_one_heap
if sys.argv[1] == "shared":
    share_one_heap()
held, inside, leave = [], threading.Barrier(7), threading.Event()
def hold():
    held.append(bytearray(100_000))
    inside.wait(20)
    leave.wait(20)
threads = [threading.Thread(target=hold) for _ in range(6)]
for thread in threads:
    thread.start()
inside.wait(20)
print(int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1_000)
leave.set()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="heaps of glibc, seen in /proc"
)
def test_threads_that_share_one_heap_reserve_no_heap_each():
    sizes = {}
    for how in ("shared", "apart"):
        command = [sys.executable, "-c", HEAPS, how]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        sizes[how] = int(done.stdout)
    assert 200 < sizes["apart"] - sizes["shared"]  # MB of addresses; glibc reserves 64 for each heap
