"""Hashes a second in the search for a memorable name, on one core: ours, plain `hashlib`, and the package `muid`.

    python -m tests.benchmarks.bench_mine_key

`muid` 0.5.3 runs in a virtual environment of its own, which is made (and thrown away) unless --muid names the Python of
one that has it. Cases take turns; a figure is the median of the turns, with the slowest and the fastest. Hashes by
second of CPU time are what counts: other work on the machine hardly changes them. Everybody looks for 9 letters.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from neurons.cli.name_screen import duration
from protocol.rules.memorable import DOMAIN, MAX_LETTERS, MIN_LETTERS, expected_hashes, first_six_digits
from protocol.rules.name_search import NONCES_AT_ONCE, search
from protocol.units import Hotkey

HOTKEY: Final = Hotkey(bytes(range(32)))
LETTERS: Final = 9
HASHES: Final = 8 * NONCES_AT_ONCE
INSTALL_TIMEOUT_S: Final = 300
TURN_TIMEOUT_S: Final = 60
MUID_BATCH: Final = 100_000
MUID: Final = (
    "import time; from muid.mining import mine_once\n"
    f"started = time.process_time(); mine_once({LETTERS}, 0, 10**9); print(time.process_time() - started)"
)


def ours() -> float:
    started = time.thread_time()
    list(search(HOTKEY, start=0, count=HASHES, letters=LETTERS))
    return HASHES / (time.thread_time() - started)


def one_by_one() -> float:
    """The shortest loop over `hashlib`: what a search without numpy would be."""
    sieve = {six.to_bytes(3, "big") for six in first_six_digits(LETTERS)}
    sha256, before, found = hashlib.sha256, DOMAIN + HOTKEY, []
    started = time.thread_time()
    for nonce in range(HASHES):
        if sha256(before + nonce.to_bytes(8, "big")).digest()[:3] in sieve:
            found.append(nonce)
    return HASHES / (time.thread_time() - started)


def muid(python: Path) -> Callable[[], float]:
    def once() -> float:
        command = [str(python), "-c", MUID]
        told = subprocess.run(command, capture_output=True, text=True, timeout=TURN_TIMEOUT_S, check=True)
        return MUID_BATCH / float(told.stdout)

    return once


def with_muid(folder: Path) -> Path:
    """The Python of a new virtual environment that has the package."""
    for command in ([sys.executable, "-m", "venv", folder], [folder / "bin/pip", "install", "-q", "muid==0.5.3"]):
        subprocess.run([str(word) for word in command], timeout=INSTALL_TIMEOUT_S, check=True)
    return folder / "bin" / "python"


def measure(python: Path, turns: int) -> Table:
    cases = {"numpy, 32,768 nonces at once (ours)": ours, "hashlib, one by one": one_by_one, "muid 0.5.3": muid(python)}
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(1 + turns):
        for name, once in cases.items():
            rate = once()
            if turn:
                rates[name].append(rate)
    table = Table(title=f"one core, {turns} turns, load average {os.getloadavg()[0]:.1f}")
    for heading in ("", "hashes a second of CPU", "slowest..fastest", "against muid", "mean time of 12 letters"):
        table.add_column(heading, justify="right" if heading else "left")
    peer = float(np.median(rates["muid 0.5.3"]))
    for name, values in rates.items():
        rate = float(np.median(values))
        extremes = f"{min(values):,.0f}..{max(values):,.0f}"
        table.add_row(name, f"{rate:,.0f}", extremes, f"{rate / peer:.2f}", duration(expected_hashes(12) / rate))
    return table


def costs() -> Table:
    table = Table(title="hashes for a name of so many letters or more, on average")
    for letters in range(MIN_LETTERS, MAX_LETTERS + 1):
        table.add_column(str(letters), justify="right")
    table.add_row(*(f"{expected_hashes(letters):,}" for letters in range(MIN_LETTERS, MAX_LETTERS + 1)))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=9, help="turns of each case (default %(default)s)")
    parser.add_argument("--muid", type=Path, help="the Python of an environment that has muid")
    options = parser.parse_args()
    console = Console(width=160)
    with tempfile.TemporaryDirectory() as folder:
        console.print(measure(options.muid or with_muid(Path(folder) / "muid"), options.turns))
    console.print(costs())


if __name__ == "__main__":
    main()
