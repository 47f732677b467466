"""One base of 1C: a question out, an answer or a `OneCError` back. Belongs to one thread (see `pool`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from fs_1c.onec import dialects
from fs_1c.onec.connection import AT_LEAST
from fs_1c.onec.dialects.answer import checked
from fs_1c.onec.dialects.protocol import Answer, CallState, Card, Request, Response
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.progress import before_it_leaves
from fs_1c.onec.session import Session, SessionPolicy
from fs_1c.settings import OneCSettings

T = TypeVar("T")

OnRequest = Callable[[str, float, str], None]
"""Hears of each request to 1C when it has ended: operation, seconds, the error's kind (empty: it went well).
"""


class Client:
    """The questions, the cards and the calls of one base, synchronously.

    Args:
        settings: The base.
        policy: What is known about its sessions; shared by all its clients.
        told: Hears of each request.

    Every method raises `OneCError` and nothing else, and ends within the base's `timeout`.
    """

    def __init__(
        self,
        settings: OneCSettings,
        policy: SessionPolicy | None = None,
        told: OnRequest = lambda operation, took, error: None,
    ) -> None:
        self._timeout = settings.timeout
        self._dialect = dialects.of(settings)
        self._told = told
        self._session = Session(settings, policy or SessionPolicy(settings.session_mode))

    def lookup(self, number: str) -> Answer:
        """Who calls from `number`, which is written in the base's own form."""
        return self._call(
            self._dialect.lookup(number),
            lambda response: checked(self._dialect.understood(self._dialect.said(response))),
        )

    def open_card(self, card: Card) -> bool:
        """Opens a card. True if 1C has accepted the request; whether the card is shown it never says.

        A request that fails without having reached 1C (`Reached.NO`) may be sent again, no other.
        """
        with _without(card.key):
            return self._call(self._dialect.card(card), self._dialect.accepted, careful=True)

    def tell(self, call: CallState, leaves: Callable[[], None] = lambda: None) -> None:
        """Tells what has become of a call. What is harmful twice (`once`) is treated as a card is, and
        `leaves` is called just before it does; nothing leaves if that raises `OneCError`.

        A base that takes no such thing raises the kind `no-history`: nothing of it needs to be told again.
        """
        request = self._dialect.state(call)
        if request is None:
            raise OneCError("no-history", "this dialect has no words for it", Reached.NO, base_down=False)
        with _without(call.key), before_it_leaves(leaves):
            self._call(request, lambda response: self._dialect.taken(response, call), careful=call.once)

    def warm_up(self) -> None:
        """Asks about nobody, so that the next caller meets a base that is awake."""
        self._call(self._dialect.warm_up(), self._dialect.awake)

    def close(self) -> None:
        """Finishes 1C's session and closes the connection."""
        self._session.close()

    def _call(self, request: Request, read: Callable[[Response], T], *, careful: bool = False) -> T:
        started = time.monotonic()
        ends = started + self._timeout
        kind = "internal"
        try:
            response = self._session.send(request, careful=careful, ends=ends)
            result = _in_time(lambda: read(response), ends + AT_LEAST)
            kind = ""
            return result
        except OneCError as error:
            kind = error.kind
            raise
        finally:
            self._told(request.operation, time.monotonic() - started, kind)


@contextmanager
def _without(key: str) -> Iterator[None]:
    """1C's own words may repeat what it was told: its errors do not get further with the key in them."""
    try:
        yield
    except OneCError as error:
        if key:
            error.message = error.message.replace(key, "***")
        raise


def _in_time(read: Callable[[], T], ends: float) -> T:
    """What has been read by then. Later it is a time-out, whatever it says: so is an answer that takes long
    to read, as one that is long on its way.
    """
    try:
        result = read()
    except OneCError:
        if time.monotonic() <= ends:
            raise
    else:
        if time.monotonic() <= ends:
            return result
    raise OneCError("timeout", "the answer took too long to be read", Reached.MAYBE, base_down=True)
