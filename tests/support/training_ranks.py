"""What each process of a training in company runs: a family that counts what it learns from, and its weights after."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from mining_objects.datasets import Examples
from mining_objects.errors import TrainingDiverged
from mining_objects.lstm_training import LstmFamily
from mining_objects.models.lstm import LstmConfig
from mining_objects.training import Data, Training
from mining_objects.training_ranks import Meeting, joined
from mining_objects.training_settings import TrainingSettings

MODEL = LstmConfig(lookback=4, hidden=8, layers=2, dropout=0.0, anchors=(1, 10, 100))
SETTINGS = TrainingSettings(epochs=1, batch=60, learning_rate=0.02, device="cpu", looks=2, devices=2)


def marked_examples(seed: int, count: int = 301) -> Examples:
    """Generated; the last row's first feature is the example's own number over 1000."""
    chance = np.random.default_rng(seed)
    features = chance.standard_normal((count + 4, len(MODEL.features))).astype(np.float32)
    rows = np.arange(3, count + 3)
    features[rows, 0] = np.arange(count) / 1_000
    outcomes = (1e-3 * np.sqrt(MODEL.anchors) * chance.standard_normal((count, 3))).astype(np.float32)
    scale = np.full(count, 1e-3, np.float32)
    return Examples(features, rows, outcomes, scale, 1.2 * scale, MODEL.lookback)


class CountingLstm(LstmFamily):
    """Remembers which examples it took steps on."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def loss(self, config, network, batch):
        if torch.is_grad_enabled():
            self.seen += torch.round(1_000 * batch.inputs[:, -1, 0]).int().tolist()
        return super().loss(config, network, batch)


def train_and_tell(meeting: Meeting | None, folder: Path) -> None:
    """Trains alone or as one of those that meet; writes what this process saw and its last weights into folder."""
    settings = replace(SETTINGS, devices=meeting.world if meeting else 1)
    with joined(torch.device("cpu"), meeting) as ranks:
        family = CountingLstm()
        data = Data(marked_examples(1), marked_examples(2), {})
        training = Training(family, MODEL, settings, data, folder=folder / f"{ranks.rank}", ranks=ranks)
        trained = training.run()
        save_file(training.network.state_dict(), folder / f"rank{ranks.rank}.safetensors")
        told = {"seen": family.seen, "scores": [report.score for report in trained.reports]}
        (folder / f"rank{ranks.rank}.json").write_text(json.dumps(told))


def fail_in_the_second(meeting: Meeting) -> None:
    """The second process fails at once, the first would go on for a minute."""
    if meeting.rank == 1:
        raise TrainingDiverged("the second process's own words")
    time.sleep(60)
