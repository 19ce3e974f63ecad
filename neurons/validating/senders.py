"""Who may call a validator: registered miners, and keys whose memorable name it knows; no key that has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from neurons.validating.registry import Registry
from neurons.validating.streams.keeping import StreamKeeper
from protocol.admission import SenderStanding
from protocol.units import Hotkey


@dataclass(frozen=True, slots=True)
class KnownSenders:
    """The gate's list. A name costs work, so whoever has one is known without being registered."""

    registry: Registry
    keeper: StreamKeeper

    def standing_of(self, hotkey: Hotkey) -> SenderStanding:
        """What the gate asks about a hotkey."""
        standing = self.registry.standing_of(hotkey)
        named = self.keeper.owner_of(hotkey).hex() in self.keeper.book.state.letters
        return replace(standing, known=standing.known or named, ended=hotkey in self.keeper.successions)
