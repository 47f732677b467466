"""«Универсальный itoolabs»: how stock 1С:УНФ speaks to a PBX by itself, without an extension of ours. Pure.

Forms by POST to one address, a command (`cmd`) in each. 1C decodes the body before it splits it, so that no
value may hold a separator, however it is written; and it does not take a plus for a space (FACTS-1c, "Stock
1С:УНФ").
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from fs_1c.onec import errors
from fs_1c.onec.dialects import answer
from fs_1c.onec.dialects.protocol import MAX_CALL, Answer, CallState, Card, Request, Response, Tells
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.settings import OneCSettings

PATH = "/hs/telephony/itoolabs"
"""Where the service is below the base's publication."""
MAX_VALUE = 2000
"""Characters of one value."""
SHORT = 6
"""Characters of a token that would be found in other words, too."""
MAX_TIME = 4e9
"""Seconds since the epoch; a later time is none."""

_FORM = (("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),)
_PING = Request("ping", "GET", "ping")
_BREAKS_OUT = re.compile('[\x00-\x1f\x7f&"]')
_PAGE = re.compile(r"<(?:!doctype|html|head|body|h\d|p)\b", re.IGNORECASE)
_PARAMETER, _OF_TOKEN = re.compile(r"param|парам", re.IGNORECASE), re.compile(r"token|токен", re.IGNORECASE)
# What 1C's own code answers, having done nothing: kind, meaning, whether the base is down for us.
_TOKEN = "crm-token", "1C does not know this crm_token", True
_MISSING = "parameter", "1C misses something in the request", False
_UNKNOWN = "unknown-command", "1C does not know such a command", False


@dataclass(frozen=True, slots=True)
class Itoolabs:
    """How one base is spoken to.

    Attributes:
        token: Tells `crm_token`, by which 1C knows the PBX. Raises OSError or UnicodeDecodeError if its file
            is no good.
    """

    token: Callable[[], str]

    @property
    def needs_key(self) -> bool:
        return False

    @property
    def tells(self) -> Tells:
        return "itoolabs"

    @property
    def card_needs_call(self) -> bool:
        return True  # an event of an unknown call is dropped, with 200

    def address(self, url: str) -> str:
        url = url.partition("?")[0].rstrip("/").removesuffix("/ping")
        return f"{url}/" if "/hs/" in url else f"{url}{PATH}/"

    def lookup(self, number: str) -> Request:
        return self._command("contact", phone=_phone(number))

    def said(self, response: Response) -> str:
        return self._said(response)[: answer.MAX_ANSWER]

    def understood(self, text: str) -> Answer:
        """Nothing at all: 1C knows no such client."""
        if text in ("", "{}"):
            return Answer()
        return answer.read_json(text) if text.startswith("{") else Answer(strange="no JSON")

    def warm_up(self) -> Request:
        return _PING

    def awake(self, response: Response) -> None:
        if self._said(response).strip('"').lower() != "ok":
            raise _not_1c("no `ok` to a ping")

    def farewells(self) -> tuple[Request, ...]:
        return (_PING,)

    def ran(self, response: Response) -> bool:
        """It refuses in words of its own, under the same statuses as 1C's gate."""
        text = errors.decode(response.body).strip("\ufeff \t\r\n")
        own = response.status in (400, 501) and bool(text) and not text.startswith("<")
        return errors.has_place(text) or (own and errors.by_words(errors.words(text)) is None)

    def card(self, card: Card) -> Request:
        return self._event("ACCEPTED", card.call, card.number, card.extension, card.destination)

    def accepted(self, response: Response) -> bool:
        self._said(response)
        return True

    def state(self, call: CallState) -> Request | None:
        if call.state != "history":
            line = "" if call.outgoing else call.destination
            return self._event(call.state, call.call, call.number, call.extension, line)
        # The last four are for whoever has 1C's code changed: as it is, it takes the time from its own clock.
        return self._command(
            "history",
            callid=call.call[:MAX_CALL],
            status="Success" if call.answered else "missed",
            duration=str(max(0, call.seconds)),
            link=_link(call.link),
            type="out" if call.outgoing else "in",
            phone=_phone(call.number),
            ext=call.extension,
            start=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(min(max(0.0, call.began), MAX_TIME))),
        )

    def taken(self, response: Response, call: CallState) -> None:
        try:
            self._said(response)
        except OneCError as error:
            if error.kind == _UNKNOWN[0]:
                raise OneCError("no-history", error.message, Reached.NO, base_down=False) from None
            raise

    def _event(self, state: str, call: str, number: str, extension: str, line: str) -> Request:
        return self._command(
            "event",
            type=state,
            callid=call[:MAX_CALL],
            phone=_phone(number),
            ext=extension,
            diversion=_phone(line),
        )

    def _command(self, command: str, **values: str) -> Request:
        """Required values first, as they come; empty ones that are not required are left out."""
        told = {"cmd": command, "crm_token": self._told(), **values}
        kept = {name: value for name, value in told.items() if value or name not in ("diversion", "link")}
        body = "&".join(f"{name}={_value(value)}" for name, value in kept.items())
        return Request(command, headers=_FORM, body=body.encode())

    def _told(self) -> str:
        try:
            return self.token()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            message = f"crm_token_file cannot be read: {why}"
            raise OneCError("settings", message, Reached.NO, base_down=True) from None

    def _said(self, response: Response) -> str:
        """What 1C answers, stripped. Raises `OneCError` if that is no good answer."""
        token = self._told()
        if len(token) >= SHORT:  # 1C may repeat what it was told
            for form in (token, quote(token, safe="")):
                response = replace(response, body=response.body.replace(form.encode(), b"***"))
        text = errors.decode(response.body).strip("\ufeff \t\r\n")
        if response.status in (200, 204) and not text.startswith("<"):
            return text
        raise _refused(response, text)


def _refused(response: Response, text: str) -> OneCError:
    """What an answer means that is no good one."""
    status, said = response.status, errors.words(text)
    if status in (200, 204):
        return errors.by_words(said) or _not_1c("a page" if _PAGE.match(text) else "markup")
    if errors.has_place(text):  # under whatever status: code has run
        return errors.fault(text, status)
    row = _UNKNOWN if status == 501 else None
    if status == 400 and not text.startswith("<") and errors.by_words(said) is None:
        row = _MISSING if _PARAMETER.search(said) and not _OF_TOKEN.search(said) else _TOKEN
    if row is None:
        return errors.by_status(status, response.body, response.told)
    message = f"HTTP {status}, {row[1]}" + (f": {said}" if said else "")
    return OneCError(row[0], message, Reached.NO, base_down=row[2])


def _not_1c(instead: str) -> OneCError:
    message = f"HTTP 200, but no answer of «Универсальный itoolabs»: {instead}"
    return OneCError("not-1c", message, Reached.MAYBE, base_down=True)


def _value(text: str) -> str:
    """A value as it can be sent: what would end it is left out."""
    return quote(_BREAKS_OUT.sub("", text)[:MAX_VALUE], safe="", errors="replace")


def _link(url: str) -> str:
    """An address in which what must not be sent is written as addresses can write it."""
    return url.replace("&", "%26").replace('"', "%22")


def _phone(number: str) -> str:
    """Digits without a plus."""
    return number.removeprefix("+")


def itoolabs(settings: OneCSettings) -> Itoolabs:
    """The dialect with what is set beside it."""
    return Itoolabs(settings.crm_secret)
