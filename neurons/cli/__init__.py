"""The `augury` command: nodes, keys, and everything a person wants to see of a network. One file a topic.

What a command works with is imported when it runs, so that `augury --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from neurons.cli.commands import app

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and leaves the process: 0 done, 1 something is wrong or a bug, 2 one sentence of error."""
    app(args=None if arguments is None else list(arguments), prog_name="augury")
