"""The network's parameters: every figure of the rules, frozen, versioned and hashed.

A node signs the digest of the params it acts under into every envelope, so two nodes that disagree on
a rule find out at the first message ("upgrade needed") and not at the first payout. A change is a new
version with an activation instant; nodes keep several. All figures are integers: shares in ppm (parts
per million), skill and losses in nano, times in ms.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from protocol.units import DAY_MS, HOUR_MS, MICRO, MINUTE_MS, NANO, SECOND_MS, Digest


@dataclass(frozen=True, slots=True)
class ChallengeParams:
    """One question on a series: how often it is asked and what shape an answer has."""

    name: str
    """What the challenge is called."""
    cadence_ms: int
    """A round is asked at every multiple of this, counted from 1970-01-01 00:00 UTC."""
    min_paths: int
    """The fewest paths an answer may have."""
    max_paths: int
    """The most paths an answer may have; 1 makes it a point challenge."""
    asked_paths: int
    """How many paths the opening asks for; any number within the bounds is taken."""
    pool_share_ppm: int
    """The part of the epoch's emission that this challenge's pool gets."""


POINT: Final = ChallengeParams("closes.point", 5 * MINUTE_MS, 1, 1, 1, 500_000)
PATHS: Final = ChallengeParams("closes.paths", 60 * MINUTE_MS, 64, 1000, 256, 500_000)


@dataclass(frozen=True, slots=True)
class TimeParams:
    """When things happen around a round's anchor instant T (rules.md 2), on the validator's receipt clock."""

    step_ms: int = 5 * MINUTE_MS
    """The grid: one candle."""
    steps: int = 100
    """How many steps an answer reaches."""
    opens_before_ms: int = 90 * SECOND_MS
    """The opening record is stored at T minus this."""
    commit_opens_before_ms: int = 60 * SECOND_MS
    """Commitments are taken in [T - this, T)."""
    reveal_opens_after_ms: int = 15 * SECOND_MS
    """Answers are taken from T plus this ..."""
    reveal_closes_after_ms: int = 75 * SECOND_MS
    """... to just before T plus this."""
    settle_delay_ms: int = 30 * SECOND_MS
    """A close is final this long after its candle's end, with a later candle as witness."""
    void_after_ms: int = 2 * HOUR_MS
    """A round that cannot resolve is VOID this long after its last step."""
    resolve_quorum_ppm: int = 900_000
    """The part of all steps in session that must be agreed (the last of them always)."""
    session_quorum_ppm: int = 500_000
    """No round is asked of which less than this part of the steps lies in its market's trading session."""
    dispute_window_ms: int = 24 * HOUR_MS
    """A resolved round becomes final this long after it was scored."""
    epoch_ms: int = 24 * HOUR_MS
    """Rounds anchored in one such span are paid together."""
    min_history_steps: int = 30 * 288
    """No round opens before this many steps of agreed history lie behind it."""


@dataclass(frozen=True, slots=True)
class LossParams:
    """Bounds and scales of answers and losses (rules.md 1 and 3)."""

    max_abs_return_nano: int = 2 * NANO
    """An answer with a larger log-return, either way, is invalid."""
    sigma_half_life_steps: int = 288
    """The weight of a past return in sigma halves over so many steps."""
    sigma_window_steps: int = 30 * 288
    """How far back sigma looks."""
    cap_multiple: int = 3
    """A loss is cut at this multiple of the baseline's loss of the round."""


@dataclass(frozen=True, slots=True)
class SkillParams:
    """Memory and the one-sided test that skill must pass before it is paid (rules.md 4)."""

    block_steps: int = 100
    """Rounds whose anchors fall in one span of this many steps form a block."""
    half_life_ms: int = 14 * DAY_MS
    """A block's weight halves over this."""
    min_blocks: int = 8
    """Fewer blocks than this prove nothing."""
    confidence_ppm: int = 990_000
    """Of the one-sided bound on luck."""
    newey_west_lag: int = 1
    """So many blocks apart, two blocks still count as dependent."""
    memory_ms: int = 140 * DAY_MS
    """Blocks older than ten half-lives weigh under a thousandth and are left out."""


@dataclass(frozen=True, slots=True)
class SharingParams:
    """How correlated answers share one reward (rules.md 4)."""

    window_ms: int = 14 * DAY_MS
    """Rounds anchored within this long, less up to a quarter, before the newest are compared: a half-life of skill's
    memory, so that noise cannot hide a copy while its signal rests (docs/decisions/0013)."""
    lags_steps: tuple[int, ...] = (0, 1, 2, 3, 6, 12)
    """Besides the same round: how many steps earlier the other's reveal may have been; fewer than an answer has."""
    min_common_rounds: int = 3
    """Fewer comparisons than this show no likeness."""


@dataclass(frozen=True, slots=True)
class PayParams:
    """Pools and the absolute rate at which proven skill is paid (rules.md 4)."""

    epoch_emission_micros: int = 1_000 * MICRO
    """What an epoch can pay for one series, over all its challenges."""
    full_pay_skill_nano: int = 50_000_000
    """Total proven skill, after sharing, that earns a whole pool: 5%."""
    bootstrap_share_ppm: int = 0
    """The part of a pool spread over valid answers by softmax of their mean loss. Many keys can farm it."""
    bootstrap_temperature_nano: int = 10_000_000
    """Softmax temperature of the bootstrap share, in units of mean loss."""


@dataclass(frozen=True, slots=True)
class TruthParams:
    """When venues' reports make an agreed close (rules.md 5)."""

    tolerated_liars: int = 1
    """f: the median needs 2f + 1 final reports."""
    min_reports: int = 2
    """Fewer reports than this are no agreement at all."""
    close_agreement_bp: int = 25
    """With fewer than 2f + 1 reports, all must lie within this many basis points of each other."""
    basis_window_steps: int = 288
    """Bases of venues and the scale of outliers come from the reports of this many earlier steps, and nothing older."""
    stale_range_bp: int = 3
    """A venue that repeats itself is refused only while the others range over more than this many basis points."""
    outlier_multiple: int = 12
    """A report further from the middle than this many typical distances (of earlier reports) is refused."""


@dataclass(frozen=True, slots=True)
class WireParams:
    """Limits of the gate (rules.md 7)."""

    protocol_version: int = 1
    """Of envelopes and messages."""
    time_window_ms: int = 30 * SECOND_MS
    """How far an envelope's issue time may lie from the receiver's clock, either way, beyond measured skew."""
    max_lifetime_ms: int = 5 * MINUTE_MS
    """The longest a deadline may lie after the issue time: nonces are kept this long."""
    max_body_bytes: int = 1_300_000
    """A 1000 x 289 float32 ensemble and its salt."""
    call_timeout_ms: int = 10 * SECOND_MS
    """How long one call waits for its reply at most."""
    ip_bucket_size: int = 2_000
    """Calls that one address may make at once ..."""
    ip_bucket_per_second: int = 500
    """... and how many come back in a second of the node's clock."""
    key_bucket_size: int = 200
    """The same for one key."""
    key_bucket_per_second: int = 50
    """The same for one key."""


@dataclass(frozen=True, slots=True)
class StandingParams:
    """What offences cost: faults that the offender's own signature proves. Each further one doubles the suspension."""

    offences_forgiven: int = 4
    """So many offences have no consequence but the cap loss; the next one suspends."""
    first_suspension_ms: int = 10 * MINUTE_MS
    """How long the first suspension lasts."""
    longest_suspension_ms: int = 24 * HOUR_MS
    """No suspension lasts longer."""


@dataclass(frozen=True, slots=True)
class RetentionParams:
    """What is kept how long (rules.md 8); digests and scores stay for ever."""

    evidence_ms: int = 14 * DAY_MS
    """Signed bytes are kept to the end of the dispute window plus this."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Every figure of an open stream's life. Letters are those of the memorable name that a key needs."""

    delays: tuple[int, ...] = (70, 310, 910, 3555)
    """The horizons that every stream is predicted at, in seconds."""
    num_predictions: int = 225
    """Scenarios of one submission."""
    life_ms: int = 96 * HOUR_MS
    """A stream lives so long after a value."""
    touch_ms: int = 104 * HOUR_MS
    """And so long after a touch."""
    reserved_ms: int = 30 * DAY_MS
    """A dormant stream's name is kept for its owner so long."""
    min_interval_ms: int = SECOND_MS
    """Values of one stream are at least so far apart: what bounds its lags."""
    sequence_ahead_ms: int = MINUTE_MS
    """A sequence number is at most the receipt time in ms plus this."""
    min_budget_micros: int = MICRO // 1000
    """The least that a stream's settlements may be multiplied by ..."""
    max_budget_micros: int = 1000 * MICRO
    """... and the most."""
    stream_difficulty: int = 12
    """Letters that publishing takes."""
    copula_difficulty: int = 13
    """Letters that publishing a set with copulas takes."""
    submit_difficulty: int = 6
    """Letters that predicting takes."""
    letters_given: int = 0
    """Letters that a name counts for beyond those that it has: so that those of a demo are found at once."""


@dataclass(frozen=True)
class NetworkParams:
    """One version of the network's rules. Equal digests mean equal rules, to the bit."""

    network: str = "augury-main"
    """Its name stands in every envelope."""
    version: int = 1
    """Of these params; a part of every round's id."""
    activation_ms: int = 0
    """The instant from which they count."""
    challenges: tuple[ChallengeParams, ...] = (POINT, PATHS)
    time: TimeParams = field(default_factory=TimeParams)
    loss: LossParams = field(default_factory=LossParams)
    skill: SkillParams = field(default_factory=SkillParams)
    sharing: SharingParams = field(default_factory=SharingParams)
    pay: PayParams = field(default_factory=PayParams)
    truth: TruthParams = field(default_factory=TruthParams)
    wire: WireParams = field(default_factory=WireParams)
    standing: StandingParams = field(default_factory=StandingParams)
    retention: RetentionParams = field(default_factory=RetentionParams)
    streams: StreamLimits = field(default_factory=StreamLimits)

    def __post_init__(self) -> None:
        """Raises ValueError for a lag at which answers have nothing in common (whoever wrote these params)."""
        lags, steps = self.sharing.lags_steps, self.time.steps
        if not lags or not all(0 <= lag < steps for lag in lags):
            raise ValueError(f"sharing.lags_steps are {lags}: want lags below time.steps, {steps}")

    def canonical_bytes(self) -> bytes:
        """ASCII JSON with sorted keys and no blanks: the text whose SHA-256 is the digest."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode("ascii")

    @cached_property
    def digest(self) -> Digest:
        return Digest(hashlib.sha256(b"augury/params/1\0" + self.canonical_bytes()).digest())

    @classmethod
    def from_canonical_bytes(cls, canonical: bytes) -> NetworkParams:
        """The params whose `canonical_bytes` these are: how a store says what its rounds ran under.

        Raises ValueError for anything else, params of another release's fields included.
        """
        plain = json.loads(canonical)
        try:
            sections: dict[str, Any] = {name: kind(**plain[name]) for name, kind in _SECTIONS.items()}
            sections["challenges"] = tuple(ChallengeParams(**challenge) for challenge in plain["challenges"])
            lags = tuple(plain["sharing"]["lags_steps"])
            sections["sharing"] = replace(sections["sharing"], lags_steps=lags)
            sections["streams"] = replace(sections["streams"], delays=tuple(plain["streams"]["delays"]))
            params = cls(**{**plain, **sections})
        except (KeyError, TypeError) as error:
            raise ValueError("these params have other fields than this release's") from error
        if params.canonical_bytes() != canonical:
            raise ValueError("these params are not in canonical form")
        return params

    def challenge(self, name: str) -> ChallengeParams:
        """Raises KeyError for a name this version does not have (ours: validate strangers' names first)."""
        for challenge in self.challenges:
            if challenge.name == name:
                return challenge
        raise KeyError(f"no challenge named {name!r} in these params")

    def has(self, name: str) -> bool:
        return any(c.name == name for c in self.challenges)


_SECTIONS: Final[dict[str, Any]] = {
    "time": TimeParams,
    "loss": LossParams,
    "skill": SkillParams,
    "sharing": SharingParams,
    "pay": PayParams,
    "truth": TruthParams,
    "wire": WireParams,
    "standing": StandingParams,
    "retention": RetentionParams,
    "streams": StreamLimits,
}

MAIN: Final = NetworkParams()

DEMO: Final = replace(
    MAIN,
    network="augury-demo",
    challenges=(POINT, replace(PATHS, asked_paths=64)),
    time=replace(
        MAIN.time,
        opens_before_ms=45 * MINUTE_MS,
        commit_opens_before_ms=30 * MINUTE_MS,
        reveal_opens_after_ms=1 * MINUTE_MS,
        reveal_closes_after_ms=31 * MINUTE_MS,
        dispute_window_ms=10 * MINUTE_MS,
        epoch_ms=2 * HOUR_MS,
    ),
    standing=replace(MAIN.standing, longest_suspension_ms=40 * MINUTE_MS),
    pay=replace(MAIN.pay, bootstrap_share_ppm=200_000),
    wire=replace(
        MAIN.wire,
        time_window_ms=2 * HOUR_MS,
        max_lifetime_ms=4 * HOUR_MS,
        call_timeout_ms=20 * MINUTE_MS,
        key_bucket_size=2_000,
        key_bucket_per_second=1_000,
    ),
    streams=replace(MAIN.streams, letters_given=7, sequence_ahead_ms=2 * HOUR_MS),
)
"""For a clock that runs 600 times too fast: windows of at least a second of wall time, a short dispute window,
a bootstrap share, and memorable names that are found at once. Everything else is MAIN."""

DAY: Final = replace(
    MAIN,
    network="augury-day",
    challenges=(replace(PATHS, pool_share_ppm=1_000_000),),
    time=replace(MAIN.time, steps=289),
    skill=replace(MAIN.skill, block_steps=289),
)
"""Ensembles alone, a day ahead and one step more, in a network of their own; a block is as long as an answer."""
