"""The SDK for those who look at a network without running a node: signed questions, verified answers, news."""

from neurons.client.news import News
from neurons.client.reader import Reader, Wire

__all__ = ["News", "Reader", "Wire"]
