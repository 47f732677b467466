"""The status page: calls as they come in, how the bases are, the journal. A guest of the HTTP door: nothing
here costs a call anything, whoever reads it, and however slowly.
"""

from fs_1c.web.status.feed import Event, Feed
from fs_1c.web.status.masking import masked_values
from fs_1c.web.status.page import StatusPage
from fs_1c.web.status.stream import UNMASKED

__all__ = ["UNMASKED", "Event", "Feed", "StatusPage", "masked_values"]
