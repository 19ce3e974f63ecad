"""How a network is trained, whatever it is; the [training] section of a recipe."""

from __future__ import annotations

from dataclasses import dataclass

FLOAT32, BFLOAT16 = "float32", "bfloat16"


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """epochs: the most passes over the training period.  batch: examples a step, of all devices together.

    learning_rate: of AdamW at the start, falling to 0 as half a cosine.  clip: the largest norm of a gradient.
    looks: how often an epoch is stopped at to score validation.  patience: looks without a better score after which
    training ends.  save_every: batches between two saved states; one is saved after every look too.
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
