"""Who can take a call at any of the switches: at those that this service listens to; and, through Redis, at
those of other services.
"""

from fs_1c.presence.sharing import Sharing, shared_name
from fs_1c.presence.switches import Switches, Table

__all__ = ["Sharing", "Switches", "Table", "shared_name"]
