"""Several processes of one machine that train together: started, waited for, and ended as one."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.multiprocessing.spawn import ProcessExitedException, spawn

from mining_objects.training_ranks import Meeting
from protocol.errors import AuguryError
from runnable.plain_errors import INTERRUPTED, WRONG_USE

Rank = Callable[..., None]
"""What each process runs: called with its Meeting, then the arguments; a function of a module, to be found again."""


def run_ranks(world: int, run: Rank, arguments: tuple[Any, ...]) -> None:
    """Runs it in so many new processes and waits for all. Ends this process as the first of them that failed ended,
    which alone says why.

    Ctrl-C reaches them as it reaches this one, which leaves the answer to them.
    """
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        started = spawn(_run, (world, meeting, run, arguments), nprocs=world, join=False)  # type: ignore[no-untyped-call]
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while not started.join():
                pass
        except ProcessExitedException as ended:
            sys.exit(ended.exit_code)
        finally:
            signal.signal(signal.SIGINT, before)


def _run(rank: int, world: int, file: str, run: Rank, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(Meeting(rank, world, Path(file)), *arguments)
    except AuguryError as error:
        if _is_first_to_fail(Path(file).parent):
            print(f"error ({error.code}): {error}", file=sys.stderr, flush=True)
        sys.exit(WRONG_USE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _is_first_to_fail(folder: Path) -> bool:
    """Whether no other process has said yet why all of them end: those that are left are ended without a word."""
    try:
        (folder / "said").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
