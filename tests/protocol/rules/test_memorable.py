"""Memorable names: the original's list and readings, and what a name of ours costs."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import InvalidRequest
from protocol.rules.animals import ANIMALS, FIRST_WORDS, MAX_LETTERS
from protocol.rules.memorable import (
    MIN_LETTERS,
    Name,
    difficulty,
    expected_hashes,
    first_six_digits,
    muid_code,
    muid_difficulty,
    name_code,
    name_in_code,
    name_of,
    names_with,
    require_difficulty,
    shown_names,
)
from protocol.units import Hotkey

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "muid.json").read_text())
HOTKEY = Hotkey(bytes(range(32)))
GET_BASS = 137_410
"""The first nonce with a name of 7 letters or more for HOTKEY."""


def spelled(name: Name | None) -> str | None:
    return None if name is None else str(name)


@pytest.mark.parametrize(("key", "code", "animal", "letters"), VECTORS["keys"])
def test_write_keys_of_the_original_keep_their_codes_animals_and_difficulties(key, code, animal, letters):
    assert (code, animal, letters) == (muid_code(key), spelled(name_in_code(code)), muid_difficulty(key))


@pytest.mark.parametrize(("code", "animal"), VECTORS["codes"])
def test_codes_read_as_in_the_original(code, animal):
    assert animal == spelled(name_in_code(code))


def test_the_list_has_49795_names_and_each_has_one_spelling():
    spellings = [a + b for a in FIRST_WORDS for b in ANIMALS if len(a + b) <= MAX_LETTERS]
    assert 49_795 == len(spellings) == len(set(spellings)) == sum(map(names_with, range(MIN_LETTERS, MAX_LETTERS + 1)))
    assert {"abcdefghlmostxyz"} >= {"".join(sorted(set("".join(spellings))))}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FIRST_WORDS)), st.sampled_from(sorted(ANIMALS)), st.text("0123456789abcdef", max_size=20))
def test_a_code_that_begins_with_a_name_reads_as_it_or_as_a_longer_one(first, animal, rest):
    name = Name(first, animal)
    read = name_in_code(name.hex + rest)
    if name.difficulty > MAX_LETTERS:
        assert read != name
    else:
        assert read == name or read.difficulty > name.difficulty
        assert (name.hex + rest).startswith(read.hex)


def test_a_hotkeys_code_is_the_hash_of_domain_key_and_nonce():
    hashed = hashlib.sha256(b"augury/muid\0" + HOTKEY + GET_BASS.to_bytes(8, "big")).hexdigest()
    assert hashed[:32] == name_code(HOTKEY, GET_BASS)
    assert ("Get Bass", 7) == (str(name_of(HOTKEY, GET_BASS)), difficulty(HOTKEY, GET_BASS))
    assert (None, 0) == (name_of(HOTKEY, 0), difficulty(HOTKEY, 0))


@pytest.mark.parametrize("nonce", [-1, 2**64])
def test_a_nonce_has_64_bits(nonce):
    with pytest.raises(InvalidRequest, match="a nonce below"):
        name_code(HOTKEY, nonce)


def test_a_gate_opens_for_enough_letters_and_says_what_is_missing():
    assert Name("get", "bass") == require_difficulty(HOTKEY, GET_BASS, 7)
    assert require_difficulty(HOTKEY, 0, 0) is None
    with pytest.raises(InvalidRequest, match="takes a name of 8 letters, yours has 7") as refused:
        require_difficulty(HOTKEY, GET_BASS, 8)
    assert {"difficulty": 7, "limit": 8} == refused.value.fields


def test_another_key_with_the_same_nonce_has_no_name():
    assert name_of(Hotkey(bytes(32)), GET_BASS) is None


def test_a_write_key_is_ascii():
    with pytest.raises(InvalidRequest, match="ASCII"):
        muid_code("clé")


def test_a_letter_more_costs_about_sixteen_times_as_much():
    costs = [expected_hashes(letters) for letters in range(MIN_LETTERS, MAX_LETTERS + 1)]
    assert (19_372, 451_241_293_388_198) == (costs[0], costs[-1])
    assert all(4 < harder / easier < 28 for easier, harder in pairwise(costs))
    with pytest.raises(InvalidRequest, match="6 to 15"):
        expected_hashes(16)


def test_a_sieve_holds_the_beginning_of_every_name_it_should_find():
    sieve = first_six_digits(12)
    beginnings = {int(Name(a, b).hex[:6], 16) for a in FIRST_WORDS for b in ANIMALS if 12 <= len(a + b) <= MAX_LETTERS}
    assert beginnings == sieve
    assert sieve < first_six_digits(6)


def test_two_that_share_a_name_are_told_apart_by_their_codes():
    bass = Name("get", "bass").hex
    one, other, cat, none = (
        bass + "abcd" + "0" * 21,
        bass + "1234" + "0" * 21,
        Name("oboe", "cat").hex + "0" * 25,
        "f" * 32,
    )
    expected = {one: "Get Bass abcd", other: "Get Bass 1234", cat: "Oboe Cat", none: "ffffffff"}
    assert expected == shown_names([one, other, cat, none])
