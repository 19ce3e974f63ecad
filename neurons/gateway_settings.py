"""What can be set on a web gateway: frozen values with their bounds and a sentence each (see `neurons/settings.py`)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from neurons.settings import FilePath, ListenSettings, MetricsSettings, SignerSettings

Peer = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}@(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")]
"""HOTKEY@HOST:PORT."""


class GatewaySettings(SignerSettings):
    """Runs a web gateway: speaks HTTP as microprediction clients know it, in front of one validator."""

    data_dir: FilePath = Field(
        default=Path(".augury/gateway"),
        description="The folder of the gateway's key, of its table of write keys and of the hotkeys that it makes.",
    )
    listen: ListenSettings = ListenSettings(port=8092)
    metrics: MetricsSettings = MetricsSettings(port=9092)
    validator: Peer | None = Field(
        default=None,
        description="The validator to speak for, as HOTKEY@HOST:PORT: needed. Everything is asked and done there.",
    )
    tls_certificate: FilePath | None = Field(
        default=None, description="The certificate chain (PEM) to serve HTTPS with. Without it only loopback is served."
    )
    tls_key: FilePath | None = Field(default=None, description="The certificate's private key (PEM).")
    write_keys_file: FilePath | None = Field(
        default=None,
        description="The table (mode 0600) from write keys to hotkeys; write_keys.json in data_dir when not set.",
    )
    admit_write_keys: bool = Field(
        default=False,
        description="Make a hotkey, and search it a name, for any write key that nobody added. Whoever reaches the "
        "gateway can then act on the network.",
    )
    admit_difficulty: int = Field(
        default=8,
        ge=6,
        le=16,
        description="The letters that such a write key's own animal must have, as its owner's client counts them. That "
        "opens this door only: to the network a hotkey's own name counts.",
    )
    name_letters: int = Field(
        default=8,
        ge=6,
        le=9,
        description="The letters of the name that is searched for a hotkey made here. Names of more letters are mined "
        "with `augury keys mine`.",
    )
    most_write_keys: int = Field(
        default=256, ge=1, le=10_000, description="The table holds no more; write keys of strangers are refused then."
    )
    cdf_form: Literal["2021", "2023", "empirical", "smooth"] = Field(
        default="2023",
        description="The form of the distributions at /cdf/: what the original served in that year, or ours.",
    )
    requests_at_once: int = Field(
        default=64, ge=1, le=10_000, description="Requests under way at once; more are told to come again."
    )
    request_timeout_s: float = Field(
        default=40.0,
        gt=0.0,
        le=600.0,
        description="Wall seconds that one request may take, its body included.",
    )

    @model_validator(mode="after")
    def _write_keys_travel_nowhere_in_the_clear(self) -> GatewaySettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are set together or not at all")
        if self.tls_certificate is None and not is_loopback(self.listen.host):
            raise ValueError(
                f"listen.host {self.listen.host} is reached from elsewhere, where write keys may be read on the way: "
                "set tls_certificate and tls_key, or listen on 127.0.0.1"
            )
        return self

    @property
    def table_path(self) -> Path:
        return self.write_keys_file or self.data_dir / "write_keys.json"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
