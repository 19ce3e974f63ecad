from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_COMMIT: _ClassVar[Purpose]
    PURPOSE_REVEAL: _ClassVar[Purpose]
    PURPOSE_FEEDBACK: _ClassVar[Purpose]
    PURPOSE_DESCRIBE: _ClassVar[Purpose]
    PURPOSE_REGISTER: _ClassVar[Purpose]
    PURPOSE_SUBMIT: _ClassVar[Purpose]
    PURPOSE_ROUNDS: _ClassVar[Purpose]
    PURPOSE_STANDINGS: _ClassVar[Purpose]
    PURPOSE_EXPLAIN: _ClassVar[Purpose]
    PURPOSE_WATCH: _ClassVar[Purpose]
    PURPOSE_STREAM_ACT: _ClassVar[Purpose]
    PURPOSE_STREAM_READ: _ClassVar[Purpose]
    PURPOSE_COMMIT_REPLY: _ClassVar[Purpose]
    PURPOSE_REVEAL_REPLY: _ClassVar[Purpose]
    PURPOSE_FEEDBACK_REPLY: _ClassVar[Purpose]
    PURPOSE_DESCRIBE_REPLY: _ClassVar[Purpose]
    PURPOSE_REGISTER_REPLY: _ClassVar[Purpose]
    PURPOSE_SUBMIT_REPLY: _ClassVar[Purpose]
    PURPOSE_ROUNDS_REPLY: _ClassVar[Purpose]
    PURPOSE_STANDINGS_REPLY: _ClassVar[Purpose]
    PURPOSE_EXPLAIN_REPLY: _ClassVar[Purpose]
    PURPOSE_WATCH_REPLY: _ClassVar[Purpose]
    PURPOSE_STREAM_ACT_REPLY: _ClassVar[Purpose]
    PURPOSE_STREAM_READ_REPLY: _ClassVar[Purpose]
    PURPOSE_BROADCAST: _ClassVar[Purpose]
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_COMMIT: Purpose
PURPOSE_REVEAL: Purpose
PURPOSE_FEEDBACK: Purpose
PURPOSE_DESCRIBE: Purpose
PURPOSE_REGISTER: Purpose
PURPOSE_SUBMIT: Purpose
PURPOSE_ROUNDS: Purpose
PURPOSE_STANDINGS: Purpose
PURPOSE_EXPLAIN: Purpose
PURPOSE_WATCH: Purpose
PURPOSE_STREAM_ACT: Purpose
PURPOSE_STREAM_READ: Purpose
PURPOSE_COMMIT_REPLY: Purpose
PURPOSE_REVEAL_REPLY: Purpose
PURPOSE_FEEDBACK_REPLY: Purpose
PURPOSE_DESCRIBE_REPLY: Purpose
PURPOSE_REGISTER_REPLY: Purpose
PURPOSE_SUBMIT_REPLY: Purpose
PURPOSE_ROUNDS_REPLY: Purpose
PURPOSE_STANDINGS_REPLY: Purpose
PURPOSE_EXPLAIN_REPLY: Purpose
PURPOSE_WATCH_REPLY: Purpose
PURPOSE_STREAM_ACT_REPLY: Purpose
PURPOSE_STREAM_READ_REPLY: Purpose
PURPOSE_BROADCAST: Purpose

class Envelope(_message.Message):
    __slots__ = ("header", "signature", "body")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    signature: bytes
    body: bytes
    def __init__(self, header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., body: _Optional[bytes] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("protocol_version", "purpose", "network", "params_digest", "sender", "recipient", "nonce", "issued_at_ms", "deadline_ms", "body_sha256", "in_reply_to", "topic", "sequence")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    PARAMS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    IN_REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    purpose: Purpose
    network: str
    params_digest: bytes
    sender: bytes
    recipient: bytes
    nonce: bytes
    issued_at_ms: int
    deadline_ms: int
    body_sha256: bytes
    in_reply_to: bytes
    topic: str
    sequence: int
    def __init__(self, protocol_version: _Optional[int] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., network: _Optional[str] = ..., params_digest: _Optional[bytes] = ..., sender: _Optional[bytes] = ..., recipient: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., issued_at_ms: _Optional[int] = ..., deadline_ms: _Optional[int] = ..., body_sha256: _Optional[bytes] = ..., in_reply_to: _Optional[bytes] = ..., topic: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...
