"""What SQLite could not keep, found by the memory twin too, so that both refuse alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Final

from neurons.store.errors import RowRefused

INT64: Final = 2**63
INTEGERS: Final = {"int", "UnixMs", "Micros", "Nano", "Pico", "PriceE8"}


@lru_cache(maxsize=64)
def _numbers(kind: Any) -> tuple[str, ...]:
    """The integer fields of a kind of row."""
    return tuple(field.name for field in fields(kind) if INTEGERS & set(str(field.type).split(" | ")))


@lru_cache(maxsize=64)
def _parts(kind: Any) -> tuple[str, ...]:
    """The fields of a kind of row that may hold a row of their own."""
    return tuple(field.name for field in fields(kind) if field.name in {"stream", "settlement", "notice"})


def check_rows(rows: Sequence[Any]) -> None:
    """Raises RowRefused for a number that is no 64-bit integer. rows: of one kind, at least one."""
    kind: Any = type(rows[0])
    names, parts = _numbers(kind), _parts(kind)
    for row in rows:
        for name in names:
            value = getattr(row, name)
            if value is not None and not (isinstance(value, int) and -INT64 <= value < INT64):
                raise RowRefused(f"a row cannot be stored: {name} = {value!r} is no 64-bit integer", field=name)
        for part in parts:
            if is_dataclass(one := getattr(row, part)):
                check_rows((one,))
