"""Between messages and bytes: the only reader of the generated protobuf modules.

A dataclass in `protocol/messages` and its protobuf message have the same field names, so one table of pairs
(`wire_types.py`) is the whole mapping; a test holds the two sides together. A field that holds one of several parts is
a `oneof` of its name. Bodies may carry fields that this version does not know (they are ignored and stay covered by the
signature). What does not parse, lacks a required part or breaks a bound raises Malformed and names the field; no error
of the library leaves this module.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from operator import attrgetter
from typing import Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Wire

from protocol.errors import Malformed
from protocol.messages import MAX_ROWS, Header, Message, Opening, Purpose
from protocol.proto.augury.v1 import envelope_pb2, news_pb2, parts_pb2, watch_pb2
from protocol.units import Digest, Hotkey, UnixMs
from protocol.wire_types import NEWS, WIRE_TYPES

MAX_HEADER_BYTES: Final = 1_024
MAX_STRING_CHARS: Final = 1_024
"""For strings that have no tighter bound of their own; all of them must be printable."""
MAX_SHAPE_SIDES: Final = 3

_WORDS: Final[dict[str, dict[str, int]]] = {
    "dtype": {"float32": parts_pb2.D_TYPE_FLOAT32, "float64": parts_pb2.D_TYPE_FLOAT64},
    "step": {"commit": parts_pb2.STEP_COMMIT, "reveal": parts_pb2.STEP_REVEAL, "submit": parts_pb2.STEP_SUBMIT},
}
"""Fields that are words here and enums on the wire."""


def encode(message: Message) -> bytes:
    """The body that stands for this message. Raises Malformed for an integer or a string that no body can hold."""
    kind = type(message)
    wire = _SHAPES[kind].write(message)
    if kind in NEWS:
        wire = news_pb2.Broadcast(**{NEWS[kind]: wire})
    return bytes(wire.SerializeToString())


def decode(purpose: Purpose, body: bytes) -> Message:
    """The message of this purpose. Raises Malformed (theirs) when the body is none.

    The caller has bounded the body's size and checked whose it is.
    """
    if purpose is Purpose.BROADCAST:
        news = _parse(news_pb2.Broadcast, body)
        which = news.WhichOneof("news")
        for kind, name in NEWS.items():
            if name == which:
                return typing.cast("Message", _SHAPES[kind].read(getattr(news, name)))
        raise Malformed("the broadcast carries no news that is known here", field="news")
    shape = _SHAPE_OF[purpose]
    return typing.cast("Message", shape.read(_parse(shape.wire, body)))


def encode_opening(opening: Opening) -> bytes:
    """An opening record as a node keeps it."""
    return bytes(_SHAPES[Opening].write(opening).SerializeToString())


def decode_opening(raw: bytes) -> Opening:
    """Raises Malformed when these bytes are no opening record."""
    return typing.cast("Opening", _SHAPES[Opening].read(_parse(parts_pb2.Opening, raw)))


def encode_header(header: Header) -> bytes:
    """The bytes that are signed. Raises Malformed for a number or a text that no header can hold."""
    try:
        return envelope_pb2.Header(
            protocol_version=header.protocol_version,
            purpose=header.purpose,  # type: ignore[arg-type]  # the enums share their numbers
            network=header.network,
            params_digest=header.params_digest,
            sender=header.sender,
            recipient=header.recipient,
            nonce=header.nonce,
            issued_at_ms=header.issued_at_ms,
            deadline_ms=header.deadline_ms,
            body_sha256=header.body_sha256,
            in_reply_to=header.in_reply_to,
            topic=header.topic,
            sequence=header.sequence,
        ).SerializeToString()
    except ValueError as error:
        raise Malformed(f"the header cannot be encoded: {error}", field="header") from error


def encode_reply_header(**fields: Any) -> bytes:
    """The header of a reply from its fields, known to be sound: the bytes that `encode_header` makes of that Header."""
    return envelope_pb2.Header(**fields).SerializeToString()


def decode_header(raw: bytes) -> Header:
    """Raises Malformed (theirs) when these bytes are no header. Says nothing about who wrote it."""
    if len(raw) > MAX_HEADER_BYTES:
        raise Malformed(f"a header has at most {MAX_HEADER_BYTES} bytes, this one {len(raw)}", field="header")
    wire = _parse(envelope_pb2.Header, raw)
    purpose = _PURPOSES.get(wire.purpose)
    if purpose is None:
        raise Malformed(f"purpose {wire.purpose} is not known", field="purpose")
    recipient, in_reply_to = wire.recipient, wire.in_reply_to
    return Header(
        protocol_version=wire.protocol_version,
        network=wire.network,
        params_digest=Digest(wire.params_digest),
        purpose=purpose,
        sender=Hotkey(wire.sender),
        recipient=Hotkey(recipient) if len(recipient) else None,
        nonce=wire.nonce,
        issued_at_ms=UnixMs(wire.issued_at_ms),
        deadline_ms=UnixMs(wire.deadline_ms),
        body_sha256=Digest(wire.body_sha256),
        in_reply_to=Digest(in_reply_to) if len(in_reply_to) else None,
        topic=wire.topic,
        sequence=wire.sequence,
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """One item of a Watch stream. `mac` is empty on frame 0, `checkpoint` on all but every 64th."""

    counter: int
    mac: bytes
    checkpoint: bytes
    payload: bytes


def encode_frame(frame: Frame) -> bytes:
    return watch_pb2.Frame(
        counter=frame.counter, mac=frame.mac, checkpoint=frame.checkpoint, payload=frame.payload
    ).SerializeToString()


def decode_frame(raw: bytes) -> Frame:
    """Raises Malformed (theirs) when these bytes are no frame. The caller has bounded their size."""
    wire = _parse(watch_pb2.Frame, raw)
    return Frame(wire.counter, wire.mac, wire.checkpoint, wire.payload)


def _parse(wire: type[Any], raw: bytes) -> Any:
    try:
        return wire.FromString(raw)
    except DecodeError as error:
        name = wire.DESCRIPTOR.name
        raise Malformed(f"these {len(raw)} bytes are no {name}", field=name) from error


class _Shape:
    """How one dataclass becomes its protobuf message and back, field by field."""

    def __init__(self, kind: type, wire: type[Wire]) -> None:
        self.kind, self.wire = kind, wire
        hints = {k: v for k, v in typing.get_type_hints(kind).items() if v is not typing.ClassVar}
        self._names = tuple(hints)
        self._choices = {name: kinds for name, hint in hints.items() if (kinds := _choices(hint))}
        plain = {name: hint for name, hint in hints.items() if name not in self._choices}
        self._writers = [(name, put) for name, hint in plain.items() if (put := _writer(name, hint)) is not None]
        self._readers = [
            _chooser(name, self._choices[name]) if name in self._choices else _reader(name, hint)
            for name, hint in hints.items()
        ]

    def write(self, message: object) -> Any:
        return self.wire(**self.given(message))

    def given(self, message: object) -> dict[str, Any]:
        """What protobuf is given for each field; a part is given in the same form."""
        given = {name: getattr(message, name) for name in self._names}
        for name, put in self._writers:
            given[name] = put(given[name])
        for name in self._choices:
            chosen = given.pop(name)
            given[_member(type(chosen))] = _SHAPES[type(chosen)].given(chosen)
        return given

    def read(self, wire: Any) -> Any:
        return self.kind(*[read(wire) for read in self._readers])


def _writer(name: str, hint: Any) -> Callable[[Any], Any] | None:
    """How a field's value is handed to protobuf; None: as it is. `hint`: the field's type in the dataclass."""
    item = _item(hint)
    if name in _WORDS:
        return _WORDS[name].__getitem__
    if is_dataclass(item):
        one = _SHAPES[typing.cast("type", item)].given
        if typing.get_origin(hint) is tuple:
            return lambda values: [one(value) for value in values]
        return lambda value: None if value is None else one(value)
    if item in (bytes, bool, float):
        return None
    check: Callable[[str, Any], Any] = _int64 if item is int else _printable
    if typing.get_origin(hint) is tuple:
        return lambda values: [check(name, value) for value in values]
    return lambda value: check(name, value)


def _reader(name: str, hint: Any) -> Callable[[Any], Any]:
    """How a field's value is taken from protobuf, checked, in the type that the dataclass wants."""
    item, get = _item(hint), attrgetter(name)
    if name in _WORDS:
        words = {number: word for word, number in _WORDS[name].items()}
        return lambda wire: _known(name, words, get(wire))
    if typing.get_origin(hint) is tuple:
        limit = MAX_SHAPE_SIDES if item is int else MAX_ROWS
        one: Callable[[Any], Any]
        if is_dataclass(item):
            one = _SHAPES[typing.cast("type", item)].read
        elif item is str:
            one = lambda value: _printable(name, value)  # noqa: E731
        else:
            return lambda wire: tuple(_bounded(name, get(wire), limit))
        return lambda wire: tuple(one(value) for value in _bounded(name, get(wire), limit))
    if is_dataclass(item):
        part = _SHAPES[typing.cast("type", item)].read
        optional = typing.get_origin(hint) is types.UnionType
        return lambda wire: part(get(wire)) if wire.HasField(name) else _absent(name, optional=optional)
    if item is str:
        return lambda wire: _printable(name, get(wire))
    return get


def _choices(hint: Any) -> tuple[type, ...]:
    """The kinds of part that a field holds one of: its members are a protobuf `oneof` of the field's name."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) is types.UnionType else ()
    return kinds if len(kinds) > 1 and all(map(is_dataclass, kinds)) else ()


def _member(kind: type) -> str:
    """The member of a `oneof` that holds this kind: AddLink in `add_link`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def _chooser(name: str, kinds: tuple[type, ...]) -> Callable[[Any], Any]:
    shapes = {_member(kind): _SHAPES[kind] for kind in kinds}

    def read(wire: Any) -> Any:
        member = wire.WhichOneof(name)
        if member is None:
            raise Malformed(f"{name} is missing, or none that is known here", field=name)
        return shapes[member].read(getattr(wire, member))

    return read


def _item(hint: Any) -> Any:
    """The plain type inside a hint: of a tuple's items, of what may be None, behind a NewType."""
    if typing.get_origin(hint) in (tuple, types.UnionType):
        hint = typing.get_args(hint)[0]
    return getattr(hint, "__supertype__", hint)


def _int64(name: str, value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise Malformed(f"{name} must fit 64 bits, was {value}", field=name)
    return value


def _printable(name: str, value: str) -> str:
    if len(value) > MAX_STRING_CHARS or not value.isprintable():
        raise Malformed(f"{name} must be at most {MAX_STRING_CHARS} printable characters", field=name)
    return value


def _bounded(name: str, values: Any, limit: int) -> Any:
    if len(values) > limit:
        raise Malformed(f"{name} holds at most {limit} rows, were {len(values)}", field=name)
    return values


def _known(name: str, words: dict[int, str], number: int) -> str:
    if number not in words:
        raise Malformed(f"{name} must be one of {', '.join(words.values())}", field=name)
    return words[number]


def _absent(name: str, *, optional: bool) -> None:
    if not optional:
        raise Malformed(f"{name} is missing", field=name)


_SHAPES: Final[dict[type, _Shape]] = {}
for _kind, _wire in WIRE_TYPES.items():
    _SHAPES[_kind] = _Shape(_kind, _wire)
_SHAPE_OF: Final[dict[Purpose, _Shape]] = {
    kind.PURPOSE: shape for kind, shape in _SHAPES.items() if hasattr(kind, "PURPOSE") and kind not in NEWS
}
_PURPOSES: Final[dict[int, Purpose]] = {purpose.value: purpose for purpose in Purpose}
