"""The turns of a conversation as they travel: a call's number, and a request, its reply, or why there is none.

The envelope inside is passed on as it came. Turns are the transport's own frames, so they are read here and not by
the protocol's codec: nothing in them is signed, and nobody believes more of them than which call they belong to.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from neurons.transport.status import Refusal, by_number
from protocol.errors import Malformed
from protocol.messages import Purpose
from protocol.proto.augury.v1.conversation_pb2 import Refusal as RefusalFrame
from protocol.proto.augury.v1.conversation_pb2 import Turn

TURN_BYTES = 64
"""A turn is at most so much longer than its envelope."""


def request_turn(number: int, purpose: Purpose, envelope: bytes) -> bytes:
    """A call, as its caller sends it."""
    return Turn(number=number, purpose=purpose.value, envelope=envelope).SerializeToString()  # type: ignore[arg-type]


def reply_turn(number: int, reply: bytes | Refusal) -> bytes:
    """The envelope that answers the call of this number, or why it is refused."""
    if isinstance(reply, bytes):
        return Turn(number=number, envelope=reply).SerializeToString()
    said = RefusalFrame(status=reply.number, code=reply.code, sentence=reply.sentence)
    return Turn(number=number, refusal=said).SerializeToString()


def read_request(raw: bytes) -> tuple[int, int, bytes]:
    """(number, the purpose's number, envelope). Raises Malformed."""
    turn = _turn(raw)
    return turn.number, turn.purpose, turn.envelope


def read_reply(raw: bytes) -> tuple[int, bytes | Refusal]:
    """(number, the envelope or the refusal). Raises Malformed."""
    turn = _turn(raw)
    if not turn.HasField("refusal"):
        return turn.number, turn.envelope
    said = turn.refusal
    return turn.number, Refusal(by_number(said.status), said.code, said.sentence)


def _turn(raw: bytes) -> Turn:
    try:
        return Turn.FromString(raw)
    except DecodeError as error:
        raise Malformed("what was sent is no turn of a conversation") from error
