"""A window is its generations' sums and its last hours' answers: taken back, it is the one that never stopped."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.params import SharingParams
from protocol.rules.similarity import GENERATIONS, DeviationWindow, RoundDeviations
from protocol.rules.window_sums import GenerationSums, decode_anchors, decode_sums, encode_sums
from protocol.units import HOUR_MS

STEP_MS = 300_000
STEPS = 8
LATE_MS = HOUR_MS
SHORT = SharingParams(window_ms=GENERATIONS * 30 * STEP_MS, lags_steps=(0, 1, 2, 5), min_common_rounds=2)
"""A generation of thirty rounds: histories of a hundred and more lose some."""
KEPT_STEPS = 5 + LATE_MS // STEP_MS


def key(i: int) -> bytes:
    return bytes([i]) * 32


KEYS = [key(i) for i in range(7)]


def a_window() -> DeviationWindow:
    return DeviationWindow(SHORT, step_ms=STEP_MS, late_ms=LATE_MS)


def history(seed: int) -> list[RoundDeviations]:
    """Rounds of five to seven miners that come and go, with void rounds, silent miners and rounds that resolve late."""
    draws = np.random.default_rng(seed)
    count = int(draws.integers(40, 220))
    order = [at for at in range(count) if draws.random() > 0.1]
    if draws.random() < 0.5:
        order.sort(key=lambda at: at + (draws.integers(0, 9) if draws.random() < 0.1 else 0))
    rounds = []
    for at in order:
        there = [m for m in range(7) if draws.random() > 0.2 and not (m >= 5 and (at // 40 + m) % 3 == 0)]
        answers = {key(m): draws.integers(-400, 400, (STEPS, 1)).astype(np.int16) for m in there}
        rounds.append(RoundDeviations(at * STEP_MS, answers if draws.random() > 0.05 else {}))
    return rounds


def told(window: DeviationWindow) -> list[GenerationSums]:
    return [window.generation_sums(generation) for generation in window.generations]


def restored(kept: list[bytes], earlier: list[RoundDeviations]) -> DeviationWindow:
    """From the stored sums of one instant, and the rounds that had come by then, of which only the last hours count."""
    window = a_window()
    window.recall(decode_sums(one) for one in kept)
    newest = max(window.anchors_at_ms, default=0)
    for one in earlier:
        if one.anchor_at_ms >= window.held_from_ms(newest):
            window.hold(one)
    return window


@given(st.integers(0, 10**6), st.data())
@settings(max_examples=30, deadline=None)
def test_a_window_restored_at_any_moment_is_the_one_that_never_stopped(seed, data):
    rounds = history(seed)
    stops = data.draw(st.lists(st.integers(0, len(rounds)), max_size=4).map(sorted))
    through, again = a_window(), a_window()
    for number, one in enumerate(rounds):
        if number in stops:
            again = restored([encode_sums(sums) for sums in told(again)], rounds[:number])
        through.add(one)
        again.add(one)
        if number % 10 == 0:
            assert through.rho_nano(KEYS) == again.rho_nano(KEYS)

    assert told(through) == told(again)
    assert through.rho_nano(KEYS) == again.rho_nano(KEYS)


@given(st.integers(0, 10**6), st.integers(0, 200))
@settings(max_examples=30, deadline=None)
def test_an_older_checkpoint_and_the_rounds_since_make_the_same_window(seed, stop):
    rounds = history(seed)
    stop = min(stop, len(rounds))
    through, before = a_window(), a_window()
    for one in rounds[:stop]:
        before.add(one)
    again = restored([encode_sums(sums) for sums in told(before)], rounds[:stop])
    for one in rounds:
        through.add(one)
    for one in rounds[stop:]:
        again.add(one)

    assert told(through) == told(again)


def test_a_place_that_a_lagged_comparison_still_needs_is_not_given_to_somebody_else():
    """One key answers last just before a generation ends; its likeness lives on in the sums of the next."""
    draws = np.random.default_rng(3)
    row = {at: draws.integers(-400, 400, (STEPS, 1)).astype(np.int16) for at in range(160)}
    window = a_window()
    for at in range(27, 120):
        answers = {key(1): row[at]} | ({key(0): row[at]} if at < 30 else {})
        window.add(RoundDeviations(at * STEP_MS, answers))
    for at in range(120, 150):
        window.add(RoundDeviations(at * STEP_MS, {key(1): row[at], key(6): -row[at]}))
    fresh = a_window()
    fresh.recall(told(window))

    assert (1, 2, 3, 4) == window.generations
    assert 0 < int(window.generation_sums(1).lags[5][3].sum())
    assert window.rho_nano(KEYS) == fresh.rho_nano(KEYS)
    assert 0 == window.rho_nano([key(0), key(6)])[0][1]


sums_of = st.builds(
    lambda generation, anchors, hotkeys, lags, seed, bits: GenerationSums(
        generation,
        tuple(sorted(anchors)),
        tuple(sorted(key(i) for i in hotkeys)),
        {
            lag: np.random.default_rng([seed, lag]).integers(-(2**bits), 2**bits, (4, len(hotkeys), len(hotkeys)))
            for lag in sorted(lags)
        },
    ),
    st.integers(0, 2**40),
    st.sets(st.integers(0, 2**41), max_size=4),
    st.sets(st.integers(0, 255), max_size=6),
    st.sets(st.integers(0, 2**20), max_size=3),
    st.integers(0, 99),
    st.integers(0, 53),
)


@given(sums_of)
@settings(max_examples=150, deadline=None)
def test_sums_come_back_from_their_bytes(sums):
    stored = encode_sums(sums)
    assert sums == decode_sums(stored)
    assert sums.anchors_at_ms == decode_anchors(stored)


@pytest.mark.parametrize("number", [0, 1, 127, 128, -128, -129, 32_767, 32_768, -32_768, 2**53 - 1, -(2**53)])
def test_numbers_at_the_edge_of_a_byte_come_back(number):
    sums = GenerationSums(3, (1,), (key(1),), {0: np.full((4, 1, 1), number)})

    assert sums == decode_sums(encode_sums(sums))


def test_the_layout_is_the_one_documented():
    tables = np.array([[[-2, 300], [5, 6]], [[1, 1], [1, 1]], [[0, 0], [0, 0]], [[3, 2], [1, 0]]])
    stored = encode_sums(GenerationSums(7, (300_000,), (key(1), key(2)), {12: tables}))

    assert struct.pack("<BqIIB", 1, 7, 1, 2, 1) == stored[:18]
    body = struct.pack("<q", 300_000) + key(1) + key(2) + struct.pack("<I", 12)
    body += b"\x02" + b"\xfe\x2c\x05\x06" + b"\xff\x01\x00\x00"
    body += b"\x01" + b"\x01\x01\x01\x01" + b"\x00" + b"\x01" + b"\x03\x02\x01\x00"
    assert body == zlib.decompress(stored[18:])


STORED = encode_sums(GenerationSums(7, (300_000,), (key(1), key(2)), {0: np.full((4, 2, 2), 9)}))
HEAD, BODY = STORED[:18], zlib.decompress(STORED[18:])


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\x02" + STORED[1:],
        STORED[:-1],
        STORED + b"x",
        HEAD + b"no zlib",
        HEAD + zlib.compress(BODY[:-1]),
        HEAD + zlib.compress(BODY + b"x"),
        HEAD + zlib.compress(BODY + bytes(10**6)),
        HEAD + zlib.compress(BODY.replace(b"\x01\x09", b"\x09\x09")),
        struct.pack("<BqIIB", 1, 7, 1, 2**31, 1) + STORED[18:],
    ],
)
def test_anything_else_is_no_sums(stored):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        decode_sums(stored)


@pytest.mark.parametrize("stored", [b"", b"\x02" + STORED[1:], HEAD + b"no zlib", HEAD + zlib.compress(BODY[:7])])
def test_anchors_are_not_read_from_what_is_no_sums(stored):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        decode_anchors(stored)


def test_more_than_the_layout_holds_is_refused():
    many = GenerationSums(1, tuple(range(100_001)), (), {})
    wide = GenerationSums(1, (1,), (key(1),), {0: np.full((4, 1, 1), 2**60)})
    for sums in (many, wide):
        with pytest.raises(ValueError, match=r"more than|too many"):
            encode_sums(sums)


def test_only_an_empty_window_takes_sums_back():
    window = a_window()
    window.add(RoundDeviations(STEP_MS, {}))

    with pytest.raises(ValueError, match="already"):
        window.recall([])


def test_values_differ_by_any_of_their_parts():
    one = GenerationSums(7, (1,), (key(1),), {0: np.zeros((4, 1, 1), dtype=np.int64)})

    assert one != replace(one, generation=8)
    assert one != replace(one, lags={0: np.ones((4, 1, 1), dtype=np.int64)})
    assert one != "sums"
