"""`save_pretrained`, `from_pretrained` and `push_to_hub` for a network, with a checkpoint's layout and all its checks.

The hub library's own PyTorchModelHubMixin would take a pickle from a repository that holds no safetensors, and
believes any file that parses. Here the same three calls write and read `card.json` and `weights.safetensors`, as
everywhere else.
"""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from mining_objects.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from mining_objects.errors import BrokenCheckpoint, HubFault
from mining_objects.hub import NEWEST, PREFIX, place_of, pull

_README: Final = """---
{{ card_data }}
---

A model of Augury. `card.json` says what it was trained on and holds its checksums.

    augury models pull hf:OWNER/NAME --out weights/theirs
"""
_MISFITS_TOLD: Final = 3
"""So many tensors that do not fit are told of, the last ones; one sentence is enough to see what is wrong."""


class PossibleConfig(Protocol):
    """A config dataclass that can say whether its fields are within bounds."""

    def is_possible(self) -> bool: ...


P = TypeVar("P", bound=PossibleConfig)


def config_of_card(cls: type[P], card: dict[str, Any]) -> P:
    """The config that a card holds. Raises BrokenCheckpoint for fields unknown, absent or out of bounds."""
    if set(card) != {f.name for f in fields(cls)}:  # type: ignore[arg-type]
        raise BrokenCheckpoint(f"the card's config has the fields {sorted(card)}, want those of {cls.__name__}")
    config = cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in card.items()})
    if not config.is_possible():
        raise BrokenCheckpoint(f"the card's config is out of bounds: {card}")
    return config


class SharedNetwork(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="augury",
    tags=["time-series-forecasting", "finance"],
    model_card_template=_README,
):
    """A network made from one frozen config that can be saved, shared and had back."""

    family: ClassVar[str]
    """The model's name on the card."""
    config: Any
    provenance: dict[str, Any]
    """What the card tells of the weights' making."""

    @classmethod
    @abstractmethod
    def from_config(cls, card: dict[str, Any]) -> Self:
        """An untrained network from a card's config. Raises BrokenCheckpoint for one that cannot be."""

    @classmethod
    def from_checkpoint(cls, folder: Path) -> Self:
        """The network whose checkpoint lies in folder. Raises BrokenCheckpoint for whatever is wrong with it."""
        checkpoint = load_checkpoint(folder, model=cls.family)
        network = cls.from_config(checkpoint.config)
        try:
            network.load_state_dict({name: torch.from_numpy(t.copy()) for name, t in checkpoint.tensors.items()})
        except (RuntimeError, TypeError) as mismatch:
            told = "; ".join(line.strip() for line in str(mismatch).splitlines()[-_MISFITS_TOLD:])
            raise BrokenCheckpoint(
                f"the weights in {folder} do not fit their card's config: {told}", path=str(folder)
            ) from mismatch
        if not all(torch.isfinite(t).all() for t in network.state_dict().values()):
            raise BrokenCheckpoint(f"the weights in {folder} hold numbers that are not finite", path=str(folder))
        network.provenance = checkpoint.training
        return network

    def save_checkpoint(self, folder: Path) -> None:
        """Writes weights and card."""
        tensors = {name: t.detach().cpu().numpy() for name, t in self.state_dict().items()}
        save_checkpoint(folder, Checkpoint(self.family, asdict(self.config), self.provenance, tensors))

    def _save_pretrained(self, save_directory: Path) -> None:
        self.save_checkpoint(save_directory)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = True,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
        **model_kwargs: Any,
    ) -> Self:
        """From a folder, or fetched anew from a repository of the hub: nothing is cached, and the card's config counts.

        Raises HubFault for a repository when only local files may be used, and what `hub.pull` raises.
        """
        del force_download, cache_dir, model_kwargs
        name = str(pretrained_model_name_or_path)
        if Path(name).is_dir():
            return cls.from_checkpoint(Path(name))
        if local_files_only:
            raise HubFault(f"{name} is no folder, and nothing may be fetched", repository=name)
        with tempfile.TemporaryDirectory() as aside:
            fetched = pull(place_of(f"{PREFIX}{name}@{revision or NEWEST}"), Path(aside) / "model", token=token)
            return cls.from_checkpoint(fetched.folder)
