"""Handing a hotkey over: a statement that both keys sign, after which the old key signs nothing more.

    before --signed by both--> after          before --signed by before alone--> nobody (revoked)

What a key earned, its balance, its name and its streams stay under the first key of the line (`origin`): no posting
moves and no name is searched again; what changes is who may sign (`signer`). The first statement that a node takes in
counts: a key that has been handed over can hand over nothing. Whoever stole a key can do this as well as its owner, so
the quicker one wins; keep keys encrypted.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Final

from protocol.errors import BadSignature, InvalidRequest, Malformed, WrongNetwork
from protocol.keys import SigningKey, verify
from protocol.messages import SIGNATURE_BYTES
from protocol.units import HOTKEY_BYTES, Hotkey, UnixMs, short

DOMAIN: Final = b"augury/succession/1\0"
MAX_NETWORK_CHARS: Final = 64
NOBODY: Final = Hotkey(bytes(HOTKEY_BYTES))
"""Stands where a key has no successor. No key is all zeros: that point has a small order, and signs nothing."""


@dataclass(frozen=True, slots=True)
class Succession:
    """`before` gives all it has to `after`, or is revoked when that is NOBODY.

    consent: before's signature.  acceptance: after's, 64 zero bytes when there is nobody to accept.
    Raises Malformed (theirs) for a field of another size.
    """

    network: str
    before: Hotkey
    after: Hotkey
    issued_at_ms: UnixMs
    consent: bytes
    acceptance: bytes

    def __post_init__(self) -> None:
        sizes = (
            ("before", self.before, HOTKEY_BYTES),
            ("after", self.after, HOTKEY_BYTES),
            ("consent", self.consent, SIGNATURE_BYTES),
            ("acceptance", self.acceptance, SIGNATURE_BYTES),
        )
        for field, value, size in sizes:
            if len(value) != size:
                raise Malformed(f"{field} must be {size} bytes, were {len(value)}", field=field)
        if not 1 <= len(self.network) <= MAX_NETWORK_CHARS or not self.network.isascii():
            raise Malformed(f"network must be 1 to {MAX_NETWORK_CHARS} ASCII characters", field="network")
        if not 0 <= self.issued_at_ms < 1 << 63:
            raise Malformed(f"issued_at_ms must be from 0 to 2**63, was {self.issued_at_ms}", field="issued_at_ms")


Successions = Mapping[Hotkey, Succession]
"""Every statement taken in, by the key that it ends. Build it with `take_in`."""


def hand_over(network: str, before: SigningKey, after: SigningKey, *, issued_at_ms: UnixMs) -> Succession:
    """The statement that `after` follows `before`, signed by both. Raises InvalidRequest (ours) for one key twice."""
    _require(before.hotkey != after.hotkey, "same-key", "a key cannot follow itself")
    bare = _unsigned(network, before.hotkey, after.hotkey, issued_at_ms)
    text = signed_bytes(bare)
    return replace(bare, consent=before.sign(text), acceptance=after.sign(text))


def revoke(network: str, before: SigningKey, *, issued_at_ms: UnixMs) -> Succession:
    """The statement that `before` ends and nobody follows: what it has stays where it is, for ever."""
    bare = _unsigned(network, before.hotkey, NOBODY, issued_at_ms)
    return replace(bare, consent=before.sign(signed_bytes(bare)))


def signed_bytes(succession: Succession) -> bytes:
    """What both signatures cover.

    "augury/succession/1" and a zero byte; length of the network's name (1 byte) and the name; before (32); after (32);
    issued_at_ms (8, little-endian).
    """
    name = succession.network.encode("ascii")
    at = struct.pack("<Q", succession.issued_at_ms)
    return b"".join((DOMAIN, bytes((len(name),)), name, succession.before, succession.after, at))


def check_succession(succession: Succession, *, network: str) -> None:
    """Raises WrongNetwork, BadSignature or InvalidRequest (theirs) unless both keys signed this, for this network."""
    if succession.network != network:
        raise WrongNetwork(f"the statement is for network {succession.network}, this is {network}")
    _require(succession.before != succession.after, "same-key", "a key cannot follow itself")
    text = signed_bytes(succession)
    if not verify(succession.before, text, succession.consent):
        raise BadSignature(f"the statement is not signed by {short(succession.before)}")
    accepted = succession.after == NOBODY or verify(succession.after, text, succession.acceptance)
    if not accepted:
        raise BadSignature(f"the statement is not accepted by {short(succession.after)}")


def take_in(
    known: Successions, succession: Succession, *, network: str, taken: Container[Hotkey] = frozenset()
) -> Successions:
    """What is known with this statement; the same when it is known already.

    taken: keys that have a history of their own (registered, or with a balance): none of them can be a successor, for
    two histories do not become one. In whatever order the statements of a line come, the same is known at the end.
    Raises as `check_succession`, and InvalidRequest (theirs, field reason) when `before` has ended already, or `after`
    is no fresh key; nothing is changed then.
    """
    check_succession(succession, network=network)
    earlier = known.get(succession.before)
    if earlier is not None and signed_bytes(earlier) == signed_bytes(succession):
        return known
    _require(earlier is None, "key-ended", f"key {short(succession.before)} has been handed over or revoked already")
    if succession.after != NOBODY:
        followed = any(one.after == succession.after for one in known.values())
        fresh = not followed and succession.after not in taken and signer(known, succession.after) != succession.before
        _require(fresh, "not-fresh", f"key {short(succession.after)} has a history of its own")
    return {**known, succession.before: succession}


def signer(known: Successions, hotkey: Hotkey) -> Hotkey | None:
    """The key that signs now for the line to which `hotkey` belongs; None when the line was revoked."""
    while (succession := known.get(hotkey)) is not None:
        hotkey = succession.after
    return None if hotkey == NOBODY else hotkey


def origin(known: Successions, hotkey: Hotkey) -> Hotkey:
    """The first key of the line: under which accounts, names, streams and standings are kept."""
    before = {succession.after: succession.before for succession in known.values() if succession.after != NOBODY}
    while hotkey in before:
        hotkey = before[hotkey]
    return hotkey


def require_signer(known: Successions, hotkey: Hotkey) -> None:
    """Raises InvalidRequest (theirs, reason "key-ended") for a key that was handed over or revoked."""
    _require(hotkey not in known, "key-ended", f"key {short(hotkey)} was handed over or revoked")


def _unsigned(network: str, before: Hotkey, after: Hotkey, issued_at_ms: UnixMs) -> Succession:
    return Succession(network, before, after, issued_at_ms, bytes(SIGNATURE_BYTES), bytes(SIGNATURE_BYTES))


def _require(holds: bool, reason: str, sentence: str) -> None:
    if not holds:
        raise InvalidRequest(sentence, reason=reason)
