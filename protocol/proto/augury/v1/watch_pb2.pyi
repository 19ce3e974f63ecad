from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class WatchRequest(_message.Message):
    __slots__ = ("topics", "session_key")
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedScalarFieldContainer[str]
    session_key: bytes
    def __init__(self, topics: _Optional[_Iterable[str]] = ..., session_key: _Optional[bytes] = ...) -> None: ...

class WatchReply(_message.Message):
    __slots__ = ("session_key",)
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    session_key: bytes
    def __init__(self, session_key: _Optional[bytes] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("counter", "mac", "checkpoint", "payload")
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    counter: int
    mac: bytes
    checkpoint: bytes
    payload: bytes
    def __init__(self, counter: _Optional[int] = ..., mac: _Optional[bytes] = ..., checkpoint: _Optional[bytes] = ..., payload: _Optional[bytes] = ...) -> None: ...
