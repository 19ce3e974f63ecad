"""A model in a Python file of one's own, tested before it has a place among the others."""

from __future__ import annotations

import importlib.util
import sys
from inspect import isabstract, isclass
from pathlib import Path

from mining_objects.base_mining_model import Forecaster
from mining_objects.errors import BrokenModel, UnknownModel


def forecaster_in(path: Path) -> Forecaster:
    """Runs a file, which is a program, and makes the model that it defines.

    Raises UnknownModel when it defines none or several, BrokenModel when it fails.
    """
    name = f"augury_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a file that ends in .py can be loaded"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        found = [one for one in vars(module).values() if _is_own(one, name)]
        if len(found) == 1:
            made: Forecaster = found[0]()
            return made
    except (Exception, SystemExit) as failed:
        raise BrokenModel(f"{path} failed: {type(failed).__name__}: {failed}", model=str(path)) from failed
    listed = ", ".join(one.__name__ for one in found) or "none"
    raise UnknownModel(f"{path} should define one Forecaster, and defines {listed}", model=str(path))


def _is_own(one: object, module: str) -> bool:
    """Whether it is a whole Forecaster class of this module, and not one that it imported."""
    return isclass(one) and issubclass(one, Forecaster) and not isabstract(one) and one.__module__ == module
