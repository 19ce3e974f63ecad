from protocol.proto.augury.v1 import streams_pb2 as _streams_pb2
from protocol.proto.augury.v1 import validator_pb2 as _validator_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Broadcast(_message.Message):
    __slots__ = ("round", "close", "stream", "settlement", "balance")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    round: RoundNews
    close: CloseNews
    stream: StreamNews
    settlement: SettlementNews
    balance: BalanceNews
    def __init__(self, round: _Optional[_Union[RoundNews, _Mapping]] = ..., close: _Optional[_Union[CloseNews, _Mapping]] = ..., stream: _Optional[_Union[StreamNews, _Mapping]] = ..., settlement: _Optional[_Union[SettlementNews, _Mapping]] = ..., balance: _Optional[_Union[BalanceNews, _Mapping]] = ...) -> None: ...

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

class StreamNews(_message.Message):
    __slots__ = ("name", "owner", "incarnation", "sequence", "at_ms", "value", "budget_micros", "percentiles")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MICROS_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: bytes
    incarnation: int
    sequence: int
    at_ms: int
    value: bytes
    budget_micros: int
    percentiles: _containers.RepeatedCompositeFieldContainer[_streams_pb2.Percentile]
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[bytes] = ..., incarnation: _Optional[int] = ..., sequence: _Optional[int] = ..., at_ms: _Optional[int] = ..., value: _Optional[bytes] = ..., budget_micros: _Optional[int] = ..., percentiles: _Optional[_Iterable[_Union[_streams_pb2.Percentile, _Mapping]]] = ...) -> None: ...

class Moved(_message.Message):
    __slots__ = ("owner", "amount_micros")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROS_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    amount_micros: int
    def __init__(self, owner: _Optional[bytes] = ..., amount_micros: _Optional[int] = ...) -> None: ...

class SettlementNews(_message.Message):
    __slots__ = ("name", "incarnation", "sequence", "delay", "at_ms", "value", "rule", "budget_micros", "moved")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MICROS_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    name: str
    incarnation: int
    sequence: int
    delay: int
    at_ms: int
    value: float
    rule: str
    budget_micros: int
    moved: _containers.RepeatedCompositeFieldContainer[Moved]
    def __init__(self, name: _Optional[str] = ..., incarnation: _Optional[int] = ..., sequence: _Optional[int] = ..., delay: _Optional[int] = ..., at_ms: _Optional[int] = ..., value: _Optional[float] = ..., rule: _Optional[str] = ..., budget_micros: _Optional[int] = ..., moved: _Optional[_Iterable[_Union[Moved, _Mapping]]] = ...) -> None: ...

class BalanceNews(_message.Message):
    __slots__ = ("owner", "at_ms", "balance_micros")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROS_FIELD_NUMBER: _ClassVar[int]
    owner: bytes
    at_ms: int
    balance_micros: int
    def __init__(self, owner: _Optional[bytes] = ..., at_ms: _Optional[int] = ..., balance_micros: _Optional[int] = ...) -> None: ...
