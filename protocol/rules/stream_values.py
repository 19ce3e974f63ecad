"""What a publisher may publish, and which of it is kept: lags of numbers, a history of everything else.

A value arrives as text. A number is predicted and settled; a small list of numbers gets lags too; an object, any other
text and what is large go to a history of records. Numbers that are not finite are refused wherever they stand.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from protocol.errors import InvalidRequest, NotFound
from protocol.rules.scenarios import MAX_ABS_VALUE
from protocol.rules.stream_names import DELAYS, check_delay
from protocol.units import SECOND_MS, UnixMs

MAX_VALUE_BYTES: Final = 100_000
SMALL_VALUE_BYTES: Final = 1_200
LAGS_KEPT: Final = 1_000
HISTORY_KEPT: Final = 1_000
HISTORY_BYTES: Final = 10_000_000
SERVER_COUNT_EXTRA: Final = 1
"""Asked for n lags, the original's server answers with one more, and its clients ask for one less."""

_NUMBER: Final = re.compile(r"\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\s*", re.ASCII)
_NOT_FINITE: Final = re.compile(r"\s*[-+]?(?:nan|inf|infinity)\s*", re.IGNORECASE)


class ValueKind(StrEnum):
    """What a value is."""

    SCALAR = "scalar"
    """A finite number: the only kind that is predicted and settled."""
    VECTOR = "vector"
    RECORD = "record"
    """An object: names and what they stand for."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class StreamValue:
    """A value as it was published, and what it is."""

    text: str
    kind: ValueKind
    numbers: tuple[float, ...] = ()
    """Of a scalar the one, of a vector all of them, else none."""

    @property
    def size_bytes(self) -> int:
        return len(self.text.encode())

    @property
    def has_lags(self) -> bool:
        """Whether it is kept as a lag: a scalar, or a vector that is small. All else is kept as a history record."""
        return self.kind is ValueKind.SCALAR or (self.kind is ValueKind.VECTOR and self.size_bytes < SMALL_VALUE_BYTES)


class Lag(NamedTuple):
    """A value that came: the number or the numbers, when, and the publisher's number of it."""

    value: float | tuple[float, ...]
    at_ms: UnixMs
    sequence: int = 0


class HistoryRecord(NamedTuple):
    """A value that has no lags: what came, when, and the publisher's number of it."""

    value: StreamValue
    at_ms: UnixMs
    sequence: int


def read_value(text: str) -> StreamValue:
    """A published text as a value: a number, a JSON list of numbers, a JSON object, or just text.

    Raises InvalidRequest (the publisher's fault) for 100,000 bytes and more, for a number that is not finite or beyond
    1e300, alone or in a list or object, and for JSON that is nested too deeply to be read.
    """
    if len(text) >= MAX_VALUE_BYTES or len(text.encode()) >= MAX_VALUE_BYTES:
        raise InvalidRequest(f"a value is below {MAX_VALUE_BYTES} bytes", field="value", limit=MAX_VALUE_BYTES)
    if _NOT_FINITE.fullmatch(text):
        raise _not_finite(text)
    if _NUMBER.fullmatch(text):
        return StreamValue(text, ValueKind.SCALAR, (_finite(text),))
    try:
        parsed = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_finite)
    except RecursionError:
        raise InvalidRequest("JSON is nested too deeply", field="value") from None
    except ValueError:
        return StreamValue(text, ValueKind.OTHER)
    if isinstance(parsed, list) and parsed and all(isinstance(one, float) for one in parsed):
        return StreamValue(text, ValueKind.VECTOR, tuple(parsed))
    return StreamValue(text, ValueKind.RECORD if isinstance(parsed, dict) else ValueKind.OTHER)


def _finite(text: str) -> float:
    number = float(text)
    if not abs(number) <= MAX_ABS_VALUE:
        raise _not_finite(text)
    return number


def _not_finite(text: str) -> InvalidRequest:
    return InvalidRequest(
        f"a number is finite and within {MAX_ABS_VALUE:g}, was {text.strip()[:30]}", field="value", limit=MAX_ABS_VALUE
    )


def history_fields(value: StreamValue) -> Mapping[str, object]:
    """A value as the fields of a history record: an object's own, else by place, else one field called `value`."""
    match value.kind:
        case ValueKind.SCALAR | ValueKind.VECTOR:
            return {str(place): number for place, number in enumerate(value.numbers)}
        case ValueKind.RECORD:
            fields: dict[str, object] = json.loads(value.text)
            return fields
        case ValueKind.OTHER:
            return {"value": value.text}


def lagged(lags: Sequence[Lag], count: int = LAGS_KEPT) -> list[Lag]:
    """The newest `count` lags, newest first, each with its time. Raises InvalidRequest (theirs) for count < 1."""
    if count < 1:
        raise InvalidRequest("want at least one lag", field="count", limit=1)
    return list(lags[:count])


def delayed_value(lags: Sequence[Lag], delay: int, *, now_ms: UnixMs, delays: Sequence[int] = DELAYS) -> Lag:
    """The newest value that is at least `delay` seconds old; a pause of the stream takes nothing away.

    lags: newest first, as `lags_to_keep` keeps them.
    Raises InvalidRequest (theirs) for an unknown delay, NotFound while the stream is younger than the delay: never NaN.
    """
    check_delay(delay, delays)
    known_until_ms = now_ms - delay * SECOND_MS
    for lag in lags:
        if lag.at_ms <= known_until_ms:
            return lag
    raise NotFound(f"no value is {delay} s old yet", field="delay")


def lags_to_keep(
    times_ms: Sequence[UnixMs], *, now_ms: UnixMs, kept: int = LAGS_KEPT, delays: Sequence[int] = DELAYS
) -> int:
    """How many lags are kept, newest first: `kept`, or as many as the delayed value of the longest delay needs.

    times_ms: arrival times, newest first. With values at least a second apart that is never more than the longest delay
    in seconds plus one.
    """
    known_until_ms = now_ms - max(delays) * SECOND_MS
    young = sum(1 for at_ms in times_ms if at_ms > known_until_ms)
    return min(len(times_ms), max(kept, young + 1))


def history_to_keep(sizes_bytes: Sequence[int], *, kept: int = HISTORY_KEPT, most_bytes: int = HISTORY_BYTES) -> int:
    """How many history records are kept, newest first: at most 1,000, and at most 10 MB but always the newest."""
    total = 0
    for number, size in enumerate(sizes_bytes[:kept]):
        total += size
        if total > most_bytes:
            return max(1, number)
    return min(kept, len(sizes_bytes))


def kept_lags_2021(value_bytes: int) -> int:
    """Lags that the original kept in 2021: its list was cut one late. value_bytes: as CPython holds it, a float 24."""
    return math.ceil(10 * 10_000 / (value_bytes + 24 + 10)) + 1


def kept_lags_2023(value_bytes: int) -> int:
    """Lags that the original kept since 2022: 1,001 of a float, fewer of what is larger."""
    return math.ceil(1_000 * ((24 + 24 + 10) / (value_bytes + 24 + 10))) + 1
