"""The dialects there are, by the name that ccxt gives the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from neurons.market.dialects.binance import BINANCE
from neurons.market.dialects.bybit import BYBIT
from neurons.market.dialects.coinbase import COINBASE
from neurons.market.dialects.coinbase_exchange import COINBASE_EXCHANGE
from neurons.market.dialects.kraken import KRAKEN
from neurons.market.dialects.okx import OKX
from neurons.market.dialects.speech import Dialect

_ALL: Final = (BINANCE, BYBIT, COINBASE, COINBASE_EXCHANGE, KRAKEN, OKX)
DIALECTS: Final[Mapping[str, Dialect]] = {dialect.name: dialect for dialect in _ALL}
