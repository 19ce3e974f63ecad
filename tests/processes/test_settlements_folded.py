"""The validator as it is started: settlements older than its setting says are folded, younger ones are not."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from neurons.keystore import create_key_file
from neurons.store.sqlite import SqliteStore
from protocol.units import DAY_MS, UnixMs
from tests.support.processes import LOOK_EVERY_S, Ledger, Program
from tests.support.stream_rows import a_settlement, booked, name_of

NO_VENUE = {"exchange": "kraken", "symbol": "BTC/USD", "base_url": "http://127.0.0.1:1", "stream": False}
"""Nobody listens there: open streams need no prices."""

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def test_a_validator_folds_what_is_older_than_its_setting(tmp_path: Path):
    now_ms = time.time_ns() // 1_000_000
    rows = [replace(a_settlement(days, 1), at_ms=UnixMs(now_ms - days * DAY_MS)) for days in (1, 4, 8)]
    database = tmp_path / "augury.sqlite"

    async def keep() -> None:
        async with await SqliteStore.open(database) as store:
            await store.apply(booked(*rows))

    asyncio.run(keep())
    create_key_file(tmp_path / "hotkey.json", entropy=bytes, passphrase=None)
    options = {
        "params": "demo",
        "admit": "open",
        "data_dir": tmp_path,
        "listen.port": 0,
        "metrics.port": 0,
        "series": json.dumps([{"name": "BTC-USD", "venues": [NO_VENUE]}]),
        "settlements_kept_days": 3,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    validator = Program.start("validator", ["neurons/validator.py", "--allow_unencrypted_key", *flags], tmp_path)
    try:
        validator.ready()
        ends = time.monotonic() + 30
        while len(kept := Ledger(database).ask(lambda store: store.settlements())) > 1:
            assert time.monotonic() < ends, f"{len(kept)} settlements are kept after 30 s"
            time.sleep(LOOK_EVERY_S)
        assert 0 == validator.end(signal.SIGINT)
    finally:
        validator.kill_all()
    assert [name_of(1)] == [row.name for row in kept]
    days = Ledger(database).ask(lambda store: store.day_sums())
    assert {name_of(1): 0, name_of(4): 1, name_of(8): 1} == {day.name: day.folded for day in days}
