"""The commands that ask a validator, against a real one on loopback whose store is a copy of the sample."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack

import pytest

from neurons.clock import ScaledClock
from neurons.entropy import SystemEntropy
from neurons.keystore import create_key_file
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.server import PriceServer
from neurons.records import CloseRow
from neurons.signers import PRESETS
from neurons.store.sqlite import SqliteStore
from neurons.transport.client import GrpcCaller
from neurons.transport.server import serving
from neurons.validating.handlers import Doorkeeping
from neurons.validating.node import ValidatorNode
from protocol.units import MINUTE_MS, PriceE8, UnixMs
from tests.neurons.cli.conftest import augury
from tests.support.sample_database import HOTKEYS, QUICK
from tests.support.sources import ROOT
from tests.support.world import SERIES, quiet_telemetry, signing_key

TOLD = HOTKEYS["told"].hex()
AS_QUICK = """
from neurons.signers import PRESETS
from neurons.cli import main
from tests.support.sample_database import QUICK
PRESETS["main"] = QUICK
main()
"""


@pytest.fixture
def on_loopback(sample, tmp_path, monkeypatch):
    """Runs a scenario with (node, clock, ask): `ask("rounds", ...)` is the command, in a thread of its own."""
    monkeypatch.setitem(PRESETS, "main", QUICK)
    copy = tmp_path / "augury.sqlite"
    shutil.copy(sample.path, copy)
    create_key_file(tmp_path / "key.json", entropy=SystemEntropy().bytes, passphrase=None)
    now, wall = sample.ends_at_ms, time.time_ns() // 1_000_000
    monkeypatch.setenv("AUGURY_CLOCK__SIM_ORIGIN_MS", str(now))
    monkeypatch.setenv("AUGURY_CLOCK__WALL_ORIGIN_MS", str(wall))
    clock = ScaledClock(sim_origin_ms=now, wall_origin_ms=wall, scale=1)

    async def serve(scenario) -> None:
        caller = GrpcCaller(clock, QUICK.wire)
        async with await SqliteStore.open(copy) as store:
            node = await ValidatorNode.open(
                key=signing_key("validator"),
                params=QUICK,
                series=[SERIES],
                clock=clock,
                entropy=SystemEntropy(),
                store=store,
                caller=caller,
                telemetry=quiet_telemetry(clock),
                door=Doorkeeping(allowed=None, allow_private_endpoints=True),
            )
            async with serving(node, "127.0.0.1", 0, wire=QUICK.wire) as address:
                peer = f"{HOTKEYS['validator'].hex()}@{address}"
                (tmp_path / "validators.txt").write_text(peer.replace("@", " "))
                key = ("--key-file", str(tmp_path / "key.json"), "--allow-unencrypted-key")
                await scenario(node, clock, lambda *words: asyncio.to_thread(augury, *words, "--validator", peer, *key))
        await caller.aclose()

    return lambda scenario: asyncio.run(serve(scenario))


def test_the_validator_tells_what_its_database_holds(on_loopback, sample):
    questions = (("rounds", "--limit", "5"), ("explain", "latest", TOLD[:8]), ("explain", "latest", TOLD))
    stored = [sample.json(*words) for words in questions]
    standings = [one["standings"] for one in sample.json("standings")]

    async def scenario(node, clock, ask):
        assert stored == [json.loads((await ask(*words, "--json")).stdout) for words in questions]
        told = json.loads((await ask("standings", "--json")).stdout)
        assert standings == [one["standings"] for one in told]
        assert "proven" in (await ask("standings")).stdout

    on_loopback(scenario)


def test_refusals_come_as_one_sentence(on_loopback, sample, tmp_path):
    waiting = sample.json("rounds", "--state", "scoring", "--limit", "1")[0]["round_id"]

    async def scenario(node, clock, ask):
        sentence = f"augury: round {waiting[:8]} is scoring; its answers are told once it has resolved\n"
        for hotkey in (TOLD, TOLD[:8]):
            refused = await ask("explain", waiting[:10], hotkey)
            assert (2, "", sentence) == (refused.exit_code, refused.stdout, refused.stderr)
        wrong_rules = await ask("rounds", "--params", "demo")
        assert 2 == wrong_rules.exit_code
        assert wrong_rules.stderr.startswith("augury: sealed for the network 'augury-demo'")
        assert 1 == len(wrong_rules.stderr.splitlines())
        no_key = await ask("rounds", "--passphrase_file", str(tmp_path / "nowhere"))
        assert (2, True) == (no_key.exit_code, "cannot be opened" in no_key.stderr)

    on_loopback(scenario)


def test_news_are_printed_as_they_come(on_loopback):
    async def scenario(node, clock, ask):
        watching = asyncio.create_task(ask("watch", "closes", "--count", "2"))
        at = clock.now_ms() - clock.now_ms() % (5 * MINUTE_MS)
        while not watching.done():
            at += 5 * MINUTE_MS
            price = PriceE8(6_012_345_000_000)
            await node.take_close(CloseRow(SERIES, UnixMs(at), 0, price, "", b"[]", clock.now_ms()))
            await asyncio.wait({watching}, timeout=0.05)
        told = watching.result()
        assert (0, f"watching closes/{SERIES}\n") == (told.exit_code, told.stderr)
        first, second = told.stdout.splitlines()
        assert first.endswith("  60,123.45")
        assert f"close  {SERIES}  2025-06-16T" in second

    on_loopback(scenario)


@pytest.mark.processes
def test_ctrl_c_ends_watching_in_order(on_loopback, tmp_path):
    async def scenario(node, clock, ask):
        address = (tmp_path / "validators.txt").read_text().replace(" ", "@")
        words = ["watch", "closes", "--validator", address, "--key-file", str(tmp_path / "key.json")]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", AS_QUICK, *words, "--allow-unencrypted-key"), stdout=PIPE, stderr=PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        first = asyncio.create_task(process.stdout.readline())
        at = clock.now_ms() - clock.now_ms() % (5 * MINUTE_MS)
        while not first.done() and process.returncode is None:
            at += 5 * MINUTE_MS
            await node.take_close(CloseRow(SERIES, UnixMs(at), 0, PriceE8(1), "", b"[]", clock.now_ms()))
            await asyncio.wait({first}, timeout=0.05)
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        assert b"close" in first.result()
        assert (0, f"watching closes/{SERIES}\n") == (process.returncode, said.decode())

    on_loopback(scenario)


def test_a_topic_that_cannot_be_is_refused_before_anybody_is_asked(on_loopback):
    async def scenario(node, clock, ask):
        refused = await ask("watch", "weather")
        assert 2 == refused.exit_code
        assert "no topic is called 'weather'" in refused.stderr

    on_loopback(scenario)


def test_the_doctor_of_a_miner_that_lacks_nothing_is_content(on_loopback, tmp_path, monkeypatch):
    async def scenario(node, clock, ask):
        sources = GeneratedMarket(MarketShape(seed=5)).sources()[:3]
        async with AsyncExitStack() as opened:
            servers = [await opened.enter_async_context(PriceServer(source, clock)) for source in sources]
            venues = [
                {"exchange": "binance", "symbol": "BTC/USDT", "name": f"generated-{number}", "base_url": server.url}
                for number, server in enumerate(servers)
            ]
            wanted = ["--series", json.dumps([{"name": SERIES, "venues": venues}]), "--data_dir", str(tmp_path)]
            wanted += ["--key_file", str(tmp_path / "key.json"), "--allow_unencrypted_key", "--listen.port", "0"]
            wanted += ["--metrics.port", "0", "--validators_file", str(tmp_path / "validators.txt")]
            examined = await asyncio.to_thread(augury, "doctor", "--role", "miner", "--json", *wanted)
        findings = {one["what"]: one for one in json.loads(examined.stdout)}
        assert [] == [one for one in findings.values() if not one["fine"]]
        assert 0 == examined.exit_code
        assert {"key file", "passphrase", "data folder", "port", "clock", "model flat"} <= set(findings)
        told = findings[f"validator {HOTKEYS['validator'].hex()[:8]}"]["found"]
        assert "answers, none of our rounds scored yet; its clock is " in told

    on_loopback(scenario)
