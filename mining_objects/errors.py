"""What can go wrong with models, their weights and their data; all of it ours to fix, so all are `NodeFault`s.

NodeFault
├── BrokenModel        a model answered NaN, an absurd return or the wrong shape; nothing of it left the node
├── UnknownModel       no model has this name
├── UnknownFeature     no feature has this name
├── MissingPackage     a package of an optional extra is not installed
├── UnsafeModelFile    a model came with a pickle, a link or a path out of its folder
├── HubFault           a model repository could not be read or written
├── BrokenCheckpoint   weights that are damaged, foreign or made for another model
├── UnwritableFolder   results cannot be written where they belong: no right to, a full disk, a file in the way
├── ResumeMismatch     a stopped training was asked to go on as another one
├── TrainingDiverged   a loss or gradient that is no number; training stopped before it took the step
└── BadCandles         a candle file or window that is not what it must be
"""

from __future__ import annotations

from protocol.errors import NodeFault


class BrokenModel(NodeFault):
    """A model's own output cannot be sent: wrong shape, not finite, or a return beyond the limit."""

    code = "broken-model"


class UnknownModel(NodeFault):
    """No forecaster is registered under this name."""

    code = "unknown-model"


class UnknownFeature(NodeFault):
    """No feature of candles has this name."""

    code = "unknown-feature"


class MissingPackage(NodeFault):
    """A package of an optional extra is not installed; names the command that installs it."""

    code = "missing-package"


class UnsafeModelFile(NodeFault):
    """Files that have no place in a shared model: what may run code, leads out of the folder, or is far too large."""

    code = "unsafe-model-file"


class HubFault(NodeFault):
    """A model repository could not be reached, read or written; says what the hub said."""

    code = "hub-fault"


class BrokenCheckpoint(NodeFault):
    """Weights that are damaged, foreign, or made for another model or version."""

    code = "broken-checkpoint"


class UnwritableFolder(NodeFault):
    """Results cannot be written into their folder; says what the system said."""

    code = "folder-unwritable"


class ResumeMismatch(NodeFault):
    """A stopped training was asked to go on with other settings or data; names what differs."""

    code = "resume-mismatch"


class TrainingDiverged(NodeFault):
    """A loss or gradient is no finite number. The step was not taken; what was saved before it is kept."""

    code = "training-diverged"


class BadCandles(NodeFault):
    """Candles with wrong columns, NaN, duplicates, disorder or off the grid; names the first offender."""

    code = "bad-candles"
