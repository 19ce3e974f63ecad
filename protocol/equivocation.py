"""Proof that a miner signed two different commitments for one round: two envelopes, checkable by anyone, offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.envelope import open_evidence
from protocol.errors import InvalidRequest
from protocol.messages import CommitReply, Purpose
from protocol.units import Hotkey, RoundId

MAX_COMMIT_ENVELOPE_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class EquivocationProof:
    """Two raw envelopes as they came, each a signed CommitReply."""

    first: bytes
    second: bytes


@dataclass(frozen=True, slots=True)
class Equivocated:
    """What a proof proves: whose fault, in which round."""

    hotkey: Hotkey
    round_id: RoundId


def check_equivocation(proof: EquivocationProof, *, network: str) -> Equivocated:
    """Who equivocated, and in which round.

    Raises (the accuser's fault) BadSignature, BodyMismatch, Malformed, WrongNetwork or WrongPurpose when one of the
    two is not such an envelope, and InvalidRequest when the two do not contradict each other.
    """
    signer, said = _commit_reply(proof.first, network)
    other_signer, other_said = _commit_reply(proof.second, network)
    if signer != other_signer:
        raise InvalidRequest("the two commitments have different signers")
    if said.round_id != other_said.round_id:
        raise InvalidRequest("the two commitments are for different rounds")
    if said.commitment == other_said.commitment:
        raise InvalidRequest("the two commitments are the same")
    return Equivocated(signer, said.round_id)


def _commit_reply(raw: bytes, network: str) -> tuple[Hotkey, CommitReply]:
    opened = open_evidence(raw, purpose=Purpose.COMMIT_REPLY, network=network, max_bytes=MAX_COMMIT_ENVELOPE_BYTES)
    if not isinstance(opened.message, CommitReply):
        raise InvalidRequest("the envelope holds no commitment")
    return opened.header.sender, opened.message
