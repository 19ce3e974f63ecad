"""What every test process needs before the first test."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Hears SIGINT, also where the run was started in the background of a shell, which has its children ignore it:
    programs under test inherit that, and would go on where a person's Ctrl-C ends them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
