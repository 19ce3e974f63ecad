"""A hostile miner as a process: the same node as `neurons/miner.py`, with answers that are not honest.

python runnable/demo/hostile_miner.py garbage ...the settings of a miner
python runnable/demo/hostile_miner.py replayer DATABASE ...the settings of a miner
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from neurons.config import parse
from neurons.miner import run
from neurons.mining.forecasting import Answerer
from neurons.mining.models import Record
from neurons.ports import Clock, StoreReader
from neurons.settings import MinerSettings
from neurons.store.sqlite import ReadOnlySqlite
from neurons.supervise import report, run_until_stopped
from protocol.errors import NodeFault
from protocol.keys import SigningKey
from protocol.params import NetworkParams
from runnable.demo.hostile import Garbage, Replayer


def main(arguments: list[str]) -> int:
    """The command; exit codes as those of a miner."""
    kind, *rest = arguments
    database = Path(rest.pop(0)) if kind == "replayer" else None
    try:
        settings = parse(MinerSettings, rest, command="hostile_miner")
    except NodeFault as error:
        return report(error)

    async def look() -> StoreReader | None:
        return None if database is None or not database.exists() else ReadOnlySqlite.open(database)

    def answerer(_: MinerSettings, __: SigningKey, ___: NetworkParams, clock: Clock, ____: Record) -> Answerer:
        return Garbage(clock) if kind == "garbage" else Replayer(look)

    return run_until_stopped(partial(run, settings, answerer))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
