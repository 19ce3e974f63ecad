"""Key files: what opens them, what must not, and what is left behind."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from neurons.keystore import (
    MAX_FILE_BYTES,
    MIN_LOG_N,
    KeyFileBroken,
    KeyFileError,
    KeyFileExists,
    KeyFileExposed,
    KeyFileMissing,
    PassphraseNeeded,
    WrongPassphrase,
    create_key_file,
    load_key_file,
    read_hotkey,
    read_passphrase,
)
from protocol.errors import NodeFault

PASSPHRASE = b"correct horse battery staple"


def counting_entropy():
    """Bytes that are never the same twice, and the same in every run."""
    calls = iter(range(1, 200))
    return lambda count: bytes([next(calls)]) * count


def create(path: Path, passphrase: bytes | None = PASSPHRASE):
    return create_key_file(path, entropy=counting_entropy(), passphrase=passphrase, log_n=MIN_LOG_N)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "keys" / "hotkey.json"


def alter(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_key_comes_back_as_it_was_and_signs_the_same(path):
    made = create(path)
    loaded = load_key_file(path, passphrase=PASSPHRASE)
    assert made.hotkey == loaded.hotkey
    assert made.sign(b"message") == loaded.sign(b"message")
    assert made.hotkey == read_hotkey(path)


def test_the_file_is_readable_by_its_owner_alone_and_nothing_else_is_left(path):
    create(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(path.parent.iterdir())


def test_an_encrypted_file_holds_neither_seed_nor_passphrase(path):
    create(path)
    seed = bytes([1]) * 32
    content = path.read_bytes()
    assert seed.hex().encode() not in content
    assert PASSPHRASE not in content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601, 0o610])
def test_a_file_that_others_can_reach_is_refused_with_the_command_that_mends_it(path, mode):
    create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileExposed, match=f"mode 0{mode:o}.*chmod 600 {path}"):
        load_key_file(path, passphrase=PASSPHRASE)


def test_an_existing_file_is_never_overwritten(path):
    create(path)
    before = path.read_bytes()
    with pytest.raises(KeyFileExists, match="never overwritten"):
        create(path)
    assert before == path.read_bytes()
    assert [path] == list(path.parent.iterdir())


def test_a_dangling_link_under_the_name_is_not_followed(path, tmp_path):
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileExists):
        create(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_crash_while_writing_leaves_nothing_under_the_name(path, monkeypatch):
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyFileError, match="No space left on device"):
        create(path)
    assert [] == list(path.parent.iterdir())


@pytest.mark.parametrize("passphrase", [b"", b"correct horse battery stapl", PASSPHRASE + b" "])
def test_a_wrong_passphrase_is_named_as_such(path, passphrase):
    create(path)
    with pytest.raises(WrongPassphrase, match="does not open"):
        load_key_file(path, passphrase=passphrase)


def test_an_encrypted_file_without_passphrase_says_where_to_give_one(path):
    create(path)
    with pytest.raises(PassphraseNeeded, match="passphrase_file or AUGURY_PASSPHRASE"):
        load_key_file(path, passphrase=None)


def test_an_empty_passphrase_is_refused_when_a_key_is_made(path):
    with pytest.raises(PassphraseNeeded):
        create(path, b"")
    assert not path.exists()


def test_an_unencrypted_file_says_so_and_is_taken_only_when_allowed(path):
    made = create(path, None)
    content = json.loads(path.read_text())
    assert content["encrypted"] is False
    assert "NOT ENCRYPTED" in content["warning"]
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    with pytest.raises(PassphraseNeeded, match="allow_unencrypted_key"):
        load_key_file(path, passphrase=None)
    assert made.hotkey == load_key_file(path, passphrase=None, allow_unencrypted=True).hotkey


def test_a_file_cut_off_anywhere_is_broken_and_never_a_crash(path):
    create(path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(KeyFileBroken):
            load_key_file(path, passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"null", b"3", b"\xff\xfe\x00", b'{"format": "ssh"}', b"[" * 9_000, b"-----BEGIN PRIVATE"],
)
def test_a_foreign_file_is_broken(path, text):
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(text)
    with pytest.raises(KeyFileBroken):
        load_key_file(path, passphrase=PASSPHRASE)


@pytest.mark.parametrize("log_n", [14, 21, 63, 10**9, 17.0, "17", None, True])
def test_a_cost_out_of_bounds_is_refused_before_any_memory_is_taken(path, log_n):
    create(path)
    alter(path, lambda content: content["kdf"].update(log_n=log_n))
    with pytest.raises(KeyFileBroken):
        load_key_file(path, passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(public_key="00" * 32),
        lambda content: content.update(note="added"),
        lambda content: content["kdf"].update(salt="00" * 16),
        lambda content: content["kdf"].update(log_n=16),
        lambda content: content["cipher"].update(nonce="00" * 12),
        lambda content: content.update(sealed_seed="00" * 48),
    ],
)
def test_every_part_of_the_header_is_bound_to_the_seed(path, change):
    create(path)
    alter(path, change)
    with pytest.raises(WrongPassphrase, match="altered"):
        load_key_file(path, passphrase=PASSPHRASE)


def test_an_unencrypted_seed_under_another_public_key_is_broken(path):
    create(path, None)
    alter(path, lambda content: content.update(public_key="00" * 32))
    with pytest.raises(KeyFileBroken, match="not the one the file names"):
        load_key_file(path, passphrase=None, allow_unencrypted=True)


def test_a_missing_file_a_folder_and_a_huge_file_are_named(path):
    with pytest.raises(KeyFileMissing, match="No such file"):
        load_key_file(path, passphrase=PASSPHRASE)
    with pytest.raises(KeyFileMissing):
        load_key_file(Path("/"), passphrase=PASSPHRASE)
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(KeyFileBroken, match="larger than"):
        load_key_file(path, passphrase=PASSPHRASE)


def test_a_passphrase_file_gives_its_line_and_its_mode_is_checked(tmp_path):
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    for text in (b" spaces stay ", b" spaces stay \n", b" spaces stay \r\n"):
        file.write_bytes(text)
        assert b" spaces stay " == read_passphrase(file)
    for text in (b"", b"\n", b"two\nlines\n"):
        file.write_bytes(text)
        with pytest.raises(PassphraseNeeded):
            read_passphrase(file)
    file.chmod(0o644)
    with pytest.raises(KeyFileExposed, match="chmod 600"):
        read_passphrase(file)


def test_every_refusal_is_our_own_fault_and_has_a_code_of_its_own():
    kinds = [KeyFileError, *KeyFileError.__subclasses__()]
    assert all(issubclass(kind, NodeFault) for kind in kinds)
    assert len(kinds) == len({kind.code for kind in kinds})
