"""One way to read a validator, whether its database lies here or it has to be asked over the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from neurons.cli.where import Asking, Where
from neurons.client import Reader
from neurons.ports import StoreReader
from neurons.signers import PRESETS, clock_of, key_of
from neurons.store.sqlite import ReadOnlySqlite
from neurons.validating.readings import Readings
from neurons.validating.settling import Settling
from protocol.errors import InvalidSetting, NotFound
from protocol.messages import (
    ExplainReply,
    ExplainRequest,
    RoundsRequest,
    RoundSummary,
    StandingsReply,
    StandingsRequest,
)
from protocol.params import NetworkParams
from protocol.units import Digest, Hotkey, RoundId

T = TypeVar("T")


class Source(Protocol):
    """What anyone may ask of a validator: `neurons.client.Reader` over the network, `StoredReader` over its file."""

    async def rounds(
        self, *, series: str = "", challenge: str = "", state: str = "", before_ms: int = 0, limit: int = 50
    ) -> tuple[RoundSummary, ...]: ...

    async def standings(self, series: str, challenge: str) -> StandingsReply: ...

    async def explain(self, round_id: RoundId, hotkey: Hotkey) -> ExplainReply: ...


class StoredReader:
    """Reads what a validator would tell from its database, through the very code that the validator tells it by.

    Rules are those that the round, or the challenge's newest round, was opened under. Nothing here asks a clock:
    standings are as of the newest round's anchor.
    """

    def __init__(self, store: StoreReader) -> None:
        self._store = store

    async def rounds(
        self, *, series: str = "", challenge: str = "", state: str = "", before_ms: int = 0, limit: int = 50
    ) -> tuple[RoundSummary, ...]:
        """As `Reader.rounds`. Raises NotFound when the database holds no round at all."""
        params = await self.newest_params()
        request = RoundsRequest(series, challenge, state, before_ms, limit)
        return (await self._readings(params).rounds(request)).rounds

    async def standings(self, series: str, challenge: str) -> StandingsReply:
        """As `Reader.standings`."""
        newest = await self._store.rounds(series=series, challenge=challenge, limit=1)
        if not newest:
            raise NotFound(f"no round of {challenge} on {series} here")
        readings = self._readings(await self._params(newest[0].params_digest))
        return await readings.standings(StandingsRequest(series, challenge), now_ms=newest[0].anchor_at_ms)

    async def explain(self, round_id: RoundId, hotkey: Hotkey) -> ExplainReply:
        """As `Reader.explain`."""
        row = await self._store.round(round_id)
        params = await self._params(row.params_digest) if row is not None else await self.newest_params()
        return await self._readings(params).explain(ExplainRequest(round_id, hotkey))

    def _readings(self, params: NetworkParams) -> Readings:
        return Readings(self._store, params, Settling(self._store, params))

    async def newest_params(self) -> NetworkParams:
        """The rules that the newest round was opened under. Raises NotFound when there is none."""
        newest = await self._store.rounds(limit=1)
        if not newest:
            raise NotFound("this database holds no round; only a validator's does, once it has opened one")
        return await self._params(newest[0].params_digest)

    async def _params(self, digest: Digest) -> NetworkParams:
        known = (await self._store.meta()).get(f"params/{digest.hex()}")
        try:
            return NetworkParams.from_canonical_bytes((known or "").encode())
        except ValueError as error:
            raise InvalidSetting(
                f"the database's rounds ran under params {digest.hex()[:8]}, which this release cannot read"
            ) from error


@asynccontextmanager
async def stored(path: Path) -> AsyncIterator[ReadOnlySqlite]:
    """A validator's database, read-only. Raises StoreUnavailable or StoreTooNew."""
    async with ReadOnlySqlite.open(path) as store:
        yield store


@asynccontextmanager
async def asked(asking: Asking) -> AsyncIterator[Reader]:
    """The validator that the options name, over the network. Raises InvalidSetting or KeyFileError."""
    settings = asking.settings()
    peer, key = asking.peer(settings), key_of(settings)
    async with Reader(peer, key, params=PRESETS[settings.params], clock=clock_of(settings)) as reader:
        yield reader


@asynccontextmanager
async def source_of(where: Where) -> AsyncIterator[Source]:
    """Whichever the options name. Raises InvalidSetting when they name both."""
    if where.db is None:
        async with asked(where) as reader:
            yield reader
        return
    if where.validator is not None or where.validators_file is not None:
        raise InvalidSetting("--db reads a file and --validator asks over the network: give one of them")
    async with stored(where.db) as store:
        yield StoredReader(store)


def read(where: Where, question: Callable[[Source], Awaitable[T]]) -> T:
    """The answer to a question, asked wherever the options say."""

    async def ask() -> T:
        async with source_of(where) as source:
            return await question(source)

    return asyncio.run(ask())
