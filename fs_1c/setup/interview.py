"""The questions in their order; what each answer comes to is tried and said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fs_1c.check import Finding, Level
from fs_1c.language import _
from fs_1c.settings import Address, DialectName
from fs_1c.setup import answers as read
from fs_1c.setup import machine, switch, trying
from fs_1c.setup.answers import DIRECTORY, NONE, Answers, Mistake
from fs_1c.setup.asking import Given, Prompted, Refused, Stopped
from fs_1c.setup.plan import DIALPLAN, WELL_KNOWN

STANDARD = Address("127.0.0.1", 8021)

SECRETS = ("password", "crm-token", "event-socket-password", "key")
_STAGE_OF = {"dns": 0, "tcp": 0, "tls": 0, "http": 0, "authentication": 1, "number": 2, "service": 3}
"""A step of the check → which stage's answers it is about."""


def words() -> dict[str, str]:
    """The questions."""
    return {
        "url": _("1C's web service, such as http://1c.example/telephony/ws/VATS"),
        "dialect": _("Dialect: mobilon-1, mobilon-2, mobilon-3 or itoolabs (stock 1С:УНФ)"),
        "crm-token": _("The key that 1C's settings of the PBX show for the CRM (crm_token)"),
        "username": _("1C's user"),
        "password": _("Its password"),
        "client": _("The number of a client whom 1C knows, to try it"),
        "extension": _(
            "An extension at which cards shall open (none: no more; directory: FreeSWITCH's has the keys)"
        ),
        "key": _("Its key in 1C"),
        "event-socket": _("FreeSWITCH's event socket (none: no cards)"),
        "event-socket-password": _("The event socket's password"),
        "number": _("The number that clients dial, several with commas (none: no dialplan)"),
        "target": _("Who rings when 1C knows nobody: an extension or a dial string"),
        "history": _("Shall 1C be told of whole calls, missed ones among them: yes or no"),
    }


READERS: Mapping[str, Callable[[str], object]] = {
    "url": read.url,
    "dialect": read.dialect,
    "crm-token": read.crm_token,
    "username": read.username,
    "password": read.in_a_file,
    "client": read.client,
    "keys": lambda text: text if text == DIRECTORY else read.keys(text),
    "event-socket": read.address,
    "event-socket-password": read.in_a_file,
    "number": read.numbers,
    "target": read.target,
    "history": read.history,
}
"""How the options are read; the interview reads them the same way."""


class Interview:
    """Asks, tries, and asks again.

    Args:
        asked: Who answers.
        tries: Whether answers are tried.
        configurations: Folders in which FreeSWITCH may keep its configuration, the likeliest first.
        context: Of the dialplan; empty: public, or else default.

    Attributes:
        answers: So far.
        client: The number by which 1C has been tried; empty: it has not.
        configuration: Where this switch keeps its configuration; None: that is not known.
    """

    def __init__(self, asked: Given, *, tries: bool, configurations: Sequence[Path], context: str) -> None:
        self.answers = Answers(url="")
        self.client = ""
        self.configuration = next((one for one in configurations if one.is_dir()), None)
        self._asked, self._tries, self._context = asked, tries, context
        self._configurations = configurations
        self._known_dialect = self._guessed = False
        self._onec, self._onec_tried = trying.OneCFound(()), tries
        self._shown: set[tuple[str, str]] = set()
        self._prompted = isinstance(asked, Prompted)

    def run(self) -> None:
        """Asks everything; afterwards `answers` are complete, unless the one who answers has failed."""
        for part in (
            self._about_onec,
            self._about_keys,
            self._about_switch,
            self._about_dialplan,
            self._about_history,
        ):
            try:
                part()
            except Stopped:
                continue  # what else is wrong is said, too

    def _about_onec(self) -> None:
        stages = (
            (self._where, "http"),
            (self._login, "http"),
            (self._client, "http"),  # by him a base is known that answers about nobody else
            (self._dialect, "history"),
            (lambda: None, "number"),
        )
        at, self._onec_tried = 0, self._tries
        while at < len(stages):
            ask, last = stages[at]
            ask()
            bad = self._try_onec(last, at) if self._onec_tried else None
            if bad is None:
                at += 1
            elif self._asked.again(bad):
                at = min(at, _STAGE_OF.get(bad.step, at))
                self._known_dialect = self._known_dialect and bad.step != "service"
            else:
                self._onec_tried = False
                at += 1

    def _where(self) -> None:
        url = self._asked.ask("url", read.url)
        self.answers = replace(self.answers, url=url)
        self._known_dialect = self._guessed = False
        if self._asked.has("dialect") or "/ws/" not in url:
            self._ask_dialect(DialectName.ITOOLABS)

    def _login(self) -> None:
        if self.answers.dialect is DialectName.ITOOLABS:
            self.answers = replace(self.answers, crm_token=self._asked.ask("crm-token", read.crm_token))
        username = self._asked.ask("username", read.username, NONE)
        password = (
            self._asked.ask("password", read.secret, None if self._prompted else "") if username else ""
        )
        self.answers = replace(self.answers, username=username, password=password)

    def _dialect(self) -> None:
        if self._known_dialect:
            return
        guess = trying.onec(self.answers, "service", self._numbers).dialect if self._onec_tried else None
        if guess and not self._guessed:
            self._asked.say("  " + _("Dialect {name}: so its ?wsdl says.", name=guess.value))
            self.answers = replace(self.answers, dialect=guess)
            self._known_dialect = self._guessed = True
        else:
            self._ask_dialect(guess or DialectName.MOBILON_2)

    def _ask_dialect(self, likely: DialectName) -> None:
        chosen = self._asked.ask("dialect", read.dialect, likely.value)
        self._known_dialect = True
        self.answers = replace(self.answers, dialect=chosen, number_format=None)

    def _client(self) -> None:
        self.client = self._asked.ask("client", read.client, NONE)

    @property
    def _numbers(self) -> list[str]:
        return [self.client] if self.client else []

    def _try_onec(self, last: str, stage: int) -> Finding | None:
        if last == "number" and not self.client:
            return None
        self._onec = trying.onec(self.answers, last, self._numbers)
        if self._onec.finds_by:
            form = self._onec.finds_by.value
            told = _(
                "1C finds {client} in the form {form}, so it is asked in that.", client=self.client, form=form
            )
            self._asked.say(f"  {told}")
            self.answers = replace(self.answers, number_format=self._onec.finds_by)
            return self._try_onec(last, stage)
        untimely = {"manager"} if stage else {"manager", "authentication"}
        return self._told([one for one in self._onec.findings if one.step not in untimely])

    def _told(self, findings: Sequence[Finding]) -> Finding | None:
        """Shows what has not been shown yet, and returns the first problem."""
        new = [
            one
            for one in findings
            if (one.step, one.what) not in self._shown and one.level is not Level.SKIPPED
        ]
        self._shown |= {(one.step, one.what) for one in new if one.level is not Level.PROBLEM}
        self._asked.found(new)
        return next((one for one in findings if one.level is Level.PROBLEM), None)

    def _about_keys(self) -> None:
        if self._asked.has("keys"):
            keys = self._asked.ask("keys", lambda text: text if text == DIRECTORY else read.keys(text))
            self.answers = replace(
                self.answers, keys="" if keys == DIRECTORY else keys, keys_in_directory=keys == DIRECTORY
            )
        elif self._prompted and self.answers.dialect is DialectName.MOBILON_2:
            self._type_keys()

    def _type_keys(self) -> None:
        found: dict[str, str] = {}
        managers = self._onec.managers
        while True:
            likely = next((one for one in managers if one not in found), NONE)
            extension = self._asked.ask("extension", read.extension, likely, fresh=True)
            if extension in ("", DIRECTORY):
                break
            key = self._asked.ask("key", read.secret)
            try:
                read.written_keys({**found, extension: key})
            except Mistake as error:
                self._asked.say(f"  {error}", "red")
                continue
            found[extension] = key
        self.answers = replace(
            self.answers,
            keys=read.written_keys(found) if found else "",
            keys_in_directory=extension == DIRECTORY,
        )

    def _about_switch(self) -> None:
        found = self._own_door()
        known = (found.address, found.password) if found else (STANDARD, WELL_KNOWN)
        if not self._asked.has("event-socket"):
            bad = self._try_switch(*known, quietly=found is None and self._prompted)
            if bad is None or (not self._prompted and self._asked.again(bad)):
                return
            found = None  # its password is not the right one
        default = str(known[0])
        while True:
            address = self._asked.ask("event-socket", read.address, default)
            password = self._password_of(address, found) if address else ""
            bad = self._try_switch(address, password) if address else None
            if bad is None or not self._asked.again(bad):
                self.answers = replace(self.answers, event_socket=address, event_socket_password=password)
                return
            found = None

    def _password_of(self, address: Address, found: switch.Door | None) -> str:
        if found and found.address == address and not self._asked.has("event-socket-password"):
            return found.password
        default = None if self._prompted else WELL_KNOWN
        return self._asked.ask("event-socket-password", read.secret, default)

    def _own_door(self) -> switch.Door | None:
        for folder in self._configurations:
            try:
                door = switch.door(folder)
            except OSError:
                continue
            if door:
                self.configuration = folder
                return door
        return None

    def _try_switch(self, address: Address, password: str, *, quietly: bool = False) -> Finding | None:
        found = trying.switch(address, password) if self._tries else trying.SwitchFound(())
        bad = next((one for one in found.findings if one.level is Level.PROBLEM), None)
        if bad is None or not quietly:
            self._told(found.findings)
        if bad is None:
            self.configuration = found.configuration or self.configuration
            self.answers = replace(self.answers, event_socket=address, event_socket_password=password)
        return bad

    def _about_dialplan(self) -> None:
        folder = self.configuration and machine.context(self.configuration, self._context)
        if folder and (why := machine.there(folder / DIALPLAN)):
            raise Refused(why)
        while True:
            numbers = self._asked.ask("number", read.numbers)
            bad = self._told(switch.same_number(folder, numbers)) if folder else None
            if bad is None or not self._asked.again(bad):
                break
        self.answers = replace(self.answers, numbers=numbers)
        while numbers:
            target = self._asked.ask("target", read.target)
            self.answers = replace(self.answers, target=target)
            socket = self.answers.event_socket
            if not self._tries or socket is None:
                return
            found = trying.switch(socket, self.answers.event_socket_password, target)
            bad = self._told([one for one in found.findings if one.step == "target"])
            if bad is None or not self._asked.again(bad):
                return

    def _about_history(self) -> None:
        told = self.answers.dialect in (DialectName.MOBILON_3, DialectName.ITOOLABS) or self._onec.takes_calls
        if self._asked.has("history"):
            wanted = self._asked.ask("history", read.history)
            if wanted and self.answers.dialect is DialectName.MOBILON_1:
                self._asked.mistake("history", Mistake(_("dialect mobilon-1 is told of no calls")))
                return
            if wanted and not self.answers.event_socket:
                self._asked.mistake("history", Mistake(_("without an event socket no calls are heard of")))
                return
        elif told and self.answers.event_socket:
            wanted = self._asked.ask("history", read.history, _("yes"))
        else:
            return
        self.answers = replace(self.answers, history=wanted)
