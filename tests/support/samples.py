"""One of every message with fixed values: what golden bytes, sizes and tables are made from."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from protocol import messages as m
from protocol.answers import answer_of
from protocol.keys import SigningKey
from protocol.receipts import sign_receipt
from protocol.units import Digest, Hotkey, Micros, Nano, Pico, PriceE8, RoundId, UnixMs

VALIDATOR: Final = SigningKey(bytes(range(32)))
MINER: Final = SigningKey(bytes(range(32, 64)))
ROUND: Final = RoundId(bytes([0xA1]) * 32)
DIGEST: Final = Digest(bytes([0xB2]) * 32)
SALT: Final = bytes([0xC3]) * 32
ANCHOR_MS: Final = UnixMs(1_760_000_100_000)

OPENING: Final = m.Opening(
    round_id=ROUND,
    series="btc-usd-5m",
    challenge="closes.paths",
    anchor_at_ms=ANCHOR_MS,
    params_version=1,
    step_ms=300_000,
    steps=100,
    min_paths=64,
    max_paths=1_000,
    asked_paths=256,
    sigma_pico=Pico(1_234_567_890),
    history_digest=DIGEST,
    opened_at_ms=UnixMs(ANCHOR_MS - 90_000),
)
SESSION_OPENING: Final = replace(
    OPENING, series="spy-usd-5m", session_steps=bytes([255] * 6 + [3] + [0] * 5 + [8]), history_steps=1_638
)
"""Steps 1 to 50 and step 100 lie in session."""
ANSWER: Final = answer_of(np.array([[0.5, -0.25, 0.0, 1.0 / 3.0]], dtype=np.float32))
COMMIT_EVIDENCE: Final = b"the raw envelope of a CommitReply"
RECEIPT: Final = sign_receipt(
    "commit",
    ROUND,
    MINER.hotkey,
    evidence=COMMIT_EVIDENCE,
    received_at_ms=ANCHOR_MS - 30_000,
    key=VALIDATOR,
)
SUMMARY: Final = m.RoundSummary(
    round_id=ROUND,
    series="btc-usd-5m",
    challenge="closes.point",
    anchor_at_ms=ANCHOR_MS,
    state="resolved",
    reason="",
    sigma_pico=Pico(1_234_567_890),
    commitments=7,
    answers=5,
    baseline_loss_nano=Nano(812_345_678),
    provenance="live",
)

SCENARIOS: Final = answer_of(np.array([[0.5, 1.0, 1.5], [-1.0, 0.0, 1.0 / 3.0]]))
ACT_RECEIPT: Final = sign_receipt(
    "submit",
    m.NO_ROUND,
    MINER.hotkey,
    evidence=b"the raw envelope of a StreamActRequest",
    received_at_ms=ANCHOR_MS,
    key=VALIDATOR,
)
ACTS: Final[tuple[m.StreamAct, ...]] = (
    m.Publish(
        (
            m.NamedValue("cop.json", b"3.25", Micros(1_000_000)),
            m.NamedValue("traffic.json", b"-7e-3", Micros(500_000), "logpool"),
        ),
        with_percentiles=True,
        with_copulas=True,
    ),
    m.Touch(("cop.json", "traffic.json")),
    m.Delete("cop.json"),
    m.Cancel(("70::cop.json", "310::cop.json")),
    m.AddLink("cop.json", 70, "traffic.json"),
    m.RemoveLink("cop.json", 70, "traffic.json"),
    m.Subscribe("cop.json", "traffic.json"),
    m.Unsubscribe("cop.json", "traffic.json"),
    m.TransferPoints(VALIDATOR.hotkey, Micros(2_500_000)),
    m.TakeName((987_654_321).to_bytes(8, "big")),
    m.EndKey(MINER.hotkey, VALIDATOR.hotkey, ANCHOR_MS, bytes([1]) * 64, bytes([2]) * 64),
)
READS: Final[tuple[tuple[m.StreamQuestion, m.StreamAnswer], ...]] = (
    (
        m.StreamsQuestion("c", 20),
        m.StreamsAnswer(
            (
                m.StreamSummary(
                    name="cop.json",
                    owner=MINER.hotkey,
                    state="live",
                    incarnation=1,
                    created_at_ms=ANCHOR_MS,
                    value_at_ms=UnixMs(ANCHOR_MS + 1),
                    alive_until_ms=UnixMs(ANCHOR_MS + 345_600_001),
                    sequence=ANCHOR_MS,
                    budget_micros=Micros(1_000_000),
                    rule="micro",
                ),
            )
        ),
    ),
    (m.LagsQuestion("cop.json", 5, ANCHOR_MS), m.LagsAnswer((m.LagLine(ANCHOR_MS, ANCHOR_MS, b"3.25"),))),
    (m.CdfQuestion("cop.json", 70, "", (3.0, 3.5)), m.CdfAnswer(7, (3.0, 3.5), (0.25, 0.75))),
    (
        m.BoardQuestion(
            category="regular", sponsor=MINER.hotkey.hex(), month="2025-10", half_life_days=30, since_day=20_000
        ),
        m.BoardAnswer((m.BoardLine(MINER.hotkey, Micros(-42), "Shammy Llama"),)),
    ),
    (m.BalanceQuestion(MINER.hotkey), m.BalanceAnswer(Micros(-5), Micros(-4_096_000_000), 12, "Shammy Llama")),
    (
        m.TransactionsQuestion(MINER.hotkey, ANCHOR_MS, 50),
        m.TransactionsAnswer(
            (
                m.TransactionLine(
                    settlement_time_ms=ANCHOR_MS,
                    amount_micros=Micros(-1_000_000),
                    budget_micros=Micros(1_000_000),
                    rule="micro",
                    stream="cop.json",
                    delay=70,
                    value=3.25,
                    window=0.5,
                    mass=0.125,
                    density=0.25,
                    average=28.125,
                    submissions_count=450,
                    submissions_close=56,
                    stream_owner=VALIDATOR.hotkey.hex(),
                ),
            ),
            (m.TransactionDay(20_000, "cop.json", 70, Micros(-1_000_000), 1_440, VALIDATOR.hotkey.hex()),),
        ),
    ),
    (
        m.PerformanceQuestion(MINER.hotkey),
        m.PerformanceAnswer((m.PerformanceLine("70::cop.json", Micros(-1_000_000)),)),
    ),
    (m.NoticesQuestion("confirm", 10), m.NoticesAnswer((m.NoticeLine("submit", ANCHOR_MS, "70::cop.json"),))),
    (m.MailboxQuestion("cop.json"), m.MailboxAnswer((m.LetterLine("traffic.json", b"-7e-3"),))),
    (m.LinksQuestion("cop.json"), m.LinksAnswer((m.LinkLine("cop.json", 70, "traffic.json"),))),
    (m.SubscriptionsQuestion("cop.json"), m.SubscriptionsAnswer(("traffic.json",), ("z1~cop~70.json",))),
    (m.VolumesQuestion(5), m.VolumesAnswer((m.PerformanceLine("70::cop.json", Micros(2_000_000)),))),
    (m.TakingPartQuestion(MINER.hotkey, "70::a.json"), m.TakingPartAnswer(("70::cop.json", "310::cop.json"))),
    (
        m.PredictionsQuestion("cop.json", 70, judged=True, after=VALIDATOR.hotkey),
        m.PredictionsAnswer((m.PredictionLine(MINER.hotkey, ANCHOR_MS, (0.5, 1.0, 1.5)),)),
    ),
)

MESSAGES: Final[tuple[m.Message, ...]] = (
    m.CommitRequest(OPENING),
    m.CommitReply(ROUND, DIGEST),
    m.RevealRequest(ROUND, ANCHOR_MS, RECEIPT),
    m.RevealReply(SALT, ANSWER),
    m.FeedbackRequest(
        round_id=ROUND,
        challenge="closes.point",
        anchor_at_ms=ANCHOR_MS,
        state="resolved",
        status="valid",
        reason="beat the baseline",
        loss_nano=Nano(790_000_000),
        baseline_loss_nano=Nano(812_345_678),
        gain_nano=Nano(22_345_678),
        skill_nano=Nano(-1),
        accrued_micros=Micros(1_250_000),
        reveal_receipt=RECEIPT,
    ),
    m.FeedbackReply(),
    m.DescribeRequest(),
    m.DescribeReply("augury/0.1.0", "ewma", ("closes.point", "closes.paths"), "127.0.0.1:9101"),
    m.RegisterRequest("127.0.0.1:9101", ("closes.point",)),
    m.RegisterReply(ANCHOR_MS),
    m.SubmitRequest("closes", ROUND.hex(), SALT, ANSWER),
    m.SubmitReply(RECEIPT),
    m.RoundsRequest(series="btc-usd-5m", state="resolved", before_ms=ANCHOR_MS, limit=20),
    m.RoundsReply((SUMMARY, SUMMARY)),
    m.StandingsRequest("btc-usd-5m", "closes.point"),
    m.StandingsReply(
        ANCHOR_MS,
        (
            m.Standing(
                hotkey=Hotkey(MINER.hotkey),
                rounds=300,
                valid=298,
                blocks=9,
                mean_gain_nano=Nano(1_000_000),
                lower_bound_nano=Nano(-250_000),
                skill_nano=Nano(0),
                accrued_micros=Micros(42),
                paid_micros=Micros(40),
                reason="not proven yet",
            ),
        ),
    ),
    m.ExplainRequest(ROUND, MINER.hotkey),
    m.ExplainReply(ROUND, MINER.hotkey, (m.ExplainLine("losses", "steps 1 to 10", -5, "nano", "mean over 10 steps"),)),
    m.WatchRequest(("rounds/btc-usd-5m/closes.point", "closes/btc-usd-5m"), bytes([0xD4]) * 32),
    m.WatchReply(bytes([0xE5]) * 32),
    m.RoundNews(SUMMARY),
    m.CloseNews("btc-usd-5m", ANCHOR_MS, PriceE8(12_345_678_900_000), ""),
    m.StreamNews(
        name="cop.json",
        owner=MINER.hotkey,
        incarnation=1,
        sequence=ANCHOR_MS,
        at_ms=ANCHOR_MS,
        value=b"3.25",
        budget_micros=Micros(1_000_000),
        percentiles=(m.Percentile("cop.json", 70, 0.25),),
    ),
    m.BalanceNews(MINER.hotkey, ANCHOR_MS, Micros(-499_000_000)),
    m.SettlementNews(
        name="cop.json",
        incarnation=1,
        sequence=ANCHOR_MS,
        delay=70,
        at_ms=ANCHOR_MS,
        value=3.25,
        rule="micro",
        budget_micros=Micros(1_000_000),
        moved=(m.Moved(MINER.hotkey, Micros(-1_000_000)), m.Moved(VALIDATOR.hotkey, Micros(1_000_000))),
    ),
    m.CommitRequest(SESSION_OPENING),
    m.SubmitRequest("samples", "", b"", SCENARIOS, ("70::cop.json", "310::cop.json"), ANCHOR_MS),
    *(m.StreamActRequest(ANCHOR_MS, act) for act in ACTS),
    m.StreamActReply(ACT_RECEIPT, (m.Percentile("cop.json", 70, 0.25),)),
    m.SubmitReply(ACT_RECEIPT, (m.RefusedPart("70::cop.json", "rate-limited", "at most 64 words wait at a horizon"),)),
    *(m.StreamReadRequest(question) for question, _ in READS),
    *(m.StreamReadReply(ANCHOR_MS, answer) for _, answer in READS),
)
