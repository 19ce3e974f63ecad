"""The SDK of those who use a network without running a node: signed questions and acts, verified answers, news."""

from __future__ import annotations

from neurons.client.news import News
from neurons.client.reader import Reader, Wire
from neurons.client.stream_reader import StreamReader
from neurons.client.stream_writer import StreamWriter

__all__ = ["News", "Reader", "StreamReader", "StreamWriter", "Wire"]
