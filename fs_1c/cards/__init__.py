"""The client's card: opened in 1C at the subscriber who talks to him, once.

`ScreenPops` opens cards; the right to do so is in `Claims` (the process, the switch, the machine, Redis), the
keys come from `Subscribers`. `Post` claims cards at a switch that several services listen to, as its own one
or its reserve (`duty`). `open_by_hand` opens a card without asking for any right: an engineer wants it.
"""

from fs_1c.cards.by_hand import open_by_hand
from fs_1c.cards.claims import Claims, Take, Taken
from fs_1c.cards.duty import Word
from fs_1c.cards.post import Post, PostState
from fs_1c.cards.screenpop import ScreenPops
from fs_1c.cards.subscribers import KEY, MAX_FILE, Ask, Subscribers, parse

__all__ = [
    "KEY",
    "MAX_FILE",
    "Ask",
    "Claims",
    "Post",
    "PostState",
    "ScreenPops",
    "Subscribers",
    "Take",
    "Taken",
    "Word",
    "open_by_hand",
    "parse",
]
