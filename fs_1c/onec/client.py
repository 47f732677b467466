"""One base of 1C: a question out, an answer or a `OneCError` back. Belongs to one thread (see `desk`)."""

from __future__ import annotations

import time
from collections.abc import Callable

from fs_1c import dialect
from fs_1c.dialect import Pop
from fs_1c.onec import answer, soap
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.session import Habits, Session
from fs_1c.settings import OneCSettings

NOBODY = "80000000000"
"""A number of full length that nobody can have: what a base is asked to stay warm."""


Told = Callable[[str, float, str], None]
"""Hears of each request to 1C when it has ended: operation, seconds, the error's kind (empty: it went well).
"""


class Client:
    """The lookup and the screen pop of one base, synchronously.

    Args:
        settings: The base.
        habits: What is known about its sessions; shared by all its clients.
        told: Hears of each request.

    Every method raises `OneCError` and nothing else, and ends within the base's `timeout`.
    """

    def __init__(
        self,
        settings: OneCSettings,
        habits: Habits | None = None,
        told: Told = lambda operation, took, error: None,
    ) -> None:
        self._dialect = settings.speaks()
        self._told = told
        self._session = Session(settings, habits or Habits(settings.session_mode))

    def say_name(self, number: str) -> answer.Answer:
        """Who calls from `number`, which is written in the base's own form."""
        operation, parameters = dialect.lookup_request(self._dialect, number)
        found = answer.read(self._call(operation, parameters))
        if found.error:
            raise OneCError("reported", f"1C reports: {found.error}", Reached.YES, base_down=False)
        return found

    def incoming_call(self, pop: Pop) -> bool:
        """Opens a card. True if 1C answered 1: it has accepted the request; whether the card is shown it
        never says.

        A request that fails without having reached 1C (`Reached.NO`) may be sent again, no other.
        """
        operation, parameters = dialect.pop_request(self._dialect, pop)
        try:
            return self._call(operation, parameters, careful=True) == "1"
        except OneCError as error:
            if pop.key:  # 1C's own words may repeat what it was told
                error.message = error.message.replace(pop.key, "***")
            raise

    def warm_up(self) -> None:
        """Asks about nobody, so that the next caller meets a base that is awake."""
        self.say_name(NOBODY)

    def close(self) -> None:
        """Finishes 1C's session and closes the connection."""
        self._session.close()

    def _call(self, operation: str, parameters: dict[str, str], *, careful: bool = False) -> str:
        version = self._dialect.soap
        request = soap.envelope(self._dialect.namespace, operation, parameters, version)
        started = time.monotonic()
        kind = "internal"
        try:
            response = self._session.post(request, soap.CONTENT_TYPE[version], careful=careful)
            returned = soap.read_return(response.status, response.body, operation)
            kind = ""
            return returned
        except OneCError as error:
            kind = error.kind
            raise
        finally:
            self._told(operation, time.monotonic() - started, kind)
