from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    D_TYPE_UNSPECIFIED: _ClassVar[DType]
    D_TYPE_FLOAT32: _ClassVar[DType]
    D_TYPE_FLOAT64: _ClassVar[DType]

class Step(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_UNSPECIFIED: _ClassVar[Step]
    STEP_COMMIT: _ClassVar[Step]
    STEP_REVEAL: _ClassVar[Step]
    STEP_SUBMIT: _ClassVar[Step]
D_TYPE_UNSPECIFIED: DType
D_TYPE_FLOAT32: DType
D_TYPE_FLOAT64: DType
STEP_UNSPECIFIED: Step
STEP_COMMIT: Step
STEP_REVEAL: Step
STEP_SUBMIT: Step

class Answer(_message.Message):
    __slots__ = ("shape", "dtype", "values")
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    shape: _containers.RepeatedScalarFieldContainer[int]
    dtype: DType
    values: bytes
    def __init__(self, shape: _Optional[_Iterable[int]] = ..., dtype: _Optional[_Union[DType, str]] = ..., values: _Optional[bytes] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("round_id", "series", "challenge", "anchor_at_ms", "params_version", "step_ms", "steps", "min_paths", "max_paths", "asked_paths", "sigma_pico", "history_digest", "opened_at_ms", "session_steps", "history_steps")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_AT_MS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_VERSION_FIELD_NUMBER: _ClassVar[int]
    STEP_MS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    MIN_PATHS_FIELD_NUMBER: _ClassVar[int]
    MAX_PATHS_FIELD_NUMBER: _ClassVar[int]
    ASKED_PATHS_FIELD_NUMBER: _ClassVar[int]
    SIGMA_PICO_FIELD_NUMBER: _ClassVar[int]
    HISTORY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SESSION_STEPS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_STEPS_FIELD_NUMBER: _ClassVar[int]
    round_id: bytes
    series: str
    challenge: str
    anchor_at_ms: int
    params_version: int
    step_ms: int
    steps: int
    min_paths: int
    max_paths: int
    asked_paths: int
    sigma_pico: int
    history_digest: bytes
    opened_at_ms: int
    session_steps: bytes
    history_steps: int
    def __init__(self, round_id: _Optional[bytes] = ..., series: _Optional[str] = ..., challenge: _Optional[str] = ..., anchor_at_ms: _Optional[int] = ..., params_version: _Optional[int] = ..., step_ms: _Optional[int] = ..., steps: _Optional[int] = ..., min_paths: _Optional[int] = ..., max_paths: _Optional[int] = ..., asked_paths: _Optional[int] = ..., sigma_pico: _Optional[int] = ..., history_digest: _Optional[bytes] = ..., opened_at_ms: _Optional[int] = ..., session_steps: _Optional[bytes] = ..., history_steps: _Optional[int] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("step", "round_id", "hotkey", "evidence_sha256", "received_at_ms", "validator", "signature")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    HOTKEY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_SHA256_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    VALIDATOR_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    step: Step
    round_id: bytes
    hotkey: bytes
    evidence_sha256: bytes
    received_at_ms: int
    validator: bytes
    signature: bytes
    def __init__(self, step: _Optional[_Union[Step, str]] = ..., round_id: _Optional[bytes] = ..., hotkey: _Optional[bytes] = ..., evidence_sha256: _Optional[bytes] = ..., received_at_ms: _Optional[int] = ..., validator: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class RefusedPart(_message.Message):
    __slots__ = ("subject", "code", "sentence")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    subject: str
    code: str
    sentence: str
    def __init__(self, subject: _Optional[str] = ..., code: _Optional[str] = ..., sentence: _Optional[str] = ...) -> None: ...
