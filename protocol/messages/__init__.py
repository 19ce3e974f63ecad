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
from protocol.messages.parts import BYTES_OF, NO_ROUND, Answer, DType, Opening, Receipt, RefusedPart
from protocol.messages.stream_answers import (
    BalanceAnswer,
    BoardAnswer,
    BoardLine,
    CdfAnswer,
    LagLine,
    LagsAnswer,
    LetterLine,
    LinkLine,
    LinksAnswer,
    MailboxAnswer,
    NoticeLine,
    NoticesAnswer,
    PerformanceAnswer,
    PerformanceLine,
    PredictionLine,
    PredictionsAnswer,
    StreamAnswer,
    StreamReadReply,
    StreamsAnswer,
    StreamSummary,
    SubscriptionsAnswer,
    TakingPartAnswer,
    TransactionDay,
    TransactionLine,
    TransactionsAnswer,
    VolumesAnswer,
)
from protocol.messages.stream_news import (
    ALL_STREAMS,
    BalanceNews,
    Moved,
    SettlementNews,
    StreamNews,
    points_topic,
    stream_topic,
)
from protocol.messages.stream_questions import (
    BalanceQuestion,
    BoardQuestion,
    CdfQuestion,
    LagsQuestion,
    LinksQuestion,
    MailboxQuestion,
    NoticesQuestion,
    PerformanceQuestion,
    PredictionsQuestion,
    StreamQuestion,
    StreamReadRequest,
    StreamsQuestion,
    SubscriptionsQuestion,
    TakingPartQuestion,
    TransactionsQuestion,
    VolumesQuestion,
)
from protocol.messages.streams import (
    AddLink,
    Cancel,
    Delete,
    EndKey,
    NamedValue,
    Percentile,
    Publish,
    RemoveLink,
    StreamAct,
    StreamActReply,
    StreamActRequest,
    Subscribe,
    TakeName,
    Touch,
    TransferPoints,
    Unsubscribe,
)
from protocol.messages.validator import (
    SAMPLES,
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
    | StreamActRequest
    | StreamActReply
    | StreamReadRequest
    | StreamReadReply
    | RoundNews
    | CloseNews
    | StreamNews
    | SettlementNews
    | BalanceNews
)

__all__ = [
    "ALL_STREAMS",
    "BYTES_OF",
    "MAX_ROWS",
    "NONCE_BYTES",
    "NO_ROUND",
    "SALT_BYTES",
    "SAMPLES",
    "SIGNATURE_BYTES",
    "AddLink",
    "Answer",
    "BalanceAnswer",
    "BalanceNews",
    "BalanceQuestion",
    "BoardAnswer",
    "BoardLine",
    "BoardQuestion",
    "Cancel",
    "CdfAnswer",
    "CdfQuestion",
    "CloseNews",
    "CommitReply",
    "CommitRequest",
    "DType",
    "Delete",
    "DescribeReply",
    "DescribeRequest",
    "EndKey",
    "ExplainLine",
    "ExplainReply",
    "ExplainRequest",
    "FeedbackReply",
    "FeedbackRequest",
    "Header",
    "LagLine",
    "LagsAnswer",
    "LagsQuestion",
    "LetterLine",
    "LinkLine",
    "LinksAnswer",
    "LinksQuestion",
    "MailboxAnswer",
    "MailboxQuestion",
    "Message",
    "Moved",
    "NamedValue",
    "NoticeLine",
    "NoticesAnswer",
    "NoticesQuestion",
    "Opening",
    "Percentile",
    "PerformanceAnswer",
    "PerformanceLine",
    "PerformanceQuestion",
    "PredictionLine",
    "PredictionsAnswer",
    "PredictionsQuestion",
    "Publish",
    "Purpose",
    "Receipt",
    "RefusedPart",
    "RegisterReply",
    "RegisterRequest",
    "RemoveLink",
    "RevealReply",
    "RevealRequest",
    "RoundNews",
    "RoundSummary",
    "RoundsReply",
    "RoundsRequest",
    "SettlementNews",
    "Standing",
    "StandingsReply",
    "StandingsRequest",
    "StreamAct",
    "StreamActReply",
    "StreamActRequest",
    "StreamAnswer",
    "StreamNews",
    "StreamQuestion",
    "StreamReadReply",
    "StreamReadRequest",
    "StreamSummary",
    "StreamsAnswer",
    "StreamsQuestion",
    "SubmitReply",
    "SubmitRequest",
    "Subscribe",
    "SubscriptionsAnswer",
    "SubscriptionsQuestion",
    "TakeName",
    "TakingPartAnswer",
    "TakingPartQuestion",
    "Touch",
    "TransactionDay",
    "TransactionLine",
    "TransactionsAnswer",
    "TransactionsQuestion",
    "TransferPoints",
    "Unsubscribe",
    "VolumesAnswer",
    "VolumesQuestion",
    "WatchReply",
    "WatchRequest",
    "points_topic",
    "stream_topic",
]
