"""What can be wrong with a database as a whole, or with one row: all ours, each with what to do about it.

NodeFault
├── StoreUnavailable        (neurons/ports.py) disk full, locked, gone: try again later
├── StoreInUse              another process has the database open
├── StoreTooNew             written by a newer release
├── StoreOfAnotherNetwork   made for other rules, another network or another market
└── RowRefused              a row that no store can keep: a fault of the code that made it
"""

from __future__ import annotations

from protocol.errors import NodeFault


class StoreInUse(NodeFault):
    """Another process has this database open for writing. Fields: path, owner (its process id as text)."""

    code = "store-in-use"

    def __init__(self, *, path: str, owner: str) -> None:
        super().__init__(
            f"{path} is in use by process {owner}: two nodes on one database would both act on every round; "
            "stop the other node, or give this one a database of its own",
            path=path,
            owner=owner,
        )


class StoreTooNew(NodeFault):
    """The database has a schema that this release does not know. Fields: path, found, known (revisions)."""

    code = "store-too-new"

    def __init__(self, *, path: str, found: str, known: str) -> None:
        super().__init__(
            f"{path} has schema revision {found}, this release knows up to {known}: "
            "start the newer release that wrote it, or restore a backup from before the upgrade; nothing was changed",
            path=path,
            found=found,
            known=known,
        )


class StoreOfAnotherNetwork(NodeFault):
    """The database was made for another network, other params or another market. Fields: what, found, wanted."""

    code = "store-of-another-network"

    def __init__(self, *, what: str, found: str, wanted: str) -> None:
        super().__init__(
            f"the database was made for {what} {found}, this node runs {wanted}: "
            "give it the database it was started with, or a new one; nothing was changed",
            what=what,
            found=found,
            wanted=wanted,
        )


class RowRefused(NodeFault):
    """A row cannot be stored: a number beyond 64 bits, a value of a wrong type. Nothing of its change was kept."""

    code = "row-refused"
