"""`augury keys`: what it makes, what it shows, what it refuses."""

from __future__ import annotations

import json
import stat

import pytest
from typer.testing import CliRunner

from neurons.cli import app
from neurons.keystore import load_key_file


def run(*arguments: str, passphrase: str | None = None):
    return CliRunner().invoke(app, ["keys", *arguments], env={"AUGURY_PASSPHRASE": passphrase})


def test_a_new_key_is_kept_encrypted_where_only_its_owner_reads_and_its_hotkey_is_told(tmp_path):
    made = run("new", "--data-dir", str(tmp_path / "node"), passphrase="correct horse")
    path = tmp_path / "node" / "hotkey.json"
    assert 0 == made.exit_code, made.output
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    key = load_key_file(path, passphrase=b"correct horse")
    assert key.hotkey.hex() in made.stdout
    assert str(path) in made.stdout
    assert "0600" in made.stdout


def test_a_passphrase_file_is_stronger_than_the_environment(tmp_path):
    secret = tmp_path / "passphrase"
    secret.write_text("from the file\n")
    secret.chmod(0o600)
    path = tmp_path / "key.json"
    made = run("new", "--file", str(path), "--passphrase-file", str(secret), passphrase="from the environment")
    assert 0 == made.exit_code, made.output
    assert load_key_file(path, passphrase=b"from the file").hotkey.hex() in made.stdout


def test_a_key_is_never_overwritten(tmp_path):
    path = tmp_path / "key.json"
    assert 0 == run("new", "--file", str(path), "--unencrypted").exit_code
    before = path.read_bytes()
    again = run("new", "--file", str(path), "--unencrypted")
    assert (2, f"augury: {path}: exists; a key is never overwritten\n") == (again.exit_code, again.stderr)
    assert before == path.read_bytes()


def test_show_says_whose_key_it_is_without_a_passphrase(tmp_path):
    path = tmp_path / "key.json"
    made = json.loads(run("new", "--file", str(path), "--json", passphrase="x").stdout)
    shown = json.loads(run("show", "--file", str(path), "--json").stdout)
    assert made == shown
    assert {"file": str(path), "mode": "0600", "encrypted": True} == {k: v for k, v in shown.items() if k != "hotkey"}
    assert made["hotkey"] in run("show", "--file", str(path)).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("new",), "say which key file"),
        (("new", "--file", "a", "--data-dir", "b"), "say which key file"),
        (("new", "--file", "a"), "no passphrase"),
        (("new", "--file", "a", "--unencrypted", "--passphrase-file", "b"), "exclude each other"),
        (("new", "--file", "a", "--passphrase-file", "nowhere"), "cannot be opened"),
        (("show", "--file", "nowhere"), "cannot be opened"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = run(*arguments)
    assert 2 == refused.exit_code
    assert "" == refused.stdout
    assert refused.stderr.startswith("augury: ")
    assert 1 == len(refused.stderr.splitlines())
    assert sentence in refused.stderr
    assert [] == list(tmp_path.iterdir())
