"""What there is to forecast with: the models by name, each in one line, and one loaded to see whether it works."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import mining_objects.models as shelf
from mining_objects.base_mining_model import Forecaster


def describe_models() -> dict[str, str]:
    """name -> the first sentence of the model's own module, which is read and not run: some need torch."""
    return {name: _first_line(f"{shelf.__name__}.{name}") for name in shelf.NAMES}


def load_model(name: str, *, weights: Path | None, device: str) -> Forecaster:
    """As `mining_objects.models.create`; raises what it raises."""
    return shelf.create(name, weights=weights, device=device)


def _first_line(module: str) -> str:
    found = find_spec(module)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"the model's module {module} is not installed", name=module)
    said = ast.get_docstring(ast.parse(Path(found.origin).read_text(encoding="utf-8")))
    return (said or "").split("\n", 1)[0]
