"""How a question reaches the database: read-only connections that never wait for the writer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from neurons.ports import StoreUnavailable


class Asking:
    """One engine, and the rows that a statement finds there."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def _rows(self, statement: Executable, **values: object) -> Sequence[Any]:
        async with self._connected() as connection:
            found: Sequence[Any] = (await connection.execute(statement, values)).all()
            return found

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """A connection; what its driver raises is StoreUnavailable."""
        try:
            async with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise StoreUnavailable(f"the database could not be read: {error.orig}", reason=str(error.orig)) from error

    @asynccontextmanager
    async def _at_one_instant(self) -> AsyncIterator[AsyncConnection]:
        """A connection to which the database does not change."""
        async with self._connected() as connection:
            await connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                await connection.exec_driver_sql("ROLLBACK")
