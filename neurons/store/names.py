"""Name tables seen from the writer: a long name in, its integer out, written on first sight.

The writer is the only one that adds names (the database is locked to it), so it remembers them. What it learnt in a
transaction that was rolled back it forgets again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from sqlalchemy import Table

NAMES_KEPT: Final = 20_000
"""Beyond this many a table's memory starts afresh (about 3 MB of 32-byte keys)."""

Name = TypeVar("Name", bound=Hashable)


class Names(Generic[Name]):
    """One name table. A name is the value of its column, or a tuple of the values of its columns."""

    def __init__(self, connection: sqlite3.Connection, table: Table, *columns: str) -> None:
        self._connection = connection
        places = ", ".join("?" * (len(columns) + 1))
        self._insert = f"INSERT INTO {table.name} (id, {', '.join(columns)}) VALUES ({places})"
        self._select = f"SELECT id FROM {table.name} WHERE " + " AND ".join(f"{column} = ?" for column in columns)
        self._newest = f"SELECT coalesce(max(id), 0) FROM {table.name}"
        self._known: dict[Name, int] = {}
        self._fresh: list[Name] = []

    def id(self, name: Name) -> int:
        """The integer of this name; a new name is inserted in the open transaction."""
        known = self._known.get(name)
        return self._learn(name) if known is None else known

    def _learn(self, name: Name) -> int:
        values = name if isinstance(name, tuple) else (name,)
        row = self._connection.execute(self._select, values).fetchone()
        if row is None:
            identity = int(self._connection.execute(self._newest).fetchone()[0]) + 1
            self._connection.execute(self._insert, (identity, *values))
            self._fresh.append(name)
        else:
            identity = int(row[0])
        self._known[name] = identity
        return identity

    def kept(self) -> None:
        """The transaction was committed."""
        self._fresh.clear()
        if len(self._known) > NAMES_KEPT:
            self._known.clear()

    def dropped(self) -> None:
        """The transaction was rolled back: what it added does not exist."""
        for name in self._fresh:
            self._known.pop(name, None)
        self._fresh.clear()
