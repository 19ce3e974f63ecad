"""A refusal, counted: who was refused what and why, and the offence where a signature proves whose fault it was."""

from __future__ import annotations

from neurons.records import Change, RefusalRow
from neurons.validating.registry import Registry
from protocol.errors import AuguryError, Rejected
from protocol.units import HOUR_MS, Hotkey, UnixMs


def offender_of(error: AuguryError) -> Hotkey | None:
    """The hotkey whose own signature proves that the fault is its, or None: anybody can name a stranger."""
    offender = error.fields.get("offender")
    return Hotkey(offender) if isinstance(error, Rejected) and isinstance(offender, bytes) else None


def sender_of(error: AuguryError) -> Hotkey | None:
    """Whose call was refused, where its signature had been seen to be good; not necessarily at fault."""
    sender = error.fields.get("sender")
    return Hotkey(sender) if isinstance(sender, bytes) else offender_of(error)


def refusal_change(
    code: str, detail: str, *, hotkey: Hotkey | None, offender: Hotkey | None, registry: Registry, now_ms: UnixMs
) -> Change:
    """The rows of one refusal. hotkey: whom it was said to.  offender: whose offence it is, if it is proved."""
    row = RefusalRow(UnixMs(now_ms - now_ms % HOUR_MS), code, hotkey, 1, detail[:256])
    suspended = registry.offend(offender, now_ms=now_ms) if offender is not None else None
    return Change(refusals=(row,), miners=() if suspended is None else (suspended,))
