"""The door that FreeSWITCH's `socket` application connects to, one connection a call.

The `door` listens and lets in; `turns` says what of all connections is read in a turn of the loop; a
`connection` does what its `dialogue` wants.
"""

from fs_1c.esl.outbound.connection import Connection
from fs_1c.esl.outbound.door import OutboundDoor

__all__ = ["Connection", "OutboundDoor"]
