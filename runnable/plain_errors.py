"""How a command started by hand ends: a wrong setting or file is one sentence and exit code 2, not a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from protocol.errors import AuguryError

WRONG_USE = 2
INTERRUPTED = 130


def run_plainly(command: Callable[[], None]) -> None:
    """Runs the command and ends the process. What is no AuguryError is a bug, and shows its traceback."""
    try:
        command()
    except AuguryError as error:
        print(f"error ({error.code}): {error}", file=sys.stderr)
        sys.exit(WRONG_USE)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
