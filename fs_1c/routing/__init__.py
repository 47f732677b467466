"""Where a call goes and what the phone shows: `decide`; `shown` is a client's name on a phone. Pure."""

from fs_1c.routing.decision import decide
from fs_1c.routing.name import shown

__all__ = ["decide", "shown"]
