"""The pages that change something: values, scenarios, touches, deletions, transfers, links, subscriptions.

Each is one signed act of the hotkey that stands behind the write key. Everything is checked by the validator; what is
refused is kept for the owner of the write key to read at /errors/.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from neurons.web import owning, shapes
from neurons.web.asking import Asked
from neurons.web.door import Visitor
from neurons.web.parts import GatewayParts
from neurons.web.problems import NotOffered
from neurons.web.shapes import Json
from neurons.web.write_keys import write_key_digest
from protocol.errors import AuguryError, InvalidRequest, Malformed
from protocol.messages import RefusedPart
from protocol.rules.derived_streams import MAX_SET
from protocol.rules.stream_names import ENTROPY_BYTES, SUFFIX, full_name, unnamed_stream
from protocol.rules.stream_records import VALUES_SHOWN, Operation
from protocol.units import HOTKEY_BYTES, Hotkey

MOST_IN_A_CALL: Final = 1_000
"""Names of one call to /copula/."""


class InTheLog(InvalidRequest):
    """Refused by the validator, which has written it into the key's own log."""


async def publish(parts: GatewayParts, asked: Asked) -> Json:
    """PUT /live/NAME {write_key, value, [budget], [with_percentiles]}; without a name the stream gets a random one.

    PUT /live/KEY without a value is how the newest client asks for its home.
    """
    name = asked.subject
    if "value" not in asked.fields and "write_key" not in asked.fields and not name.endswith(SUFFIX):
        return await owning.home(parts, asked)
    name = full_name(name) if name else unnamed_stream(parts.entropy.bytes(ENTROPY_BYTES))

    async def act(visitor: Visitor) -> Json:
        value, budget = asked.text("value"), asked.number("budget", 1.0)
        told = await visitor.writer.publish(
            name,
            value,
            budget=budget,
            rule=asked.text("rule", ""),
            with_percentiles=asked.is_set("with_percentiles"),
        )
        return shapes.published(name, value, told.percentiles, parts.params.streams.delays)

    return await _acted(parts, asked, Operation.SET, name, act)


async def publish_set(parts: GatewayParts, asked: Asked) -> Json:
    """PUT /copula/ {names, values, write_key, [budgets]}: values of one instant, with the streams derived from them.

    More than 200 of them become several sets, each of one instant, as large as the validator takes.
    """
    names = [full_name(one) for one in asked.texts("names")]

    async def act(visitor: Visitor) -> Json:
        values, budgets = asked.numbers("values"), asked.numbers("budgets") or [1.0] * len(names)
        if not len(names) == len(values) == len(budgets) <= MOST_IN_A_CALL or len(set(names)) < len(names):
            raise Malformed(
                f"want a value for each of at most {MOST_IN_A_CALL} different names",
                field="names",
                limit=MOST_IN_A_CALL,
            )
        told: list[Json] = []
        for start in range(0, len(names), MAX_SET):
            some = slice(start, start + MAX_SET)
            by_name = dict(zip(names[some], values[some], strict=True))
            stakes = dict(zip(names[some], budgets[some], strict=True))
            reply = await visitor.writer.publish_set(by_name, budgets=stakes)
            for name, value in by_name.items():
                told.append(shapes.published(name, repr(value), reply.percentiles, parts.params.streams.delays))
        return told

    return await _acted(parts, asked, Operation.SET, ",".join(names[:3]), act)


async def touch(parts: GatewayParts, asked: Asked) -> Json:
    """PATCH /live/NAME {write_key}"""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        await visitor.writer.touch(name)
        return shapes.done(Operation.TOUCH, name)

    return await _acted(parts, asked, Operation.TOUCH, name, act)


async def delete(parts: GatewayParts, asked: Asked) -> Json:
    """DELETE /live/NAME {write_key}"""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        await visitor.writer.delete(name)
        return shapes.done("delete", name)

    return await _acted(parts, asked, "delete", name, act)


async def submit(parts: GatewayParts, asked: Asked) -> Json:
    """PUT /submit/NAME {write_key, delay, values}"""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        delay, values = asked.whole("delay"), asked.numbers("values")
        _raise_first(await visitor.writer.submit({(name, delay): values}))
        return shapes.done(Operation.SUBMIT, name, delays=[delay], some_values=values[:VALUES_SHOWN], warn=False)

    return await _acted(parts, asked, Operation.SUBMIT, name, act)


async def cancel(parts: GatewayParts, asked: Asked) -> Json:
    """DELETE /submit/NAME?write_key&delay; without a delay at every horizon where something stands."""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        wanted = [asked.whole("delay")] if "delay" in asked.fields else list(parts.params.streams.delays)
        refused = await visitor.writer.cancel((name, delay) for delay in wanted)
        if len(refused) >= len(wanted):
            _raise_first(refused)
        return shapes.done(Operation.WITHDRAW, name, delays=wanted)

    return await _acted(parts, asked, Operation.WITHDRAW, name, act)


async def transfer(parts: GatewayParts, asked: Asked) -> Json:
    """PUT /balance/RECIPIENT {source_write_key, amount}. RECIPIENT: a write key, or a hotkey in hex."""
    source = await parts.door.visitor(asked.text("source_write_key"))
    recipient = await _recipient(parts, asked.subject)

    async def act(visitor: Visitor) -> Json:
        await visitor.writer.transfer(recipient, asked.number("amount") if "amount" in asked.fields else None)
        return {"operation": "transfer", "success": True, "source": visitor.hotkey.hex(), "recipient": recipient.hex()}

    return await _recorded(parts, source, Operation.TRANSFER, recipient.hex(), act)


async def link(parts: GatewayParts, asked: Asked) -> Json:
    """PUT /links/NAME {write_key, delay, target}"""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        await visitor.writer.link(name, asked.whole("delay"), full_name(asked.text("target")))
        return shapes.done("link", name)

    return await _acted(parts, asked, "link", name, act)


async def unlink(parts: GatewayParts, asked: Asked) -> Json:
    """DELETE /links/NAME {write_key, delay, target}"""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        await visitor.writer.unlink(name, asked.whole("delay"), full_name(asked.text("target")))
        return shapes.done("unlink", name)

    return await _acted(parts, asked, "unlink", name, act)


async def subscribe(parts: GatewayParts, asked: Asked) -> Json:
    """PUT /subscriptions/NAME {write_key, source}"""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        await visitor.writer.subscribe(name, full_name(asked.text("source")))
        return shapes.done("subscribe", name)

    return await _acted(parts, asked, "subscribe", name, act)


async def unsubscribe(parts: GatewayParts, asked: Asked) -> Json:
    """DELETE /subscriptions/NAME {write_key, source}"""
    name = full_name(asked.subject)

    async def act(visitor: Visitor) -> Json:
        await visitor.writer.unsubscribe(name, full_name(asked.text("source")))
        return shapes.done("unsubscribe", name)

    return await _acted(parts, asked, "unsubscribe", name, act)


async def messages(parts: GatewayParts, asked: Asked) -> Json:
    """GET /messages/NAME {write_key}: sender -> its newest value."""
    visitor = await parts.door.visitor(asked.text("write_key"))
    letters = await visitor.writer.mailbox(full_name(asked.subject))
    return {letter.sender: letter.value.decode() for letter in letters}


async def not_offered(_: GatewayParts, __: Asked) -> Json:
    """What the original had and this network has not; docs/gateway.md says why."""
    raise NotOffered("this is not served here: docs/gateway.md says what is, and why this is not")


async def _acted(
    parts: GatewayParts, asked: Asked, operation: str, subject: str, act: Callable[[Visitor], Awaitable[Json]]
) -> Json:
    return await _recorded(parts, await parts.door.visitor(asked.text("write_key")), operation, subject, act)


async def _recorded(
    parts: GatewayParts, visitor: Visitor, operation: str, subject: str, act: Callable[[Visitor], Awaitable[Json]]
) -> Json:
    try:
        return await act(visitor)
    except InTheLog:
        raise
    except AuguryError as error:
        parts.door.refused(visitor, operation, subject, error)
        raise


def _raise_first(refused: Sequence[RefusedPart]) -> None:
    """Raises InTheLog (theirs) with what the validator said of the first part that it did not take."""
    for part in refused:
        raise InTheLog(f"{part.subject}: {part.sentence}", reason=part.code)


async def _recipient(parts: GatewayParts, text: str) -> Hotkey:
    """Whose hotkey this is, or the hotkey that it is. Raises UnknownWriteKey and InvalidRequest (theirs)."""
    if parts.door.knows(write_key_digest(text)) or len(text) != 2 * HOTKEY_BYTES:
        return (await parts.door.visitor(text)).hotkey
    try:
        return Hotkey(bytes.fromhex(text))
    except ValueError:
        raise InvalidRequest("points are given to a write key or to a hotkey in hex", field="recipient") from None
