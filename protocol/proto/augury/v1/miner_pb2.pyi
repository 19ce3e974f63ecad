from protocol.proto.augury.v1 import envelope_pb2 as _envelope_pb2
from protocol.proto.augury.v1 import parts_pb2 as _parts_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CommitRequest(_message.Message):
    __slots__ = ("opening",)
    OPENING_FIELD_NUMBER: _ClassVar[int]
    opening: _parts_pb2.Opening
    def __init__(self, opening: _Optional[_Union[_parts_pb2.Opening, _Mapping]] = ...) -> None: ...

class CommitReply(_message.Message):
    __slots__ = ("round_id", "commitment")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    round_id: bytes
    commitment: bytes
    def __init__(self, round_id: _Optional[bytes] = ..., commitment: _Optional[bytes] = ...) -> None: ...

class RevealRequest(_message.Message):
    __slots__ = ("round_id", "anchor_at_ms", "commit_receipt")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_AT_MS_FIELD_NUMBER: _ClassVar[int]
    COMMIT_RECEIPT_FIELD_NUMBER: _ClassVar[int]
    round_id: bytes
    anchor_at_ms: int
    commit_receipt: _parts_pb2.Receipt
    def __init__(self, round_id: _Optional[bytes] = ..., anchor_at_ms: _Optional[int] = ..., commit_receipt: _Optional[_Union[_parts_pb2.Receipt, _Mapping]] = ...) -> None: ...

class RevealReply(_message.Message):
    __slots__ = ("salt", "answer")
    SALT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    answer: _parts_pb2.Answer
    def __init__(self, salt: _Optional[bytes] = ..., answer: _Optional[_Union[_parts_pb2.Answer, _Mapping]] = ...) -> None: ...

class FeedbackRequest(_message.Message):
    __slots__ = ("round_id", "challenge", "anchor_at_ms", "state", "status", "reason", "loss_nano", "baseline_loss_nano", "gain_nano", "skill_nano", "accrued_micros", "reveal_receipt")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_AT_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LOSS_NANO_FIELD_NUMBER: _ClassVar[int]
    BASELINE_LOSS_NANO_FIELD_NUMBER: _ClassVar[int]
    GAIN_NANO_FIELD_NUMBER: _ClassVar[int]
    SKILL_NANO_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_MICROS_FIELD_NUMBER: _ClassVar[int]
    REVEAL_RECEIPT_FIELD_NUMBER: _ClassVar[int]
    round_id: bytes
    challenge: str
    anchor_at_ms: int
    state: str
    status: str
    reason: str
    loss_nano: int
    baseline_loss_nano: int
    gain_nano: int
    skill_nano: int
    accrued_micros: int
    reveal_receipt: _parts_pb2.Receipt
    def __init__(self, round_id: _Optional[bytes] = ..., challenge: _Optional[str] = ..., anchor_at_ms: _Optional[int] = ..., state: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., loss_nano: _Optional[int] = ..., baseline_loss_nano: _Optional[int] = ..., gain_nano: _Optional[int] = ..., skill_nano: _Optional[int] = ..., accrued_micros: _Optional[int] = ..., reveal_receipt: _Optional[_Union[_parts_pb2.Receipt, _Mapping]] = ...) -> None: ...

class FeedbackReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeReply(_message.Message):
    __slots__ = ("software", "model", "challenges", "endpoint")
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHALLENGES_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    software: str
    model: str
    challenges: _containers.RepeatedScalarFieldContainer[str]
    endpoint: str
    def __init__(self, software: _Optional[str] = ..., model: _Optional[str] = ..., challenges: _Optional[_Iterable[str]] = ..., endpoint: _Optional[str] = ...) -> None: ...
