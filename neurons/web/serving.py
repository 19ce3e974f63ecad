"""A gateway's sockets: HTTP on loopback, HTTPS anywhere."""

from __future__ import annotations

import errno
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from neurons.gateway_settings import GatewaySettings
from protocol.errors import InvalidSetting, NodeFault, PortTaken

KEEP_OPEN_S: Final = 30.0
"""A connection without a request is closed after so long."""
STOPPING_S: Final = 2.0
"""How long requests under way may take when the gateway stops."""


@asynccontextmanager
async def serving_pages(settings: GatewaySettings, served: web.Application) -> AsyncIterator[str]:
    """Serves within the block and yields the address, such as `http://127.0.0.1:8092`.

    Raises PortTaken, InvalidSetting for a certificate that cannot be used, and NodeFault for an address that this
    machine does not have (ours).
    """
    tls = tls_context(settings)
    runner = web.AppRunner(
        served, access_log=None, handle_signals=False, shutdown_timeout=STOPPING_S, keepalive_timeout=KEEP_OPEN_S
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.listen.host, settings.listen.port, ssl_context=tls).start()
        except OSError as error:
            raise _cannot_listen(settings, error) from error
        host, port = runner.addresses[0][:2]
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    finally:
        await runner.cleanup()


def tls_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """What HTTPS is served with; None without a certificate. Raises InvalidSetting (ours)."""
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidSetting(
            f"tls_certificate {settings.tls_certificate} with tls_key {settings.tls_key}: {error.strerror or error}",
            setting="tls_certificate",
        ) from error
    return context


def _cannot_listen(settings: GatewaySettings, error: OSError) -> NodeFault:
    where = f"{settings.listen.host}:{settings.listen.port}"
    if error.errno == errno.EADDRINUSE:
        return PortTaken(f"{where} is taken; set listen.port to another", setting="listen.port")
    return NodeFault(f"cannot listen on {where}: {error.strerror}", setting="listen.host")
