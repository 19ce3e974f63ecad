"""Memorable names: a hotkey and a nonce whose hash begins with an animal, and how much work that took.

    SHA-256("augury/muid" 0x00, hotkey, nonce) = 5 4 a e e 1 e b ...   reads   s y a ...   digits stand for letters

The longest pair of a first word and an animal at the beginning of the code is the name; its letters are the difficulty.
A name gates (what costs work cannot be had by the thousand) and decorates. It authenticates nobody: signatures do, and
nothing secret goes into it, so anybody can search a name for anybody's hotkey.
The originals' codes, SHA-256 of a secret write key's text, read the same way (`muid_code`).
Source: the PyPI package `muid` 0.5.3.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from protocol.errors import InvalidRequest
from protocol.rules.animals import ANIMALS, FIRST_WORDS, MAX_LETTERS
from protocol.units import HOTKEY_BYTES, Hotkey

DOMAIN: Final = b"augury/muid\0"
NONCE_BITS: Final = 64
CODE_DIGITS: Final = 32
"""Hex digits of a code: half of the hash, as the original has it."""
MIN_LETTERS: Final = 6

_TO_LETTERS: Final = str.maketrans("0123456789", "olzmyshtxg")
_TO_DIGITS: Final = str.maketrans("olzmyshtxg", "0123456789")
_ANIMAL_LETTERS: Final = tuple(sorted({len(word) for word in ANIMALS}))


@dataclass(frozen=True, slots=True)
class Name:
    """A memorable name, as two words in small letters."""

    first: str
    animal: str

    @property
    def difficulty(self) -> int:
        """Letters of both words: what the name cost."""
        return len(self.first) + len(self.animal)

    @property
    def hex(self) -> str:
        """The hex digits that spell it."""
        return (self.first + self.animal).translate(_TO_DIGITS)

    def __str__(self) -> str:
        return f"{self.first.capitalize()} {self.animal.capitalize()}"


def name_code(hotkey: Hotkey, nonce: int) -> str:
    """The code that a hotkey has with a nonce, 32 hex digits. Raises InvalidRequest (theirs) beyond 64 bits.

    The nonce is hashed as 8 bytes, big-endian; with the domain and the key that is 52 bytes, one block of SHA-256.
    """
    if len(hotkey) != HOTKEY_BYTES or not 0 <= nonce < 1 << NONCE_BITS:
        raise InvalidRequest(f"a name needs a hotkey and a nonce below 2**{NONCE_BITS}, was {nonce}", limit=NONCE_BITS)
    return hashlib.sha256(DOMAIN + hotkey + nonce.to_bytes(8, "big")).hexdigest()[:CODE_DIGITS]


def name_of(hotkey: Hotkey, nonce: int) -> Name | None:
    """The name that a hotkey has with a nonce; None for nearly every nonce. Raises InvalidRequest as `name_code`."""
    return name_in_code(name_code(hotkey, nonce))


def difficulty(hotkey: Hotkey, nonce: int) -> int:
    """The letters of that name, 0 when there is none."""
    name = name_of(hotkey, nonce)
    return name.difficulty if name else 0


def require_difficulty(hotkey: Hotkey, nonce: int, needed: int) -> Name | None:
    """The name that opens a gate. Raises InvalidRequest (theirs) for one of fewer letters; fields difficulty, limit."""
    name = name_of(hotkey, nonce)
    letters = name.difficulty if name else 0
    if letters < needed:
        raise InvalidRequest(
            f"this takes a name of {needed} letters, yours has {letters}", difficulty=letters, limit=needed
        )
    return name


def name_in_code(code: str) -> Name | None:
    """The longest name with which a code begins, None when it begins with none.

    code: hex digits in small letters, of an Augury or an original code; for another text the answer is None.
    """
    letters = code[:MAX_LETTERS].translate(_TO_LETTERS)
    for total in range(min(MAX_LETTERS, len(letters)), MIN_LETTERS - 1, -1):
        for last in _ANIMAL_LETTERS:
            first, animal = letters[: total - last], letters[total - last : total]
            if first in FIRST_WORDS and animal in ANIMALS:
                return Name(first, animal)
    return None


def muid_code(write_key: str) -> str:
    """The original's public code of a secret write key: 32 hex digits of the SHA-256 of its ASCII text.

    Raises InvalidRequest (theirs) for a key that is not ASCII.
    """
    if not write_key.isascii():
        raise InvalidRequest("a write key is ASCII text")
    return hashlib.sha256(write_key.encode("ascii")).hexdigest()[:CODE_DIGITS]


def muid_difficulty(write_key: str) -> int:
    """The original's difficulty of a write key, 0 when it has no animal."""
    name = name_in_code(muid_code(write_key))
    return name.difficulty if name else 0


def names_with(letters: int) -> int:
    """How many names have exactly so many letters."""
    return _names_by_letters()[letters]


def expected_hashes(letters: int) -> int:
    """How many nonces have to be tried, on average, for a name of so many letters or more. Raises InvalidRequest.

    One over the sum of names / 16**letters. (Names that begin with another name are counted twice: less than one in
    a thousand.)
    """
    if not MIN_LETTERS <= letters <= MAX_LETTERS:
        raise InvalidRequest(
            f"names have {MIN_LETTERS} to {MAX_LETTERS} letters, asked were {letters}", limit=MAX_LETTERS
        )
    chance = sum(Fraction(names_with(one), 16**one) for one in range(letters, MAX_LETTERS + 1))
    return round(1 / chance)


def first_six_digits(letters: int) -> frozenset[int]:
    """The first six hex digits, as numbers, of every name with so many letters or more: a sieve for a search."""
    return frozenset(
        int((first + animal)[:MIN_LETTERS].translate(_TO_DIGITS), 16)
        for first in FIRST_WORDS
        for animal in ANIMALS
        if letters <= len(first) + len(animal) <= MAX_LETTERS
    )


def shown_names(codes: Iterable[str]) -> dict[str, str]:
    """Code -> what a board shows: the name, with the next four digits of the code where two share a name.

    A code without a name is shown by its first eight digits.
    """
    names = {code: name_in_code(code) for code in codes}
    shared = Counter(names.values())
    shown = {}
    for code, name in names.items():
        if name is None:
            shown[code] = code[:8]
        else:
            shown[code] = str(name) if shared[name] == 1 else f"{name} {code[name.difficulty : name.difficulty + 4]}"
    return shown


@lru_cache(maxsize=1)
def _names_by_letters() -> Counter[int]:
    firsts, lasts = Counter(map(len, FIRST_WORDS)), Counter(map(len, ANIMALS))
    found: Counter[int] = Counter()
    for first, many in firsts.items():
        for last, some in lasts.items():
            if first + last <= MAX_LETTERS:
                found[first + last] += many * some
    return found
