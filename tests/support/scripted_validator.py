"""A validator that answers from a script: whatever a test's function says, sealed and signed as a validator would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from neurons.peers_file import ListedValidator
from neurons.ports import Clock
from protocol import codec
from protocol.envelope import Opened, max_envelope_bytes, open_evidence, seal_reply
from protocol.keys import SigningKey
from protocol.messages import NO_ROUND, Message, Purpose, Receipt
from protocol.params import MAIN, NetworkParams
from protocol.receipts import sign_receipt
from tests.support.memory_network import MemoryCaller, MemoryNetwork
from tests.support.world import SeededEntropy, signing_key

ENDPOINT = "validator:1"


@dataclass
class ScriptedValidator:
    """answer: what is said to a request.  asked: everything that came, also that whose reply got lost."""

    clock: Clock
    answer_to: Callable[[Opened], Message]
    params: NetworkParams = MAIN
    key: SigningKey = field(default_factory=lambda: signing_key("validator"))
    asked: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.network = MemoryNetwork()
        self.network.host(ENDPOINT, self)
        self._entropy = SeededEntropy("scripted")

    @property
    def listed(self) -> ListedValidator:
        return ListedValidator(self.key.hotkey, ENDPOINT)

    def caller(self) -> MemoryCaller:
        return MemoryCaller(self.network, self.clock, self.params.wire)

    def serves(self) -> Sequence[Purpose]:
        return (Purpose.SUBMIT, Purpose.STREAM_ACT, Purpose.STREAM_READ)

    async def answer(self, purpose: Purpose, envelope: bytes, *, peer: str) -> bytes:
        size = max_envelope_bytes(self.params.wire)
        opened = open_evidence(envelope, purpose=purpose, network=self.params.network, max_bytes=size)
        self.asked.append(opened.message)
        now = self.clock.now_ms()
        return seal_reply(
            codec.encode(self.answer_to(opened)),
            asked=opened.header,
            asked_digest=opened.header_digest,
            key=self.key,
            params=self.params,
            nonce=self._entropy.bytes(16),
            issued_at_ms=now,
            deadline_ms=now + 60_000,
        )

    def watch(self, envelope: bytes, *, peer: str) -> AsyncIterator[bytes]:
        raise NotImplementedError("the script tells no news")

    def receipt(self, opened: Opened, *, evidence: bytes | None = None, key: SigningKey | None = None) -> Receipt:
        """The validator's word for a request; or for something else, or somebody else's."""
        return sign_receipt(
            "submit",
            NO_ROUND,
            opened.header.sender,
            evidence=opened.raw if evidence is None else evidence,
            received_at_ms=self.clock.now_ms(),
            key=key or self.key,
        )
