"""What can go wrong between us and 1C, each told by what may happen next.

*Did the request reach 1C?* A screen pop may be sent again only if it surely did not: 1C opens a second card
for a repeated IncomingCall. *Is the base down, or was only this request wrong?* That opens the breaker, or
does not. *Will it pass by itself?* Then trying again soon makes sense.

The rows are those of a real base (1C web services, errors by HTTP status): 1C tells half of them by the
status, the other half by what it writes, as HTML, JSON with a byte order mark, XML or a SOAP fault.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lxml import etree

from fs_1c.call import Failure

MAX_MESSAGE = 300


class Reached(Enum):
    """Did the request reach 1C's code?"""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


@dataclass(eq=False)
class OneCError(Exception):
    """1C, or the way to it, failed.

    Attributes:
        kind: A stable short name: `unreachable`, `timeout`, `unauthorized`, `fault`, …
        message: One line for an engineer, with 1C's own words where it had any.
        reached: Did the request reach 1C's code? `MAYBE` also when it did and nobody knows what came of it.
        base_down: The base as a whole does not work (as opposed to this one request being wrong).
        passing: It may be over in a second: a restart, a full pool, a cut connection.
    """

    kind: str
    message: str
    reached: Reached
    base_down: bool
    passing: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    def failure(self) -> Failure:
        return Failure(self.kind, self.message)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table: what a kind of answer means."""

    kind: str
    meaning: str
    reached: Reached
    base_down: bool
    passing: bool = False


_NO, _MAYBE, _YES = Reached.NO, Reached.MAYBE, Reached.YES

# 1C refuses these before any of its code runs, so nothing has happened yet. What a proxy reports may have
# happened.
_BY_STATUS = {
    400: _Row("bad-request", "1C refused the request", _NO, False),
    401: _Row("unauthorized", "wrong user name or password", _NO, True),
    402: _Row("no-licence", "1C is out of licences", _NO, True, True),
    403: _Row("forbidden", "1C does not let this user in", _NO, True),
    404: _Row("not-published", "no such web service there", _NO, True),
    405: _Row("not-published", "what is there is no web service", _NO, True),
    406: _Row("pool-full", "1C's session pool is full", _NO, True, True),
    407: _Row("proxy", "the proxy asks for a password", _NO, True),
    409: _Row("version", "client and server of 1C differ in their versions", _NO, True, True),
    410: _Row("not-published", "there is no such web service there any more", _NO, True),
    429: _Row("throttled", "the web server takes no more requests just now", _NO, False, True),
    500: _Row("base-down", "1C itself failed", _MAYBE, True, True),
    502: _Row("proxy", "the web server has no connection to 1C", _MAYBE, True, True),
    503: _Row("proxy", "the web server is overloaded or in maintenance", _MAYBE, True, True),
    504: _Row("proxy", "the web server had no answer from 1C in time", _MAYBE, True, True),
}
_FAULT = _Row("fault", "1C's code failed", _YES, False)
_SESSION = _Row("session", "1C wants a session (IBSession); set session_mode", _NO, True)
_MAINTENANCE = _Row("maintenance", "1C lets nobody in", _NO, True, True)
_NO_LICENCE = _BY_STATUS[402]
_VERSION = _BY_STATUS[409]
_REFUSED = _Row("web-server", "the web server refused the request, not 1C", _NO, True)
_NO_BASIC = _Row("no-basic", "user and password (Basic) are not taken there", _NO, True)

# What 1C writes counts for more than the status under which it writes it.
_BY_WORDS = tuple(
    (re.compile(words, re.IGNORECASE | re.DOTALL), row)
    for words, row in {
        r"не обнаружен\w* свободн\w+ лицензи|не найден\w* лицензи|лицензи\w+ не (?:обнаружен|найден)"
        r"|licen[cs]e not found|no free licen[cs]e": _NO_LICENCE,
        r"начало сеанса.*запрещен|технически\w+ работ": _MAINTENANCE,
        r"различаются версии клиента и сервера": _VERSION,
        r"заголовок управления сеансами|куки с идентификатором сеанса|session management header"
        r"|сеанс (?:\w+ )?(?:отсутствует|удален|заверш[её]н|не найден|ист[её]к)|session (?:\w+ )?(?:is )?"
        r"(?:missing|deleted|terminated|expired|not found|does not exist)": _SESSION,
    }.items()
)
_ONEC_SAYS = re.compile(
    r"1[cс]\b|\bправ\b|сеанс|предприяти|enterprise|ошибка при выполнении|http: forbidden", re.IGNORECASE
)
_OF_PROXIES = (502, 503, 504)
_ATTRIBUTES = re.compile(r"""(</?[A-Za-z][^\s/<>]*+)(?:"[^"<]*"|'[^'<]*'|[^<>])++""")
_PLACE = re.compile(r"\{[^{}<>]{1,300}\(\d{1,6}(?:,\s?\d{1,6})?\)\}")


def decode(body: bytes) -> str:
    """1C's words out of octets whose declared encoding cannot be trusted: UTF-8 if they are, else
    windows-1251.
    """
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    if b"\0" in body[:64]:  # UTF-16 without its mark
        return body.decode("utf-16-le" if body[1:2] == b"\0" else "utf-16-be", "replace")
    text = utf_8(body)
    return body.decode("cp1251", "replace") if text is None else text


_HIGH = bytes(range(128, 256))


def utf_8(body: bytes) -> str | None:
    """The text, if that is UTF-8, or UTF-8 in which an octet here and there is damaged; else None. Of a text
    in windows-1251 hardly a letter is UTF-8.
    """
    text = body.decode("utf-8-sig", "replace")
    damaged = text.count("\ufffd")
    if damaged and 4 * damaged > len(body) - len(body.translate(None, _HIGH)):
        return None
    return text


def words(text: str) -> str:
    """1C's own words on one line: out of HTML, XML or JSON, white space folded, bounded."""
    text = text[:65536].lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        text = _from_json(text)
    if "<" in text:
        text = _from_markup(text)
    text = " ".join("".join(" " if not c.isprintable() else c for c in text).split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def _from_markup(text: str) -> str:
    """What a browser would show of HTML, however broken; XML reads the same. Without attributes, of which the
    parser compares each with all others.
    """
    text = _ATTRIBUTES.sub(r"\1", text)
    parser = etree.HTMLParser(
        encoding="utf-8", recover=True, no_network=True, remove_comments=True, huge_tree=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return text.replace("<", " ")
    if root is None:
        return ""
    etree.strip_elements(root, "script", "style", "head", with_tail=False)
    return " ".join(str(part) for part in root.itertext())


def _from_json(text: str) -> str:
    """The `descr` of `{"exception": {"descr": …, "inner": {…}}}`, from the outermost that is not just the
    wrapping to the innermost, which may be an administrator's own words; or OData's message.
    """
    try:
        found: Any = json.loads(text)
        if "odata.error" in found:
            return str(found["odata.error"]["message"]["value"])
        found = found.get("exception", found)
        said: list[str] = []
        for _ in range(20):
            descr = str(found.get("descr") or "")
            if descr and not any(descr in one for one in said):
                said.append(descr)
            if not isinstance(found.get("inner"), dict):
                break
            found = found["inner"]
        said = said or [str(found[name]) for name in ("message", "error") if isinstance(found.get(name), str)]
        return ". ".join(said[1:] or said) or "JSON"  # which may be about a client
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return text


def has_place(text: str) -> bool:
    """Is there a place in 1C's code, such as {ОбщийМодуль.ВАТС.Модуль(77)}? That code has run, then."""
    return _PLACE.search(text) is not None


def about_session(status: int, body: bytes) -> bool:
    """Are these 1C's words about a session that it has not, or wants to have? Nothing has been executed then.
    Where there are no words at all, 400 and 404 mean it.
    """
    if status in (400, 404) and not body.strip():
        return True
    if 200 <= status < 300 or status in _OF_PROXIES:
        return False
    return _by_words(words(decode(body))) is _SESSION


def by_status(status: int, body: bytes, told: tuple[tuple[str, str], ...] = ()) -> OneCError:
    """The error that an answer with an HTTP status that is not good, and no SOAP fault in it, means.

    Args:
        told: WWW-Authenticate, Location and Server, if they came.
    """
    text, headers = words(decode(body)), dict(told)
    row = _row(status, text)
    if status == 401:
        row, text = _unauthorized(row, headers.get("WWW-Authenticate", ""), text)
    elif status == 403 and row is _BY_STATUS[403] and _is_of_a_web_server(body, text):
        row = _REFUSED
    elif 300 <= status < 400 and (where := headers.get("Location", "").partition("?")[0]):
        text = f"it leads to {words(where)}"
    # A proxy's page about maintenance may stand for an answer of 1C that it has not waited for.
    ran = status in _OF_PROXIES or has_place(text)
    return _made(row, f"HTTP {status}, ", text, ran=ran)


def _is_of_a_web_server(body: bytes, text: str) -> bool:
    """A page in which 1C says nothing; 1C itself refuses in its own words, mostly as JSON."""
    start = decode(body[:2048]).lstrip("\ufeff \r\n")
    is_1cs = start.startswith("{") or "<exception" in start or _ONEC_SAYS.search(text)
    return bool(text) and not is_1cs


def _unauthorized(row: _Row, asked: str, text: str) -> tuple[_Row, str]:
    """Who asks for what: 1C's own log-in is Basic; a proxy's has a realm of its own."""
    schemes = re.findall(r"(?:^|,\s*)([A-Za-z]{1,20})(?=\s|,|$)", asked)
    if schemes and not any(scheme.lower() == "basic" for scheme in schemes):
        return _NO_BASIC, f"it offers {', '.join(list(dict.fromkeys(schemes))[:5])} only"
    realm = re.search(r'realm="?([^",]{1,80})', asked)
    if realm and not re.search("1c|1с|enterprise|предприят", realm[1], re.I):
        said = f'asked by "{words(realm[1])}", which may be a web server before 1C'
        return row, f"{said}: {text}" if text else said
    return row, text


def fault(text: str, status: int) -> OneCError:
    """The error that a SOAP fault with this faultstring means. Some of 1C's code may have run, whatever its
    words are; with a place in them it surely has.
    """
    said = words(text)
    row = None if has_place(text[:65536]) else _by_words(said)
    return _made(row or _FAULT, f"HTTP {status}, ", said, ran=True)


def by_words(text: str) -> OneCError | None:
    """The error that this text means under any status, even 200, if it is one that 1C is known to write."""
    row = _by_words(text)
    return None if row is None else _made(row, "", text, ran=True)


def _by_words(text: str) -> _Row | None:
    return next((row for pattern, row in _BY_WORDS if pattern.search(text)), None)


def _row(status: int, text: str) -> _Row:
    if (told := _by_words(text)) is not None:
        return told
    # 202 and 204 have been taken by somebody.
    taken = status >= 500 or status < 300
    unexpected = _Row("http", "not an answer of 1C", _MAYBE if taken else _NO, True)
    return _BY_STATUS.get(status, unexpected)


def _made(row: _Row, where: str, text: str, *, ran: bool) -> OneCError:
    """The error; `ran`: 1C's code may have run, whatever the row says."""
    message = f"{where}{row.meaning}" + (f": {text}" if text else "")
    reached = _MAYBE if ran and row.reached is _NO else row.reached
    return OneCError(row.kind, message, reached, row.base_down, row.passing)
