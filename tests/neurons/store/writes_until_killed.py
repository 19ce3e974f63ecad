"""A node's store in a process of its own, for test_crash: says on stdout what it was told is durable, until killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from neurons.records import Change
from neurons.store.sqlite import SqliteStore
from neurons.stream_records import StreamChange
from protocol.units import DAY_MS
from tests.support.rows import a_nonce, a_round, a_submission, a_transaction
from tests.support.stream_rows import T0, a_settlement, a_stream, a_value, a_word, booked

FOLD_EVERY_S: Final = 0.005


async def write_for_ever(path: Path) -> None:
    store = await SqliteStore.open(path)

    async def write(first: int) -> None:
        number = first
        while True:
            settled = a_settlement(number, 3)
            await store.apply(
                Change(
                    rounds=(a_round(number),),
                    submissions=(a_submission(number, 1), a_submission(number, 2)),
                    transactions=(
                        a_transaction(f"t{number}", {"pool": -1, "miner": 1}),
                        *booked(settled).transactions,
                    ),
                    nonces=(a_nonce(1, number, expires_at_ms=10**15),),
                    open_streams=StreamChange(
                        streams=(a_stream(number),),
                        values=(a_value(number, 1),),
                        settlements=(settled,),
                        words=(a_word(number, 1, 1),),
                    ),
                )
            )
            print(number, flush=True)
            number += 4

    async def fold() -> None:
        while True:
            await asyncio.sleep(FOLD_EVERY_S)
            await store.prune_streams(now_ms=T0, settled_before_ms=T0 + DAY_MS)

    await asyncio.gather(fold(), *(write(first) for first in range(4)))


if __name__ == "__main__":
    asyncio.run(write_for_ever(Path(sys.argv[1])))
