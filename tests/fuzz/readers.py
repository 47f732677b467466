r"""Every parser of what others wrote, with its bound and the pieces of its grammar, for `clock`.

Pieces stand between blanks; `\x20` is a blank, `\udcff` the octet ff, `%d` another number each time.
"""

from __future__ import annotations

import socket
import threading
import tomllib
from contextlib import suppress
from functools import cache
from unittest.mock import patch

from urllib3.connection import HTTPConnection

from fs_1c import channel, numbers, wsdl
from fs_1c.call import Call, Caller, Conversation, Decision, Failure, Outcome, Result, ScreenPop
from fs_1c.cards import subscribers
from fs_1c.directory import entries, forgetting
from fs_1c.esl.wire import Headers, Message, Reader, WireError
from fs_1c.journal import contract, report
from fs_1c.journal.entries import CallEntry, of_decision, of_pop
from fs_1c.numbers import NumberPlan
from fs_1c.onec import MAX_PHONE, Card, errors
from fs_1c.onec.client import Client
from fs_1c.onec.cookies import Cookies
from fs_1c.onec.dialects import answer, soap
from fs_1c.onec.dialects.itoolabs import Itoolabs
from fs_1c.onec.dialects.protocol import Response
from fs_1c.onec.errors import OneCError
from fs_1c.onec.reading import MAX_FRAMING, MAX_HEAD, MAX_RESPONSE
from fs_1c.onec.session import SessionPolicy
from fs_1c.routing import name as routing_name
from fs_1c.routing import phones
from fs_1c.settings import NameShown, SessionMode, SettingsError
from fs_1c.settings import file as settings
from fs_1c.settings.types import Address
from fs_1c.talk import People, call_from_channel
from fs_1c.web import access, exchange
from fs_1c.web.door import read_forget
from tests import recordings
from tests.fuzz.clock import Around, Parser, Shape
from tests.fuzz.values import text
from tests.support import base

PLAN = NumberPlan()
PEOPLE = People(PLAN)


def parsers() -> tuple[Parser, ...]:
    """All of them."""
    return (*_of_onec(), *_of_switch(), *_of_people())


def _octets(written: str) -> bytes:
    escaped = written.encode("ascii", "backslashreplace").decode("unicode_escape")
    return escaped.encode("utf-8", "surrogateescape")


def _pieces(written: str) -> tuple[bytes, ...]:
    return tuple(_octets(one) for one in written.split())


def _around(*written: str) -> tuple[Around, ...]:
    """Before, between and behind stand between dots."""
    found = []
    for one in written:
        before, between, behind = (_octets(part) for part in one.split("·"))
        found.append((before, between, behind))
    return tuple(found)


# --- 1C


def _stream(octets: bytes) -> None:
    """All of the way: the head, the body, the session, the dialect; a lookup or a card."""
    client = _client()
    session = client._session
    session._cookies, session._policy, session._served = Cookies(), SessionPolicy(SessionMode.AUTO), 0
    with patch.object(HTTPConnection, "_new_conn", lambda connection: _sent(octets)):
        try:
            if len(octets) % 2:
                client.open_card(Card("89235292926", "KEY-of-244"))
            else:
                client.lookup("89235292926")
        except OneCError:
            pass
        finally:
            client.close()


@cache
def _client() -> Client:
    return Client(base("http://127.0.0.1:9/base/ws/VATS", username="S", password="p", timeout=60.0))


def _sent(octets: bytes) -> socket.socket:
    """A connection on which these octets come; whoever reads no further is left alone."""
    ours, theirs = socket.socketpair()

    def send() -> None:
        with theirs, suppress(OSError):
            theirs.sendall(octets)
            theirs.shutdown(socket.SHUT_WR)
            while theirs.recv(1 << 16):
                pass

    threading.Thread(target=send, daemon=True).start()
    return ours


def _soap(octets: bytes) -> None:
    for status in (200, 500):
        with suppress(OneCError):
            answer.checked(answer.read(soap.read_return(status, octets, "SayName")))


def _answer(octets: bytes) -> None:
    answer.read(text(octets))


def _itoolabs(octets: bytes) -> None:
    for status in (200, 400, 500):
        with suppress(OneCError):
            _UNF.understood(_UNF.said(Response(status, octets)))
        _UNF.ran(Response(status, octets))


_UNF = Itoolabs(lambda: "crm-token-of-the-clock")


def _errors(octets: bytes) -> None:
    errors.by_status(403, octets)
    errors.about_session(400, octets)
    errors.fault(text(octets), 500)
    errors.has_place(errors.decode(octets))


def _told(octets: bytes) -> None:
    """The headers that tell why there is no good answer."""
    said = text(octets)
    for status in (301, 401, 403):
        told = tuple((name, said[:500]) for name in ("WWW-Authenticate", "Location", "Server"))
        errors.by_status(status, b"", told)


def _cookies(octets: bytes) -> None:
    kept = Cookies()
    kept.heard(tuple(text(octets).split("\n")))
    kept.header()


_MARKUP = _pieces(
    r"""<a> </a> <a/> <p> <b> <i> <table> <td> <font> <select> <form> <script> </script> <style> <head>
    <br> \x20xmlns:a%d='b' \x20a%d='b' \x20a%d \x20a <a%d:b\x20xmlns:a%d='c'> <a%d> <x><y/></x>
    <a\x20b=' <a\x20b= <!-- --> <![CDATA[ ]]> &# &#1; &#9 9 &lt; &amp; &quot; &nbsp; & < > ' " =
    \x20 \n \t x я \udcff \0 \x1b <? ?> <?a\x20 <!DOCTYPE\x20a> <!doctype\x20html> < </ <d: a: . - (
    { } [ ] \ufeff \u2028 ю\x00 /> <a: <m:return> </m:return> <return return> <title> </title>
    <title\x20 </title <title\x20a= <title\x20xmlns=' <phone> </phone> <phone\x20 <manager>
    </manager> <manager\x20 <error> <category> <data\x20 <data><title> &lt;title&gt; &lt;phone&gt;
    &lt;/phone&gt; &lt;![CDATA[ &amp;lt; &lt;&# VIP: 244, {a(1 (1) (1,2) {a(1)} начало\x20сеанса
    сеанс\x20 session\x20 session\x20a\x20 не\x20обнаружен лицензи SayNameResponse Fault <Fault>
    <m:Fault <faultstring> exception <объект\x20не\x20найден>"""
)
_JSON = _pieces(
    r"""{ } [ ] [[ {"a%d":1, "a%d":1, "a":[ "a": {"a": {"inner": {"descr":"a%d","inner": {"exception": ,
    : " \\" \\ "\\u0041" "\\ud83d" "" 9 1, 1e9 1e999, - 0. null, true, \x20 \n 0 1e {"descr": descr
    x я \udcff"""
)
_HEADERS = _pieces(
    r"""A:\x20b\r\n A%d:\x20b\r\n A:b\r\n\x20 \x20x\r\n \r\n\x20 \t \r\n \n \r A : ; , = \x20 " \\ \\1
    \\" ' \udcff \0 Set-Cookie:\x20a%d=b\r\n Set-Cookie:\x20ibsession=%d\r\n
    Set-Cookie:\x20ibsession="\\1 Set-Cookie2:\x20a=b\r\n Set-Cookie:\x20a= ;\x20expires= ;\x20a%d=b
    ;\x20Version=1 ,a%d=b 1\x20Jan\x202030 - GMT\x20 \x20:\x20 0: Content-Length:\x201\r\n
    Content-Length:\x20 9 Transfer-Encoding:\x20chunked\r\n Content-Encoding:\x20gzip\r\n
    WWW-Authenticate:\x20Basic\r\n Location:\x20/\r\n Basic, realm= HTTP/1.1\x20100\x20\r\n\r\n
    HTTP/1.1\x20102\x20\r\n\r\n HTTP/1.1\x20102\x20\r\nA:\x20b\r\n\r\n ( ) %% =?utf-8?q? ?= \x85
    \u2028 \x0b"""
)
_CHUNKS = _pieces(
    r"""1\r\nx\r\n 1;a=b\r\nx\r\n 1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n 0001\r\nx\r\n 1 ;a 0 \r\n \n
    f\r\n x -1\r\n 2\r\nxx\r\n 1\x20\r\nx\r\n A:\x20b\r\n a\r\n0123456789\r\n 0\r\n <a> a; \udcff"""
)
_OK = r"HTTP/1.1 200 OK\r\n"
_RETURN = "<SayNameResponse><return>"
_NRUTER = "</return></SayNameResponse>"
_ENVELOPES = (
    f"{_RETURN}··{_NRUTER}",
    f"<SayNameResponse><return·>·{_NRUTER}",
    f"<e·>·{_RETURN}1{_NRUTER}</e>",
    f"{_RETURN}&lt;data&gt;··&lt;title&gt;x&lt;/title&gt;&lt;/data&gt;{_NRUTER}",
    f"{_RETURN}<![CDATA[··]]>{_NRUTER}",
    f"{_RETURN}<![CDATA[<title>··</title>]]>{_NRUTER}",
    "<e><Fault><faultstring>··</faultstring></Fault></e>",
    "<Fault·>·</Fault>",
    "<html><body>··</body></html>",
    "<p·>·</p>",
)
_PAGES = (*_ENVELOPES[-2:], '{"exception": ··}', '{"exception": {"descr": "··"}}', "<html><head>··</head>x")


def _known(kind: str, pieces: str, around: str) -> Shape:
    return Shape(kind, _pieces(pieces), *_around(around))


def _of_onec() -> tuple[Parser, ...]:
    chunked = rf"{_OK}Transfer-Encoding: chunked\r\n\r\n"
    heads = (rf"{_OK}··\r\n", rf"{_OK}Set-Cookie: ··\r\n\r\n", r"HTTP/1.1 ··\r\n\r\n", rf"{_OK}A: ··\r\n\r\n")
    wsdls = (
        *("<definitions>··</definitions>", "<definitions·>·</definitions>"),
        "<definitions><schema>··</schema></definitions>",
        "<definitions><portType>··</portType></definitions>",
        "<definitions><schema><element><complexType><sequence>··</sequence></complexType></element></schema>"
        "</definitions>",
    )
    described = _pieces(
        r"""<schema> </schema> <element> <element\x20name='a%d'> <element/> <element\x20name='a%d'/>
        </element> <sequence> <complexType> </complexType> <complexType><sequence>
        </sequence></complexType> </sequence> <portType> </portType> <operation\x20name='a%d'/>
        <operation/> <schema><element\x20name='a%d'/></schema> <portType><operation/></portType>"""
    )
    return (
        Parser(
            "onec head",
            _stream,
            MAX_HEAD,
            _HEADERS,
            _around(*heads),
            (_known("repeated", r"\\1", rf'{_OK}Set-Cookie: ibsession="··"\r\nContent-Length: 0\r\n\r\n'),),
        ),
        Parser(
            "onec chunks",
            _stream,
            MAX_RESPONSE + MAX_FRAMING,
            _CHUNKS,
            _around(f"{chunked}··", rf"{chunked}··0\r\n\r\n", rf"{chunked}0\r\n··\r\n"),
            (_known("repeated", r"1\r\nx\r\n", rf"{chunked}··0\r\n\r\n"),),
        ),
        Parser("onec", _stream, MAX_RESPONSE, _MARKUP, _around(*(rf"{_OK}\r\n{one}" for one in _ENVELOPES))),
        Parser(
            "soap",
            _soap,
            MAX_RESPONSE,
            _MARKUP,
            _around(*_ENVELOPES),
            (
                _known("nested", r"\x20xmlns:a%d='b' <x/>", f"<SayNameResponse><return·>·{_NRUTER}"),
                _known("repeated", r"\x20a%d", "<p·>·</p>"),
            ),
        ),
        Parser("answer", _answer, MAX_RESPONSE, _MARKUP, _around("<title>··</title>", "<data··>")),
        Parser("answer json", _answer, MAX_RESPONSE, _JSON, _around("{··}", '{"title": ··}')),
        Parser(
            "itoolabs", _itoolabs, MAX_RESPONSE, (*_JSON, *_MARKUP), _around("{··}", '{"contact_name": ··}')
        ),
        Parser("errors", _errors, MAX_RESPONSE, (*_MARKUP, *_JSON), _around(*_PAGES)),
        Parser("told", _told, 1 << 16, _pieces(r'Basic\x20 realm= " , \x20 a Basic, http:// <a> ? < & &lt;')),
        Parser("cookies", _cookies, 1 << 16, (*_HEADERS, *_pieces("ibsession= a%d=b, a%d=b; ibsession=a;"))),
        Parser("wsdl", wsdl.read, MAX_RESPONSE, (*_MARKUP, *described), _around(*wsdls)),
    )


# --- FreeSWITCH


def _wire(octets: bytes) -> None:
    reader = Reader(1 << 18, 1 << 18)
    with suppress(WireError):
        for at in range(0, len(octets), 1 << 16):
            reader.feed(octets[at : at + (1 << 16)])
            for message in recordings.drain(reader):
                message.event()
                _ = message.event_body


def _headers(octets: bytes) -> None:
    headers = Headers(octets)
    headers.names()
    headers.variables(("fs_1c_base", "fs_1c_key"))
    headers.beginning_with("variable_", frozenset(("a", "b")))
    call_from_channel(headers, PEOPLE)
    _ = Message(b"Content-Type: text/event-plain", octets).event().get("Unique-ID")


def _of_switch() -> tuple[Parser, ...]:
    lines = _pieces(
        r"""Content-Type:\x20x\n Content-Type:\x20x\n\n Content-Type:x\n\n\n Content-Length:\x201\n\n
        x:\x20y\n \n \r\n Content-Type:\x20x\nContent-Length:\x209\n\n Unique-ID:\x20
        variable_fs_1c_base:\x20 variable_ variable_a%d:\x20b\n a : \x20 %41 % %%d0 9
        Event-Name:\x20CHANNEL_DATA\n Caller-Caller-ID-Number:\x20 \udcff я \0"""
    )
    values = _around(
        r"Caller-Caller-ID-Number: ··\n", r"variable_fs_1c_caller: ··\n", r"variable_fs_1c_deadline: ··\n"
    )
    return (
        Parser("wire", _wire, 1 << 20, lines, _around(r"Content-Type: text/event-plain\n··\n\n")),
        Parser("headers", _headers, 1 << 18, lines, values),
    )


# --- people, files and other switches


def _numbers(octets: bytes) -> None:
    numbers.read.__wrapped__(text(octets), PLAN)


def _phones(octets: bytes) -> None:
    phones.candidates(text(octets)[:MAX_PHONE], PLAN)


def _channel(octets: bytes) -> None:
    said = text(octets)
    for neutral in (channel.text, channel.plain, channel.word, channel.host, channel.line, channel.json_line):
        neutral(said)
    channel.forget()


def _name(octets: bytes) -> None:
    routing_name.shown(text(octets), text(octets), NameShown.LATIN)
    channel.forget()


def _subscribers(octets: bytes) -> None:
    subscribers.parse(octets, {"244": "k"})


def _forget(octets: bytes) -> None:
    with suppress(exchange.Refusal):
        read_forget(octets)


def _visitor(octets: bytes) -> None:
    header = octets.decode("latin-1")
    access.Sessions().good(header, "token")
    access.bearer({"Authorization": header})
    access.client_of("127.0.0.1", header)
    access.host_is_ours(header, Address("127.0.0.1", 9184))


def _redis(octets: bytes) -> None:
    entries.read(octets)
    forgetting.read(octets)


def _journal(octets: bytes) -> None:
    lines = [*text(octets).split("\n", 9), *[""] * 8]
    call = Call(lines[0], lines[1], lines[2], lines[3], base=lines[5])
    failure = Failure(lines[6], lines[7])
    caller = Caller(None, Result.FOUND, lines[0], lines[7], lines[6], lines[5], error=failure)
    decided = of_decision(Decision(call, caller, (), lines[4] or None), True, 0.0)
    conversation = Conversation(lines[0], lines[1], lines[2], lines[3])
    popped = of_pop(conversation, ScreenPop(Outcome.REJECTED, 0.1, failure), 0.0)
    told = CallEntry(decided.at, decided.call, decided.number, (decided,), (popped,))
    report.story(told)
    report.listing([told])
    contract.to_json([told])


def _settings(octets: bytes) -> None:
    with suppress(SettingsError, ValueError, RecursionError):
        settings.build(tomllib.loads(octets.decode()))


def _of_people() -> tuple[Parser, ...]:
    digits = _pieces(
        r"""8 + +7 ( ) - \x20 . , 923 \xa0 \u202f доб 244\x20 244, 9:00 30.06 1\xa0244 0 / x ² sip: ; @
        # *31* т.\x20244 \u200b 12\x2034\x20 a1 й 000 № ,0"""
    )
    names = _pieces(
        r"""${ } " ' \\ \x20 x \u0301 \u1100\u1161 й 😀 \u2028 \uff04 \ufdfa _ undef \0 \udcff
        a\u0301\u0302 \u9f98 \x1b \u202e ;"""
    )
    rows = _pieces(r"""244,k\n %d,k%d\n %d,k\n 244,k%d\n " "" , \n ; \t \0 x 244, \r \udcff \u2028""")
    forms = (*_pieces(r"number= & % + a%d=b& a=b& %41 ; ="), *_JSON)
    tables = _pieces(
        r"""[a%d]\n [a a%d\x20=\x201\n a\x20=\x20 [ ] { } " \"\"\" ' # 1 _1 x \n a%d\x20=\x20[ {a=
        [[a]]\n [[onec]]\n [subscribers.keys]\n244='k'\n %d='k'\n 2026-01-01 \\u0041"""
    )
    values = (
        *(r"[onec]\nurl = '··'\n", r"[onec]\nurl = 'http://a/b'\nproxy = '··'\n"),
        *(
            r"[routing]\nexternal = '··'\n",
            r"[lookup]\ndeadline = '··'\n",
            r"a = ··\n",
            r"[subscribers.keys]\n··",
        ),
    )
    return (
        Parser("numbers", _numbers, 1 << 16, digits),
        Parser("phones", _phones, MAX_PHONE, digits, known=(_known("nested", "x ,0", "··"),)),
        Parser("channel", _channel, 1 << 16, names),
        Parser("name", _name, 1 << 16, names),
        Parser("subscribers", _subscribers, 1 << 18, rows),
        Parser("forget", _forget, exchange.MAX_BODY, forms, _around('{"number": ··}', "number=··")),
        Parser(
            "visitor",
            _visitor,
            1 << 16,
            _pieces(r"[ ] : . , % a 1 \x20 = ; \" Bearer\x20 127.0.0.1, \t \udcff"),
        ),
        Parser(
            "redis",
            _redis,
            entries.MAX_ENTRY,
            _JSON,
            _around('{"title": "", "category": "", "manager": "", "asked_at": ··}'),
        ),
        Parser("journal", _journal, 1 << 16, (*names, *_pieces(r"\n 89235292926 [red]"))),
        # The administrator's own. Without dotted keys, which tomllib follows from the root each time.
        Parser("settings", _settings, 1 << 14, tables, _around(*values)),
    )
