"""What every test process needs before the first test."""

from __future__ import annotations

import signal

from hypothesis import settings

# A commit's tests say the same on every run and machine; the search for new counterexamples is a run of its own.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("search", print_blob=True)
settings.load_profile("fixed")


def pytest_configure() -> None:
    """Hears SIGINT, also where the run was started in the background of a shell, which has its children ignore it:
    programs under test inherit that, and would go on where a person's Ctrl-C ends them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
