"""What a validator's process weighs that reads five live venues, streams included.

    python -m tests.benchmarks.bench_venues [--seconds 40]

`neurons/validator.py` itself over an empty store, with the stand-ins of Binance, Bybit, Coinbase, Kraken and OKX in
this process (generated prices, labelled so), on a clock that runs 60 times too fast: it reads its opening history from
them, then follows them. No miners. Looked at from outside (/proc, so Linux only). Goal: under 300 MB resident.
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
from neurons.market.generated import GeneratedMarket, MarketShape, VenueShape
from neurons.market.server import PriceServer
from neurons.store.sqlite import ReadOnlySqlite
from runnable.demo.market import GENERATED_NOW_MS
from tests.benchmarks.bench_validator_process import resident

SERIES: Final = "BTC-USD"
SCALE: Final = 60
FIVE: Final = {"binance": "USDT", "bybit": "USDT", "coinbase": "USD", "kraken": "USD", "okx": "USDT"}


async def measure(folder: Path, seconds: float) -> None:
    create_key_file(folder / "hotkey.json", entropy=SystemEntropy().bytes, passphrase=None)
    clock = ScaledClock(sim_origin_ms=GENERATED_NOW_MS, wall_origin_ms=time.time_ns() // 1_000_000, scale=SCALE)
    shapes = tuple(VenueShape(name, basis_bp=2.0 * i) for i, name in enumerate(FIVE))
    async with AsyncExitStack() as stack:
        venues, servers = [], []
        for source in GeneratedMarket(MarketShape(seed=1, venues=shapes)).sources():
            quote = FIVE[source.name]
            server = PriceServer(source, clock, dialect=source.name, quote=quote)
            servers.append(await stack.enter_async_context(server))
            venues.append({"exchange": source.name, "symbol": f"BTC/{quote}", "base_url": server.url})
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
            await asyncio.sleep(seconds)
            print(f"running:  {resident(process.pid)} (at most 300 MB)")
            libraries = Path(f"/proc/{process.pid}/maps").read_text()
            found = [name for name in ("torch", "pandas") if re.search(rf"/{name}/", libraries)]
            print(f"imported of torch, pandas: {', '.join(found) or 'none'}")
            print(f"streams open: {sum(server.streams for server in servers)} of 4; {await _closes(folder)}")
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _closes(folder: Path) -> str:
    async with ReadOnlySqlite.open(folder / "augury.sqlite") as store:
        rows = await store.closes(SERIES, from_ms=0, to_ms=2**62)
    agreed = sum(row.close_e8 is not None for row in rows)
    return f"{agreed} closes agreed, {len(rows) - agreed} missing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0, help="how long it runs (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options.seconds))


if __name__ == "__main__":
    main()
