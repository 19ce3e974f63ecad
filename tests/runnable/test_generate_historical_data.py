"""The download as a command: what it says, how it ends, and that training reads what it wrote."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from mining_objects.datasets import read_candles
from mining_objects.errors import BadCandles
from neurons.market.candles import prices_from_floats
from neurons.market.faults import Faults
from neurons.market.history.folder import held_alone
from protocol.units import DAY_MS
from tests.support.stand_ins import asked, generated_venues, stand_ins

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "runnable" / "generate_historical_data.py"


async def started(servers, out: Path, *flags: str, since: str = "2023-01-30", until: str = "2023-02-02"):
    urls = [part for name, server in servers.items() for part in ("--base_url", f"{name}={server.url}")]
    period = ("--from", since, "--to", until)
    named = () if "--venues" in flags else ("--venues", ",".join(servers))
    return await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), "BTC-USD", *period, "--out", str(out), *named, *urls, *flags,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip


async def run(servers, out: Path, *flags: str, **period: str) -> tuple[int | None, str, str]:
    """Exit status, standard output and standard error."""
    process = await started(servers, out, *flags, **period)
    told, wrong = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, told.decode(), wrong.decode()


def test_a_download_shows_what_it_found_and_is_read_by_what_trains(tmp_path):
    out = tmp_path / "btc"
    sources = generated_venues("binance", "bybit", "okx")

    async def main():
        async with stand_ins(sources) as servers:
            status, told, wrong = await run(servers, out)
            assert (0, "") == (status, wrong)
            for word in ("candles of 5 min", "binance", "okx", "2023-01-30", "distance from", "gap", "stand-in"):
                assert word in told
            return asked(servers, "2023-01-30", "2023-02-02")

    request = asyncio.run(main())

    window = read_candles(out / "venue=okx")
    source = sources["okx"].candles(request.from_ms, request.until_ms)
    assert "BTC-USD okx" == window.series
    np.testing.assert_array_equal(source.close_e8, prices_from_floats(window.close[~np.isnan(window.close)]))
    agreed = read_candles(out)
    assert ("BTC-USD", 3 * DAY_MS // 300_000) == (agreed.series, len(agreed))

    (out / "venue=agreed" / "2023-02.parquet").unlink()
    with pytest.raises(BadCandles, match=r"2023-02\.parquet"):
        read_candles(out)


def test_a_venue_in_trouble_is_named_and_the_status_says_incomplete(tmp_path):
    async def main():
        async with stand_ins(generated_venues("binance", "bybit")) as servers:
            servers["bybit"].faults = Faults(status=451)
            status, told, wrong = await run(servers, tmp_path / "btc")
            assert (1, "") == (status, wrong)
            assert "incomplete bybit: geo-blocked" in told
            assert 1 == told.count("incomplete")

    asyncio.run(main())
    assert ["binance"] == list(json.loads((tmp_path / "btc" / "manifest.json").read_text())["venues"])
    assert "BTC-USD binance" == read_candles(tmp_path / "btc").series


def test_a_symbol_that_the_venue_does_not_have_is_said_plainly(tmp_path):
    async def main():
        async with stand_ins(generated_venues("binance")) as servers:
            status, told, wrong = await run(servers, tmp_path / "btc", "--venues", "binance=NOPE/USDT")
            assert (1, "") == (status, wrong)
            assert "incomplete binance: wrong-symbol" in told

    asyncio.run(main())


def test_a_second_writer_and_a_wrong_word_are_one_sentence_and_status_2(tmp_path):
    async def main():
        async with stand_ins(generated_venues("binance")) as servers:
            with held_alone(tmp_path):
                status, _, wrong = await run(servers, tmp_path)
            assert (2, 1) == (status, len(wrong.splitlines()))
            assert "error (dataset-in-use)" in wrong
            status, _, wrong = await run(servers, tmp_path, "--step", "7m")
            assert (2, 1) == (status, len(wrong.splitlines()))
            assert "error (invalid-setting): no step is called '7m'" in wrong

    asyncio.run(main())


def test_without_pyarrow_or_with_venues_that_nodes_convert_it_says_what_to_do(tmp_path):
    settings = tmp_path / "validator.toml"
    settings.write_text(
        '[[series]]\nname = "BTC-USD"\nvenues = [{exchange = "okx", symbol = "BTC/USDT", via = "USDT-USD"}]\n'
    )
    asking = ["BTC-USD", "--from", "2023-01-01", "--out", str(tmp_path / "set")]
    without = f"import sys, runpy; sys.modules['pyarrow'] = None; sys.argv[1:] = {asking!r}; "
    for command, sentence in (
        (["-c", f"{without}runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"], "pip install 'augury[miner]'"),
        ([str(SCRIPT), *asking, "--config", str(settings)], "nodes convert okx via USDT-USD: add --no-agreed"),
    ):
        ended = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
        )
        assert (2, 1) == (ended.returncode, len(ended.stderr.splitlines())), ended.stderr
        assert sentence in ended.stderr
        assert not (tmp_path / "set").exists()


def test_an_interrupt_ends_it_in_order_and_the_next_run_goes_on(tmp_path):
    period = {"since": "2023-01-01", "until": "2023-03-01"}

    async def main():
        async with stand_ins(generated_venues("binance")) as servers:
            servers["binance"].faults = Faults(latency_ms=150)
            process = await started(servers, tmp_path, **period)
            while servers["binance"].requests < 4:  # noqa: ASYNC110  # the server tells nobody that it was asked
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGINT)
            told, wrong = await asyncio.wait_for(process.communicate(), 30)
            assert 130 == process.returncode
            assert "the same command goes on from here" in told.decode()
            assert "Traceback" not in wrong.decode()
            before = servers["binance"].requests
            servers["binance"].faults = Faults()
            status, _, _ = await run(servers, tmp_path, **period)
            whole = -(-59 * 288 // 999)
            assert 0 == status
            assert servers["binance"].requests - before < whole

    asyncio.run(main())
