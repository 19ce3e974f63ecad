"""Whose database this is: written at the first start, compared at every later one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from neurons.ports import Store
from neurons.records import Change, MetaRow
from neurons.store.errors import StoreOfAnotherNetwork
from protocol.params import NetworkParams

NETWORK: Final = "network"
MARKET: Final = "market"
PARAMS: Final = "params/"
"""Followed by the digest in hex; the value is the canonical text of that version."""


async def claim_store(store: Store, params: Sequence[NetworkParams], *, market: str) -> None:
    """Makes a new store this network's and market's, or finds that it is so already.

    params: every version the node knows, of one network; at least one.
    market: what its prices are, as screens label it ("generated", "recorded ...", "live").
    Raises StoreOfAnotherNetwork when the store was made for another network or market, or holds rounds of a params
    version that this node does not know or knows otherwise; then nothing was written.
    """
    known = await store.meta()
    network = params[0].network
    _compare("network", known.get(NETWORK, network), network)
    _compare("market", known.get(MARKET, market), market)
    ours = {PARAMS + version.digest.hex(): version for version in params}
    for key, text in known.items():
        if key.startswith(PARAMS) and key not in ours:
            found = f"{json.loads(text)['version']} with digest {key.removeprefix(PARAMS)[:8]}"
            wanted = ", ".join(f"{version.version} with digest {version.digest.hex()[:8]}" for version in params)
            raise StoreOfAnotherNetwork(what="params version", found=found, wanted=wanted)
    wanted_rows = {NETWORK: network, MARKET: market}
    wanted_rows |= {key: version.canonical_bytes().decode("ascii") for key, version in ours.items()}
    new = tuple(MetaRow(key, value) for key, value in wanted_rows.items() if key not in known)
    await store.apply(Change(meta=new))


def _compare(what: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise StoreOfAnotherNetwork(what=what, found=found, wanted=wanted)
