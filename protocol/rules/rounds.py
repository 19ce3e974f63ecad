"""The life of a round, as a table; and what makes a round the same round for every validator.

    opened ──► committing ──► locked ──► revealing ──► scoring ──► resolved ──► final
                   └────────────┴───────────┴──────────────┴──────► void

`advance(round, event)` is the only way from one state to the next. It decides; the driver acts. Effects can be
read off a state again after a crash (`effects_on_entry`), so start and recovery are one path: read the store, go on.
A round whose windows passed while nobody looked goes through the same states, only faster: whoever acts on an effect
looks at the window first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

from protocol.params import ChallengeParams, NetworkParams, TimeParams
from protocol.rules.calendar import round_times, steps_in_session
from protocol.units import DIGEST_BYTES, PriceE8, RoundId, UnixMs


class RoundState(StrEnum):
    """Where a round stands."""

    OPENED = "opened"
    """The opening record is stored; nobody has been asked yet."""
    COMMITTING = "committing"
    LOCKED = "locked"
    """T has passed: commitments can no longer be taken, answers not yet."""
    REVEALING = "revealing"
    SCORING = "scoring"
    """All answers are in; the truth is not."""
    RESOLVED = "resolved"
    """Scored and accrued; a venue's correction may still re-score it."""
    FINAL = "final"
    """The dispute window is over; the epoch's close may pay it."""
    VOID = "void"
    """The truth never came, or the validator was not there to ask; nobody gains or loses."""


class Event(StrEnum):
    """What can happen to a round."""

    COMMITS_OPEN = "commits-open"
    ANCHOR_REACHED = "anchor-reached"
    REVEALS_OPEN = "reveals-open"
    REVEALS_CLOSE = "reveals-close"
    WINDOW_MISSED = "window-missed"
    """A window passed while the validator was not there to ask: nobody committed, or not all could reveal."""
    TRUTH_KNOWN = "truth-known"
    TRUTH_AWAITED = "truth-awaited"
    """The truth was looked for and is not complete yet."""
    TRUTH_GIVEN_UP = "truth-given-up"
    TRUTH_REVISED = "truth-revised"
    DISPUTE_OVER = "dispute-over"


class Effect(StrEnum):
    """What the driver must do once the new state is stored. Doing one twice changes nothing."""

    ASK_COMMITMENTS = "ask-commitments"
    ASK_ANSWERS = "ask-answers"
    SCORE = "score"
    RESCORE = "rescore"
    TELL_MINERS = "tell-miners"


class NoSuchTransition(ValueError):
    """An event that cannot happen in this state: our bug."""


@dataclass(frozen=True, slots=True)
class Round:
    """A round between two events. `due_at_ms`: when the next event is due by the clock; None when none is."""

    round_id: RoundId
    challenge: str
    anchor_at_ms: UnixMs
    state: RoundState
    due_at_ms: UnixMs | None


TRANSITIONS: Final[dict[tuple[RoundState, Event], tuple[RoundState, tuple[Effect, ...]]]] = {
    (RoundState.OPENED, Event.COMMITS_OPEN): (RoundState.COMMITTING, (Effect.ASK_COMMITMENTS,)),
    (RoundState.COMMITTING, Event.ANCHOR_REACHED): (RoundState.LOCKED, ()),
    (RoundState.COMMITTING, Event.WINDOW_MISSED): (RoundState.VOID, (Effect.TELL_MINERS,)),
    (RoundState.LOCKED, Event.REVEALS_OPEN): (RoundState.REVEALING, (Effect.ASK_ANSWERS,)),
    (RoundState.LOCKED, Event.WINDOW_MISSED): (RoundState.VOID, (Effect.TELL_MINERS,)),
    (RoundState.REVEALING, Event.REVEALS_CLOSE): (RoundState.SCORING, ()),
    (RoundState.REVEALING, Event.WINDOW_MISSED): (RoundState.VOID, (Effect.TELL_MINERS,)),
    (RoundState.SCORING, Event.TRUTH_AWAITED): (RoundState.SCORING, ()),
    (RoundState.SCORING, Event.TRUTH_KNOWN): (RoundState.RESOLVED, (Effect.SCORE, Effect.TELL_MINERS)),
    (RoundState.SCORING, Event.TRUTH_GIVEN_UP): (RoundState.VOID, (Effect.TELL_MINERS,)),
    (RoundState.RESOLVED, Event.TRUTH_REVISED): (RoundState.RESOLVED, (Effect.RESCORE, Effect.TELL_MINERS)),
    (RoundState.RESOLVED, Event.DISPUTE_OVER): (RoundState.FINAL, ()),
}

CLOCK_EVENTS: Final[dict[RoundState, Event]] = {
    RoundState.OPENED: Event.COMMITS_OPEN,
    RoundState.COMMITTING: Event.ANCHOR_REACHED,
    RoundState.LOCKED: Event.REVEALS_OPEN,
    RoundState.REVEALING: Event.REVEALS_CLOSE,
    RoundState.RESOLVED: Event.DISPUTE_OVER,
}
"""The event that a state's due time brings. SCORING is not here: there the truth decides, see `look_for_truth`."""

LIVE_STATES: Final = tuple(state for state in RoundState if state not in (RoundState.FINAL, RoundState.VOID))
UNSCORED_STATES: Final = tuple(state for state in LIVE_STATES if state != RoundState.RESOLVED)
SETTLED_STATES: Final = (RoundState.RESOLVED, RoundState.FINAL, RoundState.VOID)


def round_id(params: NetworkParams, series: str, challenge: ChallengeParams, anchor_at_ms: UnixMs) -> RoundId:
    """SHA-256 over canonical JSON of network, params version, series, the challenge with all its parameters, and T."""
    identity = {
        "network": params.network,
        "params_version": params.version,
        "series": series,
        "challenge": asdict(challenge),
        "steps": params.time.steps,
        "step_ms": params.time.step_ms,
        "anchor_at_ms": anchor_at_ms,
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":")).encode("ascii")
    return RoundId(hashlib.sha256(b"augury/round/1\0" + text).digest())


def open_round(identity: RoundId, challenge: str, anchor_at_ms: UnixMs, time: TimeParams) -> Round:
    """A round as its opening record is stored."""
    opened = Round(identity, challenge, anchor_at_ms, RoundState.OPENED, None)
    return replace(opened, due_at_ms=due_at_ms(opened, time))


def advance(round_: Round, event: Event, *, time: TimeParams, now_ms: int) -> tuple[Round, tuple[Effect, ...]]:
    """The round after the event, and what to do once that is stored.

    now_ms counts only where the table leaves the due time to the moment: after a scoring (dispute window) and
    after a look for the truth that found it incomplete. Raises NoSuchTransition (ours).
    """
    try:
        state, effects = TRANSITIONS[round_.state, event]
    except KeyError:
        raise NoSuchTransition(f"{event} cannot happen to a round that is {round_.state}") from None
    moved = replace(round_, state=state)
    if event in (Event.TRUTH_KNOWN, Event.TRUTH_REVISED):
        due = UnixMs(now_ms + time.dispute_window_ms) if event is Event.TRUTH_KNOWN else round_.due_at_ms
        return replace(moved, due_at_ms=due), effects
    if event is Event.TRUTH_AWAITED:
        void_at, again = round_times(round_.anchor_at_ms, time).void_at_ms, UnixMs(now_ms + time.settle_delay_ms)
        return replace(moved, due_at_ms=min(again, void_at) if now_ms < void_at else again), effects
    return replace(moved, due_at_ms=due_at_ms(moved, time)), effects


def due_at_ms(round_: Round, time: TimeParams) -> UnixMs | None:
    """When the clock next has something to say to a round that has just entered its state."""
    times = round_times(round_.anchor_at_ms, time)
    match round_.state:
        case RoundState.OPENED:
            return times.commit_opens_ms
        case RoundState.COMMITTING:
            return times.commit_closes_ms
        case RoundState.LOCKED:
            return times.reveal_opens_ms
        case RoundState.REVEALING:
            return times.reveal_closes_ms
        case RoundState.SCORING:
            return times.resolvable_from_ms
        case RoundState.RESOLVED | RoundState.FINAL | RoundState.VOID:
            return None


def effects_on_entry(state: RoundState) -> tuple[Effect, ...]:
    """What a node that finds a round in this state must see done: the same effects that led there, safe to repeat."""
    match state:
        case RoundState.COMMITTING:
            return (Effect.ASK_COMMITMENTS,)
        case RoundState.REVEALING:
            return (Effect.ASK_ANSWERS,)
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class Truth:
    """What happened: the agreed close at T and at the end of every step (None: missing, it drops out for everybody)."""

    anchor_e8: PriceE8
    closes_e8: tuple[PriceE8 | None, ...]

    def digest_bytes(self) -> bytes:
        """Eight little-endian bytes a close, the anchor first, zero for a missing one: what the truth digest covers."""
        return b"".join((close or 0).to_bytes(8, "little") for close in (self.anchor_e8, *self.closes_e8))

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(b"augury/truth/1\0" + self.digest_bytes()).digest()[:DIGEST_BYTES]


def look_for_truth(
    anchor_e8: PriceE8 | None,
    closes_e8: Sequence[PriceE8 | None],
    *,
    anchor_at_ms: UnixMs,
    now_ms: int,
    time: TimeParams,
    session_steps: bytes = b"",
) -> tuple[Event, Truth | None, str]:
    """What a scoring round's closes say now: TRUTH_KNOWN with the truth, TRUTH_AWAITED, or TRUTH_GIVEN_UP; and why.

    closes_e8: shape (steps,), the agreed closes at T + k * step, None where there is none (yet).
    session_steps: as the opening record has it; steps out of session are none, whatever their closes are.
    The truth is known when the anchor and the last step are agreed and at least `resolve_quorum_ppm` of the steps
    are; it is given up at `void_at_ms` (rules.md 2).
    """
    in_session = steps_in_session(session_steps, len(closes_e8))
    closes_e8 = [close if is_in else None for close, is_in in zip(closes_e8, in_session, strict=True)]
    last, asked = max(k for k, is_in in enumerate(in_session) if is_in), sum(in_session)
    agreed = sum(close is not None for close in closes_e8)
    if anchor_e8 is None:
        missing = "the close at the anchor is missing"
    elif closes_e8[last] is None:
        missing = "the last step's close is missing"
    elif agreed * 1_000_000 < time.resolve_quorum_ppm * asked:
        missing = f"{agreed} of {asked} closes are agreed, want {time.resolve_quorum_ppm / 10_000:g}%"
    else:
        return Event.TRUTH_KNOWN, Truth(anchor_e8, tuple(closes_e8)), ""
    given_up = now_ms >= round_times(anchor_at_ms, time).void_at_ms
    return (Event.TRUTH_GIVEN_UP if given_up else Event.TRUTH_AWAITED), None, missing
