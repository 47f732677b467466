"""What services that listen to one switch know of each other's words for 1C, through Redis."""

from fs_1c.history.relay.part import AtSwitch
from fs_1c.history.relay.sharing import Sharing

__all__ = ["AtSwitch", "Sharing"]
