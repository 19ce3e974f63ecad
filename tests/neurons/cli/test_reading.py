"""`augury rounds`, `standings`, `epochs`, `refusals` and `backup` on a validator's database."""

from __future__ import annotations

import asyncio
import re
import sqlite3

from neurons.store.sqlite import SqliteStore
from tests.neurons.cli.conftest import augury
from tests.support.sample_database import HOTKEYS

TOLD, FLAT, ERRING = (HOTKEYS[name].hex() for name in ("told", "flat", "erring"))


def test_rounds_show_the_newest_first_and_fit_a_hundred_columns(sample):
    told = sample.json("rounds", "--limit", "30")
    anchors = [one["anchor_at_ms"] for one in told]
    assert 30 == len(told)
    assert sorted(anchors, reverse=True) == anchors
    shown = sample.run("rounds", "--limit", "30").stdout
    assert all(one["round_id"][:8] in shown for one in told)
    assert max(map(len, shown.splitlines())) <= 100
    assert "…" not in shown
    assert re.search(
        r"closes.point +final +3/3 +0\.1\d{3}% +\d\.\d{4}", sample.run("rounds", "--state", "final").stdout
    )


def test_rounds_can_be_narrowed_down(sample):
    told = sample.json("rounds", "--challenge", "closes.paths", "--state", "final")
    assert {("closes.paths", "final")} == {(one["challenge"], one["state"]) for one in told}
    before = told[0]["anchor_at_ms"]
    assert told[1:] == sample.json("rounds", "--challenge", "closes.paths", "--state", "final", "--before", str(before))
    assert "no round matches\n" == sample.run("rounds", "--series", "NO-SUCH").stdout


def test_standings_are_what_the_validator_itself_would_say(sample):
    by_challenge = {one["challenge"]: one for one in sample.json("standings")}
    assert ["closes.paths", "closes.point"] == sorted(by_challenge)
    best, *others = by_challenge["closes.point"]["standings"]
    assert (TOLD, "proven") == (best["hotkey"], best["reason"])
    assert best["skill_nano"] > 0
    assert {0} == {one["skill_nano"] for one in others}
    shown = sample.run("standings").stdout
    assert f"{TOLD[:8]}  {best['valid']}/{best['rounds']}" in shown
    assert TOLD not in shown
    assert TOLD in sample.run("standings", "--full").stdout


def test_what_epochs_paid_is_what_their_miners_earned(sample):
    told = sample.json("epochs", "--limit", "50")
    closed = [one for one in told if one["closed_at_ms"] is not None]
    assert closed
    assert {"closes.paths", "closes.point"} == {one["challenge"] for one in told if one["closed_at_ms"] is None}
    assert [one["paid_micros"] for one in closed] == [sum(one["accrued_micros"].values()) for one in closed]
    assert {500_000_000} == {one["paid_micros"] + one["reserve_micros"] for one in closed}
    assert TOLD == max(closed[0]["accrued_micros"].items(), key=lambda e: e[1])[0]
    shown = sample.run("epochs").stdout
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_refusals_tell_whose_they_were_where_that_is_proved(sample):
    told = sample.json("refusals")
    assert {(ERRING, "invalid-answer"), (None, "rate-limited")} == {(one["hotkey"], one["code"]) for one in told}
    assert {ERRING} == {one["hotkey"] for one in sample.json("refusals", "--miner", ERRING[:6])}
    assert {"rate-limited"} == {one["code"] for one in sample.json("refusals", "--code", "rate-limited")}
    assert re.search(r"not proved +rate-limited +3 +more calls", sample.run("refusals").stdout)
    assert "nothing was refused\n" == sample.run("refusals", "--miner", FLAT).stdout


def test_the_database_is_read_while_a_node_has_it_open_and_is_never_written(sample, tmp_path):
    copy = tmp_path / "copy.sqlite"
    assert 0 == augury("backup", "--db", str(sample.path), "--to", str(copy)).exit_code

    async def read_beside_a_writer():
        async with await SqliteStore.open(copy):
            return await asyncio.to_thread(augury, "rounds", "--db", str(copy), "--json")

    assert sample.run("rounds", "--json").stdout == asyncio.run(read_beside_a_writer()).stdout


def test_a_backup_is_whole_and_overwrites_nothing(sample, tmp_path):
    target = tmp_path / "backup.sqlite"
    made = augury("backup", "--db", str(sample.path), "--to", str(target))
    assert 0 == made.exit_code
    assert f"{target}: {target.stat().st_size:,} bytes" in made.stdout
    assert [("ok",)] == sqlite3.connect(target).execute("PRAGMA integrity_check").fetchall()
    again = augury("backup", "--db", str(sample.path), "--to", str(target))
    assert (2, f"augury: {target} exists already: a backup never overwrites\n") == (again.exit_code, again.stderr)


def test_where_to_look_is_named_once_and_well(sample, tmp_path):
    refused = {
        "say whom to ask": augury("rounds"),
        "give one of them": sample.run("rounds", "--validator", f"{TOLD}@127.0.0.1:1"),
        "cannot read": augury("rounds", "--db", str(tmp_path / "nowhere.sqlite")),
        "HOTKEY@HOST:PORT": augury("rounds", "--validator", "127.0.0.1:8090"),
        "lists no validator": augury("rounds", "--validators-file", str(_empty(tmp_path))),
    }
    for sentence, ran in refused.items():
        assert 2 == ran.exit_code
        assert ran.stderr.startswith("augury: ")
        assert sentence in ran.stderr
        assert 1 == len(ran.stderr.splitlines())


def _empty(folder):
    path = folder / "validators.txt"
    path.write_text("# nobody yet\n")
    return path
