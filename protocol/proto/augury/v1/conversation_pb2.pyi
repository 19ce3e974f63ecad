from protocol.proto.augury.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Turn(_message.Message):
    __slots__ = ("number", "purpose", "envelope", "refusal")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    number: int
    purpose: _envelope_pb2.Purpose
    envelope: bytes
    refusal: Refusal
    def __init__(self, number: _Optional[int] = ..., purpose: _Optional[_Union[_envelope_pb2.Purpose, str]] = ..., envelope: _Optional[bytes] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("status", "code", "sentence")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    status: int
    code: str
    sentence: str
    def __init__(self, status: _Optional[int] = ..., code: _Optional[str] = ..., sentence: _Optional[str] = ...) -> None: ...
