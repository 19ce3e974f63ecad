"""Name tables seen from the writer: a long name in, its integer out, written on first sight.

The writer is the only one that adds names (the database is locked to it), so it remembers them. What it learnt in a
transaction that was rolled back it forgets again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from sqlalchemy import Table

NAMES_KEPT: Final = 20_000
"""Beyond this many a table's memory starts afresh (about 3 MB of 32-byte keys)."""

Name = TypeVar("Name", bound=Hashable)


class Names(Generic[Name]):
    """One name table; `values_of` says what stands in a name's columns."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: Table,
        *columns: str,
        values_of: Callable[[Name], tuple[str | bytes | None, ...]],
    ) -> None:
        self._connection = connection
        self._values_of = values_of
        places = ", ".join("?" * (len(columns) + 1))
        self._insert = f"INSERT INTO {table.name} (id, {', '.join(columns)}) VALUES ({places})"
        self._select = f"SELECT id FROM {table.name} WHERE " + " AND ".join(f"{column} IS ?" for column in columns)
        self._select_newest = f"SELECT coalesce(max(id), 0) FROM {table.name}"
        self._known: dict[Name, int] = {}
        self._fresh: list[Name] = []

    def id(self, name: Name) -> int:
        """The integer of this name; a new name is inserted in the open transaction."""
        known = self._known.get(name)
        return self._find(name) or self._add(name) if known is None else known

    def id_if_room(self, name: Name, most: int) -> int | None:
        """The same, or None when the name is new and the table holds `most` names."""
        known = self._known.get(name)
        if known is None:
            known = self._find(name)
        if known is None and self._newest() < most:
            known = self._add(name)
        return known

    def _newest(self) -> int:
        return int(self._connection.execute(self._select_newest).fetchone()[0])

    def _find(self, name: Name) -> int | None:
        row = self._connection.execute(self._select, self._values_of(name)).fetchone()
        if row is None:
            return None
        self._known[name] = int(row[0])
        return self._known[name]

    def _add(self, name: Name) -> int:
        identity = self._newest() + 1
        self._connection.execute(self._insert, (identity, *self._values_of(name)))
        self._fresh.append(name)
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
