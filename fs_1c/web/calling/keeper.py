"""Who may have calls made: who shows the token of a base, for anybody; who shows a subscriber's key, for that
subscriber. Wrong ones are slow, and a line in the log; neither is ever written down.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from fs_1c.integration import Integration
from fs_1c.web.access import FOREIGN, Tries, client_of, same
from fs_1c.web.calling.words import Answer, wrong_request, wrong_token

log = logging.getLogger(__name__)


class NotLetIn(Exception):
    """The request gets that answer, in the words of its form."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks.

    Attributes:
        extensions: His own; empty: a base asks, which may have anybody called.
        client: His address, for the log.
    """

    extensions: tuple[str, ...]
    client: str

    @property
    def is_base(self) -> bool:
        return not self.extensions


class Keeper:
    """Looks at what is shown.

    Args:
        integration: Gives the one at work: the token and the keys may change.
        in_thread: Reads the token, which may be in a file.
    """

    def __init__(
        self,
        integration: Callable[[], Integration],
        in_thread: Callable[[Callable[[], str]], Awaitable[str]],
    ) -> None:
        self._integration = integration
        self._in_thread = in_thread
        self._tries = Tries()

    async def look_at(
        self, request: Request, shown: str | bytes, *, base: bool = True, subscriber: bool = True
    ) -> Asker:
        """Who shows that.

        Args:
            base, subscriber: Who may ask like that.

        Raises `NotLetIn`.
        """
        if request.headers.get("Sec-Fetch-Site") in FOREIGN:
            raise NotLetIn(wrong_request("Чужая страница звонить не может"))
        if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
            raise NotLetIn(wrong_request("Звонок не делается заранее"))
        peer = request.client.host if request.client else "somebody"
        client = client_of(peer, request.headers.get("X-Forwarded-For", ""))
        await self._wait(client)
        given = shown.encode("utf-8", "replace") if isinstance(shown, str) else shown
        asker = await self._whose(given, client, base=base, subscriber=subscriber)
        self._tries.ended(client, asker is not None, program=False)
        if asker is None:
            log.warning("calls door: %s showed no token or key, or a wrong one", client)
            raise NotLetIn(wrong_token())
        return asker

    async def _wait(self, client: str) -> None:
        pause = self._tries.pause(client, program=False)
        if not pause:
            return
        if not self._tries.wait(client):
            raise NotLetIn(wrong_token(429))
        try:
            await asyncio.sleep(pause)
        finally:
            self._tries.waited(client)

    async def _whose(self, given: bytes, client: str, *, base: bool, subscriber: bool) -> Asker | None:
        if not given:
            return None
        if base and same(given, await self._in_thread(self._integration().settings.calls.secret)):
            return Asker((), client)
        if subscriber and (extensions := self._integration().subscribers.of_key(given, hmac.compare_digest)):
            return Asker(extensions, client)
        return None
