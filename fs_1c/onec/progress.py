"""How far a request has come.

Whether a card may be sent again hangs on one question: did the whole request leave this machine? A request
whose last octet was never accepted by the network cannot have been executed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Protocol


class Closed(Protocol):
    """A connection that may have to be closed."""

    def close(self) -> None:
        """Closes it, so that it is not used again."""

    def end_if_unclean(self, breaks_off: bool) -> None:
        """Closes it if what may still come on it must not be taken for an answer."""


class Progress:
    """How far the request of this thread has come."""

    __slots__ = ("careful", "connection", "fresh", "headers_left", "heard", "left", "socket", "too_late")

    def __init__(self, careful: bool, heard: bytearray | None = None) -> None:
        self.careful = careful
        self.heard = heard
        self.fresh = False
        self.headers_left = False
        self.left = False
        self.connection: Closed | None = None
        self.socket: socket.socket | None = None
        self.too_late = False

    def end(self) -> None:
        """Called by a timer, from its own thread, when the request has taken too long as a whole. A socket's
        own time-out would start anew with every octet that drips in.
        """
        self.too_late = True
        if self.socket is not None:
            # Of the descriptor, not of a TLS layer: that one would first say goodbye to who does not listen.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class _Here(threading.local):
    progress: Progress | None = None
    leaves: Callable[[], None] | None = None


here = _Here()


@contextlib.contextmanager
def before_it_leaves(action: Callable[[], None]) -> Iterator[None]:
    """Has `action` called, for this thread's careful requests, when all is ready and the body is about to
    leave: what has been refused, or has no connection, never comes so far. If it raises, nothing leaves.
    """
    here.leaves = action
    try:
        yield
    finally:
        here.leaves = None
