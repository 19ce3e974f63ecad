"""Whose database this is: written at the first start, compared at every later one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from neurons.ports import Store
from neurons.records import Change, MetaRow
from neurons.store.errors import StoreOfAnotherNetwork
from protocol.params import NetworkParams
from protocol.units import Hotkey

NETWORK: Final = "network"
MARKET: Final = "market"
VALIDATOR: Final = "validator"
"""The hotkey in hex that all rounds, receipts and evidence of a validator's database name."""
PARAMS: Final = "params/"
"""Followed by the digest in hex; the value is the canonical text of that version."""


async def claim_store(
    store: Store, params: Sequence[NetworkParams], *, market: str | None = None, validator: Hotkey | None = None
) -> None:
    """Makes a new store this network's, market's and validator's, or finds that it is so already.

    params: every version the node knows, of one network; at least one.
    market: what its prices are, as screens label it ("generated", "recorded ...", "live"). validator: whose database
    it is. What is not given is not compared.
    Raises StoreOfAnotherNetwork when the store was made for another network, market or validator, or
    holds rounds of a params version that this node does not know or knows otherwise; then nothing was written.
    """
    known = await store.meta()
    network = params[0].network
    wanted_rows = {NETWORK: network}
    if market is not None:
        wanted_rows[MARKET] = market
    if validator is not None:
        wanted_rows[VALIDATOR] = validator.hex()
    for key, value in wanted_rows.items():
        _compare(key, known.get(key, value), value)
    ours = {PARAMS + version.digest.hex(): version for version in params}
    for key, text in known.items():
        if key.startswith(PARAMS) and key not in ours:
            found = f"{json.loads(text)['version']} with digest {key.removeprefix(PARAMS)[:8]}"
            wanted = ", ".join(f"{version.version} with digest {version.digest.hex()[:8]}" for version in params)
            raise StoreOfAnotherNetwork(what="params version", found=found, wanted=wanted)
    wanted_rows |= {key: version.canonical_bytes().decode("ascii") for key, version in ours.items()}
    new = tuple(MetaRow(key, value) for key, value in wanted_rows.items() if key not in known)
    await store.apply(Change(meta=new))


def _compare(what: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise StoreOfAnotherNetwork(what=what, found=found, wanted=wanted)
