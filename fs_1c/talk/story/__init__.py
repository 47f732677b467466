"""The story of a call: who rang, who talks, who has parted, and that it is over. Pure.

Everybody who wants to know what becomes of calls listens to this, and to nothing else (`Observer`): the
cards, the journal, the metrics, the status page. None of them reads what a switch sends.
"""

from fs_1c.talk.story.observer import Observer
from fs_1c.talk.story.stories import Stories
from fs_1c.talk.story.story import Ring, Story, Talk

__all__ = ["Observer", "Ring", "Stories", "Story", "Talk"]
