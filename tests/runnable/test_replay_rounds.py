"""The replay command: what it prints, how it ends, and that it never writes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from neurons.store.sqlite import SqliteStore
from protocol.units import HOUR_MS, MINUTE_MS
from runnable.plain_errors import WRONG_USE, run_plainly
from runnable.replay_rounds import replay
from tests.support.brisk import ANCHOR
from tests.support.eventful import EventfulWorld, everybody, on_disk, play_eventful


async def some_hours(world: EventfulWorld) -> None:
    await everybody(world)
    await world.until(ANCHOR + 3 * HOUR_MS)


@pytest.fixture(scope="module")
def true_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return on_disk(play_eventful(some_hours), tmp_path_factory.mktemp("replay") / "true.sqlite")


@pytest.fixture
def copy(true_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(true_file, tmp_path / "copy.sqlite"))


def run(*arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(replay)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.stdout


def test_a_true_database_ends_with_0_and_says_that_nothing_differs(true_file):
    before = hashlib.sha256(true_file.read_bytes()).digest()
    code, out = run(true_file)
    assert 0 == code
    assert "differences: none" in out
    assert "agreed again from the venues' reports" in out
    assert "digest " in out.splitlines()[-1]
    assert "rounds a second" in out
    assert before == hashlib.sha256(true_file.read_bytes()).digest()


def test_a_changed_score_ends_with_1_and_is_shown_with_both_values(copy):
    connection = sqlite3.connect(copy, isolation_level=None)
    connection.execute(
        "UPDATE scores SET loss_nano = 4711 WHERE (round, hotkey) = "
        "(SELECT round, hotkey FROM scores WHERE status = 'valid' LIMIT 1)"
    )
    connection.close()
    code, out = run(copy)
    assert 1 == code
    assert "differences: 1" in out
    [line] = [line for line in out.splitlines() if "4711" in line]
    assert all(word in line for word in ("scores", "BTC-USD closes.", "loss_nano"))


def test_json_says_the_same_as_the_report_and_the_digest_alone_goes_to_compare(true_file):
    code, out = run(true_file, "--json")
    told = json.loads(out)
    assert 0 == code
    assert (0, [], {}) == (told["differences_total"], told["differences"], told["unchecked"])
    assert told["digest"] in run(true_file)[1]
    assert {"network", "validator", "checked", "rounds_per_second"} <= told.keys()


def test_what_retention_let_go_is_named(copy):
    async def prune() -> None:
        async with await SqliteStore.open(copy) as store:
            await store.prune(now_ms=ANCHOR, evidence_before_ms=ANCHOR + 30 * MINUTE_MS)

    asyncio.run(prune())
    code, out = run(copy)
    assert 0 == code
    assert "not checked:" in out
    assert "rounds whose evidence retention let go" in out


@pytest.mark.parametrize("content", [None, b"no database at all, only some text that is long enough to look at"])
def test_what_cannot_be_read_ends_with_2_and_one_sentence(tmp_path, capsys, content):
    path = tmp_path / "other.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        run_plainly(lambda: replay(path, as_json=False, most=1))
    assert WRONG_USE == ended.value.code
    assert capsys.readouterr().err.strip().startswith("error (store-unavailable): cannot read")
