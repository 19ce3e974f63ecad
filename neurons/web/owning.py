"""The pages that a write key opens for its owner: balance, logs, settlements, where it takes part, its home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from neurons.web import shapes
from neurons.web.asking import Asked
from neurons.web.door import Visitor
from neurons.web.parts import GatewayParts, Page
from neurons.web.problems import UnknownWriteKey
from neurons.web.shapes import Json
from protocol.messages import BalanceAnswer, NoticeLine
from protocol.rules.stream_names import check_delay, full_name
from protocol.units import Micros

LISTED: Final = 50
"""Settlements and days that are told at once."""


async def balance(parts: GatewayParts, asked: Asked) -> Json:
    """GET /balance/KEY: points."""
    visitor = await parts.door.visitor(asked.subject)
    return shapes.points((await visitor.writer.balance()).balance_micros)


async def performance(parts: GatewayParts, asked: Asked) -> Json:
    """GET /performance/KEY: horizon -> points, the best first."""
    visitor = await parts.door.visitor(asked.subject)
    return shapes.horizons(await visitor.writer.performance())


async def transactions(parts: GatewayParts, asked: Asked) -> Json:
    """GET /transactions/KEY: the newest settlements, newest first, then days of older ones."""
    return await _transactions(await parts.door.visitor(asked.subject), LISTED)


async def confirms(parts: GatewayParts, asked: Asked) -> Json:
    """GET /confirms/KEY: what was taken, newest first."""
    visitor = await parts.door.visitor(asked.subject)
    return shapes.confirms(await visitor.writer.confirms(), now_ms=parts.clock.now_ms())


async def errors(parts: GatewayParts, asked: Asked) -> Json:
    """GET /errors/KEY: what was refused, newest first. A stranger reads here why nothing of its own is taken."""
    try:
        visitor = await parts.door.visitor(asked.subject)
    except UnknownWriteKey as error:
        return [shapes.error(error)]
    return shapes.errors(await visitor.writer.errors(), visitor.refusals)


async def warnings(parts: GatewayParts, asked: Asked) -> Json:
    """GET /warnings/KEY: what happened to the key without its doing, newest first."""
    visitor = await parts.door.visitor(asked.subject)
    return shapes.warnings(await visitor.writer.warnings())


async def active(parts: GatewayParts, asked: Asked) -> Json:
    """GET /active/KEY: the horizons that the key takes part in."""
    return await _active(parts, await parts.door.visitor(asked.subject))


async def predictions(parts: GatewayParts, asked: Asked) -> Json:
    """GET /predictions/NAME {write_key, delay}: what stands, of one's own stream everybody's, else one's own."""
    return await _scenarios(parts, asked, judged=False)


async def samples(parts: GatewayParts, asked: Asked) -> Json:
    """GET /samples/NAME {write_key, delay}: what has left quarantine, and a value would meet now."""
    return await _scenarios(parts, asked, judged=True)


async def home(parts: GatewayParts, asked: Asked) -> Json:
    """The key's home: all of it, the newest ten of each."""
    visitor = await parts.door.visitor(asked.subject)
    writer = visitor.writer
    held = await writer.balance()
    told = {
        "code": visitor.entry.code,
        "animal": visitor.entry.animal,
        "hotkey": visitor.hotkey.hex(),
        "name": held.name,
        "balance": shapes.points(held.balance_micros),
        "distance_to_bankruptcy": shapes.points(distance_micros(held)),
        "active": await _active(parts, visitor),
        "performance": shapes.horizons(await writer.performance()),
        "confirms": shapes.confirms(await writer.confirms(shapes.SHORT), now_ms=parts.clock.now_ms()),
        "errors": shapes.errors(await writer.errors(shapes.SHORT), visitor.refusals),
        "warnings": shapes.warnings(await writer.warnings(shapes.SHORT)),
        "transactions": await _transactions(visitor, shapes.SHORT),
    }
    return {name: shapes.shortened(one) for name, one in told.items()}


def distance_micros(held: BalanceAnswer) -> Micros:
    """How much a key can lose before it is bankrupt; below 0 it is."""
    return Micros(held.balance_micros - held.level_micros)


PAGES: Final[Mapping[str, Page]] = {
    "balance": balance,
    "errors": errors,
    "warnings": warnings,
    "confirms": confirms,
    "transactions": transactions,
    "active": active,
    "performance": performance,
    "home": home,
}
"""By the first part of the address; the key is the second."""


async def _transactions(visitor: Visitor, limit: int) -> Json:
    told = await visitor.writer.settled(limit=limit)
    days = told.days[: limit - len(told.transactions)]
    return shapes.transactions(told.transactions, days, visitor.entry.code)


async def _scenarios(parts: GatewayParts, asked: Asked, *, judged: bool) -> Json:
    delays = parts.params.streams.delays
    delay = check_delay(asked.whole("delay", delays[0]), delays)
    visitor = await parts.door.visitor(asked.text("write_key"))
    return shapes.tickets(await visitor.writer.predictions(full_name(asked.subject), delay, judged=judged))


async def _active(parts: GatewayParts, visitor: Visitor) -> list[str]:
    """From what stands, and from the key's log: what was submitted, withdrawn, and taken from the bankrupt."""
    log: tuple[NoticeLine, ...] = (*await visitor.writer.confirms(), *await visitor.writer.warnings())
    visitor.taking_part.learn(log)
    live = {one.name: one.created_at_ms for one in await parts.listing.streams()}
    standing = set(await visitor.writer.taking_part())
    return visitor.taking_part.horizons(now_ms=parts.clock.now_ms(), standing=standing, streams=live)
