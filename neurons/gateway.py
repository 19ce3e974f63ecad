"""Runs a web gateway: `augury gateway --validator HOTKEY@HOST:PORT` (`augury gateway --help`).

Parses settings, builds the parts, serves until it is told to stop; everything else is in `neurons/web/`.
"""

from __future__ import annotations

import neurons.library_defaults  # noqa: F401 - first, because numpy reads what it sets

# isort: split
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version
from typing import Final

from neurons.assembly import announce, telemetry_of
from neurons.client import StreamReader, StreamWriter
from neurons.config import parse, passphrase_from_environment
from neurons.entropy import SystemEntropy
from neurons.gateway_settings import GatewaySettings
from neurons.keystore import read_passphrase
from neurons.peers_file import ListedValidator
from neurons.signers import PRESETS, ask_at_terminal, clock_of, key_of
from neurons.supervise import calm_collector, report, run_until_stopped
from neurons.telemetry import NodeStarted, NodeStopped, serving_metrics
from neurons.transport.client import GrpcCaller
from neurons.web.door import Admission, Door, SharedWire
from neurons.web.pages import Pages
from neurons.web.parts import GatewayParts, Listing
from neurons.web.serving import serving_pages
from neurons.web.write_keys import WriteKeys
from protocol.errors import InvalidSetting, NodeFault
from protocol.keys import SigningKey
from protocol.units import Hotkey, short

PATIENCE_PART: Final = 0.75
"""An act is tried for so much of a request's time; the rest is for everything around it."""


def validator_of(settings: GatewaySettings) -> ListedValidator:
    """The validator that the settings name. Raises InvalidSetting (ours) when they name none."""
    if settings.validator is None:
        raise InvalidSetting("validator: say whom to speak for, --validator HOTKEY@HOST:PORT", setting="validator")
    hotkey, _, endpoint = settings.validator.partition("@")
    return ListedValidator(Hotkey(bytes.fromhex(hotkey)), endpoint)


def admission_of(settings: GatewaySettings) -> Admission:
    """Whom the settings let in.

    Raises KeyFileError (ours) for a passphrase file that cannot be read, and InvalidSetting where hotkeys would be made
    with nothing to seal them.
    """
    passphrase = (
        read_passphrase(settings.passphrase_file) if settings.passphrase_file else passphrase_from_environment()
    )
    if settings.admit_write_keys and passphrase is None and not settings.allow_unencrypted_key:
        raise InvalidSetting(
            "admit_write_keys: hotkeys are made for strangers; set passphrase_file to seal them",
            setting="passphrase_file",
        )
    return Admission(
        is_open=settings.admit_write_keys,
        difficulty=settings.admit_difficulty,
        name_letters=settings.name_letters,
        key_folder=settings.data_dir / "keys",
        passphrase=passphrase,
        allow_unencrypted=settings.allow_unencrypted_key,
    )


async def run(settings: GatewaySettings, *, key: SigningKey | None = None) -> None:
    """Serves until cancelled. key: the gateway's own, opened already. Raises the NodeFault that keeps it from it."""
    params, clock = PRESETS[settings.params], clock_of(settings)
    validator, admission = validator_of(settings), admission_of(settings)
    key = key_of(settings) if key is None else key
    table = WriteKeys(settings.table_path, most=settings.most_write_keys)
    telemetry = telemetry_of(settings, clock, key, "gateway")
    entropy = SystemEntropy()
    async with AsyncExitStack() as opened:
        wire = GrpcCaller(clock, params.wire)
        opened.push_async_callback(wire.aclose)
        shared = SharedWire(wire)
        reader = StreamReader(validator, key, params=params, clock=clock, entropy=entropy, wire=shared)
        patience_ms = int(settings.request_timeout_s * PATIENCE_PART / clock.wall_seconds(1))

        def writer(own: SigningKey, name_nonce: int | None) -> StreamWriter:
            return StreamWriter(
                validator,
                own,
                params=params,
                clock=clock,
                entropy=entropy,
                wire=shared,
                name_nonce=name_nonce,
                patience_ms=patience_ms,
            )

        parts = GatewayParts(
            reader=reader,
            door=Door(table, admission, writer, clock=clock, entropy=entropy),
            listing=Listing(reader, clock),
            params=params,
            clock=clock,
            entropy=entropy,
            cdf_form=settings.cdf_form,
        )
        pages = Pages(parts, telemetry.record, at_once=settings.requests_at_once, timeout_s=settings.request_timeout_s)
        telemetry.metrics.watch_queue("pages", lambda: pages.under_way)
        metrics = await opened.enter_async_context(serving_metrics(settings.metrics, telemetry.metrics))
        address = await opened.enter_async_context(serving_pages(settings, pages.application()))
        telemetry.record(
            NodeStarted(
                role="gateway", hotkey=key.hotkey, network=params.network, version=version("augury"), listens=address
            )
        )
        told = [
            f"for validator {short(validator.hotkey)} at {validator.endpoint}",
            f"write keys: {len(table.entries())}",
        ]
        announce("gateway", key, address, metrics, told)
        calm_collector()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            telemetry.record(NodeStopped(role="gateway"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 stopped in order, 1 a bug, 2 one sentence about what is wrong."""
    try:
        settings = parse(GatewaySettings, sys.argv[1:] if arguments is None else arguments, command="gateway")
        validator_of(settings)
        admission_of(settings)
        key = key_of(settings, ask=ask_at_terminal)
    except NodeFault as error:
        return report(error)
    return run_until_stopped(partial(run, settings, key=key))


if __name__ == "__main__":
    sys.exit(main())
