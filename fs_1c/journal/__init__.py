"""The journal: what became of each call, in SQLite, for as long as the settings say.

A `Journal` is an observer that never holds a call up; `calls` reads what it wrote, `listing` and `story` tell
it to people, `to_json` to programs; `LastTalkers` is asked for a call who talked to the client last. The
status page shows the same rows before they are on the disk.
"""

from fs_1c.journal.contract import as_json, of_json, to_json
from fs_1c.journal.ends import EndEntry, of_end
from fs_1c.journal.entries import (
    CallEntry,
    DecisionEntry,
    ErasedRows,
    PopEntry,
    Row,
    in_e164,
    of_decision,
    of_pop,
    with_addresses,
)
from fs_1c.journal.last import Asked, LastTalkers
from fs_1c.journal.merged import merged
from fs_1c.journal.reading import JournalError, between, calls
from fs_1c.journal.report import in_columns, listing, story
from fs_1c.journal.report.times import iso
from fs_1c.journal.words import card_word, lookup_word
from fs_1c.journal.writer import Journal, journal_file

__all__ = [
    "Asked",
    "CallEntry",
    "DecisionEntry",
    "EndEntry",
    "ErasedRows",
    "Journal",
    "JournalError",
    "LastTalkers",
    "PopEntry",
    "Row",
    "as_json",
    "between",
    "calls",
    "card_word",
    "in_columns",
    "in_e164",
    "iso",
    "journal_file",
    "listing",
    "lookup_word",
    "merged",
    "of_decision",
    "of_end",
    "of_json",
    "of_pop",
    "story",
    "to_json",
    "with_addresses",
]
