"""The pages that anyone may read, without a write key: values, lags, distributions, boards, lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from neurons.web import shapes
from neurons.web.asking import Asked
from neurons.web.parts import GatewayParts
from neurons.web.problems import NotOffered
from neurons.web.shapes import Json
from protocol.errors import InvalidRequest, NotFound
from protocol.messages import MAX_ROWS, LagLine
from protocol.rules.stream_names import (
    SEPARATOR,
    PrefixedName,
    check_delay,
    full_name,
    prefixed_name,
    split_prefixed_name,
)
from protocol.rules.stream_standings import Category, month_of
from protocol.units import MICRO

SERVER_COUNT_EXTRA: Final = 1
"""The original's lists held one lag more than was asked for; its clients ask for one less."""
DEFAULT_COUNT: Final = 1_000
MOST_LAGS: Final = 10_000
SUMMARY_LAGS: Final = 5


async def config(parts: GatewayParts, _: Asked) -> Json:
    """GET /config.json"""
    return shapes.config(parts.params)


async def live(parts: GatewayParts, asked: Asked) -> Json:
    """GET /live/NAME: the newest value as text; /live/prefix::NAME and /live/prefix::70::NAME: a reading of it."""
    if SEPARATOR not in asked.subject:
        return (await _pages_of_lags(parts, full_name(asked.subject), 1))[0].value.decode()
    named = split_prefixed_name(asked.subject)
    if named.prefix not in _READINGS:
        raise NotOffered(f"{named.prefix} is told at an address of its own, or not at all", field="prefix")
    return await _READINGS[named.prefix](parts, named)


async def lagged(parts: GatewayParts, asked: Asked) -> Json:
    """GET /lagged/NAME?count: [time, value], newest first."""
    count = asked.whole("count", DEFAULT_COUNT)
    if not 0 <= count < MOST_LAGS:
        raise InvalidRequest(
            f"count lies within 0 and {MOST_LAGS - 1}, was {count}", field="count", limit=MOST_LAGS - 1
        )
    return shapes.lagged(await _newest(parts, full_name(asked.subject), count + SERVER_COUNT_EXTRA))


async def cdf(parts: GatewayParts, asked: Asked) -> Json:
    """GET /cdf/NAME?delay&values"""
    delays = parts.params.streams.delays
    delay = check_delay(asked.whole("delay", delays[0]), delays)
    name, values = full_name(asked.subject), asked.numbers("values")
    return shapes.cdf(await parts.reader.cdf(name, delay, values=values, form=parts.cdf_form))


async def sponsors(parts: GatewayParts, _: Asked) -> Json:
    """GET /sponsors: name -> its owner's animal, short animals first."""
    streams = await parts.listing.streams()
    owned = [(one.name, await parts.listing.owner_name(one.owner)) for one in streams]
    return dict(sorted(owned, key=lambda pair: len(pair[1])))


async def budgets(parts: GatewayParts, _: Asked) -> Json:
    """GET /budgets: name -> what its settlements multiply by, the most first."""
    streams = await parts.listing.streams()
    most_first = sorted(streams, key=lambda one: (-one.budget_micros, one.name))
    return {one.name: one.budget_micros / MICRO for one in most_first}


async def volumes(parts: GatewayParts, _: Asked) -> Json:
    """GET /volumes: horizon -> everything that moved there."""
    return shapes.horizons(await parts.reader.volumes())


async def prizes(_: GatewayParts, __: Asked) -> Json:
    """GET /prizes: there are none; points are worth nothing here."""
    return []


async def overall(parts: GatewayParts, _: Asked) -> Json:
    """GET /overall: everybody's points over all streams and horizons."""
    return shapes.board(await parts.reader.board())


async def leaderboard(parts: GatewayParts, asked: Asked) -> Json:
    """GET /leaderboards/NAME?delay"""
    return shapes.board(await parts.reader.board(stream=full_name(asked.subject), delay=asked.whole("delay", 0)))


async def monthly(parts: GatewayParts, asked: Asked) -> Json:
    """GET /monthly: this month's board. sponsor: a hotkey in hex; category: as `rules/stream_standings.py` has them."""
    return await _contest(parts, asked, month_of(parts.clock.now_ms()))


async def previous(parts: GatewayParts, asked: Asked) -> Json:
    """GET /previous: last month's."""
    year, month = map(int, month_of(parts.clock.now_ms()).split("-"))
    return await _contest(parts, asked, f"{year:04d}-{month - 1:02d}" if month > 1 else f"{year - 1:04d}-12")


async def links(parts: GatewayParts, asked: Asked) -> Json:
    """GET /links/NAME?delay: target -> weight."""
    delay = asked.whole("delay", parts.params.streams.delays[0])
    return await _links(parts, PrefixedName("links", full_name(asked.subject), delay))


async def subscriptions(parts: GatewayParts, asked: Asked) -> Json:
    """GET /subscriptions/NAME"""
    return await _subscriptions(parts, PrefixedName("subscriptions", full_name(asked.subject), None))


async def subscribers(parts: GatewayParts, asked: Asked) -> Json:
    """GET /subscribers/NAME"""
    return await _subscribers(parts, PrefixedName("subscribers", full_name(asked.subject), None))


async def _newest(parts: GatewayParts, name: str, count: int) -> list[LagLine]:
    """So many of the newest values, or all there are; none where there is no such stream, as the clients expect."""
    try:
        return await _pages_of_lags(parts, name, count)
    except NotFound:
        return []


async def _pages_of_lags(parts: GatewayParts, name: str, count: int) -> list[LagLine]:
    """Raises NotFound where there is no such stream."""
    found: list[LagLine] = []
    before_ms = 0
    while len(found) < count:
        page = await parts.reader.lags(name, limit=min(MAX_ROWS, count - len(found)), before_ms=before_ms)
        if not page:
            break
        found += page
        before_ms = page[-1].at_ms
    return found


async def _contest(parts: GatewayParts, asked: Asked, month: str) -> Json:
    category = asked.text("category", Category.ALL.value)
    return shapes.board(await parts.reader.board(category=category, sponsor=asked.text("sponsor", ""), month=month))


async def _lagged(parts: GatewayParts, named: PrefixedName) -> Json:
    return shapes.lagged(await _newest(parts, named.name, DEFAULT_COUNT + SERVER_COUNT_EXTRA))


async def _lagged_values(parts: GatewayParts, named: PrefixedName) -> Json:
    return [value for _, value in await _lagged(parts, named)]


async def _lagged_times(parts: GatewayParts, named: PrefixedName) -> Json:
    return [time for time, _ in await _lagged(parts, named)]


async def _history(parts: GatewayParts, named: PrefixedName) -> Json:
    return shapes.history(await _newest(parts, named.name, DEFAULT_COUNT))


async def _delayed(parts: GatewayParts, named: PrefixedName) -> Json:
    return await parts.reader.delayed_value(named.name, check_delay(named.delay or 0, parts.params.streams.delays))


async def _board(parts: GatewayParts, named: PrefixedName) -> Json:
    return shapes.board(await parts.reader.board(stream=named.name, delay=named.delay or 0))


async def _budget(parts: GatewayParts, named: PrefixedName) -> Json:
    for one in await parts.listing.streams():
        if one.name == named.name:
            return one.budget_micros / MICRO
    raise NotFound(f"there is no stream {named.name}", field="name")


async def _links(parts: GatewayParts, named: PrefixedName) -> Json:
    return shapes.links(await parts.reader.links(named.name), named.name, named.delay or 0)


async def _backlinks(parts: GatewayParts, named: PrefixedName) -> Json:
    return shapes.backlinks(await parts.reader.links(named.name), named.name)


async def _subscriptions(parts: GatewayParts, named: PrefixedName) -> Json:
    return list((await parts.reader.subscriptions(named.name)).sources)


async def _subscribers(parts: GatewayParts, named: PrefixedName) -> Json:
    return list((await parts.reader.subscriptions(named.name)).subscribers)


async def _cdf(parts: GatewayParts, named: PrefixedName) -> Json:
    delay = check_delay(named.delay or parts.params.streams.delays[0], parts.params.streams.delays)
    return shapes.cdf(await parts.reader.cdf(named.name, delay, form=parts.cdf_form))


async def _summary(parts: GatewayParts, named: PrefixedName) -> Json:
    """A stream at one glance: its value, newest lags, boards, delayed values and links by horizon."""
    lags = shapes.lagged(await _newest(parts, named.name, SUMMARY_LAGS))
    told: dict[str, Json] = {
        named.name: None if not lags else lags[0][1],
        prefixed_name("lagged_values", named.name): [value for _, value in lags],
        prefixed_name("lagged_times", named.name): [time for time, _ in lags],
    }
    for prefix in ("leaderboard", "backlinks", "subscribers", "subscriptions"):
        told[prefixed_name(prefix, named.name)] = await _READINGS[prefix](parts, PrefixedName(prefix, named.name, None))
    for delay in parts.params.streams.delays:
        at = [PrefixedName(prefix, named.name, delay) for prefix in ("leaderboard", "delayed", "links")]
        readings = await asyncio.gather(*(_or_none(_READINGS[one.prefix](parts, one)) for one in at))
        names = (prefixed_name(one.prefix, one.name, one.delay) for one in at)
        told[f"delay_{delay}"] = dict(zip(names, readings, strict=True))
    return told


async def _or_none(reading: Awaitable[Json]) -> Json:
    """A part of a summary; null where there is nothing yet."""
    try:
        return await reading
    except NotFound:
        return None


_READINGS: Final[Mapping[str, Callable[[GatewayParts, PrefixedName], Awaitable[Json]]]] = {
    "backlinks": _backlinks,
    "budget": _budget,
    "cdf": _cdf,
    "delayed": _delayed,
    "history": _history,
    "lagged": _lagged,
    "lagged_times": _lagged_times,
    "lagged_values": _lagged_values,
    "leaderboard": _board,
    "links": _links,
    "subscribers": _subscribers,
    "subscriptions": _subscriptions,
    "summary": _summary,
}
