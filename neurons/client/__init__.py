"""The SDK of those who use a network without running a node: signed questions and acts, verified answers, news."""

from __future__ import annotations

from neurons.client.news import News
from neurons.client.poll_loop import Outcome, PollResult
from neurons.client.polling import ChangePoll, MicroPoll, MultiChangePoll, MultiPoll, PandasLoop
from neurons.client.reader import Reader, Wire
from neurons.client.stream_reader import StreamReader
from neurons.client.stream_writer import StreamWriter
from neurons.client.sync import SyncStreamReader, SyncStreamWriter

__all__ = [
    "ChangePoll",
    "MicroPoll",
    "MultiChangePoll",
    "MultiPoll",
    "News",
    "Outcome",
    "PandasLoop",
    "PollResult",
    "Reader",
    "StreamReader",
    "StreamWriter",
    "SyncStreamReader",
    "SyncStreamWriter",
    "Wire",
]
