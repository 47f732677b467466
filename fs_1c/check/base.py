"""A base while it is being checked: how it is asked, and what the steps have learnt about it so far."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lxml import etree

from fs_1c.bounds import at_once
from fs_1c.call import Call, Caller, Result
from fs_1c.check.keys import Keys
from fs_1c.check.network import Place
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import NOBODY, Answer, OneCError, Session, SessionPolicy, checked, dialects
from fs_1c.routing import decide
from fs_1c.settings import DialectName, OneCSettings, RoutingSettings, Settings, setting
from fs_1c.wsdl import Described

LONGEST = 10.0
"""Seconds that one request may take here, even if the settings allow more."""

FINISH_WITHIN = 2.0
"""Seconds for all farewells of a base; a session that is not finished ages out by itself."""

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to SayName.

    Attributes:
        answer: As this library understands it.
        text: The text of `return` that it was read from.
        body: The response's octets.
        kept: 1C keeps a session for us.
        took: Seconds.
    """

    answer: Answer
    text: str
    body: bytes
    kept: bool
    took: float


class Line:
    """One connection and one session, as a worker of the service has them. One request at a time."""

    def __init__(self, settings: OneCSettings, policy: SessionPolicy) -> None:
        self._dialect = dialects.of(settings)
        self._session = Session(settings, policy)

    def ask(self, number: str) -> Said:
        """Asks who calls from `number`, in the base's own form. Raises `OneCError`."""
        started = time.monotonic()
        response = self._session.send(self._dialect.lookup(number))
        text = self._dialect.said(response)
        found = checked(self._dialect.understood(text))
        return Said(found, text, response.body, self._session.kept, time.monotonic() - started)

    def wake(self) -> None:
        """Asks for nothing in particular. Raises `OneCError`."""
        self._dialect.awake(self._session.send(self._dialect.warm_up()))

    def close(self) -> None:
        """Finishes 1C's session, if there is one; may be called by any thread, and more than once."""
        self._session.close()


@dataclass(slots=True)
class Base:
    """One base, and what is known of it.

    Attributes:
        name: As in the settings.
        settings: The base's own, with `timeout` at most `LONGEST`.
        whole: All settings.
        keys: The subscribers' keys.
        blocked: Why the steps that follow make no sense; empty: they do.
        mute: Why SayName cannot be relied on, though 1C is there; empty: it works.
        places: The addresses of its name.
        fault: The error of 1C's code that answered the first question, if one did.
        numbers: Clients' numbers, in any form, that 1C ought to know.
        probe: What the base is asked when nobody in particular is meant, in its own form.
        first: Seconds of the first request; None before it.
        kept: 1C keeps sessions.
        described: What it says about itself at ?wsdl, if it does.
        managers: Extensions that 1C names as managers.
        finds_by: In which form it finds a client whom it does not find as it is asked.
    """

    name: str
    settings: OneCSettings
    whole: Settings
    keys: Keys
    blocked: str = ""
    mute: str = ""
    places: tuple[Place, ...] = ()
    fault: OneCError | None = None
    first: float | None = None
    kept: bool = False
    managers: set[str] = field(default_factory=set)
    finds_by: NumberFormat | None = None
    numbers: tuple[str, ...] = ()
    probe: str = NOBODY
    described: Described | None = None
    policy: SessionPolicy = field(init=False)
    lines: list[Line] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.policy = SessionPolicy(self.settings.session_mode)

    @property
    def plan(self) -> NumberPlan:
        return self.whole.numbers.plan()

    @property
    def question(self) -> str:
        """What 1C is asked by, as its own people call it: `SayName`, `contact`."""
        return "contact" if self.is_unf else "SayName"

    @property
    def is_unf(self) -> bool:
        """It is a stock 1С:УНФ: forms instead of SOAP, people by their extensions."""
        return self.settings.dialect is DialectName.ITOOLABS

    @property
    def only_unknown(self) -> bool:
        """SayName fails for numbers that it does not know, and works for others."""
        return self.fault is not None and not self.mute

    @property
    def url(self) -> str:
        """The address without what may follow a question mark."""
        return dialects.address(self.settings).partition("?")[0]

    def setting(self, name: str) -> str:
        return setting(self.name, name)

    def line(self) -> Line:
        """The line that most steps share."""
        return self.lines[0] if self.lines else self.another()

    def another(self) -> Line:
        """One more line; `hang_up` closes all of them."""
        line = Line(self.settings, self.policy)
        self.lines.append(line)
        return line

    def hang_up(self) -> None:
        """Finishes all sessions, within `FINISH_WITHIN`; what is asked next starts a new one."""
        lines = list(self.lines)
        self.lines.clear()
        at_once([line.close for line in lines], FINISH_WITHIN)


def of(name: str, settings: Settings, keys: Keys, numbers: Sequence[str] = ()) -> Base:
    own = settings.onec[name]
    own = own.model_copy(update={"timeout": min(own.timeout, LONGEST)})
    return Base(name, own, settings, keys, numbers=tuple(numbers))


def declares_entities(said: Said) -> bool:
    """Whether an answer has a document type declaration, which is where an XML's own entities stand."""
    return "<!DOCTYPE" in said.text


def untidy(said: Said) -> str:
    """What is wrong with the XML of an answer that was understood all the same; empty: nothing."""
    if not _is_xml(said.body):
        return "the SOAP envelope around it is not XML"
    text = _DECLARATION.sub("", said.text.lstrip("\ufeff \t\r\n"), count=1).strip()
    if not text.startswith("<"):  # `VIP:Ренессанс Капитал`, in the oldest dialect
        return "it is escaped twice" if text.startswith("&lt;") else ""
    return "" if _is_xml(text.encode("utf-8", "replace")) else "a name in it stands there without escaping"


def _is_xml(octets: bytes) -> bool:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        etree.fromstring(octets.strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return False
    return True


def dial_string(written: str, policy: RoutingSettings, plan: NumberPlan) -> str:
    """What the routing makes of a manager's phone: `ext:244`, `out:89161234567`, `refused:` and why, or
    empty: nothing. Without `routing.external` a number outside is what it would be, if there is nothing else.
    """
    for external in (policy.external and "out:{number}", "out:{number}"):
        probe = policy.model_copy(
            update={"extension": "ext:{extension}", "external": external, "then": (), "category": ()}
        )
        caller = Caller(None, Result.FOUND, manager=written)
        decision = decide(Call("check", ""), caller, probe, plan)
        if decision.target:
            return decision.target.partition("]")[2]
        if decision.refused:
            return f"refused:{decision.refused}"
    return ""
