"""One exchange class of ccxt without the hundred others.

`import ccxt.async_support` runs every exchange module there is, twice (blocking and async): measured with ccxt
4.5.90 that is 102 MB resident and 0.57 s, against 53 MB and 0.29 s for the one class a venue needs (33 MB of
either is aiohttp). A validator has 200 MB, so the packages are entered with placeholders whose path is
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

_PACKAGES: Final = {"ccxt": "", "ccxt.async_support": "async_support", "ccxt.pro": "pro"}


def load_exchange(name: str, *, streaming: bool = False) -> type[Any]:
    """ccxt's async class of the exchange, with its WebSocket methods where `streaming`.

    Raises InvalidSetting when ccxt has no such exchange, or none that streams.
    """
    if importlib.util.find_spec("ccxt") is None:
        raise InvalidSetting("live venues need the package ccxt (pip install ccxt)", setting="venues")
    if "ccxt" not in sys.modules:
        _enter_without_running()
    exchange = _class_of("ccxt.async_support", name)
    # ccxt.pro's classes take their parents from the package, where an import leaves the module of the same name.
    setattr(sys.modules["ccxt.async_support"], name, exchange)
    return _class_of("ccxt.pro", name) if streaming else exchange


def _class_of(package: str, name: str) -> type[Any]:
    path = f"{package}.{name}"
    if not name.isidentifier() or importlib.util.find_spec(path) is None:
        raise InvalidSetting(f"{package} has no exchange named {name!r}", setting="exchange")
    exchange: type[Any] = getattr(importlib.import_module(path), name)
    return exchange


def _enter_without_running() -> None:
    """Puts placeholders for ccxt's packages into sys.modules, with what ccxt's own modules take from them.

    Where a version of ccxt needs more than that, the whole package is imported instead, with a warning.
    """
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.origin is None:
        raise InvalidSetting("the package ccxt has no files", setting="venues")
    root = Path(spec.origin).parent
    before = set(sys.modules)
    for package, folder in _PACKAGES.items():
        placeholder = ModuleType(package)
        placeholder.__path__ = [str(root / folder)]
        placeholder.__spec__ = importlib.util.spec_from_file_location(
            package, root / folder / "__init__.py", submodule_search_locations=[str(root / folder)]
        )
        sys.modules[package] = placeholder
    try:
        ccxt = sys.modules["ccxt"]
        errors = importlib.import_module("ccxt.base.errors")
        ccxt.__dict__.update({key: value for key, value in vars(errors).items() if not key.startswith("_")})
        ccxt.__dict__["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
        ccxt.__dict__["async_support"] = sys.modules["ccxt.async_support"]
        importlib.import_module("ccxt.async_support.base.exchange")
    except ImportError as error:
        for module in [m for m in sys.modules if m.split(".")[0] == "ccxt" and m not in before]:
            del sys.modules[module]
        warnings.warn(f"ccxt is imported whole, at 50 MB more: {error}", RuntimeWarning, stacklevel=3)
        importlib.import_module("ccxt.async_support")
