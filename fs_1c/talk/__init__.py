"""Who talks to whom: what a switch says about channels → calls, conversations, the story of each call. Pure.

Doors feed it (`call_from_channel`, `Conversations`); everybody else listens to the story as an `Observer`. No
other room reads what a switch says to find out who somebody is.
"""

from fs_1c.talk.conversations import CUSTOM_EVENTS, EVENTS, Conversations, hung_up
from fs_1c.talk.identity import Event, People
from fs_1c.talk.incoming import ALWAYS, PERHAPS, call_from_channel
from fs_1c.talk.legs import is_uuid
from fs_1c.talk.presence import PresenceTable, Question
from fs_1c.talk.story import Observer, Ring, Stories, Story, Talk

__all__ = [
    "ALWAYS",
    "CUSTOM_EVENTS",
    "EVENTS",
    "PERHAPS",
    "Conversations",
    "Event",
    "Observer",
    "People",
    "PresenceTable",
    "Question",
    "Ring",
    "Stories",
    "Story",
    "Talk",
    "call_from_channel",
    "hung_up",
    "is_uuid",
]
