"""Two signed commitments that contradict each other are proof; nothing else is."""

from __future__ import annotations

import pytest

from protocol import messages as m
from protocol.envelope import seal
from protocol.equivocation import Equivocated, EquivocationProof, check_equivocation
from protocol.errors import BadSignature, InvalidRequest, WrongNetwork, WrongPurpose
from protocol.keys import SigningKey
from protocol.params import MAIN
from protocol.units import Digest, RoundId
from tests.support.samples import DIGEST, MINER, ROUND, VALIDATOR

OTHER_DIGEST = Digest(b"\x01" * 32)
ANOTHER = SigningKey(b"o" * 32)


def said(message, *, key=MINER, recipient=VALIDATOR):
    """A reply as that key would seal it."""
    return seal(
        message, key=key, params=MAIN, recipient=recipient.hotkey, nonce=b"n" * 16, issued_at_ms=1_000,
        deadline_ms=2_000, in_reply_to=DIGEST,
    ).raw  # fmt: skip


FIRST = said(m.CommitReply(ROUND, DIGEST))
SECOND = said(m.CommitReply(ROUND, OTHER_DIGEST), recipient=ANOTHER)


def test_two_commitments_told_to_two_validators_convict_their_signer():
    proved = check_equivocation(EquivocationProof(FIRST, SECOND), network=MAIN.network)

    assert Equivocated(MINER.hotkey, ROUND) == proved


@pytest.mark.parametrize(
    ("error", "second"),
    [
        (InvalidRequest, FIRST),
        (InvalidRequest, said(m.CommitReply(ROUND, DIGEST), recipient=ANOTHER)),
        (InvalidRequest, said(m.CommitReply(RoundId(bytes(32)), OTHER_DIGEST))),
        (InvalidRequest, said(m.CommitReply(ROUND, OTHER_DIGEST), key=ANOTHER)),
        (WrongPurpose, said(m.FeedbackReply())),
        (BadSignature, SECOND.replace(MINER.hotkey, ANOTHER.hotkey)),
    ],
    ids=["itself", "the same again", "another round", "another signer", "no commitment", "another name on it"],
)
def test_anything_else_convicts_nobody(error, second):
    with pytest.raises(error):
        check_equivocation(EquivocationProof(FIRST, second), network=MAIN.network)


def test_a_proof_from_another_network_convicts_nobody_here():
    with pytest.raises(WrongNetwork):
        check_equivocation(EquivocationProof(FIRST, SECOND), network="another")
