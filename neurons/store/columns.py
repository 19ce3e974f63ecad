"""The columns that tables are made of, and the two kinds of table."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import REAL, BigInteger, Column, Double, ForeignKey, Integer, LargeBinary, MetaData, Text, text

metadata = MetaData()
Int = BigInteger().with_variant(Integer(), "sqlite")

CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False, "sqlite_strict": True}
BY_ROWID: Final[dict[str, Any]] = {"sqlite_strict": True}


def integer(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, Int, nullable=null)


def count(name: str) -> Column[int]:
    """A number that begins with 0."""
    return Column(name, Int, nullable=False, server_default=text("0"))


def real(name: str) -> Column[float]:
    return Column(name, Double().with_variant(REAL(), "sqlite"), nullable=False)


def string(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def blob(name: str, *, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


def identity() -> Column[int]:
    return Column("id", Int, primary_key=True, autoincrement=False)


def named(name: str, table: str, *, null: bool = False) -> Column[int]:
    """The integer that stands for a name of that table."""
    return Column(name, Int, ForeignKey(f"{table}.id"), nullable=null)
