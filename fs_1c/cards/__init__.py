"""The client's card: opened in 1C at the subscriber who talks to him, once.

`ScreenPops` opens cards; the right to do so is in `Claims` (the process, the machine, all switches), the keys
come from `Subscribers`. `open_card` opens one without asking for any right: an engineer wants it.
"""

from fs_1c.cards.claims import Claims
from fs_1c.cards.screenpop import ScreenPops, no_key, open_card
from fs_1c.cards.subscribers import KEY, MAX_FILE, Ask, Subscribers, parse

__all__ = ["KEY", "MAX_FILE", "Ask", "Claims", "ScreenPops", "Subscribers", "no_key", "open_card", "parse"]
