"""What every dialect is made of: a request goes out, a response comes back, and both are plain values.

Whatever carries them (connections, sessions, licences, urgency) does not know which dialect speaks; a dialect
does not know what carries it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

NOBODY = "80000000000"
"""A number of full length that nobody can have: what a base is asked to stay warm."""

MAX_TITLE = 500
"""Characters of a client's name that are read."""
MAX_PHONE = 200
"""Characters of a manager's phone, or several of them, that are read."""
MAX_CALL = 50
"""Characters of what a call is called: the shortest field for it in the bases that are known."""

Tells = Literal["", "mobilon", "register", "itoolabs"]
"""By which words a base is told what becomes of a call; empty: by none."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a base.

    Attributes:
        operation: What it is called in logs and metrics, such as `SayName`.
        method: Of HTTP.
        path: What follows the base's address; mostly nothing.
        headers: Name and value each; those of sessions and logins are added on the way.
        body: Its octets, or None.
    """

    operation: str
    method: str = "POST"
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Attributes:
        status: The HTTP status code.
        body: Its octets, bounded.
        cookies: The values of Set-Cookie, as they came.
        told: Those headers that tell why there is no good answer: WWW-Authenticate, Location, Server.
    """

    status: int
    body: bytes
    cookies: tuple[str, ...] = ()
    told: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What 1C says about a number. All empty: it knows no such client.

    Attributes:
        title: The client's name, trimmed, on one line.
        category: The client's category.
        manager: The responsible manager's phone, as written, trimmed; several are separated by commas.
        error: What the 1C code reports about its own failure; empty when it does not.
        strange: What came instead of an answer that could be understood, by its shape and without a client's
            name; empty when it could.
    """

    title: str = ""
    category: str = ""
    manager: str = ""
    error: str = ""
    strange: str = ""

    @property
    def known(self) -> bool:
        return bool(self.title or self.manager.strip("0"))  # 1C may write an empty phone as 0


@dataclass(frozen=True, slots=True)
class Card:
    """What 1C is told so that a client's card opens.

    Attributes:
        number: The client's, in the base's own form.
        key: The subscriber's key, a credential.
        extension: The subscriber's extension, or empty.
        call: The call's UUID, or empty.
        when: When the conversation began, seconds since the epoch.
        destination: The number that the client has dialled, or empty.
        owner: He is to own the call if it is missed.
    """

    number: str
    key: str = field(repr=False)
    extension: str = ""
    call: str = ""
    when: float = 0.0
    destination: str = ""
    owner: bool = True


@dataclass(frozen=True, slots=True)
class CallState:
    """One thing that 1C is told of a call. Texts of any length and any characters: a dialect fits them.

    Attributes:
        state: The dialect's own word: START, PREANSWER, ANSWER, HANGUP, END, or INCOMING, OUTGOING, ACCEPTED,
            COMPLETED, CANCELLED, history.
        call: The call's UUID, the same in all that is told of it.
        number: The client's, in the base's own form.
        destination: The number that the client has dialled, or empty.
        outgoing: A subscriber has called the client.
        extension: Whom the word is about: a subscriber, or a number where there is none; may be empty.
        key: That subscriber's key, a credential, or empty.
        owner: He is to own the call if it is missed.
        when: When that was, seconds since the epoch.
        began: When the call began, likewise.
        seconds: How long the client has had somebody to talk to.
        answered: Somebody has talked to him.
        link: To the recording, or empty.
        once: Harmful when told twice.
    """

    state: str
    call: str
    number: str
    destination: str = ""
    outgoing: bool = False
    extension: str = ""
    key: str = field(default="", repr=False)
    owner: bool = False
    when: float = 0.0
    began: float = 0.0
    seconds: int = 0
    answered: bool = False
    link: str = ""
    once: bool = False


class Dialect(Protocol):
    """How one base is spoken to. Pure, but for a secret in a file of its own, which is read for each request.
    All methods but `understood` raise `OneCError`, if that cannot be read or a response is no good, and
    nothing else happens.
    """

    @property
    def needs_key(self) -> bool:
        """A person is known to 1C by his key, not by his extension."""

    @property
    def tells(self) -> Tells:
        """By which words it is told what becomes of a call."""

    @property
    def card_needs_call(self) -> bool:
        """A card opens only at a call that 1C has been told of."""

    def address(self, url: str) -> str:
        """Where requests go, given the URL in the settings, which may name only the base."""

    def lookup(self, number: str) -> Request:
        """Asks who calls from `number`, written in the base's own form."""

    def said(self, response: Response) -> str:
        """The text in which a lookup's response says who that is. Raises `OneCError` if it says nothing of
        the kind.
        """

    def understood(self, text: str) -> Answer:
        """What that text means. Never raises."""

    def warm_up(self) -> Request:
        """Asks for nothing in particular, so that the next caller meets a base that is awake."""

    def awake(self, response: Response) -> None:
        """Raises `OneCError` if that is not what a base answers to `warm_up` when it works."""

    def farewells(self) -> tuple[Request, ...]:
        """What a session is finished with, that runs no code of consequence in 1C: the first that is not
        refused counts.
        """

    def ran(self, response: Response) -> bool:
        """Whether a refusal comes from code of 1C that has run, in a session that is alive then."""

    def card(self, card: Card) -> Request:
        """Has a card opened. What 1C does twice when it is sent twice."""

    def accepted(self, response: Response) -> bool:
        """Whether 1C has taken the card. Raises `OneCError` if it says something else altogether."""

    def state(self, call: CallState) -> Request | None:
        """Tells 1C of a call; None: this base has no words for it."""

    def taken(self, response: Response, call: CallState) -> None:
        """Raises `OneCError` if 1C has not taken it; of the kind `no-history` if it takes nothing of the
        kind.
        """
