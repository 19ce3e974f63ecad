"""What can be wrong with this node's own side of the network, beside a port that is taken (PortTaken).

NodeFault
├── CannotListen       the address is not this node's to listen on
└── Stopping           the node is going down; whoever was served is told so
"""

from __future__ import annotations

from protocol.errors import NodeFault


class CannotListen(NodeFault):
    """The node cannot listen on the address it was given: not an address of this machine, or not allowed."""

    code = "cannot-listen"


class Stopping(NodeFault):
    """The node is stopping and ends what it still serves; ask again later."""

    code = "stopping"
