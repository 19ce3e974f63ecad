"""Search a memorable name for a hotkey: `python runnable/mine_key.py --file hotkey.json --difficulty 9`.

The same as `augury keys mine`, for a machine that does nothing else. Only the key file's public half is read, so the
search needs no passphrase for a key that exists; without a file it makes one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from neurons.cli import app


def main(arguments: Sequence[str]) -> None:
    """Runs the search and ends the process with its exit code."""
    app(["keys", "mine", *arguments], prog_name="mine_key")


if __name__ == "__main__":
    main(sys.argv[1:])
