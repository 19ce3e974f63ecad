"""A download killed with SIGKILL again and again ends with the dataset that an undisturbed one makes, to the byte."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import signal
import sys
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from neurons.market.faults import Faults
from neurons.market.history.blocks import DamagedBlock, block_paths, read_block
from neurons.market.history.session import download_history
from tests.support.downloads import download_in_this_process
from tests.support.stand_ins import asked, digests, generated_venues, stand_ins

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

KILLS = 20
VENUES = ("binance", "bybit", "coinbase")
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "runnable" / "generate_historical_data.py"
PERIOD = ("2022-12-10", "2023-02-18")


def candles_on_disk(dataset: Path) -> int:
    """How many candles the month files hold. Each of them must be whole, at every instant."""
    return sum(len(read_block(path).candles) for venue in VENUES for _, path in block_paths(dataset, venue))


def test_a_download_killed_twenty_times_ends_with_the_same_bytes(tmp_path):
    # A server that starts each download from modules it has loaded: twenty kills in seconds, real processes.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.support.downloads"])
    chance = random.Random(2)
    held = [0]

    async def main():
        async with stand_ins(generated_venues(*VENUES)) as servers:
            request = asked(servers, *PERIOD)
            await download_history(request, tmp_path / "undisturbed", agreeing=False)
            for server in servers.values():
                server.faults = Faults(latency_ms=8)
            for _ in range(KILLS):
                process = processes.Process(target=download_in_this_process, args=(request, tmp_path / "killed"))
                process.start()
                await asyncio.to_thread(watch, process, servers, requests=chance.randrange(2, 9))
                await asyncio.sleep(chance.uniform(0, 0.03))
                process.kill()
                await asyncio.to_thread(process.join)
                assert -signal.SIGKILL == process.exitcode, "it ended before it was killed"
                held.append(candles_on_disk(tmp_path / "killed"))
            assert not (tmp_path / "killed" / "manifest.json").exists()
            for server in servers.values():
                server.faults = Faults()
            last = await finished_by_the_command(servers, tmp_path / "killed")
            assert (0, b"") == (last[0], last[2])

    asyncio.run(main())
    advances = sum(after > before for before, after in pairwise(held))
    assert sorted(held) == held, f"what was on disk never shrinks: {held}"
    assert advances >= KILLS // 2, f"candles on disk after each kill: {held}"
    whole = candles_on_disk(tmp_path / "undisturbed")
    assert held[KILLS // 2] < held[-1] < whole == candles_on_disk(tmp_path / "killed")
    assert digests(tmp_path / "undisturbed") == digests(tmp_path / "killed")


def watch(process, servers, *, requests: int) -> None:
    """Returns once the servers were asked so often, or the process has ended."""
    asked_before = sum(server.requests for server in servers.values())
    while sum(server.requests for server in servers.values()) < asked_before + requests:
        process.join(0.001)
        if not process.is_alive():
            return


def test_extensions_killed_at_any_moment_of_agreeing_and_recording_end_with_the_same_bytes(tmp_path):
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.support.downloads"])
    chance = random.Random(3)
    ends = []

    async def main():
        async with stand_ins(generated_venues("binance", "bybit")) as servers:
            for hour in range(8):
                request = asked(servers, "2023-01-31", f"2023-02-01T{2 * hour:02d}:00")
                process = processes.Process(
                    target=download_in_this_process, args=(request, tmp_path / "killed"), kwargs={"agreeing": True}
                )
                process.start()
                await asyncio.to_thread(watch, process, servers, requests=2)
                await asyncio.to_thread(process.join, chance.uniform(0, 1.5))
                process.kill()
                await asyncio.to_thread(process.join)
                ends.append(process.exitcode)
            await download_history(request, tmp_path / "killed")
            await download_history(request, tmp_path / "undisturbed")

    asyncio.run(main())
    assert -signal.SIGKILL in ends
    assert digests(tmp_path / "undisturbed") == digests(tmp_path / "killed")


async def finished_by_the_command(servers, dataset: Path) -> tuple[int | None, bytes, bytes]:
    """Exit status and output of the last run, which is the real command."""
    urls = [part for name, server in servers.items() for part in ("--base_url", f"{name}={server.url}")]
    since, until = PERIOD
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), "BTC-USD", "--from", since, "--to", until, "--out", str(dataset),
        "--venues", ",".join(servers), "--no-agreed", *urls,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out, err


def test_a_half_written_file_is_no_month(tmp_path):
    path = tmp_path / "2023-01.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(DamagedBlock):
        read_block(path)
