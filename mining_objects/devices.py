"""Which processor torch runs on."""

from __future__ import annotations

from typing import Final

import torch

from protocol.errors import InvalidSetting

CHOICES: Final = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str = "auto") -> torch.device:
    """The torch device of this name; "auto" takes cuda, then mps (Apple), then cpu, whichever is there first.

    Raises InvalidSetting for a name that is not one of CHOICES or a device this machine does not have.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if name not in present:
        raise InvalidSetting(f"no device is called {name!r}; there are {', '.join(CHOICES)}", setting="device")
    if not present[name]:
        raise InvalidSetting(f"torch finds no {name} device here; try --device auto", setting="device")
    return torch.device(name)
