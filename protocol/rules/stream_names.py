"""Names of open streams: plain ones that people choose, derived ones that say which percentiles they hold.

    cop.json                       a plain name: what a publisher chooses
    z1~cop~70.json                 the z-score of cop.json against its forecasts of 70 s
    z2~cop~traffic~3555.json       the z-curve of two streams, stems in alphabetical order
    70::cop.json                   a horizon: a stream and a delay, as performance tables name it
    delayed::70::cop.json          a reading of a stream, as the web API names it

A delay is a number of whole seconds, as its users know it. Rules that end in `_2021` take what microconventions 0.4 to
1.0 take, letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.errors import InvalidRequest
from protocol.params import MAIN

DELAYS: Final = MAIN.streams.delays
"""The horizons that every stream is predicted at, in seconds."""
SEPARATOR: Final = "::"
TILDE: Final = "~"
SUFFIX: Final = ".json"
MAX_STEM: Final = 200
MAX_DIMENSIONS: Final = 3
ENTROPY_BYTES: Final = 16

STREAM_PREFIXES: Final = frozenset(
    ("backlinks", "budget", "cdf", "history", "lagged", "lagged_times", "lagged_values", "leaderboard", "messages",
     "subscribers", "subscriptions", "summary")
)  # fmt: skip
DELAY_PREFIXES: Final = frozenset(("cdf", "delayed", "leaderboard", "links", "predictions", "samples"))
KEY_PREFIXES: Final = frozenset(("balance", "confirms", "errors", "performance", "transactions", "warnings"))

_STEM: Final = r"(?!:)(?:[-a-zA-Z0-9_]|:(?!:)){1,200}"
_PLAIN: Final = re.compile(rf"{_STEM}\.json")
_DERIVED: Final = re.compile(rf"z([1-3])((?:~{_STEM}){{1,3}})~([1-9][0-9]{{0,6}})\.json")
_HORIZON: Final = re.compile(r"([1-9][0-9]{0,6})::([^:].*)", re.DOTALL)
_VALID_2021: Final = re.compile(r"^[-a-zA-Z0-9_~.:]{1,200}\.[json,html]+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DerivedName:
    """What a derived name says: the percentiles of these streams, against forecasts of this delay."""

    names: tuple[str, ...]
    """One to three plain names in alphabetical order of their stems; the first is the lowest bit of a z-curve."""
    delay: int


@dataclass(frozen=True, slots=True)
class PrefixedName:
    """What the web API asks a stream or a key for. `delay` is None where the prefix has none."""

    prefix: str
    name: str
    delay: int | None


def is_plain_name(name: str) -> bool:
    """Whether a publisher may choose it: 1 to 200 letters, digits, `-`, `_` or single `:`, then `.json`.

    One period only, so that a stem names one stream: `a.b.json` and `c.b.json` would both have been `z1~b~70.json`.
    """
    return _PLAIN.fullmatch(name) is not None


def is_derived_name(name: str) -> bool:
    """Whether it is the one name of a z-stream: its stems sorted, all different, as many as it says."""
    return _parse_derived(name) is not None


def is_valid_name(name: str) -> bool:
    """Whether a stream can have this name at all."""
    return is_plain_name(name) or is_derived_name(name)


def is_valid_name_2021(name: str) -> bool:
    """What the original takes for a name: its suffix class also takes `a.htm`, `a.,` and a newline at the end."""
    return _VALID_2021.match(name) is not None and SEPARATOR not in name


def is_plain_name_2021(name: str) -> bool:
    """A name of the original without a tilde."""
    return is_valid_name_2021(name) and TILDE not in name


def check_plain_name(name: str) -> str:
    """The name. Raises InvalidRequest (theirs) for one that a publisher cannot choose."""
    if not is_plain_name(name):
        raise InvalidRequest(
            f"{name[:MAX_STEM]!r} is no stream name: 1 to {MAX_STEM} letters, digits, -, _ or single :, then .json",
            field="name",
            limit=MAX_STEM,
        )
    return name


def check_delay(delay: int, delays: Collection[int] = DELAYS) -> int:
    """The delay, in seconds. Raises InvalidRequest (theirs) for a horizon that is not asked."""
    if delay not in delays:
        raise InvalidRequest(
            f"nobody asks {delay} s ahead: the delays are {sorted(delays)}", field="delay", limit=delays
        )
    return delay


def full_name(name: str) -> str:
    """The name with its suffix: `cop` and `cop.json` are one stream."""
    return name if name.endswith(SUFFIX) else name + SUFFIX


def unnamed_stream(entropy: bytes) -> str:
    """The name of a stream whose publisher chose none: a random UUID (RFC 9562, version 4) of these 16 bytes."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"want {ENTROPY_BYTES} random bytes, were {len(entropy)}")
    bits = int.from_bytes(entropy, "big")
    bits = bits & ~(0xF << 76) | 4 << 76
    bits = bits & ~(0x3 << 62) | 2 << 62
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}{SUFFIX}"


def stem(name: str) -> str:
    """The part just before the last period. Raises InvalidRequest (theirs) for a name without one."""
    parts = name.split(".")
    if len(parts) < 2:
        raise InvalidRequest(f"{name[:MAX_STEM]!r} has no suffix", field="name", limit=SUFFIX)
    return parts[-2]


def zcurve_name(names: Sequence[str], delay: int) -> str:
    """The derived name of one to three streams at a delay: `z2~` + stems sorted and joined by `~` + `~70.json`.

    The original's, for any name that has a suffix. Raises InvalidRequest (theirs) for another number of names.
    """
    if not 1 <= len(names) <= MAX_DIMENSIONS:
        raise InvalidRequest(f"a z-curve joins 1 to {MAX_DIMENSIONS} streams", field="names", limit=MAX_DIMENSIONS)
    stems = sorted(stem(name) for name in names)
    return TILDE.join([f"z{len(names)}", *stems, str(delay)]) + SUFFIX


def parse_derived_name(name: str) -> DerivedName:
    """What a derived name says. Raises InvalidRequest (theirs) for any other name."""
    derived = _parse_derived(name)
    if derived is None:
        raise InvalidRequest(f"{name[:MAX_STEM]!r} is no derived name such as z1~cop~70.json", field="name")
    return derived


def _parse_derived(name: str) -> DerivedName | None:
    found = _DERIVED.fullmatch(name)
    if found is None:
        return None
    stems = found[2].split(TILDE)[1:]
    if len(stems) != int(found[1]) or sorted(set(stems)) != stems:
        return None
    return DerivedName(tuple(one + SUFFIX for one in stems), int(found[3]))


def horizon_name(name: str, delay: int) -> str:
    """`70::cop.json`: a stream and a delay in one word."""
    return f"{delay}{SEPARATOR}{name}"


def split_horizon_name(key: str) -> tuple[str, int]:
    """The name and the delay of `70::cop.json`. Raises InvalidRequest (theirs) for anything else."""
    found = _HORIZON.fullmatch(key)
    if found is None or not is_valid_name(found[2]):
        raise InvalidRequest(f"{key[:MAX_STEM]!r} is no horizon such as 70::cop.json", field="horizon")
    return found[2], int(found[1])


def prefixed_name(prefix: str, name: str, delay: int | None = None) -> str:
    """`lagged_values::cop.json`, or with a delay `delayed::70::cop.json`."""
    return prefix + SEPARATOR + (name if delay is None else horizon_name(name, delay))


def split_prefixed_name(text: str) -> PrefixedName:
    """What `prefixed_name` joined. Raises InvalidRequest (theirs) for a prefix or a name that there is not.

    The name behind one of KEY_PREFIXES is a public identity with `.json` at its end, and is not looked at here.
    """
    prefix, found, rest = text.partition(SEPARATOR)
    if found and prefix in KEY_PREFIXES and rest.endswith(SUFFIX) and SEPARATOR not in rest:
        return PrefixedName(prefix, rest, None)
    if found and prefix in STREAM_PREFIXES and is_valid_name(rest):
        return PrefixedName(prefix, rest, None)
    if found and prefix in DELAY_PREFIXES:
        return PrefixedName(prefix, *split_horizon_name(rest))
    raise InvalidRequest(f"{text[:MAX_STEM]!r} asks for nothing that there is", field="name")
