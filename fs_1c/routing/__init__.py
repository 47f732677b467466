"""Where a call goes and what the phone shows: `decide`, which may want to know who talked to the client last
(`is_vacant`); `shown` is a client's name on a phone. Pure.
"""

from fs_1c.routing.decision import decide, is_vacant
from fs_1c.routing.name import shown

__all__ = ["decide", "is_vacant", "shown"]
