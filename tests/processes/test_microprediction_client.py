"""The real client of microprediction, as its package index has it, against a real gateway and a real validator.

It is told nothing: an HTTP proxy in its environment leads every address that it knows to the gateway.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurons.keystore import create_key_file
from runnable.demo.cast import free_ports
from tests.support.processes import Program

SWITCH = "AUGURY_OUTSIDE_CLIENT"
INSTALL_S = 300
RUN_S = 150

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(INSTALL_S + 2 * RUN_S),
    pytest.mark.skipif(
        os.environ.get(SWITCH) != "yes",
        reason=f"{SWITCH}=yes lets this test install the client of microprediction and run it for two minutes",
    ),
]

FIRST_VALUES = """
import random, sys, time
from microprediction import MicroWriter, new_key
writer = MicroWriter(write_key=sys.argv[1])
for value in (1.0, 2.0, 1.5, 2.5, 2.0):
    writer.set("walk.json", value)
    time.sleep(1.2)
print(writer.get_lagged_values("walk.json"))
"""
POLL = """
import random, sys
from microprediction import MicroPoll
MicroPoll(write_key=sys.argv[1], name="walk.json", func=lambda: random.gauss(2, 1), interval=1 / 3).run(timeout=110)
"""
CRAWL = """
import json, sys
from microprediction import MicroCrawler
class ShortCrawler(MicroCrawler):
    def include_delay(self, delay=None, **ignored):
        return delay == 70
crawler = ShortCrawler(write_key=sys.argv[1], sponsor_min=6, min_lags=3)
crawler.run(timeout=105)
print("LAST", json.dumps({"transactions": crawler.get_transactions(), "balance": crawler.get_balance(),
      "performance": crawler.get_performance(), "errors": crawler.get_errors()}))
"""
NEW_KEY = "from microprediction import new_key; print(new_key(difficulty=7))"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own with the newest client."""
    folder = tmp_path_factory.mktemp("client")
    python = folder / "bin/python"
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_S, capture_output=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "microprediction"]
        subprocess.run(install, check=True, timeout=INSTALL_S, capture_output=True, text=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        pytest.skip(f"the client of microprediction cannot be installed here: {error}")
    return python


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """A validator without a market and a gateway that admits write keys, on this machine's clock; its address."""
    port, unused = free_ports(2)
    keys = {
        name: create_key_file(tmp_path / name / "hotkey.json", entropy=os.urandom, passphrase=None)
        for name in ("validator", "gateway")
    }
    nowhere = {"exchange": "kraken", "symbol": "BTC/USD", "base_url": f"http://127.0.0.1:{unused}", "stream": False}
    common = ["--params", "demo", "--allow_unencrypted_key"]
    programs = []
    try:
        for name, flags in (
            ("validator", ["--admit", "open", "--listen.port", str(port), "--metrics.port", "0",
                           "--series", json.dumps([{"name": "BTC-USD", "venues": [nowhere]}])]),
            ("gateway", ["--listen.port", "0", "--metrics.port", "0", "--admit_write_keys", "--admit_difficulty", "7",
                         "--validator", f"{keys['validator'].hotkey.hex()}@127.0.0.1:{port}"]),
        ):  # fmt: skip
            command = [f"neurons/{name}.py", "--data_dir", str(tmp_path / name), *common, *flags]
            programs.append(Program.start(name, command, tmp_path))
            programs[-1].ready()
        yield programs[-1].ready().split("listens on ")[1].split(";")[0]
    finally:
        for program in programs:
            program.kill_all()


def test_a_poll_and_two_crawlers_that_know_nothing_of_us_publish_predict_and_are_settled(client, gateway, tmp_path):
    surroundings = {name: text for name, text in os.environ.items() if name.lower() not in ("no_proxy", SWITCH.lower())}
    surroundings |= {"http_proxy": gateway, "PYTHONWARNINGS": "ignore"}

    def run(script: str, *words: str) -> subprocess.Popen[str]:
        command = [str(client), "-u", "-c", script, *words]
        return subprocess.Popen(
            command, cwd=tmp_path, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def last_line(running: subprocess.Popen[str]) -> str:
        out, _ = running.communicate(timeout=RUN_S)
        assert 0 == running.returncode, out[-3_000:]
        return out.strip().splitlines()[-1]

    owner, first, second = (last_line(run(NEW_KEY)) for _ in range(3))
    assert "[2.0, 2.5, 1.5, 2.0, 1.0]" == last_line(run(FIRST_VALUES, owner))
    started = time.monotonic()
    running = [run(POLL, owner), run(CRAWL, first), run(CRAWL, second)]
    try:
        told = [json.loads(last_line(one).removeprefix("LAST ")) for one in running[1:]]
        last_line(running[0])
    finally:
        for one in running:
            one.kill()
    assert time.monotonic() - started > 70
    for crawler in told:
        assert [] == crawler["errors"]
        assert crawler["transactions"], "nothing was settled"
        assert {"70::walk.json"} == {
            one["stream"] and f"{one['delay']}::{one['stream']}" for one in crawler["transactions"]
        }
        assert pytest.approx(crawler["balance"]) == sum(one["amount"] for one in crawler["transactions"])
        assert {"70::walk.json": crawler["balance"]} == crawler["performance"]
