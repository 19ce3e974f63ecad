"""A node's key is opened by what the settings name, else by whom it asks; a person is asked at a terminal and once."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from neurons.config import parse
from neurons.entropy import SystemEntropy
from neurons.keystore import KeyFileMissing, PassphraseNeeded, WrongPassphrase, create_key_file
from neurons.settings import MinerSettings
from neurons.signers import key_of
from protocol.keys import SigningKey
from tests.support.sources import ROOT

ASK = "from neurons.signers import ask_at_terminal; print('got', ask_at_terminal('Passphrase: '))"


class Person:
    """Answers every question alike, and counts them."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer, self.asked = answer, list[str]()

    def __call__(self, prompt: str) -> bytes | None:
        self.asked.append(prompt)
        return self.answer


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUGURY_PASSPHRASE", raising=False)


def new_key(folder: Path, passphrase: bytes | None = b"right") -> SigningKey:
    return create_key_file(folder / "hotkey.json", entropy=SystemEntropy().bytes, passphrase=passphrase, log_n=15)


def settings(folder: Path, *arguments: str) -> MinerSettings:
    return parse(MinerSettings, ["--data_dir", str(folder), *arguments], command="miner")


def test_who_is_asked_opens_the_key_and_is_asked_once(tmp_path):
    key, person = new_key(tmp_path), Person(b"right")

    assert key.hotkey == key_of(settings(tmp_path), ask=person).hotkey
    assert [f"Passphrase of {tmp_path / 'hotkey.json'}: "] == person.asked


def test_a_wrong_answer_is_refused_and_not_asked_again(tmp_path):
    new_key(tmp_path)
    person = Person(b"wrong")
    with pytest.raises(WrongPassphrase):
        key_of(settings(tmp_path), ask=person)
    assert 1 == len(person.asked)


@pytest.mark.parametrize("ask", [None, Person(None)], ids=["nobody to ask", "nobody answers"])
def test_without_an_answer_the_error_names_what_to_set(tmp_path, ask):
    new_key(tmp_path)
    with pytest.raises(PassphraseNeeded, match="passphrase_file or AUGURY_PASSPHRASE"):
        key_of(settings(tmp_path), ask=ask)


def test_nobody_is_asked_where_a_passphrase_is_given_or_not_needed(tmp_path, monkeypatch):
    person, secret = Person(b"right"), tmp_path / "secret"
    with pytest.raises(KeyFileMissing):
        key_of(settings(tmp_path), ask=person)
    key = new_key(tmp_path)
    secret.touch(mode=0o600)
    secret.write_bytes(b"right\n")
    assert key.hotkey == key_of(settings(tmp_path, "--passphrase_file", str(secret)), ask=person).hotkey
    monkeypatch.setenv("AUGURY_PASSPHRASE", "right")
    assert key.hotkey == key_of(settings(tmp_path), ask=person).hotkey
    monkeypatch.delenv("AUGURY_PASSPHRASE")
    plain = tmp_path / "plain"
    new_key(plain, None)
    key_of(settings(plain, "--allow_unencrypted_key"), ask=person)
    assert [] == person.asked


def at_terminal(typed: bytes) -> str:
    """What the question comes to in a process whose standard input is a terminal on which this is typed."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", ASK],
            stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        prompt = os.read(process.stderr.fileno(), 12)
        os.write(ours, typed)
        told, _ = process.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert prompt == b"Passphrase: "
    return told.decode().strip()


def test_a_person_at_a_terminal_is_asked_unseen():
    assert "got b'two words'" == at_terminal(b"two words\n")


def test_a_person_who_gives_up_leaves_no_answer():
    assert "got None" == at_terminal(b"\x04")


def test_nobody_is_asked_without_a_terminal():
    told = subprocess.run(
        [sys.executable, "-c", ASK], stdin=subprocess.DEVNULL, capture_output=True, cwd=ROOT, timeout=30, check=True
    )
    assert b"got None\n" == told.stdout
    assert b"" == told.stderr
