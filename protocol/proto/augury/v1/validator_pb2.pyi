from protocol.proto.augury.v1 import envelope_pb2 as _envelope_pb2
from protocol.proto.augury.v1 import parts_pb2 as _parts_pb2
from protocol.proto.augury.v1 import watch_pb2 as _watch_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterRequest(_message.Message):
    __slots__ = ("endpoint", "challenges")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    CHALLENGES_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    challenges: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, endpoint: _Optional[str] = ..., challenges: _Optional[_Iterable[str]] = ...) -> None: ...

class RegisterReply(_message.Message):
    __slots__ = ("registered_at_ms",)
    REGISTERED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    registered_at_ms: int
    def __init__(self, registered_at_ms: _Optional[int] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("kind", "subject", "salt", "answer", "horizons", "sequence")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    HORIZONS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    subject: str
    salt: bytes
    answer: _parts_pb2.Answer
    horizons: _containers.RepeatedScalarFieldContainer[str]
    sequence: int
    def __init__(self, kind: _Optional[str] = ..., subject: _Optional[str] = ..., salt: _Optional[bytes] = ..., answer: _Optional[_Union[_parts_pb2.Answer, _Mapping]] = ..., horizons: _Optional[_Iterable[str]] = ..., sequence: _Optional[int] = ...) -> None: ...

class SubmitReply(_message.Message):
    __slots__ = ("receipt", "refused")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    receipt: _parts_pb2.Receipt
    refused: _containers.RepeatedCompositeFieldContainer[_parts_pb2.RefusedPart]
    def __init__(self, receipt: _Optional[_Union[_parts_pb2.Receipt, _Mapping]] = ..., refused: _Optional[_Iterable[_Union[_parts_pb2.RefusedPart, _Mapping]]] = ...) -> None: ...

class RoundsRequest(_message.Message):
    __slots__ = ("series", "challenge", "state", "before_ms", "limit")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_MS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    series: str
    challenge: str
    state: str
    before_ms: int
    limit: int
    def __init__(self, series: _Optional[str] = ..., challenge: _Optional[str] = ..., state: _Optional[str] = ..., before_ms: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class RoundSummary(_message.Message):
    __slots__ = ("round_id", "series", "challenge", "anchor_at_ms", "state", "reason", "sigma_pico", "commitments", "answers", "baseline_loss_nano", "provenance")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_AT_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SIGMA_PICO_FIELD_NUMBER: _ClassVar[int]
    COMMITMENTS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    BASELINE_LOSS_NANO_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    round_id: bytes
    series: str
    challenge: str
    anchor_at_ms: int
    state: str
    reason: str
    sigma_pico: int
    commitments: int
    answers: int
    baseline_loss_nano: int
    provenance: str
    def __init__(self, round_id: _Optional[bytes] = ..., series: _Optional[str] = ..., challenge: _Optional[str] = ..., anchor_at_ms: _Optional[int] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., sigma_pico: _Optional[int] = ..., commitments: _Optional[int] = ..., answers: _Optional[int] = ..., baseline_loss_nano: _Optional[int] = ..., provenance: _Optional[str] = ...) -> None: ...

class RoundsReply(_message.Message):
    __slots__ = ("rounds",)
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    rounds: _containers.RepeatedCompositeFieldContainer[RoundSummary]
    def __init__(self, rounds: _Optional[_Iterable[_Union[RoundSummary, _Mapping]]] = ...) -> None: ...

class StandingsRequest(_message.Message):
    __slots__ = ("series", "challenge")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    series: str
    challenge: str
    def __init__(self, series: _Optional[str] = ..., challenge: _Optional[str] = ...) -> None: ...

class Standing(_message.Message):
    __slots__ = ("hotkey", "rounds", "valid", "blocks", "mean_gain_nano", "lower_bound_nano", "skill_nano", "accrued_micros", "paid_micros", "reason")
    HOTKEY_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    MEAN_GAIN_NANO_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_NANO_FIELD_NUMBER: _ClassVar[int]
    SKILL_NANO_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_MICROS_FIELD_NUMBER: _ClassVar[int]
    PAID_MICROS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    hotkey: bytes
    rounds: int
    valid: int
    blocks: int
    mean_gain_nano: int
    lower_bound_nano: int
    skill_nano: int
    accrued_micros: int
    paid_micros: int
    reason: str
    def __init__(self, hotkey: _Optional[bytes] = ..., rounds: _Optional[int] = ..., valid: _Optional[int] = ..., blocks: _Optional[int] = ..., mean_gain_nano: _Optional[int] = ..., lower_bound_nano: _Optional[int] = ..., skill_nano: _Optional[int] = ..., accrued_micros: _Optional[int] = ..., paid_micros: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class StandingsReply(_message.Message):
    __slots__ = ("as_of_ms", "standings")
    AS_OF_MS_FIELD_NUMBER: _ClassVar[int]
    STANDINGS_FIELD_NUMBER: _ClassVar[int]
    as_of_ms: int
    standings: _containers.RepeatedCompositeFieldContainer[Standing]
    def __init__(self, as_of_ms: _Optional[int] = ..., standings: _Optional[_Iterable[_Union[Standing, _Mapping]]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("round_id", "hotkey")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    HOTKEY_FIELD_NUMBER: _ClassVar[int]
    round_id: bytes
    hotkey: bytes
    def __init__(self, round_id: _Optional[bytes] = ..., hotkey: _Optional[bytes] = ...) -> None: ...

class ExplainLine(_message.Message):
    __slots__ = ("section", "name", "value", "unit", "note")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    section: str
    name: str
    value: int
    unit: str
    note: str
    def __init__(self, section: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[int] = ..., unit: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class ExplainReply(_message.Message):
    __slots__ = ("round_id", "hotkey", "lines")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    HOTKEY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    round_id: bytes
    hotkey: bytes
    lines: _containers.RepeatedCompositeFieldContainer[ExplainLine]
    def __init__(self, round_id: _Optional[bytes] = ..., hotkey: _Optional[bytes] = ..., lines: _Optional[_Iterable[_Union[ExplainLine, _Mapping]]] = ...) -> None: ...
