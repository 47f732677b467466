"""What can be wrong with the simulated 1C: everything that users of such systems have met, one at a time.

`KINDS` is the table; a new fault is a new row. It says when it strikes (the function that makes it), what it
is in a line, what it does, and which parameters it takes: `name=default`, or `name=(default, *allowed)`. What
it does is a value, or a function of what it befalls (see `Stage`) and of its parameters that gives one: an
`Answer` or an `End` before and in 1C; what 1C answers, in octets, at SHAPE; at WIRE a sequence of octets to
send, seconds to wait, perhaps an `End`.
"""

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from itertools import chain, cycle, repeat
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from fs_1c.simulator.onec import answers
from fs_1c.simulator.onec.answers import Answer, End, Outgoing, exception, nginx, page
from fs_1c.simulator.onec.clients import Client
from fs_1c.simulator.onec.saying import DECLARATION, Saying

if TYPE_CHECKING:
    from fs_1c.simulator.onec.service import Service


class Stage(Enum):
    """When a fault strikes, in the order of a request's way, and what it befalls.

    Before CODE 1C has not got the request: it is not recorded and opens no card. From then on it is recorded,
    and opens one unless the fault's `card` is false.
    """

    CONNECT = "the connection is open, nothing of a request has been read"
    HEAD = "a request's head has been read, its body has not"
    GATE = "the request has been read and does not get to 1C: a Service"
    CODE = "1C has the request: a Service"
    SHAPE = "1C writes its answer: a Saying"
    WIRE = "the answer is sent: an Outgoing"
    IDLE = "between two requests of a connection"


@dataclass(frozen=True, slots=True)
class Kind:
    """A row. act: what it does, if its parameters do not say all. parameters: name → default.
    choices: what one may be. operations: the only ones it befalls; None: any; empty: it cannot tell."""

    stage: Stage
    operations: tuple[str, ...] | None
    about: str
    act: Any
    parameters: Mapping[str, float | int | str | bool | None]
    choices: Mapping[str, tuple[object, ...]]


def _kind(stage: Stage, only: tuple[str, ...] | None, about: str, act: Any = None, **given: Any) -> Kind:
    choices = {name: value[1:] for name, value in given.items() if isinstance(value, tuple)}
    parameters = {name: value[0] if name in choices else value for name, value in given.items()}
    return Kind(stage, only, about, act, parameters, choices)


def _expire(service: "Service", status: int) -> Answer:
    service.onec.sessions.expire(service.cookie)
    return exception(status, answers.SESSION_LOST)


def _ends(service: "Service", status: int, text: str) -> Answer:
    """The administrator has ended the session that the request comes in; told as the web server likes it."""
    service.onec.sessions.expire(service.cookie)
    return page(status, "1C:Enterprise 8", escape(text)) if text else Answer(status, answers.HTML)


def _forgets(service: "Service") -> Answer | End:
    """A proxy loses the cookie: a session is there for its first request only."""
    return _expire(service, 400) if service.cookie else service.after_the_gate()


def _drip(out: Outgoing, seconds: float, part: str) -> Iterable[bytes | float]:
    for name, octets in (("headers", out.head(len(out.body))), ("body", out.body)):
        dripped = chain.from_iterable((bytes((octet,)), seconds) for octet in octets)
        yield from dripped if part in (name, "both") else (octets,)


def _wrong_length(out: Outgoing, size: int, how: str | None) -> tuple[bytes | End, ...]:
    # By itself it hangs after too few octets; after too many it keeps the connection, with a rest in it.
    claimed = max(0, len(out.body) + size)
    return out.head(claimed), out.body, End(how or ("hang" if claimed > len(out.body) else "keep"))


def _cookie(out: Outgoing, text: str) -> tuple[bytes]:
    start = re.sub("(Set-Cookie: ibsession=[^;]*)[^\r]*", lambda found: found[1] + text, out.start)
    return (replace(out, start=start).well,)


def _as(out: Outgoing, status: int) -> tuple[bytes]:
    return (replace(out, start=re.sub(r"^(HTTP/1.1) \d+ ?[^\r]*", rf"\1 {status} ", out.start)).well,)


# Ten levels of ten: three gigabytes for whoever expands them.
_LAUGHS = '<!ENTITY e0 "ha ">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
_NIL = '<m:return xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
_LOGIN = '<form method="post"><input name="login"><input name="password" type="password"></form>'
_NO_BASE = "<h1>Ошибка 1С:Предприятия</h1><p>Информационная база не обнаружена!</p>"
_NO_ENTRY = "Начало сеанса с информационной базой запрещено.\nВедутся технические работы"
_TOLD = {"descr": "Ошибка при выполнении запроса к информационной базе", "inner": {"descr": _NO_ENTRY}}
_JSON = "\ufeff" + json.dumps({"exception": _TOLD}, ensure_ascii=False)
_MAINTENANCE = Answer(403, answers.JSON, _JSON.encode())
_BY_HAND = {"descr": _NO_ENTRY, "inner": {"descr": "Обновление до 20:00"}}
_ADMINS_WORDS = Answer(
    403,
    answers.JSON,
    json.dumps({"exception": {"descr": "HTTP: Forbidden", "inner": _BY_HAND}}, ensure_ascii=False).encode(),
)
_NEGOTIATE = (("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM"))
_PROXYS = ("WWW-Authenticate", 'Basic realm="Restricted"')
_VERSIONS = "Различаются версии клиента и сервера (8.3.24.1467 - 8.3.25.1257)"
_TOLD_BY_JSON = '{"title":"Тестов Т.Т.","category":"0","manager":{"phone":"244"}}'
_OTHER_TAGS = "<data><Наименование>Тестов Т.Т.</Наименование><Ответственный>244</Ответственный></data>"
_GONE = "<Объект не найден> (94:8f4d0025901a3f68)"
_TERMINATED = "Сеанс работы завершен администратором."
_STATUSES = (500, 400, 401, 403, 404, 410, 500)
_BINARY = b"\x15\x03\x01\x00\x02\x02\x50 not HTTP at all \xff\xfe\x00\r\n\r\n"
_BLOCK, _HEADER, _CLOSE = b" " * (64 * 1024), b"X-Endless:" + b" " * 50 + b"1\r\n", "Connection: close"
_NO_HEADER, _POOL_TIMEOUT = answers.NO_SESSION_HEADER, answers.POOL_TIMEOUT
_HOW, _WHERE = ("reset", "reset", "close"), ("inner", "inner", "outer")
_APPLICATION_ERROR = Answer(500, "text/html", b"1C:Enterprise 8 application error:\r\n\r\n")
_LINES = "ООО «Рога»\r\nи «Копыта»\n\tфилиал"
_JOINED, _PHONES = 'ООО "Рога & Копыта", A < B', "241, 242; +7 (923) 111-22-33"
_DIVISION = "{ОбщийМодуль.Телефония.Модуль(42)}: Деление на 0"
_connect, _idle = partial(_kind, Stage.CONNECT, ()), partial(_kind, Stage.IDLE, ())
_head, _gate, _code = (partial(_kind, stage, None) for stage in (Stage.HEAD, Stage.GATE, Stage.CODE))
_say, _tell, _pop = (
    partial(_kind, Stage.SHAPE, only)
    for only in (("SayName",), ("SayName", "contact"), ("IncomingCall", "Event", "event", "history"))
)
_wire = partial(_kind, Stage.WIRE, None)

# fmt: off
KINDS: Mapping[str, Kind] = {
    # --- The connection
    "refuse": _connect("accepts and resets (RST)", End.RESET),
    "mute": _connect("accepts and never reads; to a TLS client: a handshake that never ends", End.HANG),
    "idle-close": _idle("closes connections that are idle for `seconds` after an answer", seconds=1.0),
    "cut-before-receipt": _head("cuts before the body is read", lambda _, how: End(how), how=_HOW),
    # --- Answers of a web server, a proxy or 1C's gate
    "no-session-header": _gate("400 «Не указан заголовок управления сеансами…»", exception(400, _NO_HEADER)),
    "session-expired": _gate("400 or 404, and the cookie's session is gone", _expire, status=(400, 400, 404)),
    "unauthorized": _gate("401 HTML", answers.UNAUTHORIZED),
    "no-licence": _gate("402 (or 500) «Не обнаружено свободной лицензии!…»", lambda _, status: exception(
        status, answers.NO_LICENCE), status=(402, 402, 500)),
    "maintenance": _gate("403 JSON with a BOM: «Начало сеанса … запрещено»", _MAINTENANCE),
    "not-published": _gate("404 HTML", answers.NOT_FOUND),
    "pool-timeout": _gate("406 <exception> «Истекло время ожидания сеанса»", exception(406, _POOL_TIMEOUT)),
    "base-down": _gate("500 HTML «Ошибка 1С:Предприятия»", page(500, "Ошибка 1С:Предприятия", _NO_BASE)),
    "application-error": _gate("500 `1C:Enterprise 8 application error`", _APPLICATION_ERROR),
    "bad-gateway": _gate("502 HTML of nginx", nginx(502)),
    "unavailable": _gate("503 HTML of nginx", nginx(503)),
    "gateway-timeout": _gate("504 HTML of nginx", nginx(504)),
    "redirect": _gate("301 (302, 303, 307, 308) elsewhere",
                      lambda _, status, location: Answer(status, "text/html", b"", (("Location", location),)),
                      status=(301, 301, 302, 303, 307, 308), location="http://127.0.0.1:9/elsewhere"),
    "session-ended": _gate("500 (400, 401, 403, 404, 410) with `text`, and the cookie's session is gone",
                           _ends, status=_STATUSES, text=_TERMINATED),
    "session-fault": _gate("500 soap:Fault «Сеанс отсутствует или удален», and the cookie's session is gone",
                           lambda service: _expire(service, 400) and service.refuse(answers.SESSION_LOST)),
    "session-forgotten": _gate("each session is lost at its first reuse", _forgets),
    "no-basic": _gate("401 of IIS: Negotiate and NTLM only",
                      page(401, "401", "<h2>401 - Не санкционировано</h2>", *_NEGOTIATE)),
    "proxys-password": _gate("401 with a realm of another than 1C", page(401, "401", "", _PROXYS)),
    "web-server-refuses": _gate("403 HTML of nginx", nginx(403)),
    "wsdl-forbidden": _gate("403 HTML of nginx for ?wsdl alone", lambda service: nginx(403)
                            if service.command == "GET" else service.after_the_gate()),
    "admins-words": _gate("403 JSON whose innermost words are the administrator's", _ADMINS_WORDS),
    "versions": _gate("409 «Различаются версии клиента и сервера»", exception(409, _VERSIONS)),
    "throttled": _gate("429 HTML of nginx", replace(nginx(429), headers=(("Retry-After", "1"),))),
    "empty-200": _gate("200 without a body", Answer(200, answers.XML)),
    "html-200": _gate("200 with a login page", page(200, "Вход в систему", _LOGIN)),
    # --- 1C has the request
    "code-error": _code("500 soap:Fault with module and line",
                        lambda service, text, card: service.refuse(text), text=_DIVISION, card=False),
    "fault-400": _code(
        "400 soap:Fault, as SOAP 1.2 has it, and the card has opened",
        lambda service, text, card: replace(service.refuse(text), status=400), text=_DIVISION, card=True),
    "fault-detail": _code("500 soap:Fault whose reason stands in detail", lambda service, text, card: replace(
        service.refuse(""), body=service.refuse("").body.replace(
            b"<detail/>", f"<detail><descr>{escape(text)}</descr></detail>".encode())),
        text=_DIVISION, card=False),
    "taken": _code("202 (or 204) without a word, and 1C did its work",
                   lambda _, status, card: Answer(status, answers.XML), status=(202, 202, 204), card=True),
    "slow-answer": _code("1C thinks for `seconds` longer; a card opens only then", seconds=30.0),
    "mute-after-request": _code("reads the request and says nothing", lambda _, card: End.HANG, card=True),
    "cut-after-receipt": _code("cuts, not answering", lambda _, how, card: End(how), how=_HOW, card=True),
    "bad-gateway-after-receipt": _code(
        "502 (or 504) of nginx, though 1C did its work", lambda _, status, card: nginx(status),
        status=(502, 502, 504), card=True),
    # --- What SayName answers
    "cdata": _say("the inner XML as CDATA", lambda say: say.markup(
        f"<![CDATA[{say.text.replace(']]>', ']]]]><![CDATA[>')}]]>")),
    "unescaped-title": _say("inner XML by joined strings, `text` as a title", Saying.joined, text=_JOINED),
    "plain-text": _tell("`VIP:Имя` instead of XML", Saying.write, text="VIP:Ренессанс Капитал"),
    "error": _tell("<error>…</error> instead of <data>",
                  lambda say, text: say.write(f"{DECLARATION}\n<error>{escape(text)}</error>\n"),
                  text="Индекс находится за границами массива"),
    "nil": _say('<m:return xsi:nil="true"/>', lambda say: say.element(_NIL)),
    "self-closed": _say("<m:return/>", lambda say: say.element("<m:return/>")),
    "empty-return": _tell("<m:return></m:return>", lambda say: say.write("")),
    "bom": _say("a BOM before the inner or the outer XML", lambda say, part: say.layer(
        part, f"\ufeff{DECLARATION}\n" if part == "inner" else "\ufeff"), part=_WHERE),
    "crlf": _say("lines end in CRLF, inside and outside", lambda say: say.markup(
        escape(say.text.replace("\n", "\r\n"), {"\r": "&#13;"})).replace(b"\n", b"\r\n")),
    "leading-line-break": _say("a line break before the inner <?xml", lambda s: s.write(f"\r\n{s.text}")),
    "false-encoding": _say(
        "declares `text` as its encoding, which is not true", lambda say, part, text: say.layer(
            part, f'<?xml version="1.0" encoding={quoteattr(text)}?>\n'), part=_WHERE, text="windows-1251"),
    "no-break-space": _tell("the manager's phone is `text`", Saying.phone, text="1\u00a0244"),
    "zero-phone": _tell("the manager's phone is 0", lambda say: say.about(manager="0")),
    "several-phones": _tell("the manager's phones are `text`", Saying.phone, text=_PHONES),
    "title-line-breaks": _tell("the title is `text`", lambda say, text: say.about(title=text), text=_LINES),
    "entity-bomb": _say("a billion laughs", lambda say, part: say.entity(part, _LAUGHS, "&e9;"), part=_WHERE),
    "external-entity": _say(
        "the title is an external entity at `location`", lambda say, part, location: say.entity(
            part, f"<!ENTITY x SYSTEM {quoteattr(location)}>", "&x;"),
        part=_WHERE, location="file:///etc/hostname"),
    "huge-title": _tell("a title of `size` characters", lambda say, size: say.about(title="Ж" * size),
                       size=2_000_000),
    "named-for-all": _say("`text` for everybody whom it does not know", lambda say, text: say.write(
        say.text if say.client else say.signature.answer(Client("0", text))), text="Неизвестный клиент"),
    "fails-for-unknown": _tell("<error> for everybody whom it does not know", lambda say, text: say.write(
        say.text if say.client else f"<error>{escape(text)}</error>"), text="Клиент не найден"),
    "json": _tell("JSON instead of XML", Saying.write, text=_TOLD_BY_JSON),
    "other-tags": _tell("XML of other tags", Saying.write, text=_OTHER_TAGS),
    "not-a-name": _tell("`text` instead of XML", Saying.write, text="Неопределено"),
    "structure": _say("elements in m:return, not text", lambda say: say.markup(
        '<m:Property name="title"><m:Value>Тестов Т.Т.</m:Value></m:Property>')),
    "dotnet": _say("m:SayNameResult instead of m:return",
                   lambda say: say.write(say.text).replace(b"m:return", b"m:SayNameResult")),
    "object-gone": _tell("title and phone are those of a reference that leads nowhere",
                        lambda say: say.about(title=_GONE, manager=_GONE)),
    "manager-phone": _tell("the manager's phone is `text`", Saying.phone, text="244.0"),
    "pop-answer": _pop("answers `text` instead of 1 to IncomingCall or Event", Saying.write, text="0"),
    # --- How the answer is sent
    "cut-in-answer": _wire(
        "cuts the connection after `size` octets of the body, or half", lambda out, size, how: (
            out.head(len(out.body)), out.body[: len(out.body) // 2 if size is None else size], End(how)),
        size=None, how=_HOW),
    "slow-first-byte": _wire("the answer is ready; its first octet comes after `seconds`",
                             lambda out, seconds: (seconds, out.well), seconds=30.0),
    "drip": _wire("an octet every `seconds`, of headers, body or both", _drip,
                  seconds=1.0, part=("both", "headers", "body", "both")),
    "endless-body": _wire("a body that never ends, 64 KiB every `seconds`", lambda out, seconds: chain(
        (out.head(None, _CLOSE), out.body), cycle((_BLOCK, seconds))), seconds=0.0),
    "endless-headers": _wire("headers that never end, one every `seconds`", lambda out, seconds: chain(
        (out.head(None)[:-2],), cycle((_HEADER, seconds))), seconds=0.0),
    "huge-body": _wire("a true answer followed by `size` spaces", lambda out, size: chain(
        (out.head(len(out.body) + size), out.body, b" " * (size % len(_BLOCK))),
        repeat(_BLOCK, size // len(_BLOCK))), size=64 * 1024 * 1024),
    "wrong-length": _wire("a Content-Length `size` too long, or too short if below zero", _wrong_length,
                          size=100, how=(None, "hang", "keep", "close", "reset")),
    "garbage": _wire("octets that are not HTTP", (_BINARY, End.CLOSE)),
    "broken-chunk": _wire("a chunked body whose second chunk has no size", lambda out: (
        out.head(None, "Transfer-Encoding: chunked"), b"%x\r\n%s\r\n" % (len(out.body), out.body),
        b"no size\r\n", End.CLOSE)),
    "interim": _wire("103 (100, 102) and `seconds` before the answer", lambda out, status, seconds: (
        b"HTTP/1.1 %d \r\n\r\n" % status, seconds, out.well), status=(103, 100, 102, 103), seconds=0.1),
    "surplus": _wire("`text` behind the answer", lambda out, text: (out.well + text.encode(),), text="rest"),
    "twice": _wire("the answer, and once more the same", lambda out: (out.well + out.well,)),
    "two-lengths": _wire("two lengths", lambda out: (out.head(len(out.body), "Content-Length: 5"), out.body)),
    "packed-unsaid": _wire("gzip without saying so", lambda out: (
        replace(out, body=gzip.compress(out.body)).well,)),
    "utf-16": _wire("the answer in UTF-16", lambda out: (
        replace(out, body=out.body.decode().encode("utf-16")).well,)),
    "other-status": _wire("a good answer under 201 (203)", _as, status=(201, 201, 203)),
    "cookie": _wire("the session's cookie with these attributes", _cookie,
                    text="; Path=/; HttpOnly; Securebase/ws; Partitioned, route=a1"),
    "close-every-time": _wire("answers with `Connection: close`", lambda out: (
        out.head(len(out.body), _CLOSE), out.body, End.CLOSE)),
}
