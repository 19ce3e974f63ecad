"""Ed25519 hotkeys: who signs, and whether a signature is theirs.

The one module that knows the signing library, so that another can take its place. It draws no random
number: a seed is made outside (`neurons/keystore.py`) and passed in.
Source: RFC 8032 (Ed25519), as libsodium does it: points of small order and an S beyond the group's
order are refused, so a signature cannot be altered and stay valid.
"""

from __future__ import annotations

from typing import Final

from nacl import bindings
from nacl.exceptions import BadSignatureError

from protocol.messages import SIGNATURE_BYTES
from protocol.units import HOTKEY_BYTES, Hotkey, short

SEED_BYTES: Final = 32


class SigningKey:
    """A hotkey's secret half. It signs and names its public half; it never shows or gives away its seed."""

    __slots__ = ("_secret", "hotkey")

    def __init__(self, seed: bytes) -> None:
        """seed: 32 bytes from a cryptographic source. Raises ValueError (ours) on any other length."""
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, this one has {len(seed)}")
        public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self.hotkey = Hotkey(public)

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key that this seed always gives."""
        return cls(seed)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over message; the same each time, as Ed25519 draws no randomness."""
        return bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey(hotkey={short(self.hotkey)})"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not pickled: keep it in a key file")


def verify(hotkey: Hotkey, message: bytes, signature: bytes) -> bool:
    """Whether signature is hotkey's over message.

    Answers False, and never raises, for a key or signature of any other length and for bytes that are no key.
    """
    if len(hotkey) != HOTKEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, hotkey)
    except BadSignatureError:
        return False
    return True
