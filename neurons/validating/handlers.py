"""What a validator does with each kind of request, once the gate has let it in: a message to a reply and its rows."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from neurons.answering import Handled, Handler, InTurn, expect
from neurons.ports import PeerUnreachable
from neurons.records import NO_CHANGE, Change
from neurons.validating.asking import Asker
from neurons.validating.intake import take_answer
from neurons.validating.parts import ValidatorParts
from neurons.validating.readings import Readings
from neurons.validating.streams.handlers import StreamHandlers
from protocol import codec
from protocol.admission import Admitted
from protocol.errors import InvalidRequest, NotFound, UnknownSender
from protocol.messages import (
    SAMPLES,
    ExplainRequest,
    Purpose,
    RegisterReply,
    RegisterRequest,
    RoundsRequest,
    StandingsRequest,
    SubmitReply,
    SubmitRequest,
)
from protocol.receipts import sign_receipt
from protocol.rules.challenges import kind_of
from protocol.units import Hotkey, RoundId, UnixMs

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Doorkeeping:
    """Who may register: anyone ('open') or the hotkeys of a list; and whether private addresses are dialled."""

    allowed: frozenset[Hotkey] | None
    allow_private_endpoints: bool


class Handlers:
    """One validator's handlers by purpose."""

    def __init__(
        self, parts: ValidatorParts, asker: Asker, readings: Readings, door: Doorkeeping, streams: StreamHandlers
    ) -> None:
        self._parts, self._asker, self._readings, self._door = parts, asker, readings, door
        self._streams = streams

    def by_purpose(self) -> Mapping[Purpose, Handler]:
        """The table that the node serves from."""
        return {
            Purpose.REGISTER: self.register,
            Purpose.SUBMIT: self.submit,
            Purpose.ROUNDS: self.rounds,
            Purpose.STANDINGS: self.standings,
            Purpose.EXPLAIN: self.explain,
            **self._streams.by_purpose(),
        }

    async def register(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """Registers a miner once its endpoint has answered a dial-back under its own signature.

        Raises UnknownSender (not on the list), InvalidRequest (unknown challenge, private address), NotFound (nobody
        answers at the endpoint) and what is wrong with the reply to the dial-back.
        """
        request, hotkey = expect(admitted, RegisterRequest), admitted.header.sender
        if self._door.allowed is not None and hotkey not in self._door.allowed:
            raise UnknownSender("this validator admits the miners of its list only", hotkey=hotkey.hex())
        for challenge in request.challenges:
            kind_of(admitted.params, challenge)
        if not request.challenges:
            raise InvalidRequest("a registration names at least one challenge", field="challenges")
        if not self._door.allow_private_endpoints and is_private(request.endpoint):
            raise InvalidRequest(
                f"{request.endpoint} is not a public address; this validator does not dial private ones",
                field="endpoint",
            )
        try:
            await self._asker.dial_back(request.endpoint, hotkey)
        except PeerUnreachable as error:
            # why not stays here: a stranger could have us look for its neighbours' open ports
            raise NotFound(f"nobody answered our dial-back to {request.endpoint}", endpoint=request.endpoint) from error
        row = self._parts.registry.register(hotkey, request.endpoint, request.challenges, now_ms=now_ms)
        return Handled(RegisterReply(row.registered_at_ms), Change(miners=(row,)))

    async def submit(self, admitted: Admitted, now_ms: UnixMs) -> Handled | InTurn:
        """Takes a pushed answer exactly as a pulled one, and scenarios for open streams.

        Raises NotFound, WrongPhase, InvalidRequest.
        """
        request, parts = expect(admitted, SubmitRequest), self._parts
        if request.kind == SAMPLES:
            return await self._streams.submit(admitted, now_ms)
        hotkey = admitted.header.sender
        row = await parts.store.round(_round_id(request.subject))
        if row is None or row.challenge != request.kind:
            raise NotFound(f"no round of {request.kind} is called {request.subject[:16]}", field="subject")
        opening = codec.decode_opening(row.opening)
        known = {s.hotkey: s for s in await parts.store.submissions(row.round_id)}.get(hotkey)
        commitments = {c.hotkey: c for c in await parts.store.commitments(row.round_id)}
        taken = known or take_answer(
            opening,
            hotkey,
            request.salt,
            request.answer,
            commitment=commitments.get(hotkey),
            kind=kind_of(parts.params, row.challenge),
            received_at_ms=now_ms,
            evidence=admitted.raw,
            time=parts.params.time,
        )
        receipt = sign_receipt(
            "submit",
            row.round_id,
            hotkey,
            evidence=taken.evidence,
            received_at_ms=taken.received_at_ms,
            key=parts.key,
        )
        return Handled(SubmitReply(receipt), NO_CHANGE if known else self._asker.taken_change(taken))

    async def rounds(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """Lists rounds; see `Readings.rounds`."""
        return Handled(await self._readings.rounds(expect(admitted, RoundsRequest)))

    async def standings(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """Everybody's standing; see `Readings.standings`."""
        reply = await self._readings.standings(expect(admitted, StandingsRequest), now_ms=now_ms)
        return Handled(reply)

    async def explain(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """One miner's arithmetic in one round; see `Readings.explain`."""
        return Handled(await self._readings.explain(expect(admitted, ExplainRequest)))


def is_private(endpoint: str) -> bool:
    """Whether an endpoint's address is loopback, private, link-local or otherwise not for the open network.

    However it is written: resolvers also take 127.1, 2130706433 and 0x7f.0.0.1 for addresses, and IPv6 has room for
    IPv4 addresses in it. A name that is not an address is taken for public: whoever resolves it dials it, and the
    dial-back proves it.
    """
    host = endpoint.rsplit(":", 1)[0].strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = _within(ipaddress.ip_address(host))
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return False
    return not address.is_global or address.is_multicast


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 address leads to: mapped, 6to4 or NAT64; any other as it is."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    nat64 = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in NAT64 else None
    return address.ipv4_mapped or address.sixtofour or nat64 or address


def _round_id(subject: str) -> RoundId:
    try:
        return RoundId(bytes.fromhex(subject))
    except ValueError:
        raise InvalidRequest("subject names a round by its id in hex", field="subject") from None
