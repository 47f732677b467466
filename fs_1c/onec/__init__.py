"""The wire to 1C: connections, sessions (which are licences), worker threads, errors, and the dialects that
bases speak.

A `WorkerPool` does the jobs of one base, each with a `Client`: `lookup`, `open_card`, `tell`, `warm_up`. All
that can go wrong is a `OneCError`, told by what may happen next. Only the doctor (`check`) looks further
inside.
"""

from fs_1c.onec import dialects
from fs_1c.onec.client import Client
from fs_1c.onec.connection import Connection
from fs_1c.onec.dialects.answer import checked
from fs_1c.onec.dialects.mobilon import DESCRIBE, PRESETS, Mobilon, described_at, mobilon
from fs_1c.onec.dialects.protocol import MAX_PHONE, MAX_TITLE, NOBODY, Answer, CallState, Card
from fs_1c.onec.dialects.soap import document
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.pool import WorkerPool
from fs_1c.onec.queue import Urgency
from fs_1c.onec.session import Session, SessionPolicy
from fs_1c.onec.trust import prepare

__all__ = [
    "DESCRIBE",
    "MAX_PHONE",
    "MAX_TITLE",
    "NOBODY",
    "PRESETS",
    "Answer",
    "CallState",
    "Card",
    "Client",
    "Connection",
    "Mobilon",
    "OneCError",
    "Reached",
    "Session",
    "SessionPolicy",
    "Urgency",
    "WorkerPool",
    "checked",
    "described_at",
    "dialects",
    "document",
    "mobilon",
    "prepare",
]
