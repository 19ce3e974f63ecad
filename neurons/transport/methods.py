"""The one table of gRPC methods: which path an envelope travels on, by what it was sealed for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from protocol.messages import Purpose

METHODS: Final[Mapping[Purpose, str]] = MappingProxyType(
    {
        Purpose.COMMIT: "/augury.v1.Miner/Commit",
        Purpose.REVEAL: "/augury.v1.Miner/Reveal",
        Purpose.FEEDBACK: "/augury.v1.Miner/Feedback",
        Purpose.DESCRIBE: "/augury.v1.Miner/Describe",
        Purpose.REGISTER: "/augury.v1.Validator/Register",
        Purpose.SUBMIT: "/augury.v1.Validator/Submit",
        Purpose.ROUNDS: "/augury.v1.Validator/Rounds",
        Purpose.STANDINGS: "/augury.v1.Validator/Standings",
        Purpose.EXPLAIN: "/augury.v1.Validator/Explain",
        Purpose.WATCH: "/augury.v1.Validator/Watch",
        Purpose.STREAM_ACT: "/augury.v1.Validator/StreamAct",
        Purpose.STREAM_READ: "/augury.v1.Validator/StreamRead",
    }
)
"""Every request's method. All are unary but Watch, whose replies are a stream."""


def service_name(purpose: Purpose) -> str:
    """The full name of the gRPC service that answers this request, such as "augury.v1.Miner"."""
    return METHODS[purpose].split("/")[1]


def services_of(purposes: Iterable[Purpose]) -> Mapping[str, Mapping[str, Purpose]]:
    """service -> {method: purpose} for these requests, in the order of the table.

    Raises ValueError for a purpose that is no request (ours: a node that says it serves replies).
    """
    asked = set(purposes)
    if strangers := asked - METHODS.keys():
        raise ValueError(f"no gRPC method carries {', '.join(sorted(p.name for p in strangers))}")
    services: dict[str, dict[str, Purpose]] = {}
    for purpose, path in METHODS.items():
        if purpose in asked:
            services.setdefault(service_name(purpose), {})[path.rsplit("/", 1)[1]] = purpose
    return services
