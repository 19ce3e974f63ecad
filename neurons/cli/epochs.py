"""`augury epochs`: what each epoch paid, and who earned what."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.refusals import Db
from neurons.cli.tables import AsJson, Full, console, show_json, table
from protocol.errors import NotFound

if TYPE_CHECKING:
    from neurons.ports import StoreReader
    from protocol.params import NetworkParams
    from protocol.rules.ledger import Balances
    from protocol.units import Hotkey


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of one challenge's pool. Open (closed_at_ms None): what is accrued is promised, not yet paid."""

    series: str
    challenge: str
    epoch: int
    begins_at_ms: int
    ends_at_ms: int
    closed_at_ms: int | None
    paid_micros: int
    reserve_micros: int
    accrued_micros: dict[str, int]
    """By hotkey in hex: what each miner's rounds of the epoch earned."""


def epochs(
    db: Db,
    challenge: Annotated[str, typer.Option(help="Only of this challenge, such as closes.point.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many epochs of a challenge at most, the newest.")] = 5,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show what each epoch paid and who earned what, from a validator's database."""
    told = asyncio.run(_epochs(db, challenge, limit))
    if as_json:
        show_json(told)
    else:
        show(told, full=full)


async def _epochs(db: Path, challenge: str, limit: int) -> list[Epoch]:
    from neurons.cli.sources import StoredReader, stored

    async with stored(db) as store:
        params = await StoredReader(store).newest_params()
        newest = await store.rounds(challenge=challenge, limit=1_000)
        kinds = sorted({(row.series, row.challenge) for row in newest})
        balances = await store.balances()
        told = [epoch for kind in kinds for epoch in await _of(store, params, balances, *kind, limit=limit)]
    if not told:
        raise NotFound("no epoch has earned or paid anything yet")
    return told


async def _of(
    store: StoreReader, params: NetworkParams, balances: Balances, series: str, challenge: str, *, limit: int
) -> list[Epoch]:
    """One challenge's newest epochs, newest first: those that were closed, and those that have promised something."""
    from protocol.rules.calendar import epoch_bounds_ms

    closed = {row.epoch: row for row in await store.epochs(series, challenge)}
    told = []
    for number in sorted({*closed, *_open_epochs(balances, series, challenge)}, reverse=True)[:limit]:
        earned: dict[Hotkey, int] = {}
        for pay in await store.epoch_pays(series, challenge, number):
            earned[pay.hotkey] = earned.get(pay.hotkey, 0) + pay.accrued_micros
        begins, ends = epoch_bounds_ms(number, params.time)
        row = closed.get(number)
        told.append(
            Epoch(
                series=series,
                challenge=challenge,
                epoch=number,
                begins_at_ms=begins,
                ends_at_ms=ends,
                closed_at_ms=row.closed_at_ms if row else None,
                paid_micros=row.paid_micros if row else 0,
                reserve_micros=row.reserve_micros if row else 0,
                accrued_micros={
                    hotkey.hex(): amount for hotkey, amount in sorted(earned.items(), key=lambda e: (-e[1], e[0]))
                },
            )
        )
    return told


def _open_epochs(balances: Balances, series: str, challenge: str) -> set[int]:
    """Epochs whose pool still holds something, or owes it: accounts are emptied when an epoch closes."""
    prefixes = tuple(f"{kind}/{series}/{challenge}/" for kind in ("pool", "accrued"))
    names = [account.split("/") for account, _ in balances if account.startswith(prefixes)]
    return {int(name[3]) for name in names}


def show(told: list[Epoch], *, full: bool) -> None:
    """The epochs as one table, and their earners as another."""
    from neurons.cli.figures import NOTHING, instant, minute, money

    rows = [
        (
            str(e.epoch),
            e.series,
            e.challenge,
            minute(e.begins_at_ms),
            instant(e.closed_at_ms) if e.closed_at_ms is not None else "open",
            money(sum(e.accrued_micros.values())),
            money(e.reserve_micros) if e.closed_at_ms is not None else NOTHING,
        )
        for e in told
    ]
    columns = ("epoch>", "series", "challenge", "begins (UTC)", "closed (UTC)", "earned>", "to reserve>")
    console(full=full).print(table("Epochs", columns, rows))
    earners = [
        (
            str(e.epoch),
            e.challenge,
            hotkey if full else hotkey[:8],
            money(amount),
            "yes" if e.closed_at_ms else "not yet",
        )
        for e in told
        for hotkey, amount in e.accrued_micros.items()
        if amount
    ]
    console(full=full).print(table("Who earned what", ("epoch>", "challenge", "miner", "earned>", "paid"), earners))
    console().print("An epoch pays once, when all its rounds are final; what nobody earned goes to the reserve.")
