"""`augury gateway keys`, and what keeps `augury gateway` from starting."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from neurons.cli import main
from neurons.keystore import create_key_file
from neurons.name_files import NameSearch, name_path, write_name_file
from protocol.rules.name_search import NONCES_AT_ONCE, search
from protocol.units import Hotkey
from tests.support.world import SeededEntropy

WRITE_KEY = "0000000000000000000000000001cfa3"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    """Runs `augury gateway ...` with a line on standard input; answers exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, line: str = WRITE_KEY) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(line + "\n"))
        with pytest.raises(SystemExit) as ended:
            main(["gateway", *words])
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


def hotkey_file(folder: Path) -> tuple[Path, Hotkey]:
    path = folder / "hotkey.json"
    key = create_key_file(path, entropy=SeededEntropy("cli").bytes, passphrase=None)
    return path, key.hotkey


def test_a_write_key_is_added_listed_and_removed(told, tmp_path):
    path, hotkey = hotkey_file(tmp_path)
    found = next(search(hotkey, start=0, count=NONCES_AT_ONCE * 8, letters=6))
    write_name_file(name_path(path), NameSearch(hotkey).advanced(1, found))
    code, out, _ = told("keys", "add", str(path), "--note", "a test's")
    assert 0 == code
    assert hotkey.hex() in out
    assert str(found.name) in out
    assert WRITE_KEY not in out
    table = Path(".augury/gateway/write_keys.json")
    assert 0o600 == stat.S_IMODE(table.stat().st_mode)
    [row] = json.loads(told("keys", "list", "--json")[1])
    assert (found.nonce, str(path), "a test's") == (row["name_nonce"], row["key_file"], row["note"])
    assert row["sha256"][:8] in told("keys", "list")[1]
    assert 0 == told("keys", "remove", row["sha256"][:32])[0]
    assert "no write key" in told("keys", "list")[1]


def test_a_hotkey_without_a_name_is_told_how_to_get_one(told, tmp_path):
    path, _ = hotkey_file(tmp_path)
    assert "augury keys mine" in told("keys", "add", str(path), "--data-dir", str(tmp_path / "gateway"))[1]
    assert (tmp_path / "gateway/write_keys.json").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("keys", "add", "missing.json"), "cannot be opened"),
        (("keys", "remove", "12345678"), "0 write keys"),
        (("--listen.port", "0"), "validator: say whom to speak for"),
        (("--validator", "nobody"), "should match pattern"),
        (("--validator", f"{'ab' * 32}@localhost:1", "--listen.host", "0.0.0.0"), "write keys may be read on the way"),
        (("--validator", f"{'ab' * 32}@localhost:1"), "hotkey.json: cannot be opened"),
        (("--validator", f"{'ab' * 32}@localhost:1", "--admit_write_keys"), "set passphrase_file to seal them"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(told, words, sentence):
    code, _, err = told(*words)
    assert 2 == code
    assert sentence in err
    assert 1 == len(err.strip().splitlines())


def test_a_write_key_that_is_none_is_refused_unseen(told, tmp_path):
    path, _ = hotkey_file(tmp_path)
    code, out, err = told("keys", "add", str(path), line="too short")
    assert 2 == code
    assert "too short" not in out + err


@pytest.mark.processes
def test_a_gateway_starts_says_where_it_listens_and_stops_in_order(tmp_path):
    hotkey_file(tmp_path)
    command = [
        "gateway",
        "--data_dir",
        str(tmp_path),
        "--allow_unencrypted_key",
        "--listen.port",
        "0",
        "--metrics.port",
        "0",
    ]
    code = f"from neurons.cli import main; main({[*command, '--validator', 'ab' * 32 + '@127.0.0.1:9']!r})"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            line = running.stdout.readline()
            assert "listens on http://127.0.0.1:" in line
            running.terminate()
            assert 0 == running.wait(20)
        finally:
            running.kill()
