"""Every message as a frozen dataclass that refuses nonsense when it is built.

A message here is meaning without bytes: `codec` turns it into protobuf and back, `envelope` seals it.
Building one from a stranger's bytes raises Malformed (theirs) when a field has the wrong size or range,
so that whoever holds a message holds a sound one. Shapes and times that depend on a round are checked later,
by the kind of question it belongs to.
"""

from __future__ import annotations

from protocol.messages.checks import MAX_ROWS, NONCE_BYTES, SALT_BYTES, SIGNATURE_BYTES
from protocol.messages.header import Header, Purpose
from protocol.messages.miner import (
    CommitReply,
    CommitRequest,
    DescribeReply,
    DescribeRequest,
    FeedbackReply,
    FeedbackRequest,
    RevealReply,
    RevealRequest,
)
from protocol.messages.news import CloseNews, RoundNews, WatchReply, WatchRequest
from protocol.messages.parts import BYTES_OF, Answer, DType, Opening, Receipt
from protocol.messages.validator import (
    ExplainLine,
    ExplainReply,
    ExplainRequest,
    RegisterReply,
    RegisterRequest,
    RoundsReply,
    RoundsRequest,
    RoundSummary,
    Standing,
    StandingsReply,
    StandingsRequest,
    SubmitReply,
    SubmitRequest,
)

Message = (
    CommitRequest
    | CommitReply
    | RevealRequest
    | RevealReply
    | FeedbackRequest
    | FeedbackReply
    | DescribeRequest
    | DescribeReply
    | RegisterRequest
    | RegisterReply
    | SubmitRequest
    | SubmitReply
    | RoundsRequest
    | RoundsReply
    | StandingsRequest
    | StandingsReply
    | ExplainRequest
    | ExplainReply
    | WatchRequest
    | WatchReply
    | RoundNews
    | CloseNews
)

__all__ = [
    "BYTES_OF",
    "MAX_ROWS",
    "NONCE_BYTES",
    "SALT_BYTES",
    "SIGNATURE_BYTES",
    "Answer",
    "CloseNews",
    "CommitReply",
    "CommitRequest",
    "DType",
    "DescribeReply",
    "DescribeRequest",
    "ExplainLine",
    "ExplainReply",
    "ExplainRequest",
    "FeedbackReply",
    "FeedbackRequest",
    "Header",
    "Message",
    "Opening",
    "Purpose",
    "Receipt",
    "RegisterReply",
    "RegisterRequest",
    "RevealReply",
    "RevealRequest",
    "RoundNews",
    "RoundSummary",
    "RoundsReply",
    "RoundsRequest",
    "Standing",
    "StandingsReply",
    "StandingsRequest",
    "SubmitReply",
    "SubmitRequest",
    "WatchReply",
    "WatchRequest",
]
