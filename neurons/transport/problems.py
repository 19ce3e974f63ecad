"""What can be wrong with this node's own side of the network.

NodeFault
├── CannotListen       the address is not ours to listen on
│   └── AddressInUse   another process listens there already
└── Stopping           the node is going down; whoever was served is told so
"""

from __future__ import annotations

from protocol.errors import NodeFault


class CannotListen(NodeFault):
    """The node cannot listen on the address it was given: not an address of this machine, or not allowed."""

    code = "cannot-listen"


class AddressInUse(CannotListen):
    """Another process, perhaps an earlier run of this node, listens on the address already."""

    code = "address-in-use"


class Stopping(NodeFault):
    """The node is stopping and ends what it still serves; ask again later."""

    code = "stopping"
