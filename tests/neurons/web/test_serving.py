"""The gateway's sockets: a port that is taken, a certificate that is none, HTTPS that works."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from neurons.gateway_settings import GatewaySettings
from neurons.settings import ListenSettings
from neurons.web.serving import serving_pages
from protocol.errors import InvalidSetting, PortTaken


def settings(port: int = 0, **more: object) -> GatewaySettings:
    return GatewaySettings(listen=ListenSettings(port=port), **more)


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


def application() -> web.Application:
    served = web.Application()
    served.router.add_get("/", hello)
    return served


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_with_a_certificate_pages_come_over_https(tmp_path):
    async def scenario() -> None:
        chain, key = certificate(tmp_path)
        trusting = ssl.create_default_context(cafile=str(chain))
        served = settings(tls_certificate=chain, tls_key=key)
        async with serving_pages(served, application()) as address, aiohttp.ClientSession() as http:
            assert address.startswith("https://")
            async with http.get(address.replace("127.0.0.1", "localhost"), ssl=trusting) as reply:
                assert "hello" == await reply.text()

    asyncio.run(scenario())


def test_a_certificate_that_is_none_is_one_sentence(tmp_path):
    async def scenario() -> None:
        chain, key = certificate(tmp_path)
        key.write_text("no key")
        with pytest.raises(InvalidSetting, match="tls_certificate"):
            async with serving_pages(settings(tls_certificate=chain, tls_key=key), application()):
                pass

    asyncio.run(scenario())


def test_a_port_that_is_taken_names_the_setting():
    async def scenario() -> None:
        async with serving_pages(settings(), application()) as address:
            with pytest.raises(PortTaken, match=r"listen\.port"):
                async with serving_pages(settings(int(address.rsplit(":", 1)[1])), application()):
                    pass

    asyncio.run(scenario())
