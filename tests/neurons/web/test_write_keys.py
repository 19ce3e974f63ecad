"""The table of write keys: a secret file that is written whole, read again when it changes, and holds no secret."""

from __future__ import annotations

import fcntl
import json
import stat
from pathlib import Path

import pytest

from neurons.keystore import KeyFileBroken, KeyFileError, KeyFileExposed
from neurons.web.write_keys import WriteKeyEntry, WriteKeys, write_key_digest
from protocol.errors import InvalidRequest, InvalidSetting
from protocol.rules.memorable import muid_code

WRITE_KEY = "0000000000000000000000000001cfa3"


def entry(write_key: str = WRITE_KEY, **more: object) -> WriteKeyEntry:
    return WriteKeyEntry(write_key_digest(write_key), Path("/keys/hotkey.json"), **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway/write_keys.json"


def test_what_is_added_is_found_and_survives_in_the_file(path):
    WriteKeys(path, most=2).add(entry(name_nonce=7, note="the weather"))
    assert entry(name_nonce=7, note="the weather") == WriteKeys(path, most=2).find(WRITE_KEY)
    assert WriteKeys(path, most=2).find("another-write-key") is None


def test_the_file_is_its_owners_alone_and_the_write_key_is_not_in_it(path):
    WriteKeys(path, most=1).add(entry())
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert WRITE_KEY not in path.read_text()
    assert [path.name, path.name + ".lock"] == sorted(one.name for one in path.parent.iterdir())


def test_the_first_half_of_a_digest_is_the_code_that_clients_show():
    assert muid_code(WRITE_KEY) == entry().code
    assert 7 == len(entry().animal.replace(" ", ""))


def test_what_another_process_adds_or_removes_counts_at_once(path):
    table, other = WriteKeys(path, most=3), WriteKeys(path, most=3)
    other.add(entry())
    assert entry() == table.find(WRITE_KEY)
    other.remove(entry().code[:8])
    assert table.find(WRITE_KEY) is None


def test_the_same_write_key_again_takes_its_former_place(path):
    table = WriteKeys(path, most=1)
    table.add(entry())
    table.add(entry(name_nonce=9))
    assert [entry(name_nonce=9)] == list(table.entries().values())
    with pytest.raises(InvalidRequest, match="its limit is 1"):
        table.add(entry("another-write-key"))


def test_a_code_that_is_no_ones_or_too_short_removes_nothing(path):
    table = WriteKeys(path, most=1)
    table.add(entry())
    for code in ("", entry().code[:7], "ffffffff"):
        with pytest.raises(InvalidSetting):
            table.remove(code)
    assert 1 == len(table.entries())


def test_a_table_that_others_may_read_is_refused(path):
    WriteKeys(path, most=1).add(entry())
    path.chmod(0o640)
    with pytest.raises(KeyFileExposed, match="chmod 600"):
        WriteKeys(path, most=1)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": "augury-write-keys/2", "keys": []}',
        b'{"format": "augury-write-keys/1"}',
        json.dumps({"format": "augury-write-keys/1", "keys": [{"sha256": "ab", "key_file": "k"}]}).encode(),
        json.dumps(
            {
                "format": "augury-write-keys/1",
                "keys": [{"sha256": "a" * 64, "key_file": "k", "name_nonce": -1, "note": ""}],
            }
        ).encode(),
    ],
)
def test_what_is_no_table_or_not_a_whole_one_is_refused(path, broken):
    path.parent.mkdir()
    path.touch(0o600)
    path.write_bytes(broken)
    with pytest.raises(KeyFileBroken):
        WriteKeys(path, most=1)


def test_two_processes_do_not_change_it_at_once(path):
    table = WriteKeys(path, most=2)
    table.add(entry())
    with path.with_name(path.name + ".lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(KeyFileError, match="another process is changing it"):
            table.add(entry("another-write-key"))
    table.add(entry("another-write-key"))
    assert 2 == len(table.entries())


@pytest.mark.parametrize("write_key", ["", "short", "with a blank", "ünlesbar-ünlesbar", "x" * 129, "line\nfeed-key"])
def test_what_cannot_be_a_write_key_is_refused_without_repeating_it(write_key):
    with pytest.raises(InvalidRequest) as refused:
        write_key_digest(write_key)
    assert not write_key or write_key not in refused.value.public
