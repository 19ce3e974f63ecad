"""Many nonces at once: SHA-256 of thousands of messages side by side, to the first word of each hash.

All messages of a search are one block and differ in its thirteenth word only, so the first twelve rounds are done once.
The other fifty-two run in numpy on whole arrays of 32-bit words. What begins like a name is then hashed by `hashlib`,
which alone decides. On a processor with wide vector units this is faster than calling `hashlib` for each nonce
(`python -m tests.benchmarks.bench_mine_key`); on any processor the answer is the same.
Source: FIPS 180-4, 6.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protocol.rules.memorable import DOMAIN, Name, first_six_digits, name_of
from protocol.units import Hotkey

NONCES_AT_ONCE: Final = 1 << 15
"""Nonces side by side: more leave the cache, fewer are paid for in calls."""

_MASK: Final = 0xFFFFFFFF
_SIEVE_BITS: Final = 24
_VARIED: Final = 12
"""The word of the block that differs: bytes 48 to 51 of domain (12), hotkey (32), nonce (8)."""

Words = NDArray[np.uint32]


def _fraction_bits(root: int) -> list[int]:
    """The first 32 bits of the fractional parts of the square (2) or cube (3) roots of the first primes."""
    primes = [n for n in range(2, 312) if all(n % p for p in range(2, math.isqrt(n) + 1))]
    if root == 2:
        return [math.isqrt(p << 64) & _MASK for p in primes[:8]]
    return [_cube_root(p << 96) & _MASK for p in primes]


def _cube_root(n: int) -> int:
    """The largest whole number whose cube is at most n."""
    guess: int = round(n ** (1 / 3))
    while guess**3 > n:
        guess -= 1
    while (guess + 1) ** 3 <= n:
        guess += 1
    return guess


_START: Final = _fraction_bits(2)
_ROUND: Final = _fraction_bits(3)


class Found(NamedTuple):
    """A nonce that gives a hotkey a name."""

    nonce: int
    name: Name


def search(hotkey: Hotkey, *, start: int, count: int, letters: int) -> Iterator[Found]:
    """The nonces from `start` on, `count` of them, that give the hotkey a name of so many letters or more.

    start: a multiple of NONCES_AT_ONCE; count too.  Raises ValueError (ours) otherwise.
    """
    if start % NONCES_AT_ONCE or count % NONCES_AT_ONCE:
        raise ValueError(f"a search goes in steps of {NONCES_AT_ONCE} nonces, not from {start} for {count}")
    sieve, work = _sieve(letters), _Workspace()
    for first in range(start, start + count, NONCES_AT_ONCE):
        for place in np.flatnonzero(sieve[_first_words(work, hotkey, first) >> np.uint32(32 - _SIEVE_BITS)]).tolist():
            name = name_of(hotkey, first + place)
            if name is not None and name.difficulty >= letters:
                yield Found(first + place, name)


@lru_cache(maxsize=2)
def _sieve(letters: int) -> NDArray[np.bool_]:
    """For every first six hex digits, whether a name of so many letters or more may follow; 16 MiB."""
    sieve = np.zeros(1 << _SIEVE_BITS, dtype=np.bool_)
    sieve[list(first_six_digits(letters))] = True
    return sieve


def first_words(hotkey: Hotkey, first_nonce: int) -> Words:
    """The first 32 bits of the hash of NONCES_AT_ONCE nonces in a row.

    first_nonce: a multiple of NONCES_AT_ONCE, so that only the nonces' lower words differ.
    """
    return _first_words(_Workspace(), hotkey, first_nonce)


def _first_words(work: _Workspace, hotkey: Hotkey, first_nonce: int) -> Words:
    """The same in arrays that are used again by the next call."""
    high, low = divmod(first_nonce, 1 << 32)
    block = DOMAIN + hotkey + high.to_bytes(4, "big")
    constant = [int.from_bytes(block[at : at + 4], "big") for at in range(0, 4 * _VARIED, 4)]
    np.add(work.counting, np.uint32(low), out=work.varied)
    schedule: list[int | Words] = [*constant, work.varied, 0x80000000, 0, 52 * 8]
    _begin(work, constant)
    for round_ in range(_VARIED, 64):
        if round_ >= 16:
            _extend(schedule, round_, work)
        _mix(work, schedule[round_ % 16], _ROUND[round_])
    work.state[0] += np.uint32(_START[0])
    return work.state[0]


class _Workspace:
    """The arrays of one search: eight of the state, sixteen of the schedule, and what is held between steps."""

    def __init__(self) -> None:
        def fresh() -> Words:
            return np.empty(NONCES_AT_ONCE, dtype=np.uint32)

        self.counting = np.arange(NONCES_AT_ONCE, dtype=np.uint32)
        self.varied = fresh()
        self.state = [fresh() for _ in range(8)]
        self.schedule = [fresh() for _ in range(16)]
        self.one, self.two, self.three, self.apart, self.apart_before = (fresh() for _ in range(5))


def _begin(work: _Workspace, constant: list[int]) -> None:
    """The state after the rounds that all messages share."""
    state = list(_START)
    for word, key in zip(constant, _ROUND[:_VARIED], strict=True):
        a, b, c, d, e, f, g, h = state
        turned_e = _turn(e, 6) ^ _turn(e, 11) ^ _turn(e, 25)
        turned_a = _turn(a, 2) ^ _turn(a, 13) ^ _turn(a, 22)
        first = h + turned_e + ((e & f) ^ (~e & g)) + key + word
        second = turned_a + ((a & b) ^ (a & c) ^ (b & c))
        state = [(first + second) & _MASK, a, b, c, (d + first) & _MASK, e, f, g]
    for array, value in zip(work.state, state, strict=True):
        array.fill(value)
    work.apart_before.fill(state[1] ^ state[2])


def _mix(work: _Workspace, word: int | Words, key: int) -> None:
    """One round on whole arrays. a and e are new; every other letter takes its neighbour's array over."""
    a, b, c, d, e, f, g, h = work.state
    one, two = work.one, work.two
    np.bitwise_xor(f, g, out=one)
    one &= e
    one ^= g  # ch(e, f, g)
    h += one
    h += _turned(e, (6, 11, 25), one, two)
    if isinstance(word, int):
        h += np.uint32((word + key) & _MASK)
    else:
        h += word
        h += np.uint32(key)
    d += h
    np.bitwise_xor(a, b, out=work.apart)
    np.bitwise_and(work.apart, work.apart_before, out=one)
    one ^= b  # maj(a, b, c), as b xor c was a xor b one round ago
    h += one
    h += _turned(a, (2, 13, 22), one, two)
    work.apart, work.apart_before = work.apart_before, work.apart
    work.state = [h, a, b, c, d, e, f, g]


def _extend(schedule: list[int | Words], round_: int, work: _Workspace) -> None:
    """Word `round_` of the schedule, in the place of the word sixteen rounds before."""
    terms = [
        schedule[round_ % 16],
        schedule[(round_ - 7) % 16],
        _small(schedule[(round_ - 15) % 16], (7, 18, 3), work.one, work.three),
        _small(schedule[(round_ - 2) % 16], (17, 19, 10), work.two, work.three),
    ]
    arrays = [term for term in terms if not isinstance(term, int)]
    whole = sum(term for term in terms if isinstance(term, int)) & _MASK
    if not arrays:
        schedule[round_ % 16] = whole
        return
    target = work.schedule[round_ % 16]
    if len(arrays) == 1:
        np.add(arrays[0], np.uint32(whole), out=target)
    else:
        np.add(arrays[0], arrays[1], out=target)
        for term in arrays[2:]:
            target += term
        if whole:
            target += np.uint32(whole)
    schedule[round_ % 16] = target


def _small(word: int | Words, by: tuple[int, int, int], out: Words, scratch: Words) -> int | Words:
    """The schedule's sigma: two turns and a shift."""
    first, second, shift = by
    if isinstance(word, int):
        return _turn(word, first) ^ _turn(word, second) ^ (word >> shift)
    np.right_shift(word, np.uint32(shift), out=out)
    for turn in (first, second):
        out ^= np.right_shift(word, np.uint32(turn), out=scratch)
        out ^= np.left_shift(word, np.uint32(32 - turn), out=scratch)
    return out


def _turned(word: Words, turns: tuple[int, int, int], out: Words, scratch: Words) -> Words:
    """The state's capital sigma: three turns."""
    np.right_shift(word, np.uint32(turns[0]), out=out)
    out ^= np.left_shift(word, np.uint32(32 - turns[0]), out=scratch)
    for turn in turns[1:]:
        out ^= np.right_shift(word, np.uint32(turn), out=scratch)
        out ^= np.left_shift(word, np.uint32(32 - turn), out=scratch)
    return out


def _turn(word: int, by: int) -> int:
    return (word >> by | word << 32 - by) & _MASK
