"""`augury doctor` and `augury models`: every problem of a node is found at once, with what to do about it."""

from __future__ import annotations

import json
import socket

from typer.testing import CliRunner

from neurons.cli import app
from neurons.entropy import SystemEntropy
from neurons.keystore import create_key_file

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


def test_a_person_gets_a_table_and_a_count(tmp_path):
    shown = doctor("validator", "--data_dir", str(tmp_path), "--admit", "open", "--listen.port", "0")
    assert 1 == shown.exit_code
    assert "key file" in shown.stdout
    assert "checks found a problem" in shown.stdout


def test_a_wrong_setting_is_one_sentence_and_exit_code_2(tmp_path):
    refused = doctor("miner", "--base_modell", "flat")
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "did you mean base_model?" in refused.stderr


def test_every_model_is_listed_with_its_sentence():
    told = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert ["flat", "drift", "ridge", "ewma", "lstm"] == list(told)
    assert [] == [name for name, sentence in told.items() if len(sentence) < 20]
    assert "ridge regression" in CliRunner().invoke(app, ["models"]).stdout
