"""How a question reaches the database: read-only connections that never wait for the writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from neurons.ports import StoreUnavailable


class Asking:
    """One engine, and the rows that a statement finds there."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def _rows(self, statement: Executable, **values: object) -> Sequence[Any]:
        try:
            async with self._engine.connect() as connection:
                found: Sequence[Any] = (await connection.execute(statement, values)).all()
                return found
        except DBAPIError as error:
            raise StoreUnavailable(f"the database could not be read: {error.orig}", reason=str(error.orig)) from error
