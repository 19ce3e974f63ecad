"""The node's own small HTTP page: /metrics for Prometheus, /healthz for whoever restarts it."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from neurons.settings import MetricsSettings
from neurons.telemetry.metrics import Metrics
from protocol.errors import NodeFault, PortTaken

Page = Callable[[web.Request], Awaitable[web.Response]]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving_metrics(settings: MetricsSettings, metrics: Metrics) -> AsyncIterator[str]:
    """Serves the page within the block and yields its address, `http://host:port`, or "" when it is not enabled.

    Raises PortTaken, or NodeFault for an address this machine does not have (ours).
    """
    if not settings.enabled:
        yield ""
        return
    pages = web.Application()
    pages.router.add_get("/metrics", _metrics_page(metrics))
    pages.router.add_get("/healthz", _health_page(metrics))
    runner = web.AppRunner(pages, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise _cannot_listen(settings, error) from error
        host, port = runner.addresses[0][:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def _cannot_listen(settings: MetricsSettings, error: OSError) -> NodeFault:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"metrics cannot be served: {where} is taken; set metrics.port to another", setting="metrics.port"
        )
    return NodeFault(f"metrics cannot be served on {where}: {error.strerror}", setting="metrics.host")


def _metrics_page(metrics: Metrics) -> Page:
    async def page(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    return page


def _health_page(metrics: Metrics) -> Page:
    async def page(_: web.Request) -> web.Response:
        """503 while rounds stall. A stale venue is told but is no reason to restart the node."""
        stalled = metrics.is_stalled()
        health = {"ok": not stalled, "rounds_stalled": stalled, "stale_venues": list(metrics.market.stale_venues())}
        return web.json_response(health, status=503 if stalled else 200)

    return page
