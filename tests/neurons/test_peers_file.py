"""Files of peers: what an operator may write, and what is said of a slip."""

from __future__ import annotations

import pytest

from neurons.peers_file import MAX_FILE_BYTES, ListedValidator, read_miners_file, read_validators_file
from protocol.errors import InvalidSetting
from protocol.units import Hotkey

ONE, OTHER = Hotkey(b"\xab" * 32), Hotkey(b"\x01" * 32)


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "peers.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_hotkeys_are_read_with_notes_comments_and_blank_lines_around_them(file):
    text = f"# friends\n\n{ONE.hex()}  ada's first\n  {OTHER.hex().upper()}# the second\r\n"
    assert frozenset({ONE, OTHER}) == read_miners_file(file(text))


def test_an_empty_file_lists_nobody(file):
    assert frozenset() == read_miners_file(file("# nobody yet\n"))
    assert () == read_validators_file(file(""))


def test_validators_come_with_their_endpoint_in_the_files_order(file):
    text = f"{ONE.hex()} v.example.org:8090\n{OTHER.hex()} [::1]:65535 # at home\n"
    expected = (ListedValidator(ONE, "v.example.org:8090"), ListedValidator(OTHER, "[::1]:65535"))
    assert expected == read_validators_file(file(text))


@pytest.mark.parametrize("endpoint", ["", "host", "host:", "host:0", "host:65536", "http://host:80", "a b:80", ":80"])
def test_an_endpoint_that_cannot_be_is_named_with_its_line(file, endpoint):
    with pytest.raises(InvalidSetting, match="line 2: after the hotkey stands host:port"):
        read_validators_file(file(f"# one\n{ONE.hex()} {endpoint}\n"))


@pytest.mark.parametrize("word", ["abcd", "zz" * 32, "ab" * 33, "0x" + "ab" * 32])
def test_what_is_no_hotkey_is_named_with_its_line(file, word):
    with pytest.raises(InvalidSetting, match=r"peers\.txt, line 3: .* is no hotkey of 64 hex digits"):
        read_miners_file(file(f"\n\n{word}\n"))


def test_a_hotkey_listed_twice_names_both_lines(file):
    with pytest.raises(InvalidSetting, match="line 2: the hotkey stands in line 1 already"):
        read_miners_file(file(f"{ONE.hex()}\n{ONE.hex()}\n"))


def test_a_missing_a_binary_and_a_huge_file_are_named(file, tmp_path):
    with pytest.raises(InvalidSetting, match="cannot be read: No such file"):
        read_miners_file(tmp_path / "nowhere.txt")
    with pytest.raises(InvalidSetting, match="is no UTF-8 text"):
        read_miners_file(file(b"\xff\xfe"))
    with pytest.raises(InvalidSetting, match="larger than"):
        read_miners_file(file("#" * (MAX_FILE_BYTES + 1)))
