"""Who talked to a client last: from the journal of this service, and from Redis what other services know.

Whoever asks waits for no longer than he likes, and nobody waits for a journal that somebody has waited for in
vain. Whatever is wrong with either costs that knowledge, and nothing else.
"""

from fs_1c.journal.last.talkers import Asked, LastTalkers

__all__ = ["Asked", "LastTalkers"]
