"""What TLS can do here (docs/decisions/0021-plain-channels-first.md): found by trying, and held."""

from __future__ import annotations

import asyncio
import datetime

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from neurons.transport.limits import ServerLimits
from neurons.transport.methods import METHODS
from neurons.transport.server import serving
from protocol.messages import Purpose
from protocol.params import MAIN
from tests.support.services import EchoService

NAME = "hotkey.augury.test"
NOW = datetime.datetime.now(datetime.UTC)
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def certificate(key: Key) -> tuple[bytes, bytes]:
    """(private key, self-signed certificate for NAME) as PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None)
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, made.public_bytes(pem)


async def asked_over_tls(key: Key, *, pinned: bytes | None = None) -> bytes:
    """One call to a server with this key's certificate, from a client that trusts `pinned` (default: that one)."""
    private, public = certificate(key)
    tls = grpc.ssl_server_credentials([(private, public)])
    async with (
        serving(EchoService(), "127.0.0.1", 0, wire=MAIN.wire, limits=ServerLimits(grace_s=0.0), tls=tls) as address,
        grpc.aio.secure_channel(
            address,
            grpc.ssl_channel_credentials(pinned or public),
            options=[("grpc.ssl_target_name_override", NAME)],
        ) as channel,
    ):
        return await channel.unary_unary(METHODS[Purpose.COMMIT])(b"abc", timeout=10)


def test_a_p256_certificate_pinned_as_root_with_a_name_override_works():
    assert b"cba" == asyncio.run(asked_over_tls(ec.generate_private_key(ec.SECP256R1())))


def test_another_certificate_for_the_same_name_is_refused():
    _, other = certificate(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        asyncio.run(asked_over_tls(ec.generate_private_key(ec.SECP256R1()), pinned=other))
    assert grpc.StatusCode.UNAVAILABLE == caught.value.code()


def test_an_ed25519_certificate_does_not_work():
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        asyncio.run(asked_over_tls(ed25519.Ed25519PrivateKey.generate()))
    assert grpc.StatusCode.UNAVAILABLE == caught.value.code()
