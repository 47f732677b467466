"""The journal for people: a line for each of many calls (`lines`), a screen for one (`sentences`). Pure.

What clients, callers and 1C wrote is shown, but never reaches a terminal as anything but letters.
"""

from fs_1c.journal.report.lines import HEADINGS, in_columns, listing
from fs_1c.journal.report.sentences import story

__all__ = ["HEADINGS", "in_columns", "listing", "story"]
