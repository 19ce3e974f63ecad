"""`augury keys mine`: it finds, it can be stopped at any instant, and it goes on where it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from neurons.cli import app
from neurons.cli.name_mining import PORTION, Progress, best_of
from neurons.cli.name_screen import duration, progress_line
from neurons.keystore import read_hotkey
from neurons.name_files import NameSearch, name_path, read_name_file, write_name_file
from protocol.rules.memorable import Name, name_of
from protocol.rules.name_search import Found
from protocol.units import Hotkey
from tests.support.sources import ROOT

HOTKEY = Hotkey(bytes(range(32)))


def run(*arguments: str):
    return CliRunner().invoke(app, ["keys", *arguments], env={"AUGURY_PASSPHRASE": None})


def test_the_best_of_a_portion_is_its_longest_name():
    assert Found(137_410, Name("get", "bass")) == best_of(HOTKEY, 0, 6)
    assert best_of(HOTKEY, 0, 8) is None


@pytest.mark.processes
def test_a_search_makes_the_key_finds_a_name_and_goes_on_to_a_longer_one(tmp_path):
    key = tmp_path / "node" / "hotkey.json"
    first = run("mine", "--file", str(key), "--unencrypted", "--difficulty", "6", "--workers", "1", "--json")
    assert 0 == first.exit_code, first.output
    told, hotkey = json.loads(first.stdout), read_hotkey(key)
    assert (hotkey.hex(), told["name"]) == (told["hotkey"], str(name_of(hotkey, told["nonce"])))
    assert told["difficulty"] >= 6
    assert 0 == told["tried"] % PORTION

    again = run("mine", "--file", str(key), "--difficulty", "15", "--workers", "1", "--seconds", "0")
    assert 1 == again.exit_code, again.output
    assert f"name        {told['name']}\n" in again.stdout
    assert f"Going on after {told['tried']:,} hashes with {told['name']}" in again.stderr
    assert "Not yet 15 letters: the same command goes on from here." in again.stdout
    assert told["tried"] == read_name_file(name_path(key), hotkey).tried

    shown = json.loads(run("show", "--file", str(key), "--json").stdout)
    assert (told["name"], told["difficulty"]) == (shown["name"], shown["difficulty"])


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_search_that_is_stopped_keeps_what_it_has_done(number, tmp_path):
    key = tmp_path / "hotkey.json"
    assert 0 == run("new", "--file", str(key), "--unencrypted").exit_code
    hotkey, path = read_hotkey(key), name_path(key)
    write_name_file(path, NameSearch(hotkey, 40 * PORTION))
    command = [sys.executable, "runnable/mine_key.py", "--file", str(key), "--difficulty", "15", "--workers", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:  # the first better name, of 6 letters or more, comes with the first portions
            if "letters) after" in line:
                process.send_signal(number)
                break
        told, _ = process.communicate(timeout=60)
        assert 1 == process.returncode, told
    kept = read_name_file(path, hotkey)
    assert kept.tried > 40 * PORTION
    assert kept.best.nonce >= 40 * PORTION
    assert f"name        {kept.name}\n" in told


@pytest.mark.parametrize(
    ("code", "sentence", "arguments"),
    [
        (2, "say which key file", ()),
        (2, "no passphrase", ("--file", "a.json")),
        (2, "exclude each other", ("--file", "a.json", "--unencrypted", "--passphrase-file", "b")),
        (2, "Invalid value", ("--file", "a.json", "--difficulty", "16")),
    ],
)
def test_what_cannot_be_is_said_and_makes_no_file(code, sentence, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = run("mine", *arguments)
    assert (code, True) == (refused.exit_code, sentence in refused.output)
    assert [] == list(tmp_path.iterdir())


def test_the_name_file_of_another_key_stops_a_search_before_it_begins(tmp_path):
    key = tmp_path / "hotkey.json"
    run("new", "--file", str(key), "--unencrypted")
    write_name_file(name_path(key), NameSearch(HOTKEY))
    refused = run("mine", "--file", str(key))
    assert 2 == refused.exit_code
    assert "tells of hotkey 0001020304050607..., not of this one" in refused.stderr


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("under 1 s", 0.4), ("59 s", 59.2), ("1 min 0 s", 60), ("3 h 25 min", 12_345), ("1 d 0 h", 86_400),
        ("1,157 d 9 h", 1e8),
    ],
)  # fmt: skip
def test_a_duration_is_read_at_a_glance(told, seconds):
    assert told == duration(seconds)


def test_a_progress_line_tells_the_chance_to_have_been_done_by_now():
    progress = Progress(NameSearch(HOTKEY, 1_000_000), hashes=500_000, seconds=0.25)
    line = progress_line(progress, expected=1_000_000)
    assert "1,000,000 hashes, 2.00 M/s; mean time under 1 s, chance so far 63%" == line
    assert "mean time unknown" in progress_line(Progress(NameSearch(HOTKEY), 0, 0.0), expected=9)
