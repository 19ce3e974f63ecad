"""What a validator's process weighs over a day of rounds of 256 miners, and that torch and pandas stay out of it.

    python -m tests.benchmarks.bench_validator_process [--miners 256] [--seconds 40]

`neurons/validator.py` itself runs over a store that stored_network.py filled with simulated miners' point rounds, reads
the same closes from three venues on a clock that runs 60 times too fast, and scores what becomes due. Its memory of
skill and its sharing window are read back on the way, the window from the sums that a running node stores. Ensembles
are not in that store. The process is looked at from outside (/proc, so Linux
only). Goal: under 200 MB resident, aim 120.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from neurons.clock import ScaledClock
from neurons.entropy import SystemEntropy
from neurons.keystore import create_key_file
from neurons.market.server import PriceServer
from neurons.store.sqlite import ReadOnlySqlite, SqliteStore
from protocol.params import MAIN
from protocol.units import DAY_MS
from runnable.demo.market import GENERATED_NOW_MS
from tests.benchmarks.stored_network import CHALLENGE, VENUES, Wave, fill, write_sums

SERIES: Final = "BTC-USD"
SCALE: Final = 60
KEPT_OUT: Final = ("torch", "pandas")


async def measure(folder: Path, miners: int, seconds: float) -> None:
    create_key_file(folder / "hotkey.json", entropy=SystemEntropy().bytes, passphrase=None)
    async with await SqliteStore.open(folder / "augury.sqlite") as store:
        await fill(store, MAIN, SERIES, miners=miners, days=1, now_ms=GENERATED_NOW_MS, endpoint="127.0.0.1:1")
        await write_sums(store, MAIN, SERIES)
    print(f"{miners} simulated miners, a day of point rounds: {(folder / 'augury.sqlite').stat().st_size / 1e6:.0f} MB")
    clock = ScaledClock(sim_origin_ms=GENERATED_NOW_MS, wall_origin_ms=time.time_ns() // 1_000_000, scale=SCALE)
    async with AsyncExitStack() as stack:
        venues = []
        wave = Wave(MAIN.time.step_ms, GENERATED_NOW_MS - 60 * DAY_MS)
        for name in VENUES:
            server = await stack.enter_async_context(PriceServer(wave, clock))
            venues.append({"exchange": "binance", "symbol": "BTC/USDT", "name": name, "base_url": server.url})
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "neurons/validator.py", "--data_dir", str(folder), "--allow_unencrypted_key"),
            *("--admit", "open", "--allow_private_endpoints", "--listen.port", "0", "--metrics.port", "0"),
            *("--log.level", "error", "--series", json.dumps([{"name": SERIES, "venues": venues}])),
            *("--clock.scale", str(SCALE), "--clock.sim_origin_ms", str(clock.sim_origin_ms)),
            *("--clock.wall_origin_ms", str(clock.wall_origin_ms)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert await process.stdout.readline(), "the validator did not start"
            print(f"started:  {resident(process.pid)}")
            scored = await _scored(folder)
            await asyncio.sleep(seconds)
            print(f"running:  {resident(process.pid)}; scored {await _scored(folder) - scored} rounds meanwhile")
            libraries = Path(f"/proc/{process.pid}/maps").read_text()
            found = [name for name in KEPT_OUT if re.search(rf"/{name}/", libraries)]
            print(f"imported of {', '.join(KEPT_OUT)}: {', '.join(found) or 'none'} (at most 200 MB, aim 120; none)")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def resident(pid: int) -> str:
    """Resident memory now and at its highest, as the kernel counts it."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, peak = (int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 1_000 for name in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB resident, at most {peak:.0f} MB so far"


async def _scored(folder: Path) -> int:
    async with ReadOnlySqlite.open(folder / "augury.sqlite") as store:
        return len(await store.rounds(challenge=CHALLENGE, state="resolved", limit=10_000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--miners", type=int, default=256, help="simulated miners (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long it runs (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options.miners, options.seconds))


if __name__ == "__main__":
    main()
