"""How a validator serves open streams: acts and scenarios wait their turn, questions are answered at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurons.answering import Handled, Handler, InTurn, expect
from neurons.validating.streams.acts import Acts, evidence_digest
from neurons.validating.streams.keeping import Decide, StreamKeeper
from neurons.validating.streams.readings import StreamReadings
from protocol.admission import Admitted
from protocol.messages import Purpose, StreamActRequest, StreamReadRequest, SubmitRequest
from protocol.units import UnixMs


@dataclass(frozen=True)
class StreamHandlers:
    """The handlers of one validator's open streams."""

    keeper: StreamKeeper
    acts: Acts
    readings: StreamReadings

    def by_purpose(self) -> Mapping[Purpose, Handler]:
        """The table that the node serves from; scenarios come through the handler of submissions."""
        return {Purpose.STREAM_ACT: self.act, Purpose.STREAM_READ: self.read}

    async def act(self, admitted: Admitted, now_ms: UnixMs) -> InTurn:
        """One act; raises what the rule of its kind raises."""
        return self._in_turn(self.acts.act(admitted, expect(admitted, StreamActRequest)), admitted, now_ms)

    async def submit(self, admitted: Admitted, now_ms: UnixMs) -> InTurn:
        """A batch of scenarios; what cannot be taken is refused by itself in the reply."""
        return self._in_turn(self.acts.scenarios(admitted, expect(admitted, SubmitRequest)), admitted, now_ms)

    async def read(self, admitted: Admitted, now_ms: UnixMs) -> Handled:
        """One question; see `StreamReadings`."""
        question = expect(admitted, StreamReadRequest).question
        return Handled(await self.readings.answer(question, admitted.header.sender))

    def _in_turn(self, decide: Decide, admitted: Admitted, now_ms: UnixMs) -> InTurn:
        evidence = evidence_digest(admitted)
        return InTurn(lambda told: self.keeper.act(decide, told, arrived_ms=now_ms, evidence=evidence))
