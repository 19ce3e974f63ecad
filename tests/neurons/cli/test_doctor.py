"""`augury doctor`: every problem of a node is found at once, with what to do about it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from typer.testing import CliRunner

from neurons.cli import app
from neurons.cli.checks import Finding, examine
from neurons.clock import ScaledClock
from neurons.entropy import SystemEntropy
from neurons.keystore import create_key_file
from neurons.market.calendars import calendar_of
from neurons.market.candles import CandleArrays
from neurons.market.generated import GeneratedMarket, MarketShape
from neurons.market.server import PriceServer
from neurons.market.sources import CandleSource
from neurons.settings import (
    ClockSettings,
    ListenSettings,
    MetricsSettings,
    MinerSettings,
    SeriesSettings,
    VenueSettings,
)
from protocol.units import MINUTE_MS, UnixMs

NOWHERE = {"exchange": "binance", "symbol": "BTC/USDT", "base_url": "http://127.0.0.1:9"}
ANY_PORT = ("--listen.port", "0", "--metrics.port", "0")
SERIES = json.dumps([{"name": "BTC-USD", "venues": [NOWHERE]}])


def doctor(role: str, *arguments: str):
    return CliRunner().invoke(app, ["doctor", "--role", role, "--series", SERIES, *arguments], env={"COLUMNS": "100"})


def problems(role: str, *arguments: str) -> dict[str, dict[str, str]]:
    ran = doctor(role, "--json", *arguments)
    assert 1 == ran.exit_code, ran.output
    return {one["what"]: one for one in json.loads(ran.stdout) if not one["fine"]}


def test_a_miner_without_anything_is_told_all_that_is_missing(tmp_path):
    folder = tmp_path / "node"
    found = problems("miner", "--data_dir", str(folder), "--base_model", "oracle", *ANY_PORT)
    assert {"key file", "BTC-USD binance", "model oracle", "validators"} == set(found)
    assert f"run: augury keys new --file {folder / 'hotkey.json'}" == found["key file"]["advice"]
    assert "no model is called 'oracle'" in found["model oracle"]["found"]


def test_a_taken_port_an_exposed_key_and_a_missing_list_are_found(tmp_path):
    key = tmp_path / "hotkey.json"
    create_key_file(key, entropy=SystemEntropy().bytes, passphrase=None)
    key.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = problems(
            "validator",
            *("--data_dir", str(tmp_path), "--listen.port", port, "--metrics.port", "0"),
            *("--miners_file", str(tmp_path / "miners.txt")),
        )
    assert {"key file", "port", "miners", "BTC-USD binance"} == set(found)
    assert "chmod 600" in found["key file"]["found"]
    assert "or set listen.port" in found["port"]["advice"]


def test_a_passphrase_that_does_not_open_the_key_is_found(tmp_path, monkeypatch):
    create_key_file(tmp_path / "hotkey.json", entropy=SystemEntropy().bytes, passphrase=b"right", log_n=15)
    monkeypatch.setenv("AUGURY_PASSPHRASE", "wrong")
    found = problems("validator", "--data_dir", str(tmp_path), "--admit", "open", "--listen.port", "0")
    assert "the passphrase does not open this file" in found["passphrase"]["found"]
    assert "key file" not in found


def test_a_folder_that_cannot_be_written_is_found(tmp_path):
    (tmp_path / "file").write_text("in the way")
    found = problems("validator", "--data_dir", str(tmp_path / "file" / "node"), "--admit", "open", *ANY_PORT)
    assert "make it writable, or set data_dir" == found["data folder"]["advice"]


def test_weights_that_are_not_those_of_their_card_are_found(tmp_path):
    found = problems(
        "miner", "--base_model", "lstm", "--weights", str(tmp_path), "--data_dir", str(tmp_path), *ANY_PORT
    )
    assert "card.json" in found["model lstm"]["found"]


@dataclass(frozen=True)
class Weekly:
    """A venue that trades by the week of currencies."""

    source: CandleSource
    label: str = "generated"
    step_ms: int = 5 * MINUTE_MS

    @property
    def first_ms(self) -> UnixMs:
        return self.source.first_ms

    def candles(self, from_ms: int, to_ms: int) -> CandleArrays:
        whole, week = self.source.candles(from_ms, to_ms), calendar_of("fx")
        return whole.take(np.array([week.is_open(opens + self.step_ms) for opens in whole.open_time_ms.tolist()], bool))


@pytest.mark.parametrize(
    ("now", "clock"),
    [("2025-07-12T12:00", []), ("2025-07-11T12:01", [True])],
    ids=["saturday, which says nothing of our clock", "friday"],
)
def test_a_market_that_rests_is_no_problem(tmp_path, now, clock):
    origins = {
        "sim_origin_ms": int(datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp() * 1_000),
        "wall_origin_ms": int(time.time() * 1_000),
    }

    async def look() -> list[Finding]:
        source = Weekly(GeneratedMarket(MarketShape(1)).sources()[0])
        async with PriceServer(source, ScaledClock(scale=1, **origins)) as server:
            venue = VenueSettings(exchange="binance", symbol="BTC/USDT", base_url=server.url, stream=False)
            series = SeriesSettings(name="BTC-USD", calendar="fx", venues=(venue,))
            return await examine(
                MinerSettings(
                    data_dir=tmp_path,
                    series=(series,),
                    clock=ClockSettings(**origins),
                    listen=ListenSettings(port=0),
                    metrics=MetricsSettings(port=0),
                )
            )

    found = asyncio.run(look())
    assert [True] == [one.fine for one in found if one.what == "BTC-USD binance"], found
    assert clock == [one.fine for one in found if one.what == "clock"]


def test_a_person_gets_a_table_and_a_count(tmp_path):
    shown = doctor("validator", "--data_dir", str(tmp_path), "--admit", "open", "--listen.port", "0")
    assert 1 == shown.exit_code
    assert "key file" in shown.stdout
    assert "checks found a problem" in shown.stdout


def test_a_wrong_setting_is_one_sentence_and_exit_code_2(tmp_path):
    refused = doctor("miner", "--base_modell", "flat")
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "did you mean base_model?" in refused.stderr
