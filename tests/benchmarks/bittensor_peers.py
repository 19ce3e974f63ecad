"""bittensor's own server and client, to be measured: run by bench_bittensor.py with a Python that has bittensor 10.2.

    python bittensor_peers.py serve COUNT PATHS     hosts COUNT axons, tells their ports, ends with standard input
    python bittensor_peers.py ask PATHS PORT...     for each line of standard input: one round, tells how many answered

No chain: keypairs come from seeds, the axons' whereabouts are made by hand, and the look-up of the public address is
replaced by one of loopback. All else is as shipped: requests signed by sr25519, verified, nonces and body hashes on.
Nothing of this project is imported: it is not installed where bittensor is. The axon reads the annotations of what it
serves, so they must stay types.
"""

import asyncio
import os
import random
import socket
import sys
from types import SimpleNamespace

os.environ.setdefault("BT_NO_PARSE_CLI_ARGS", "true")

import bittensor
from bittensor.utils import networking
from bittensor_wallet import Keypair

networking.get_external_ip = lambda: "127.0.0.2"
STEPS = 100
TIMEOUT_S = 120.0


class Forecast(bittensor.Synapse):
    """A question and its answer, as subnets send it: lists of floats (bittensor's Tensor needs torch)."""

    round_id: str = "a1" * 32
    values: list[list[float]] | None = None


def key_of(number: int) -> Keypair:
    return Keypair.create_from_seed(f"0x{number:064x}")


def tell(what: object) -> None:
    """A line for bench_bittensor.py; bittensor writes its log to the same place."""
    print(f"> {what}", flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(count: int, paths: int) -> None:
    chance = random.Random(1)
    values = [[chance.gauss(0, 1e-3) for _ in range(STEPS)] for _ in range(paths)]

    def answer(synapse: Forecast) -> Forecast:
        synapse.values = values
        return synapse

    ports = []
    for number in range(count):
        wallet = SimpleNamespace(hotkey=key_of(number + 1), coldkeypub=key_of(number + 1))
        axon = bittensor.Axon(wallet=wallet, ip="127.0.0.1", port=free_port(), external_ip="127.0.0.1", max_workers=1)
        axon.attach(forward_fn=answer)
        axon.start()
        ports.append(axon.port)
    for port in ports:
        tell(port)
    sys.stdin.read()
    os._exit(0)


async def ask(paths: int, ports: list[int]) -> None:
    dendrite = bittensor.Dendrite(wallet=key_of(0))
    axons = [
        bittensor.AxonInfo(
            version=1, ip="127.0.0.1", port=port, ip_type=4, hotkey=key_of(n + 1).ss58_address, coldkey=""
        )
        for n, port in enumerate(ports)
    ]
    tell("ready")
    while await asyncio.to_thread(sys.stdin.readline):
        replies = await dendrite.forward(axons, Forecast(), timeout=TIMEOUT_S, deserialize=False)
        tell(sum(reply.values is not None and len(reply.values) == paths for reply in replies))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), int(sys.argv[3]))
    else:
        asyncio.run(ask(int(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
