"""Where a call goes and what the phone shows. `decide` is all there is to it, and it is pure."""

from fs_1c.routing.decision import decide

__all__ = ["decide"]
