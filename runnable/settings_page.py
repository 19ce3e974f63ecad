"""Prints docs/settings.md, written from the settings themselves: `make docs`."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from neurons.config import OTHER_VARIABLES, PREFIX, settings_of, show_default
from neurons.gateway_settings import GatewaySettings
from neurons.settings import MinerSettings, SeriesSettings, ValidatorSettings, VenueSettings

INTRODUCTION = f"""# Settings

Written by `make docs` from `neurons/settings.py` and `neurons/gateway_settings.py`; change the sentences there.

A node takes each setting from the first of these that has it: the flag, the environment variable, the TOML
file named by `--config FILE` (or `{PREFIX}CONFIG`), the default. `listen.port` is the flag `--listen.port`, the
variable `{PREFIX}LISTEN__PORT` and, in the file, the key `port` of the table `[listen]`. Lists are JSON where they are
given as a flag or a variable. A key that does not exist is refused, with the nearest one that does.
"""

EXAMPLE = """```toml
# validator.toml, read by: augury validator --config validator.toml
admit = "list"
miners_file = "miners.txt"

[listen]
host = "0.0.0.0"

[[series]]
name = "BTC-USD"
venues = [
  { exchange = "kraken", symbol = "BTC/USD" },
  { exchange = "coinbase", symbol = "BTC/USD" },
  { exchange = "bybit", symbol = "BTC/USDT", via = "USDT-USD" },
]

[[series]]                # a rate that only converts
name = "USDT-USD"
rounds = false
venues = [
  { exchange = "kraken", symbol = "USDT/USD" },
  { exchange = "coinbase", symbol = "USDT/USD" },
  { exchange = "bitstamp", symbol = "USDT/USD" },
]
```
"""


def render() -> str:
    """The whole page."""
    parts = [INTRODUCTION, EXAMPLE]
    for title, model in (("Validator", ValidatorSettings), ("Miner", MinerSettings), ("Web gateway", GatewaySettings)):
        rows = ((s.key, s.description, show_default(s)) for s in settings_of(model))
        parts += [f"## {title}", _sentence(model), _table(("setting", "meaning", "default"), rows)]
    parts += _element("An element of `series`", SeriesSettings) + _element("An element of `venues`", VenueSettings)
    others = ((name, meaning) for name, meaning in OTHER_VARIABLES.items())
    parts += ["## Environment variables that are no setting", _table(("variable", "meaning"), others)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _element(title: str, model: type[BaseModel]) -> list[str]:
    rows = (
        (setting.key, setting.description, "needed" if setting.field.is_required() else show_default(setting))
        for setting in settings_of(model)
    )
    return [f"## {title}", _sentence(model), _table(("key", "meaning", "default"), rows)]


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; the first column is code."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join((f"`{first}`", *(cell.replace("|", "\\|") for cell in rest))) for first, *rest in rows]
    return "\n".join(f"| {line} |" for line in lines)


if __name__ == "__main__":
    print(render(), end="")
