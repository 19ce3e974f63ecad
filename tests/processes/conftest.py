"""One prepared past for all tests of this folder, and a town of processes for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runnable.demo.cast import Cast
from tests.support.processes import Town, prepare, settle


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Nine hours of rounds, and thirty days of closes before them."""
    return prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def found_town(prepared: Cast, tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """Makes towns: `found_town(scale=900)`. None of their processes outlives the test."""
    with ExitStack() as opened:

        def found(*, scale: int, start_in_s: float = 3.0) -> Town:
            town = settle(prepared, tmp_path / "town", scale=scale, start_in_s=start_in_s)
            opened.callback(town.close)
            return town

        yield found
