"""Harnesses for what 1C says, or whatever stands in its place."""

from __future__ import annotations

import gzip
import re
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from unittest.mock import patch

from urllib3.connection import HTTPConnection

from fs_1c.onec import MAX_PHONE, MAX_TITLE, Answer, CallState, Card, errors
from fs_1c.onec.client import Client
from fs_1c.onec.cookies import Cookies
from fs_1c.onec.dialects import answer
from fs_1c.onec.dialects.itoolabs import Itoolabs
from fs_1c.onec.dialects.protocol import Response
from fs_1c.onec.dialects.soap import read_return
from fs_1c.onec.errors import OneCError
from fs_1c.onec.session import SessionPolicy
from fs_1c.settings import SessionMode
from tests.fuzz.engine import Harness
from tests.fuzz.values import Taken, text
from tests.onec.pretend import http
from tests.onec.support import ANSWERS, FAULT_1_1, FAULT_1_2, SEED_NAME
from tests.support import base, inner, soap_answer

STATUSES = (200, 500, 400, 401, 404, 406, 503, 202, 999)
MAX_COMPLAINT = 500

_TAGS = tuple(
    tag.encode()
    for tag in (
        *("<title>", "</title>", "<category>", "</category>", "<manager>", "</manager>", "<manager/>"),
        *("<phone>", "</phone>", "<error>", "</error>", "<phone ", "</phone", "<m:title>", "&lt;title&gt;"),
        *("&#xD800;", "&nbsp;", "&#99999999;", "&amp;lt;", "<!--", "-->", "VIP:", "0", "\ufeff", "{"),
    )
)
_XML = tuple(
    token.encode()
    for token in (
        *("<return>", "</return>", "<m:return>", "</m:return>", "<m:SayNameResponse>", "SayNameResponse"),
        *(
            "<soap:Fault>",
            "</soap:Fault>",
            "<faultstring>",
            "<Text>",
            "<?xml version='1.0'?>",
            "<!DOCTYPE a>",
        ),
        *('<?xml version="1.0" encoding="windows-1251"?>', 'encoding="utf-16"', 'encoding="idna"', "<html>"),
        *('encoding="undefined"', 'encoding="punycode"', 'encoding="unicode_escape"', 'encoding="utf-7"'),
        *("<a>", "</a>", "<script>", "<br>", "xsi:nil='true'", "&lt;", "<!ENTITY a 'b'>", "&a;", "<?", "?>"),
    )
)
_JSON = tuple(
    token.encode()
    for token in (
        *('{"exception": ', '{"descr": ', '{"inner": ', '"\\ud83d"', "[", "{}", '""', "1e999", "NaN"),
        *("начало сеанса запрещено", "не обнаружено свободной лицензии", "licence not found", "<style>"),
    )
)


def soap(octets: bytes) -> None:
    """A response is a text or a `OneCError` in one printable line; and the text an answer."""
    status = STATUSES[0] if len(octets) % 3 else STATUSES[len(octets) % len(STATUSES)]
    for operation in ("SayName", "IncomingCall"):
        try:
            returned = read_return(status, octets, operation)
        except OneCError as error:
            _one_line(error)
        else:
            assert status == 200
            assert returned == returned.strip()
            returned.encode()  # it goes into a channel, a cache and a log
            answer_of(returned)


def inner_answer(octets: bytes) -> None:
    answer_of(text(octets))


def answer_of(returned: str, read: Callable[[str], Answer] = answer.read) -> None:
    """Every part is one trimmed line of bounded length."""
    found = read(returned)
    limits = (MAX_TITLE, MAX_PHONE, MAX_PHONE, MAX_TITLE)
    for value, limit in zip((found.title, found.category, found.manager, found.error), limits, strict=True):
        assert value == value.strip()
        assert len(value) <= limit
        assert not re.search(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", value), value
    assert found.known == bool(found.title or found.manager.strip("0"))


TOKEN = "crm-token-of-the-fuzzer"
_UNF = Itoolabs(lambda: TOKEN)


def unf(octets: bytes) -> None:
    """A stock 1С:УНФ's answer has a meaning under any status, and never the token in it."""
    taken = Taken(octets[:1])
    response = Response(taken.one((200, 400, 501, 500, 204, 403, 404, 502)), octets[1:])
    for read in (
        _UNF.said,
        _UNF.awake,
        _UNF.accepted,
        lambda told: _UNF.taken(told, CallState("END", "1", "7")),
    ):
        try:
            read(response)
        except OneCError as error:
            _one_line(error)
            assert TOKEN not in error.message
    with suppress(OneCError):
        answer_of(_UNF.said(response), _UNF.understood)
    assert _UNF.ran(response) in (True, False)


def failures(octets: bytes) -> None:
    """Under any status an answer has a meaning, told in one printable line."""
    taken = Taken(octets[:1])
    status = taken.one(STATUSES)
    body = octets[1:]
    said = errors.words(errors.decode(body))
    assert len(said) <= errors.MAX_MESSAGE
    assert said == " ".join(said.split())
    assert said.isprintable()
    _one_line(errors.by_status(status, body))
    _one_line(errors.fault(text(body), status))
    if (known := errors.by_words(text(body[:1000]))) is not None:
        assert known.kind in ("no-licence", "maintenance", "session", "version")
    if errors.about_session(status, body):
        assert not 200 <= status < 300


def stream(octets: bytes) -> None:
    """Whatever comes over the wire, perhaps twice: an answer or a `OneCError`, and a session is finished."""
    careful = len(octets) % 2 == 1
    client = _client()
    session = client._session
    session._cookies, session._policy, session._served = Cookies(), SessionPolicy(SessionMode.AUTO), 0
    with patch.object(HTTPConnection, "_new_conn", lambda connection: _filled(octets)):
        for _ in range(1 + (len(octets) % 3 == 0)):
            try:
                if careful:
                    assert client.open_card(Card("89235292926", "KEY-of-244")) in (True, False)
                else:
                    found = client.lookup("89235292926")
                    assert not found.error
                    assert not found.strange
            except OneCError as error:
                _one_line(error)
                assert "KEY-of-244" not in error.message or not careful
        client.close()


@cache
def _client() -> Client:
    return Client(base("http://127.0.0.1:9/base/ws/VATS", username="S", password="p", timeout=5.0))


def _filled(octets: bytes) -> socket.socket:
    """A connection on which these octets come, and nothing else."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * len(octets) + 4096)
    theirs.sendall(octets)
    theirs.shutdown(socket.SHUT_WR)
    _theirs.append(theirs)  # open, so that what we send is taken; the last few are enough
    return ours


_theirs: deque[socket.socket] = deque(maxlen=8)


def cookies(octets: bytes) -> None:
    """Whatever is set, what is sent back is a good header of bounded length."""
    kept = Cookies()
    for lines in text(octets).split("\n\n"):
        kept.heard(tuple(lines.split("\n")))
        header = kept.header()
        sent = header[0][1].split("; ") if header else []
        assert kept.in_session is any(one.startswith("ibsession=") for one in sent)
        for name, value in header:
            assert name == "Cookie"
            assert re.fullmatch(r"[!-~]+=[!-~]*(?:; [!-~]+=[!-~]*)*", value), value
            assert len(value) < 16 * 1024
    kept.give_up()
    assert not kept.in_session


def heads(octets: bytes) -> None:
    """The headers that tell why there is no good answer."""
    taken = Taken(octets)
    status = taken.one((301, 302, 401, 403, 407, 500))
    told = tuple((name, taken.line()[:500]) for name in ("WWW-Authenticate", "Location", "Server"))
    _one_line(errors.by_status(status, taken.line().encode("utf-8", "replace"), told))


_HTTP = tuple(
    token.encode()
    for token in (
        *(
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.0 200\r\n",
            "HTTP/1.1 102 Processing\r\n\r\n",
            "HTTP/1.1 100 \r\n\r\n",
        ),
        *(
            "Content-Length: ",
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "\r\n\r\n",
        ),
        *(
            "Content-Encoding: gzip\r\n",
            "Content-Encoding: br\r\n",
            "Connection: close\r\n",
            "0\r\n\r\n",
            "5\r\n",
            "-1",
        ),
        *(
            "Set-Cookie: ibsession=a\r\n",
            "Location: http://[\r\n",
            "WWW-Authenticate: NTLM\r\n",
            "1_0",
            "+5",
            "ffff",
        ),
        *(
            "HTTP/1.1 101 S\r\n\r\n",
            "HTTP/2 200\r\n",
            ": \r\n",
            "\r\n ",
            "\x1f\x8b",
            "Retry-After: 1\r\n",
            "\0",
        ),
    )
)
_COOKIES = tuple(
    token.encode()
    for token in (
        *(
            "ibsession=",
            "IBSESSION=",
            "; path=/base",
            "; Partitioned",
            ",",
            ";",
            "=",
            "route=a1",
            '"',
            "; HttpOnly",
        ),
        *("; expires=Thu, 01 Jan 2099 00:00:00 GMT", "\n", "\n\n", "; SameSite=None", "Securebase/ws", "\\"),
    )
)


def _one_line(error: OneCError) -> None:
    assert error.message.isprintable(), error.message
    assert 0 < len(error.message) < MAX_COMPLAINT
    str(error).encode()
    assert error.failure().kind == error.kind


PAGES = (
    *("<html><head><title>t</title></head><body><p>Ошибка <b>1</b></p></body></html>", "Не найдено", "{}"),
    '\ufeff{"exception": {"descr": "a", "inner": {"descr": "Недостаточно прав", "inner": null}}}',
    "<?xml version='1.0'?><exception><descr>Начало сеанса с базой запрещено.</descr></exception>",
)


def harnesses() -> tuple[Harness, ...]:
    texts = tuple(told.encode("utf-8", "surrogatepass") for told, _ in ANSWERS.values())
    returned = inner("Фэйковый чиж", "0", "244")
    responses = (
        *(SEED_NAME.encode(), FAULT_1_1.encode(), FAULT_1_2.encode(), soap_answer(returned)),
        soap_answer("1", "IncomingCall"),
        SEED_NAME.encode("cp1251"),
        b'<?xml version="1.0" encoding="windows-1251"?>' + SEED_NAME.encode("cp1251"),
        SEED_NAME.encode("utf-16"),
        soap_answer("#").replace(b"#", returned.encode()),
        soap_answer("#").replace(b"#", f"<![CDATA[{returned}]]>".encode()),
    )
    pages = tuple(page.encode() for page in PAGES)
    answers = (
        *(http(one) for one in responses[:5]),
        http(responses[0], "200 OK", "Set-Cookie: ibsession=1; path=/", "Set-Cookie: route=a"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + http(responses[0]) + http(responses[4]),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
        % (len(responses[0]), responses[0]),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(responses[0], mtime=0),
        *(http(page, "400 Bad Request") for page in pages),
        http(b"", "401 Unauthorized", 'WWW-Authenticate: Basic realm="proxy"', "Connection: close"),
        http(b"", "302 Found", "Location: https://sso.example/auth?x=1"),
    )
    lines = (
        b"ibsession=1-2; path=/base",
        b"route=a1; path=/, ibsession=3; HttpOnly\nx=y\n\nibsession=; path=/",
    )
    asked = (
        b"\2Negotiate, NTLM\n\nMicrosoft-IIS\n<h1>401</h1>",
        b'\2Basic realm="1C"\nhttp://a/b?c\n\nx',
        b"\1\n/login?a=b",
    )
    return (
        Harness("stream", stream, answers, (*_HTTP, *_XML)),
        Harness("cookies", cookies, lines, _COOKIES),
        Harness("heads", heads, asked, (*_HTTP, *_JSON)),
        Harness("soap", soap, (*responses, *pages), (*_XML, *_TAGS, *_JSON), longest=1 << 18),
        Harness(
            "itoolabs",
            unf,
            (
                *(b"\0" + one for one in (b'{"contact_name":"x","responsible":"244"}', b"", b"ok", b"{}")),
                b'\1{"error":"Invalid token"}',
                *(b"\1" + one for one in pages),
            ),
            (*_JSON, b'"contact_name":', b'"responsible":', TOKEN.encode(), b"\xef\xbb\xbf", *_XML),
            longest=1 << 17,
        ),
        Harness("answer", inner_answer, texts, _TAGS, longest=1 << 17),
        Harness(
            "errors",
            failures,
            tuple(b"\1" + one for one in (*pages, *responses)),
            (*_JSON, *_XML),
            longest=1 << 18,
        ),
    )
