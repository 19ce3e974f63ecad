"""One exchange class of ccxt without the hundred others.

`import ccxt.async_support` runs every exchange module there is, twice (blocking and async): measured with ccxt
4.5.90 that is 102 MB resident and 0.57 s, against 53 MB and 0.29 s for the one class a venue needs (33 MB of
either is aiohttp). A validator has 200 MB, so the two packages are entered with placeholders whose path is
ccxt's own and whose body is never run; the classes themselves are ccxt's, unchanged.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from protocol.errors import InvalidSetting

_PACKAGES: Final = ("ccxt", "ccxt.async_support")


def load_exchange(name: str) -> type[Any]:
    """ccxt's async class of the exchange. Raises InvalidSetting when ccxt has none of that name."""
    if importlib.util.find_spec("ccxt") is None:
        raise InvalidSetting("live venues need the package ccxt (pip install ccxt)", setting="venues")
    if "ccxt" not in sys.modules:
        _enter_without_running()
    path = f"ccxt.async_support.{name}"
    if not name.isidentifier() or importlib.util.find_spec(path) is None:
        raise InvalidSetting(f"ccxt has no exchange named {name!r}", setting="exchange")
    exchange: type[Any] = getattr(importlib.import_module(path), name)
    return exchange


def _enter_without_running() -> None:
    """Puts placeholders for ccxt's two packages into sys.modules, with what ccxt's own modules take from them.

    Where a version of ccxt needs more than that, the whole package is imported instead, with a warning.
    """
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.origin is None:
        raise InvalidSetting("the package ccxt has no files", setting="venues")
    root = Path(spec.origin).parent
    before = set(sys.modules)
    for package, folder in zip(_PACKAGES, (root, root / "async_support"), strict=True):
        placeholder = ModuleType(package)
        placeholder.__path__ = [str(folder)]
        placeholder.__spec__ = importlib.util.spec_from_file_location(
            package, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules[package] = placeholder
    try:
        ccxt = sys.modules["ccxt"]
        errors = importlib.import_module("ccxt.base.errors")
        ccxt.__dict__.update({key: value for key, value in vars(errors).items() if not key.startswith("_")})
        ccxt.__dict__["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
        importlib.import_module("ccxt.async_support.base.exchange")
    except ImportError as error:
        for module in [m for m in sys.modules if m.split(".")[0] == "ccxt" and m not in before]:
            del sys.modules[module]
        warnings.warn(f"ccxt is imported whole, at 50 MB more: {error}", RuntimeWarning, stacklevel=3)
        importlib.import_module("ccxt.async_support")
