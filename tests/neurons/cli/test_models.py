"""`augury models`: what there is to forecast with, and models given to others and had from them."""

from __future__ import annotations

import json
import shutil

import huggingface_hub.constants
import pytest
from typer.testing import CliRunner

from mining_objects.cards import read_any_card, write_card
from mining_objects.installed_weights import installed_weights
from neurons.cli import app
from neurons.entropy import SystemEntropy
from neurons.keystore import create_key_file
from tests.neurons.cli.conftest import augury
from tests.support.hub_stand_in import hub_stand_in


def test_every_model_is_listed_with_its_sentence_and_the_checksum_of_what_it_has_learnt():
    shown = augury("models")
    told = {row["name"]: row for row in json.loads(augury("models", "--json").stdout)}

    assert 0 == shown.exit_code
    assert "ridge regression" in shown.stdout
    assert "lstm_v2 torch " + read_any_card(installed_weights("lstm"))["card_sha256"][:8] in " ".join(
        shown.stdout.split()
    )
    assert read_any_card(installed_weights("har"))["card_sha256"] == told["har"]["checksum"]
    assert ("ewma", "", "") == tuple(told["ewma"][key] for key in ("pinned", "needs", "checksum"))


@pytest.fixture
def key(tmp_path):
    return create_key_file(tmp_path / "key.json", entropy=SystemEntropy().bytes, passphrase=b"right", log_n=15)


def test_a_signed_model_is_pushed_pulled_and_shown_with_its_author(tmp_path, key):
    pushed = CliRunner().invoke(
        app,
        ["models", "push", "har_v1", str(tmp_path / "shared"), "--sign", str(tmp_path / "key.json")],
        env={"AUGURY_PASSPHRASE": "right"},
    )
    pulled = augury(
        "models", "pull", str(tmp_path / "shared"), "--out", str(tmp_path / "theirs"), "--author", key.hotkey.hex()
    )

    assert (0, f"har_v1 is now at {tmp_path / 'shared'}\n") == (pushed.exit_code, pushed.stdout), pushed.output
    assert 0 == pulled.exit_code, pulled.output
    for line in (
        f"signed by        {key.hotkey.hex()}",
        "loads            yes; runs on numpy",
        "data 1.series    binance_spot_BTCUSDT_5m",
        f"{tmp_path / 'theirs'} is what its card says.",
        f"Run it: augury miner --base_model har --weights {tmp_path / 'theirs'}",
    ):
        assert line in pulled.stdout.splitlines()


def test_a_model_goes_through_the_hub(tmp_path, monkeypatch):
    with hub_stand_in() as hub:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        pushed = CliRunner().invoke(app, ["models", "push", "har", "hf:alice/har"], env={"HF_TOKEN": "any"})
        pulled = augury("models", "pull", "hf:alice/har", "--out", str(tmp_path / "theirs"), "--json")

    assert 0 == pushed.exit_code, pushed.output
    assert "har is now at hf:alice/har@" in pushed.stdout
    told = json.loads(pulled.stdout)
    assert ("har", None, str(tmp_path / "theirs")) == (told["model"], told["signed_by"], told["folder"])
    assert read_any_card(installed_weights("har"))["card_sha256"] == told["checksum"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["verify", "nothing"], "nothing is no folder, and no installed weights have this name"),
        (["verify", "har_v7"], "there are: har_v1"),
        (["verify", "har", "--author", "12"], "--author wants a hotkey of 64 hex digits, was '12'"),
        (["verify", "har", "--author", "00" * 32], "is signed by nobody, not by 0000"),
        (["pull", "hf:alice"], "a repository is hf:owner/name"),
        (["push", "har", "{tmp}"], "exists; a model is never overwritten"),
        (["push", "har", "{tmp}/new", "--sign", "{tmp}/no.json"], "no.json: cannot be opened"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(arguments, sentence, tmp_path):
    ran = augury("models", *(part.format(tmp=tmp_path) for part in arguments))

    assert 2 == ran.exit_code
    assert ran.stderr.startswith("augury: ")
    assert sentence in ran.stderr
    assert 1 == ran.stderr.count("\n")


def test_weights_that_do_not_fit_their_model_are_neither_verified_nor_given_nor_taken(tmp_path):
    folder = shutil.copytree(installed_weights("har"), tmp_path / "har")
    card = json.loads((folder / "card.json").read_text())
    write_card(folder, card | {"numbers": card["numbers"] | {"weights": [[1.0]]}})
    for words in (("verify",), ("push", tmp_path / "out"), ("pull", "--out", tmp_path / "out")):
        ran = augury("models", words[0], str(folder), *map(str, words[1:]))
        assert (2, True) == (ran.exit_code, "weights has shape (1, 1)" in ran.stderr), ran.output
    assert ["har"] == [path.name for path in tmp_path.iterdir()]


def test_a_strangers_card_cannot_write_to_the_terminal(tmp_path):
    folder = shutil.copytree(installed_weights("har"), tmp_path / "har")
    card = json.loads((folder / "card.json").read_text())
    write_card(folder, card | {"training": {"by\x1b[2J": "\x1b]0;owned\x07", "many": [{"a": 1}] * 9}})
    shown = augury("models", "verify", str(folder)).stdout

    assert "\x1b" not in shown
    assert "by?[2J" in shown
    assert "9 of them" in shown
