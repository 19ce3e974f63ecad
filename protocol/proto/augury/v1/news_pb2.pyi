from protocol.proto.augury.v1 import validator_pb2 as _validator_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Broadcast(_message.Message):
    __slots__ = ("round", "close")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    round: RoundNews
    close: CloseNews
    def __init__(self, round: _Optional[_Union[RoundNews, _Mapping]] = ..., close: _Optional[_Union[CloseNews, _Mapping]] = ...) -> None: ...

class RoundNews(_message.Message):
    __slots__ = ("summary",)
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    summary: _validator_pb2.RoundSummary
    def __init__(self, summary: _Optional[_Union[_validator_pb2.RoundSummary, _Mapping]] = ...) -> None: ...

class CloseNews(_message.Message):
    __slots__ = ("series", "close_at_ms", "close_e8", "reason")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    CLOSE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    CLOSE_E8_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    series: str
    close_at_ms: int
    close_e8: int
    reason: str
    def __init__(self, series: _Optional[str] = ..., close_at_ms: _Optional[int] = ..., close_e8: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
