"""An eventful morning on disk, played once a module: what replays start from, and what tampering is tried on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from neurons.store.memory import MemoryStore
from neurons.validating.replay.findings import Findings
from tests.support.eventful import a_morning, execute, findings_of, on_disk, play_eventful


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return play_eventful(a_morning)


@pytest.fixture(scope="module")
def true_file(store: MemoryStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = on_disk(store, tmp_path_factory.mktemp("replay") / "true.sqlite")
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="module")
def true_findings(true_file: Path) -> Findings:
    return findings_of(true_file)


@pytest.fixture
def copy(true_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(true_file, tmp_path / "copy.sqlite"))
