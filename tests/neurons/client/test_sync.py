"""The face without `await`: the same methods, in a thread of its own, with a deadline."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

from neurons.client import StreamReader, StreamWriter, SyncStreamReader, SyncStreamWriter
from neurons.clock import SystemClock
from neurons.ports import PeerUnreachable
from protocol.envelope import Opened
from protocol.errors import InvalidRequest, NotFound
from protocol.messages import BalanceAnswer, Message, StreamActReply, StreamActRequest, StreamReadReply
from protocol.units import Micros
from tests.support.memory_network import Faults
from tests.support.scripted_validator import ENDPOINT, ScriptedValidator
from tests.support.world import signing_key

KEY = signing_key("publisher")


def scripted() -> ScriptedValidator:
    """A validator that takes every act and knows one balance; it finds nothing else."""

    def answer(opened: Opened) -> Message:
        if isinstance(opened.message, StreamActRequest):
            return StreamActReply(validator.receipt(opened))
        if "BalanceQuestion" in repr(opened.message):
            return StreamReadReply(validator.clock.now_ms(), BalanceAnswer(Micros(7), Micros(-1), 12, "Shammy Llama"))
        raise NotFound("there is no such stream to read")

    validator = ScriptedValidator(SystemClock(), answer)
    return validator


def test_a_script_asks_and_acts_without_await() -> None:
    validator = scripted()
    with SyncStreamWriter(validator.listed, KEY, wire=validator.caller()) as writer:
        assert BalanceAnswer(Micros(7), Micros(-1), 12, "Shammy Llama") == writer.balance()
        assert KEY.hotkey == writer.publish("cop.json", 1.5, budget=0.5).receipt.hotkey
        with pytest.raises(NotFound):
            writer.lagged_values("cop.json")
    assert 3 == len(validator.asked)


def test_it_works_where_a_loop_runs_already() -> None:
    async def notebook() -> int:
        validator = scripted()
        with SyncStreamReader(validator.listed, KEY, wire=validator.caller()) as reader:
            return reader.balance().balance_micros

    assert 7 == asyncio.run(notebook())


def test_a_call_ends_at_its_deadline_and_the_face_goes_on() -> None:
    validator = scripted()
    with SyncStreamReader(validator.listed, KEY, wire=validator.caller(), deadline_s=0.2) as reader:
        validator.network.faults[ENDPOINT] = Faults(silent=True)
        with pytest.raises(PeerUnreachable, match=r"no answer within 0\.2 s"):
            reader.balance()
        validator.network.faults[ENDPOINT] = Faults()
        assert 7 == reader.balance().balance_micros


def test_a_closed_face_says_so_and_leaves_no_thread() -> None:
    validator = scripted()
    reader = SyncStreamReader(validator.listed, KEY, wire=validator.caller())
    assert "augury-client" in {thread.name for thread in threading.enumerate()}
    reader.close()
    reader.close()
    with pytest.raises(PeerUnreachable, match="this face is closed"):
        reader.balance()
    with pytest.raises(InvalidRequest):
        SyncStreamWriter(validator.listed, KEY, wire=validator.caller(), name_nonce=0)
    assert "augury-client" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(("face", "asking"), [(SyncStreamReader, StreamReader), (SyncStreamWriter, StreamWriter)])
def test_every_method_has_its_face_with_the_same_signature(face, asking) -> None:
    methods = {
        name: method
        for name, method in inspect.getmembers(asking, inspect.iscoroutinefunction)
        if not name.startswith("_") and name != "ask"
    }
    assert {"lags", "cdf", "balance", "explain"} <= set(methods)
    for name, method in methods.items():
        assert inspect.signature(method) == inspect.signature(getattr(face, name)), name
        assert method.__doc__ == getattr(face, name).__doc__
