"""What a node says of itself: events, the log they are written to, the metrics they are counted in."""

from neurons.telemetry.events import (
    AnswerTaken,
    CallMade,
    CallRefused,
    CallServed,
    CloseCorrected,
    CloseMissing,
    CloseSettled,
    CorrectionDisputed,
    EpochPaid,
    Event,
    ModelBroken,
    ModelLoaded,
    ModelRecovered,
    NodeStarted,
    NodeStopped,
    Registered,
    RoundEntered,
    RoundRescored,
    RoundSkipped,
    StoreFailed,
    VenueFailed,
    VenueReported,
)
from neurons.telemetry.logs import adopt_standard_logging, open_log
from neurons.telemetry.metrics import Metrics
from neurons.telemetry.page import serving_metrics
from neurons.telemetry.recorder import Telemetry
from neurons.telemetry.trace import adopt_trace, current_trace, tracing

__all__ = [
    "AnswerTaken",
    "CallMade",
    "CallRefused",
    "CallServed",
    "CloseCorrected",
    "CloseMissing",
    "CloseSettled",
    "CorrectionDisputed",
    "EpochPaid",
    "Event",
    "Metrics",
    "ModelBroken",
    "ModelLoaded",
    "ModelRecovered",
    "NodeStarted",
    "NodeStopped",
    "Registered",
    "RoundEntered",
    "RoundRescored",
    "RoundSkipped",
    "StoreFailed",
    "Telemetry",
    "VenueFailed",
    "VenueReported",
    "adopt_standard_logging",
    "adopt_trace",
    "current_trace",
    "open_log",
    "serving_metrics",
    "tracing",
]
