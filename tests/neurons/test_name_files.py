"""Name files: what a search keeps, and what of a file is believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurons.keystore import KeyFileBroken, KeyFileError
from neurons.name_files import NameSearch, name_path, read_name_file, write_name_file
from protocol.rules.memorable import Name
from protocol.rules.name_search import Found
from protocol.units import Hotkey

HOTKEY = Hotkey(bytes(range(32)))
GET_BASS = Found(137_410, Name("get", "bass"))


def test_a_search_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "hotkey.name.json"
    for search in (NameSearch(HOTKEY), NameSearch(HOTKEY, 5), NameSearch(HOTKEY, 200_000, GET_BASS)):
        write_name_file(path, search)
        assert search == read_name_file(path, HOTKEY)
    assert [path] == list(tmp_path.iterdir())


def test_where_there_is_no_file_a_search_begins(tmp_path):
    assert NameSearch(HOTKEY, 0, None) == read_name_file(tmp_path / "none", HOTKEY)


def test_the_file_lies_beside_the_key():
    assert Path("node/hotkey.name.json") == name_path(Path("node/hotkey.json"))


def test_only_a_longer_name_takes_the_place_of_the_best():
    search = NameSearch(HOTKEY, 0, GET_BASS)
    shorter, longer = Found(1, Name("get", "bat")), Found(2, Name("get", "eagle"))
    assert (10, GET_BASS) == ((s := search.advanced(10, shorter)).tried, s.best)
    assert (longer, 8) == ((s := search.advanced(10, longer)).best, s.difficulty)
    assert GET_BASS == search.advanced(10, None).best


@pytest.mark.parametrize(
    ("sentence", "change"),
    [
        ("tells of hotkey", {"hotkey": "00" * 32}),
        ("gives this hotkey no name", {"nonce": 137_411}),
        ("not a name file", {"format": "augury-key/1"}),
        ("not a name file", {"tried": -1}),
        ("not a name file", {"tried": "many"}),
        ("not a name file", {"nonce": "137410"}),
        ("not a name file", {"hotkey": "00"}),
        ("not a name file", {"hotkey": None}),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(sentence, change, tmp_path):
    path = tmp_path / "name.json"
    write_name_file(path, NameSearch(HOTKEY, 200_000, GET_BASS))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(KeyFileBroken, match=sentence):
        read_name_file(path, HOTKEY)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 4000])
def test_a_file_that_is_none_is_refused(text, tmp_path):
    path = tmp_path / "name.json"
    path.write_text(text)
    with pytest.raises(KeyFileBroken, match="not a name file"):
        read_name_file(path, HOTKEY)


def test_the_written_name_and_difficulty_are_for_the_eye_alone(tmp_path):
    path = tmp_path / "name.json"
    write_name_file(path, NameSearch(HOTKEY, 200_000, GET_BASS))
    path.write_text(path.read_text().replace("Get Bass", "Shammy Llama").replace('"difficulty": 7', '"difficulty": 11'))
    assert Name("get", "bass") == read_name_file(path, HOTKEY).name


def test_a_folder_that_is_not_there_is_our_fault(tmp_path):
    with pytest.raises(KeyFileError, match="cannot be written"):
        write_name_file(tmp_path / "nowhere" / "name.json", NameSearch(HOTKEY))
    with pytest.raises(KeyFileError, match="cannot be opened"):
        read_name_file(tmp_path, HOTKEY)
