"""Hashing thousands of nonces side by side finds what hashing them one by one finds."""

from __future__ import annotations

import pytest

from protocol.rules.memorable import Name, name_code, name_of
from protocol.rules.name_search import NONCES_AT_ONCE, Found, first_words, search
from protocol.units import Hotkey

HOTKEY = Hotkey(bytes(range(32)))


@pytest.mark.parametrize("first", [0, 5 << 32, (1 << 32) - NONCES_AT_ONCE, (1 << 64) - NONCES_AT_ONCE])
@pytest.mark.parametrize("hotkey", [HOTKEY, Hotkey(b"\xff" * 32)])
def test_first_words_are_those_of_sha_256(hotkey, first):
    words = first_words(hotkey, first)
    for place in (0, 1, 2, 12_345, NONCES_AT_ONCE - 1):
        assert name_code(hotkey, first + place)[:8] == f"{int(words[place]):08x}"


def test_a_search_finds_every_name_of_enough_letters_and_no_other():
    count = 2 * NONCES_AT_ONCE
    one_by_one = [(nonce, name) for nonce in range(count) if (name := name_of(HOTKEY, nonce)) is not None]
    assert one_by_one == [tuple(found) for found in search(HOTKEY, start=0, count=count, letters=6)]
    assert one_by_one


def test_a_search_passes_shorter_names_over():
    start = 137_410 // NONCES_AT_ONCE * NONCES_AT_ONCE
    assert Found(137_410, Name("get", "bass")) in list(search(HOTKEY, start=start, count=NONCES_AT_ONCE, letters=7))
    assert [] == list(search(HOTKEY, start=start, count=NONCES_AT_ONCE, letters=8))


def test_a_search_goes_in_whole_steps():
    with pytest.raises(ValueError, match="steps of"):
        list(search(HOTKEY, start=1, count=NONCES_AT_ONCE, letters=6))
