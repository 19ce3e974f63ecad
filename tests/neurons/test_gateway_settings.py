"""A gateway's settings: write keys never travel in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurons.config import parse
from neurons.gateway_settings import GatewaySettings, is_loopback
from protocol.errors import InvalidSetting

PEER = f"{'ab' * 32}@validator.example.org:8090"


def settings(*flags: str) -> GatewaySettings:
    return parse(GatewaySettings, flags, command="gateway", environment={})


def test_a_gateway_listens_on_loopback_and_admits_nobody_unless_told_to():
    usual = settings("--validator", PEER)
    assert ("127.0.0.1", False) == (usual.listen.host, usual.admit_write_keys)
    assert Path(".augury/gateway/write_keys.json") == usual.table_path


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "gateway.example.org"])
def test_elsewhere_than_on_loopback_it_takes_a_certificate(host):
    with pytest.raises(InvalidSetting, match="write keys may be read on the way"):
        settings("--listen.host", host)
    assert host == settings("--listen.host", host, "--tls_certificate", "c.pem", "--tls_key", "k.pem").listen.host


def test_a_certificate_and_its_key_come_together():
    with pytest.raises(InvalidSetting, match="together"):
        settings("--tls_certificate", "c.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_has_many_names(host):
    assert is_loopback(host)


@pytest.mark.parametrize("peer", ["ab@host:1", f"{'ab' * 32}", f"{'ab' * 32}@host", "@host:1"])
def test_a_validator_is_written_with_its_hotkey(peer):
    with pytest.raises(InvalidSetting, match="validator"):
        settings("--validator", peer)
