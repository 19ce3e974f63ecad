"""How a network is trained, whatever it is; the [training] section of a recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from protocol.errors import InvalidSetting

FLOAT32: Final = "float32"
BFLOAT16: Final = "bfloat16"
_AT_LEAST: Final = {
    "epochs": 1, "batch": 1, "looks": 1, "patience": 0, "seed": 0, "devices": 1, "threads": 1, "save_every": 1,
    "weight_decay": 0.0,
}  # fmt: skip
_ABOVE_ZERO: Final = ("learning_rate", "clip")
"""With 0 nothing is learnt, however long it takes."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """epochs: the most passes over the training period.  batch: examples a step, of all devices together.

    learning_rate: of AdamW at the start, falling to 0 as half a cosine.  clip: the largest norm of a gradient.
    looks: how often an epoch is stopped at to score validation.  patience: looks without a better score after which
    training ends; with 0 it goes to the end and keeps the last network, not the best.
    save_every: batches between two saved states; one is saved after every look too.
    device: auto, cpu, cuda or mps.  devices: processes that train together, each on a device of its own.
    threads: CPU threads of each process. Two that wait for each other on busy cores are slower than one.
    precision: float32, or bfloat16 where the processor has it (sums and weights stay float32).
    compile: torch.compile, for families that it takes whole.
    """

    epochs: int = 10
    batch: int = 128
    learning_rate: float = 3e-4
    weight_decay: float = 0.1
    clip: float = 1.0
    looks: int = 1
    patience: int = 3
    seed: int = 1
    device: str = "auto"
    devices: int = 1
    threads: int = 1
    precision: str = FLOAT32
    compile: bool = False
    save_every: int = 500

    def check(self) -> None:
        """Raises InvalidSetting for a number out of range and a precision that there is not."""
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if not math.isfinite(value) or value < least:
                raise InvalidSetting(f"{name} must be a number of at least {least:g}, was {value!r}", setting=name)
        for name in _ABOVE_ZERO:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise InvalidSetting(f"{name} must be a number above 0, was {value!r}", setting=name)
        if self.precision not in (FLOAT32, BFLOAT16):
            raise InvalidSetting(
                f"precision must be {FLOAT32} or {BFLOAT16}, was {self.precision!r}", setting="precision"
            )
