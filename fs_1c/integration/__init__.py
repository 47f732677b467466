"""A phone call, from the first ring to the card: the one object that every door holds.

integration = Integration.from_file(Path("/etc/fs-1c/fs-1c.toml"))
decision = integration.decide(call)             # before the first phone rings
...
integration.conversation(conversation)          # when somebody answers

It builds the rooms below: what each base needs (`bases`), and what goes on when the settings are read again
(`lasting`). Which decision a call gets is in `deciding`, what is erased of a client in `erasing`.
"""

from fs_1c.integration.bases import BaseState as BaseState
from fs_1c.integration.bases import Forgotten as Forgotten
from fs_1c.integration.erasing import ERASE_WITHIN
from fs_1c.integration.erasing import Erased as Erased
from fs_1c.integration.integration import ClaimsState as ClaimsState
from fs_1c.integration.integration import Integration

# The others are what methods of `Integration` return.
__all__ = ["ERASE_WITHIN", "Integration"]
