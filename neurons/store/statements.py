"""The statements that write rows, compiled once from the Core tables."""

from __future__ import annotations

from sqlalchemy import Executable, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert


def compiled(statement: Executable) -> str:
    """A statement as the driver takes it, with question marks."""
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="qmark")))  # type: ignore[attr-defined]


def insert_once(table: Table) -> str:
    """Keeps the first row of a key. Values in the order of the table's columns."""
    return compiled(insert(table).on_conflict_do_nothing())


def upsert(table: Table) -> str:
    """Keeps the last row of a key."""
    statement = insert(table)
    key = [column.name for column in table.primary_key]
    last = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    return compiled(statement.on_conflict_do_update(index_elements=key, set_=last))


def add_up(table: Table, *sums: str, last: tuple[str, ...] = ()) -> str:
    """Adds these columns to the stored row of a key, and keeps the last of others."""
    statement = insert(table)
    key = [column.name for column in table.primary_key]
    added = {name: table.c[name] + statement.excluded[name] for name in sums}
    kept = {name: statement.excluded[name] for name in last}
    return compiled(statement.on_conflict_do_update(index_elements=key, set_=added | kept))
