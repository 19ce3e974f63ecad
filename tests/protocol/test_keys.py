"""Hotkeys: signatures that belong, signatures that do not, and secrets that stay secret."""

from __future__ import annotations

import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.keys import SigningKey, verify
from protocol.units import Hotkey

SEED = bytes(range(32))

# RFC 8032, 7.1, test 2: seed, public key, message, signature.
RFC_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
RFC_PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
RFC_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_a_seed_gives_the_key_and_signature_of_the_standard():
    key = SigningKey.from_seed(RFC_SEED)
    assert RFC_PUBLIC == key.hotkey
    assert RFC_SIGNATURE == key.sign(b"\x72")
    assert verify(Hotkey(RFC_PUBLIC), b"\x72", RFC_SIGNATURE)


@settings(max_examples=50, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_two_libraries_agree_on_keys_and_signatures(seed, message):
    other = Ed25519PrivateKey.from_private_bytes(seed)
    assert other.public_key().public_bytes_raw() == SigningKey.from_seed(seed).hotkey
    assert other.sign(message) == SigningKey.from_seed(seed).sign(message)


@settings(max_examples=100, deadline=None)
@given(message=st.binary(min_size=1, max_size=200), bit=st.integers(min_value=0, max_value=8 * 96 - 1))
def test_one_flipped_bit_in_message_signature_or_key_breaks_the_signature(message, bit):
    key = SigningKey.from_seed(SEED)
    signature = key.sign(message)
    altered = bytearray(key.hotkey + signature)
    altered[bit // 8] ^= 1 << bit % 8
    assert not verify(Hotkey(bytes(altered[:32])), message, bytes(altered[32:]))
    assert not verify(key.hotkey, message + b"\0", signature)


@pytest.mark.parametrize("hotkey", [b"", bytes(31), bytes(32), bytes(33), b"\xff" * 32])
@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_what_is_no_key_or_no_signature_is_false_and_never_an_exception(hotkey, signature):
    assert not verify(Hotkey(hotkey), b"message", signature)


def test_a_byte_that_moves_from_the_message_into_the_signature_is_refused():
    key = SigningKey.from_seed(SEED)
    signature = key.sign(b"message")
    assert not verify(key.hotkey, b"essage", signature + b"m")


def test_a_signature_with_an_s_beyond_the_group_order_is_refused():
    order = 2**252 + 27742317777372353535851937790883648493
    key = SigningKey.from_seed(SEED)
    signature = key.sign(b"message")
    s = int.from_bytes(signature[32:], "little")
    malleable = signature[:32] + (s + order).to_bytes(32, "little")
    assert not verify(key.hotkey, b"message", malleable)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_our_own_mistake(length):
    with pytest.raises(ValueError, match=str(length)):
        SigningKey.from_seed(bytes(length))


def test_no_form_of_a_key_shows_its_secret():
    key = SigningKey.from_seed(SEED)
    for text in (repr(key), str(key), f"{key}", repr([key]), repr({"key": key})):
        assert "SigningKey(hotkey=03a107bf)" in text
        assert SEED.hex() not in text
        assert "x00" not in text
    with pytest.raises(TypeError, match="key file"):
        pickle.dumps(key)
