"""A card is believed only byte for byte as it was written, and signed by nobody but whose signature it bears."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mining_objects.cards import CARD_NAME, author_of, read_any_card, read_card, sign_card, write_card
from mining_objects.errors import BrokenCheckpoint
from protocol.keys import SigningKey

FORMAT = "augury/toy/2"
FIELDS = {"format": FORMAT, "model": "toy", "training": {"until": "2025-01-01", "loss": 0.1}, "sizes": (1, 2)}
ALICE, BOB = SigningKey.from_seed(bytes(32)), SigningKey.from_seed(b"\1" * 32)


@pytest.fixture
def folder(tmp_path):
    write_card(tmp_path, FIELDS)
    return tmp_path


def _read(folder):
    return read_card(folder, format=FORMAT, model="toy")


def test_a_card_comes_back_with_its_checksum_and_without_an_author(folder):
    card = _read(folder)

    assert {**FIELDS, "sizes": [1, 2]} == {name: card[name] for name in FIELDS}
    assert 64 == len(card["card_sha256"])
    assert author_of(card) is None


def test_a_signature_names_its_author_and_leaves_the_checksum_as_it_was(folder):
    before = _read(folder)["card_sha256"]
    sign_card(folder, BOB)
    signed = sign_card(folder, ALICE)

    assert ALICE.hotkey == author_of(_read(folder))
    assert signed == _read(folder)
    assert before == signed["card_sha256"]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_byte_that_changes_in_a_signed_card_is_noticed(tmp_path_factory, place, flip):
    folder = tmp_path_factory.mktemp("flipped")
    write_card(folder, FIELDS)
    sign_card(folder, ALICE)
    payload = bytearray((folder / CARD_NAME).read_bytes())
    payload[place % len(payload)] ^= flip
    (folder / CARD_NAME).write_bytes(payload)

    with pytest.raises(BrokenCheckpoint):
        _read(folder)


def test_a_signature_of_another_card_of_another_key_or_of_another_purpose_is_refused(folder, tmp_path):
    card = _read(folder)
    other = tmp_path / "other"
    write_card(other, FIELDS | {"sizes": (3,)})
    of_other = sign_card(other, ALICE)["signature"]
    as_bob = sign_card(folder, ALICE)["signature"] | {"hotkey": BOB.hotkey.hex()}
    bare = {"hotkey": ALICE.hotkey.hex(), "ed25519": ALICE.sign(bytes.fromhex(card["card_sha256"])).hex()}

    for forged in (of_other, as_bob, bare, None, "alice", {}, of_other | {"more": 1}, as_bob | {"ed25519": "zz"}):
        (folder / CARD_NAME).write_text(json.dumps(card | {"signature": forged}, indent=1) + "\n")
        with pytest.raises(BrokenCheckpoint, match="not that of the hotkey"):
            _read(folder)


def test_an_edited_card_is_told_with_its_file_and_both_checksums(folder):
    said = _read(folder)["card_sha256"]
    text = (folder / CARD_NAME).read_text()
    (folder / CARD_NAME).write_text(text.replace("2025-01-01", "2024-01-01"))

    with pytest.raises(BrokenCheckpoint, match="damaged or edited") as refused:
        _read(folder)
    assert str(folder / CARD_NAME) in str(refused.value)
    assert said in str(refused.value)
    assert refused.value.fields["found"] in str(refused.value)


@pytest.mark.parametrize("laid_out", [{"indent": 2}, {}, {"indent": 1, "sort_keys": True}])
def test_a_card_that_an_editor_laid_out_anew_is_refused(folder, laid_out):
    (folder / CARD_NAME).write_text(json.dumps(_read(folder), **laid_out) + "\n")

    with pytest.raises(BrokenCheckpoint, match=r"laid out anew|damaged or edited"):
        _read(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"a": ' * 5_000 + "1" + "}" * 5_000, "{}", "3"])
def test_what_is_no_card_is_refused(folder, content):
    (folder / CARD_NAME).write_text(content)

    with pytest.raises(BrokenCheckpoint):
        _read(folder)
    with pytest.raises(BrokenCheckpoint):
        read_any_card(folder)


def test_a_card_too_large_to_be_one_is_not_read(folder):
    (folder / CARD_NAME).write_bytes(b" " * 1_000_001)

    with pytest.raises(BrokenCheckpoint, match="larger than 1000000 bytes"):
        _read(folder)
