"""The face without `await`, and polls, against a real validator over gRPC on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from neurons.client import MicroPoll, StreamWriter, SyncStreamReader, SyncStreamWriter
from neurons.clock import ScaledClock
from neurons.peers_file import ListedValidator, read_validators_file
from protocol.errors import NotFound
from protocol.messages import StreamNews, stream_topic
from tests.support.named_keys import name_nonce
from tests.support.stream_town import LETTERS, PARAMS, Town, play_town, serve_town
from tests.support.world import signing_key


@pytest.fixture(scope="module")
def played() -> Town:
    return play_town()


def script(validator: ListedValidator, clock: ScaledClock) -> list[object]:
    """What somebody does in a notebook: publishes, predicts, looks, and listens to one value."""
    rain, told = signing_key("rain"), []
    options = {"params": PARAMS, "clock": clock}
    with (
        SyncStreamWriter(validator, rain, name_nonce=name_nonce(rain, LETTERS), **options) as writer,
        SyncStreamReader(validator, signing_key("stranger"), **options) as reader,
    ):
        first = writer.publish("rain.json", 0.5)
        told.append(first.receipt.hotkey == rain.hotkey)
        told.append(writer.submit({("rain.json", 70): np.linspace(0.0, 1.0, 225), ("fog.json", 70): np.zeros(225)}))
        told.append((reader.lagged_values("rain.json"), reader.cdf("rain.json", 70).owners))
        with pytest.raises(NotFound):
            reader.delayed_value("rain.json", 70)
        told.append(reader.balance(rain.hotkey).name == writer.balance().name)
        for news in reader.watch(stream_topic("cop.json")):
            told.append(news.message)
            break
    return told


def test_a_notebook_publishes_predicts_looks_and_listens(played: Town, tmp_path: Path) -> None:
    async def scenario(node, ask) -> None:
        [validator] = read_validators_file(tmp_path / "validators.txt")
        clock = node.keeper.clock
        asking = asyncio.create_task(asyncio.to_thread(script, validator, clock))
        ann = signing_key("ann")
        async with StreamWriter(validator, ann, params=PARAMS, clock=clock) as writer:
            poll = MicroPoll(lambda: 12.5, 1_100, name="cop", writer=writer, clock=clock)
            polling = asyncio.create_task(poll.run())
            done, refused, seen, named, news = await asking
            poll.stop()
            counts = await polling
        assert (True, [0.5], 1, True) == (done, *seen, named)
        assert [("70::fog.json", "not-found")] == [(part.subject, part.code) for part in refused]
        assert isinstance(news, StreamNews)
        assert ("cop.json", b"12.5") == (news.name, news.value)
        assert (0, 0) == (counts.failed, counts.refused)

    asyncio.run(serve_town(played, tmp_path, lambda *words: None, scenario))
