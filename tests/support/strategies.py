"""Hypothesis strategies for every message and for headers: any value that the dataclasses take."""

from __future__ import annotations

import typing
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from protocol import messages as m
from protocol.answers import answer_of
from protocol.rules.calendar import pack_steps

NUMBERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
POSITIVE = st.integers(min_value=1, max_value=2**63 - 1)
PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ").filter(str.isprintable)
TEXTS = st.text(PRINTABLE, max_size=60)
NAMES = st.text(PRINTABLE, min_size=1, max_size=60)
BYTES_32 = st.binary(min_size=32, max_size=32)
NAME_FIELDS = {
    "series", "challenge", "software", "model", "endpoint", "kind", "subject", "name", "target", "subscriber", "source",
    "code",
}  # fmt: skip
"""Fields that must not be empty where their message checks them; never empty here."""
POSITIVE_FIELDS = {"sigma_pico", "step_ms", "steps", "delay", "sequence", "budget_micros", "amount_micros"}
LISTS_NOT_EMPTY = {"topics", "names", "horizons"}
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def answers(draw: st.DrawFn) -> m.Answer:
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    count = int(np.prod(shape))
    bits = draw(st.binary(min_size=count * 8, max_size=count * 8))
    return answer_of(np.frombuffer(bits, dtype=dtype)[:count].reshape(shape))


@st.composite
def openings(draw: st.DrawFn) -> m.Opening:
    low, asked, high = sorted(draw(st.tuples(POSITIVE, POSITIVE, POSITIVE)))
    plain = draw(
        built(
            m.Opening,
            min_paths=st.just(low),
            asked_paths=st.just(asked),
            max_paths=st.just(high),
            session_steps=st.just(b""),
            history_steps=st.integers(0, 2**63 - 1),
        )
    )
    in_session = draw(st.lists(st.booleans(), max_size=300))
    if len(set(in_session)) == 2:
        plain = replace(plain, steps=len(in_session), session_steps=pack_steps(in_session))
    return typing.cast("m.Opening", plain)


@st.composite
def submissions(draw: st.DrawFn) -> m.SubmitRequest:
    """Of one round, or standing ones with a row for each horizon."""
    one = m.SubmitRequest(draw(NAMES), draw(NAMES), draw(BYTES_32), draw(answers()))
    horizons = draw(st.lists(NAMES, max_size=3, unique=True))
    if not horizons:
        return one
    numbers = draw(st.lists(FINITE, min_size=2 * len(horizons), max_size=2 * len(horizons)))
    rows = answer_of(np.array(numbers).reshape(len(horizons), 2))
    return replace(one, subject="", salt=b"", answer=rows, horizons=tuple(horizons), sequence=draw(POSITIVE))


@st.composite
def cdfs(draw: st.DrawFn) -> m.CdfAnswer:
    points = draw(st.lists(st.tuples(FINITE, FINITE), max_size=3))
    return m.CdfAnswer(draw(NUMBERS), tuple(v for v, _ in points), tuple(p for _, p in points))


def built(kind: type, **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any instance of a message's dataclass, each field by its type, or as given."""
    if kind in WHOLE:
        return WHOLE[kind]
    hints = {k: v for k, v in typing.get_type_hints(kind).items() if v is not typing.ClassVar}
    return st.builds(kind, **{name: given.get(name, _values(name, hint)) for name, hint in hints.items()})


def _values(name: str, hint: Any) -> st.SearchStrategy[Any]:
    if hint is m.Answer:
        return answers()
    if hint is m.Opening:
        return openings()
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return st.sampled_from(arguments)
    if typing.get_origin(hint) is tuple:
        least = 1 if name in LISTS_NOT_EMPTY else 0
        return st.lists(_values("series", arguments[0]), min_size=least, max_size=3).map(tuple)
    if arguments and all(map(is_dataclass, arguments)):
        return st.one_of(*map(built, arguments))
    if arguments:
        return st.none() | _values(name, arguments[0])
    plain = getattr(hint, "__supertype__", hint)
    if plain is bool:
        return st.booleans()
    if plain is float:
        return st.floats(0.0, 1.0) if name == "percentile" else FINITE
    if plain is int:
        return INTEGERS_OF_FIELD.get(name, POSITIVE if name in POSITIVE_FIELDS else NUMBERS)
    if plain is bytes:
        return BYTES_OF_FIELD.get(name, BYTES_32)
    if plain is str:
        return NAMES if name in NAME_FIELDS else TEXTS
    return built(plain)


_BYTES_64 = st.binary(min_size=64, max_size=64)
INTEGERS_OF_FIELD = {
    "limit": st.integers(1, 1_000),
    "half_life_days": st.integers(0, 36_525),
    "since_day": st.integers(0, 36_525),
}
BYTES_OF_FIELD = {
    "signature": _BYTES_64,
    "consent": _BYTES_64,
    "acceptance": _BYTES_64,
    "nonce": st.binary(min_size=8, max_size=8),
    "value": NAMES.map(str.encode),
}
WHOLE: dict[type, st.SearchStrategy[Any]] = {m.SubmitRequest: submissions(), m.CdfAnswer: cdfs()}
"""Messages whose fields depend on one another."""
WHOLE[m.Publish] = st.builds(
    m.Publish,
    st.lists(built(m.NamedValue), min_size=1, max_size=3, unique_by=lambda value: value.name).map(tuple),
    st.booleans(),
    st.booleans(),
)
MESSAGE_KINDS: tuple[type, ...] = typing.get_args(m.Message)


def messages() -> st.SearchStrategy[Any]:
    """Any message of any kind."""
    return st.one_of(*(built(kind) for kind in MESSAGE_KINDS))


@st.composite
def headers(draw: st.DrawFn) -> m.Header:
    purpose = draw(st.sampled_from(m.Purpose))
    issued, deadline = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
    broadcast = purpose is m.Purpose.BROADCAST
    return typing.cast(
        "m.Header",
        draw(
            built(
                m.Header,
                protocol_version=st.integers(0, 2**32 - 1),
                network=NAMES,
                purpose=st.just(purpose),
                recipient=st.none() if broadcast else BYTES_32,
                topic=NAMES if broadcast else st.just(""),
                nonce=st.binary(min_size=16, max_size=16),
                issued_at_ms=st.just(issued),
                deadline_ms=st.just(deadline),
            )
        ),
    )
