"""A download in a process of its own, for tests that kill it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import ccxt.async_support
import pyarrow.parquet

from neurons.market.history.download import Patience
from neurons.market.history.request import HistoryRequest
from neurons.market.history.session import download_history

LOADED_BEFORE = (ccxt.async_support.__name__, pyarrow.parquet.__name__)
"""What takes long to import, so that a process that starts from here has it already."""


def download_in_this_process(request: HistoryRequest, dataset: Path, *, agreeing: bool = False) -> None:
    """Downloads, and saves after every page."""
    asyncio.run(download_history(request, dataset, patience=Patience(save_every_s=0.0), agreeing=agreeing))
