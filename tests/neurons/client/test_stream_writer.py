"""The writer against a scripted validator: numbers, retries, receipts, names."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest

from neurons.client import StreamReader, StreamWriter
from neurons.ports import PeerUnreachable
from protocol.envelope import Opened
from protocol.errors import BadSignature, BodyMismatch, InvalidRequest, Malformed, NotFound, Overloaded, Replayed
from protocol.messages import (
    BalanceAnswer,
    Cancel,
    CdfAnswer,
    LagLine,
    LagsAnswer,
    LagsQuestion,
    Message,
    Publish,
    RefusedPart,
    StreamActReply,
    StreamActRequest,
    StreamReadReply,
    StreamReadRequest,
    StreamsAnswer,
    StreamsQuestion,
    StreamSummary,
    SubmitReply,
    SubmitRequest,
    TakeName,
    TransferPoints,
)
from protocol.params import MAIN
from protocol.rules.memorable import difficulty
from protocol.units import Hotkey, Micros, UnixMs
from tests.support.memory_network import Faults
from tests.support.scripted_validator import ENDPOINT, ScriptedValidator
from tests.support.virtual_time import START_MS, VirtualClock, run_virtual
from tests.support.world import SeededEntropy, signing_key

KEY = signing_key("publisher")
NARROW = replace(MAIN, wire=replace(MAIN.wire, max_body_bytes=10_000))


def acknowledged(validator: ScriptedValidator, opened: Opened) -> Message:
    """The plain receipt that every act gets; balances and lists are empty."""
    if isinstance(opened.message, SubmitRequest):
        return SubmitReply(validator.receipt(opened))
    if isinstance(opened.message, StreamActRequest):
        return StreamActReply(validator.receipt(opened))
    return StreamReadReply(validator.clock.now_ms(), BalanceAnswer(Micros(0), Micros(-1), 0, ""))


def played(
    scenario: Callable[[ScriptedValidator, StreamWriter], Awaitable[None]],
    answer: Callable[[ScriptedValidator, Opened], Message] = acknowledged,
    *,
    params=MAIN,
    **more,
) -> ScriptedValidator:
    """Plays a scenario with a writer in virtual time; returns the validator, which knows what it was asked."""
    made: list[ScriptedValidator] = []

    async def main() -> None:
        clock = VirtualClock()
        validator = ScriptedValidator(clock, lambda opened: answer(validator, opened), params)
        made.append(validator)
        writer = StreamWriter(
            validator.listed,
            KEY,
            params=params,
            clock=clock,
            entropy=SeededEntropy("writer"),
            wire=validator.caller(),
            **more,
        )
        async with writer:
            await scenario(validator, writer)

    run_virtual(main())
    return made[0]


def test_acts_are_numbered_by_the_clock_and_rise_within_one_millisecond() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        await asyncio.gather(*(writer.publish("cop.json", value) for value in (1.0, 2.0, 3.0)))
        await validator.clock.sleep_until(START_MS + 5_000)
        await writer.touch("cop.json")

    asked = played(scenario).asked
    assert [START_MS, START_MS + 1, START_MS + 2, START_MS + 5_000] == [act.sequence for act in asked]
    assert [b"1.0", b"2.0", b"3.0"] == [act.act.values[0].value for act in asked[:3]]


def test_an_act_whose_reply_was_lost_is_repeated_under_its_number() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        validator.network.faults[ENDPOINT] = Faults(drop_replies=True)
        publishing = asyncio.create_task(writer.publish("cop.json", 1.5))
        await validator.clock.sleep_until(START_MS + 10_100)
        validator.network.faults[ENDPOINT] = Faults()
        await publishing
        assert START_MS + 10_200 == validator.clock.now_ms()

    first, second = played(scenario).asked
    assert first == second
    assert START_MS == first.sequence


def test_the_first_receipt_is_taken_for_a_repetition_of_the_act() -> None:
    """A validator that knows the act tells again what it told then."""
    told: list[Message] = []

    def same_again(validator: ScriptedValidator, opened: Opened) -> Message:
        told.append(told[0] if told else acknowledged(validator, opened))
        return told[-1]

    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        validator.network.faults[ENDPOINT] = Faults(drop_replies=True)
        publishing = asyncio.create_task(writer.publish("cop.json", 1.5))
        await validator.clock.sleep_until(START_MS + 10_100)
        validator.network.faults[ENDPOINT] = Faults()
        assert told[0] == await publishing

    assert 2 == len(played(scenario, same_again).asked)


def test_an_act_is_given_up_at_its_deadline() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        validator.network.faults[ENDPOINT] = Faults(unreachable=True)
        with pytest.raises(PeerUnreachable):
            await writer.publish("cop.json", 1.5)
        assert START_MS + 2_600 <= validator.clock.now_ms() <= START_MS + 4_000
        validator.network.faults[ENDPOINT] = Faults()
        await writer.publish("cop.json", 2.5)

    assert [b"2.5"] == [act.act.values[0].value for act in played(scenario, patience_ms=4_000).asked]


def test_who_waits_for_an_act_under_way_waits_no_longer_than_for_its_own() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        validator.network.faults[ENDPOINT] = Faults(silent=True)
        told = await asyncio.gather(
            *(writer.publish("cop.json", value) for value in (1.0, 2.0, 3.0)), return_exceptions=True
        )
        assert {PeerUnreachable} == {type(one) for one in told}
        assert validator.clock.now_ms() <= START_MS + 8_000

    played(scenario, patience_ms=4_000)


def test_a_refusal_is_told_at_once_and_an_overloaded_validator_is_asked_again() -> None:
    errors = [Overloaded("many calls"), Replayed("cop.json is at 9 already")]

    def refusing(validator: ScriptedValidator, opened: Opened) -> Message:
        raise errors.pop(0)

    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        with pytest.raises(Replayed, match="at 9 already"):
            await writer.publish("cop.json", 1.5)
        assert START_MS + 200 == validator.clock.now_ms()

    assert 2 == len(played(scenario, refusing).asked)


@pytest.mark.parametrize(
    ("forge", "error"),
    [
        (lambda receipt: replace(receipt, evidence_sha256=hashlib.sha256(b"else").digest()), BadSignature),
        (lambda receipt: replace(receipt, signature=bytes(64)), BadSignature),
        (lambda receipt: replace(receipt, hotkey=signing_key("else").hotkey), BadSignature),
    ],
)
def test_a_receipt_that_the_validator_did_not_sign_is_not_believed(forge, error) -> None:
    def forging(validator: ScriptedValidator, opened: Opened) -> Message:
        return StreamActReply(forge(validator.receipt(opened)))

    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        with pytest.raises(error):
            await writer.publish("cop.json", 1.5)

    played(scenario, forging)


@pytest.mark.parametrize("more", [{"evidence": b"something else"}, {"key": signing_key("another validator")}])
def test_a_receipt_for_something_else_or_of_somebody_else_is_not_believed(more) -> None:
    def other(validator: ScriptedValidator, opened: Opened) -> Message:
        return StreamActReply(validator.receipt(opened, **more))

    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        with pytest.raises(BodyMismatch):
            await writer.publish("cop.json", 1.5)

    played(scenario, other)


def test_an_answer_to_another_question_is_not_believed() -> None:
    def confused(validator: ScriptedValidator, opened: Opened) -> Message:
        return StreamReadReply(START_MS, LagsAnswer(()))

    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        with pytest.raises(Malformed, match="wanted a BalanceAnswer, got a LagsAnswer"):
            await writer.balance()

    played(scenario, confused)


def test_many_forecasts_are_sent_in_batches_with_rising_numbers_and_refusals_are_gathered() -> None:
    def refusing(validator: ScriptedValidator, opened: Opened) -> Message:
        message = opened.message
        assert isinstance(message, SubmitRequest)
        part = RefusedPart(message.horizons[0], "invalid-request", "no such stream")
        return SubmitReply(validator.receipt(opened), (part,))

    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        forecasts = {(f"s{number}.json", 70): np.arange(225.0) for number in range(10)}
        refused = await writer.submit(forecasts)
        assert ["70::s0.json", "70::s4.json", "70::s8.json"] == [part.subject for part in refused]
        assert () == await writer.submit({})

    asked = played(scenario, refusing, params=NARROW).asked
    assert [4, 4, 2] == [len(one.horizons) for one in asked]
    assert [START_MS, START_MS + 1, START_MS + 2] == [one.sequence for one in asked]
    assert {"samples"} == {one.kind for one in asked}


def test_many_withdrawals_are_sent_in_parts() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        assert () == await writer.cancel((f"s{number}.json", 310) for number in range(1_001))

    asked = played(scenario).asked
    assert [1_000, 1] == [len(one.act.horizons) for one in asked]
    assert Cancel(("310::s1000.json",)) == asked[1].act


def test_nothing_is_sent_of_what_cannot_be() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        with pytest.raises(InvalidRequest):
            await writer.publish("cop.json", float("nan"))
        with pytest.raises(InvalidRequest):
            await writer.publish_set({"a.json": 1.0, "b.json": float("inf")})
        for amount in (0.0, -3.0, float("nan")):
            with pytest.raises(InvalidRequest):
                await writer.transfer(KEY.hotkey, amount)

    assert [] == played(scenario).asked


def test_a_set_carries_each_value_with_its_budget() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        await writer.publish_set({"a.json": 1.0, "b.json": 2.0}, budgets={"b.json": 0.5}, with_copulas=False)
        await writer.transfer(Hotkey(bytes(range(32))), 2.5)
        await writer.transfer(Hotkey(bytes(range(32))))

    published, given, all_given = (one.act for one in played(scenario).asked)
    assert isinstance(published, Publish)
    told = [(one.name, one.value, one.budget_micros) for one in published.values]
    assert [("a.json", b"1.0", 1_000_000), ("b.json", b"2.0", 500_000)] == told
    assert (True, False) == (published.with_percentiles, published.with_copulas)
    assert TransferPoints(Hotkey(bytes(range(32))), Micros(2_500_000)) == given
    assert 0 == all_given.amount_micros


def nonce_of(key: Hotkey) -> int:
    """The first nonce with which a key has a name."""
    return next(nonce for nonce in range(10**6) if difficulty(key, nonce))


@pytest.mark.parametrize(("known", "told"), [(0, 1), (13, 0)])
def test_a_name_is_taken_before_the_first_act_where_the_validator_does_not_know_it(known: int, told: int) -> None:
    nonce = nonce_of(KEY.hotkey)

    def knowing(validator: ScriptedValidator, opened: Opened) -> Message:
        if isinstance(opened.message, StreamReadRequest):
            return StreamReadReply(START_MS, BalanceAnswer(Micros(0), Micros(-1), known, ""))
        return acknowledged(validator, opened)

    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        await writer.submit({("cop.json", 70): np.arange(225.0)})
        await writer.publish("cop.json", 1.0)

    acts = [one for one in played(scenario, knowing, name_nonce=nonce).asked if not isinstance(one, StreamReadRequest)]
    names = [one.act for one in acts[:-2]]
    assert [TakeName(nonce.to_bytes(8, "big"))] * told == names
    assert isinstance(acts[-2], SubmitRequest)
    assert isinstance(acts[-1].act, Publish)


def test_a_first_act_waits_for_a_validator_that_is_away_though_it_must_ask_before() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        validator.network.faults[ENDPOINT] = Faults(unreachable=True)
        publishing = asyncio.create_task(writer.publish("cop.json", 1.0))
        await validator.clock.sleep_until(START_MS + 5_000)
        validator.network.faults[ENDPOINT] = Faults()
        await publishing

    played(scenario, name_nonce=nonce_of(KEY.hotkey))


def test_a_nonce_that_gives_the_key_no_name_is_refused() -> None:
    async def scenario(validator: ScriptedValidator, writer: StreamWriter) -> None:
        raise AssertionError("there is no such writer")

    with pytest.raises(InvalidRequest, match="takes a name of 6 letters"):
        played(scenario, name_nonce=0)


LINES = tuple(
    LagLine(UnixMs(START_MS - age * 1_000), 0, text)
    for age, text in enumerate([b"1.5", b"[1.0, 2.0]", b'{"a": 1}', b"-2", b"calm", b"3e2"])
)


def lagging(validator: ScriptedValidator, opened: Opened) -> Message:
    """Lags of which an answer holds two at most; streams of which one holds one."""
    assert isinstance(opened.message, StreamReadRequest)
    question = opened.message.question
    if isinstance(question, StreamsQuestion):
        names = [name for name in ("a.json", "b.json", "c.json") if name > question.after][:1]
        rows = tuple(
            StreamSummary(name, KEY.hotkey, "live", 1, START_MS, START_MS, START_MS, 1, Micros(1), "micro")
            for name in names
        )
        return StreamReadReply(START_MS, StreamsAnswer(rows))
    assert isinstance(question, LagsQuestion)
    found = [line for line in LINES if not question.before_ms or line.at_ms < question.before_ms]
    return StreamReadReply(START_MS, LagsAnswer(tuple(found[: min(2, question.limit)])))


def test_lags_are_paged_and_only_numbers_are_numbers() -> None:
    async def scenario(validator: ScriptedValidator, reader: StreamReader) -> None:
        assert ([1.5, -2.0, 300.0], [START_MS / 1_000 - age for age in (0, 3, 5)]) == await reader.lagged("cop.json")
        assert [1.5, -2.0] == await reader.lagged_values("cop.json", 4)
        assert [START_MS / 1_000] == await reader.lagged_times("cop.json", 1)
        assert ["a.json", "b.json", "c.json"] == [one.name for one in await reader.all_streams()]

    played(scenario, lagging)


def test_a_delayed_value_is_the_newest_that_is_old_enough_and_a_number() -> None:
    async def scenario(validator: ScriptedValidator, reader: StreamReader) -> None:
        assert -2.0 == await reader.delayed_value("cop.json", 3)
        with pytest.raises(InvalidRequest, match="holds a record, not a number"):
            await reader.delayed_value("cop.json", 2)
        with pytest.raises(NotFound, match=r"no value of cop\.json is 70 s old yet"):
            await reader.delayed_value("cop.json", 70)

    played(scenario, lagging)


def test_quantiles_lie_on_straight_lines_through_the_smooth_distribution() -> None:
    def smooth(validator: ScriptedValidator, opened: Opened) -> Message:
        assert isinstance(opened.message, StreamReadRequest)
        assert "smooth" == opened.message.question.form
        return StreamReadReply(START_MS, CdfAnswer(3, (-10.0, 0.0, 20.0), (0.0, 0.5, 1.0)))

    async def scenario(validator: ScriptedValidator, reader: StreamReader) -> None:
        assert [-10.0, -5.0, 10.0, 20.0] == await reader.quantiles("cop.json", 70, [0.0, 0.25, 0.75, 1.0])
        assert 0.0 == await reader.median("cop.json", 70)
        assert (-5.0, 10.0) == await reader.interval("cop.json", 70, 0.5)
        for wrong in (-0.1, 1.1, float("nan")):
            with pytest.raises(InvalidRequest, match="within 0 and 1"):
                await reader.quantiles("cop.json", 70, [wrong])

    played(scenario, smooth)
