"""A database as an auditor reads it: one instant of it, however long that takes, and postings that may be wrong.

The node's own reading half builds transactions that refuse to be unbalanced; here they are read as they stand.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from sqlalchemy import Connection, Executable, bindparam, create_engine, func, select
from sqlalchemy.exc import DBAPIError

from neurons.ports import StoreUnavailable
from neurons.records import SharingRow
from neurons.store.reading_streams import SETTLEMENT_ROWID, SETTLEMENTS
from neurons.store.schema import (
    accounts,
    closes,
    commitments,
    epochs,
    pays,
    postings,
    questions,
    rounds,
    scores,
    sharing,
    submissions,
    transactions,
)
from neurons.store.sqlite import ReadOnlySqlite
from neurons.stream_records import SettlementRow
from protocol.rules.ledger import Account, Unit
from protocol.units import UnixMs

IDS_A_PAGE: Final = 5_000
COUNTED: Final = (closes, rounds, commitments, submissions, scores, pays, epochs, sharing, transactions)

LEGS: Final = (
    select(
        transactions.c.at_ms, transactions.c.kind, transactions.c.memo,
        accounts.c.account, accounts.c.unit, postings.c.amount_micros,
    )
    .join_from(transactions, postings, postings.c.transaction == transactions.c.id, isouter=True)
    .join(accounts, postings.c.account == accounts.c.id, isouter=True)
    .where(transactions.c.transaction_id == bindparam("transaction_id"))
    .order_by(postings.c.place)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BookedTransaction:
    """A transaction as it stands in the tables. `legs`: (account, unit) -> the sum of its postings there."""

    id: str
    at_ms: UnixMs
    kind: str
    memo: str
    legs: Mapping[tuple[Account, Unit], int]


class AuditSqlite(ReadOnlySqlite):
    """Use as `async with AuditSqlite.open(path) as database`: all reads within see the same instant.

    For a process that does nothing else: a read runs in the caller's thread and blocks it, which makes a replay's
    many small reads three times as quick.
    """

    _path: Path
    _connection: Connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises StoreUnavailable or StoreTooNew as ReadOnlySqlite does."""
        database = super().open(path)
        database._path = path
        return database

    async def __aenter__(self) -> Self:
        uri = f"file:{quote(str(self._path))}?mode=ro"
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True, isolation_level=None))
        try:
            self._connection = engine.connect()
            self._connection.exec_driver_sql("PRAGMA query_only = ON")
            self._connection.exec_driver_sql("BEGIN")
        except DBAPIError as error:
            raise StoreUnavailable(f"cannot read {self._path}: {error.orig}", path=str(self._path)) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()
        self._connection.engine.dispose()
        await self.aclose()

    async def _rows(self, statement: Executable, **values: object) -> Sequence[Any]:
        try:
            found: Sequence[Any] = self._connection.execute(statement, values).all()
        except DBAPIError as error:
            raise StoreUnavailable(f"the database could not be read: {error.orig}", reason=str(error.orig)) from error
        return found

    async def row_counts(self) -> Mapping[str, int]:
        """How many rows each of the audited tables holds."""
        return {table.name: (await self._rows(select(func.count()).select_from(table)))[0][0] for table in COUNTED}

    async def asked(self) -> Sequence[tuple[str, str]]:
        """Every (series, challenge) that has a name here, in order."""
        query = select(questions.c.series, questions.c.challenge).order_by(questions.c.series, questions.c.challenge)
        return [(series, challenge) for series, challenge in await self._rows(query)]

    async def close_spans(self) -> Mapping[str, tuple[UnixMs, UnixMs]]:
        """series -> the instants of its first and its last close."""
        at = closes.c.close_at_ms
        query = select(closes.c.series, func.min(at), func.max(at)).group_by(closes.c.series)
        return {series: (first, last) for series, first, last in await self._rows(query)}

    async def sharing_through(self, series: str, challenge: str, anchor_at_ms: int) -> Sequence[SharingRow]:
        """Sums of the sharing window through the round anchored there."""
        query = (
            select(sharing.c.generation, sharing.c.through_ms, sharing.c.sums)
            .join(questions, sharing.c.question == questions.c.id)
            .where(questions.c.series == series, questions.c.challenge == challenge)
            .where(sharing.c.through_ms == anchor_at_ms)
            .order_by(sharing.c.generation)
        )
        return [SharingRow(series, challenge, *row) for row in await self._rows(query)]

    async def booked(self, transaction_id: str) -> BookedTransaction | None:
        """A transaction by its id."""
        found = await self._rows(LEGS, transaction_id=transaction_id)
        if not found:
            return None
        legs: dict[tuple[Account, Unit], int] = {}
        for _, _, _, account, unit, amount in found:
            if account is not None:
                legs[account, unit] = legs.get((account, unit), 0) + amount
        return BookedTransaction(transaction_id, found[0].at_ms, found[0].kind, found[0].memo, legs)

    async def booked_ids(self) -> AsyncIterator[str]:
        """The id of every transaction, in the order they were applied."""
        after = 0
        while True:
            query = (
                select(transactions.c.id, transactions.c.transaction_id)
                .where(transactions.c.id > after)
                .order_by(transactions.c.id)
                .limit(IDS_A_PAGE)
            )
            page = await self._rows(query)
            for _, transaction_id in page:
                yield transaction_id
            if len(page) < IDS_A_PAGE:
                return
            after = page[-1].id

    async def kept_settlements(self) -> AsyncIterator[SettlementRow]:
        """Every settlement of open streams that is kept by itself, in the order they were stored."""
        after = 0
        while True:
            query = (
                SETTLEMENTS.order_by(None)
                .add_columns(SETTLEMENT_ROWID.label("place"))
                .where(SETTLEMENT_ROWID > after)
                .order_by(SETTLEMENT_ROWID)
                .limit(IDS_A_PAGE)
            )
            page = await self._rows(query)
            for row in await self._settled(page):
                yield row
            if len(page) < IDS_A_PAGE:
                return
            after = page[-1].place

    async def posting_sums(self) -> Mapping[Unit, int]:
        """unit -> the sum of all postings in it: a healthy ledger has zeros."""
        query = (
            select(accounts.c.unit, func.sum(postings.c.amount_micros))
            .join_from(postings, accounts, postings.c.account == accounts.c.id)
            .group_by(accounts.c.unit)
        )
        return dict(await self._rows(query))
