"""The catalogue of faults. Everything that users of such systems have met, by the stage at which it strikes.

A fault of `CONNECT`, `HEAD` or `GATE` strikes before 1C has the request: it is not recorded and opens no
card. One of `CODE`, `SHAPE` or `WIRE` strikes afterwards: the request is recorded and its card opened, unless
the fault's `card` is false.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

Value = float | int | str | bool | None


class Stage(Enum):
    """When a fault strikes, in the order of a request's way."""

    CONNECT = "the connection is open, nothing of a request has been read"
    HEAD = "a request's head has been read, its body has not"
    GATE = "the request has been read and does not get to 1C"
    CODE = "1C has the request"
    SHAPE = "1C writes its answer"
    WIRE = "the answer is sent"
    IDLE = "between two requests of a connection"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    stage: when it strikes. about: one line. parameters: name → default. choices: what one may be.
    operations: the only ones it can befall; None: any request; empty: it cannot tell operations apart.
    """

    stage: Stage
    about: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    choices: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    operations: tuple[str, ...] | None = None


SAY_NAME = ("SayName",)
CARD_OPENERS = ("IncomingCall", "Event")
UNESCAPED = 'ООО "Рога & Копыта", A < B'

_CUT: Mapping[str, tuple[Value, ...]] = {"how": ("reset", "close")}
_LAYER: Mapping[str, tuple[Value, ...]] = {"part": ("inner", "outer")}


def _gate(about: str, **parameters: Value) -> Kind:
    choices: dict[str, tuple[Value, ...]] = {}
    if "status" in parameters:
        choices["status"] = {400: (400, 404), 402: (402, 500), 301: (301, 302, 303, 307, 308)}[
            int(parameters["status"] or 0)
        ]
    return Kind(Stage.GATE, about, parameters, choices)


def _said(about: str, *, part: str | None = None, **parameters: Value) -> Kind:
    layered = {"part": part} if part else {}
    return Kind(Stage.SHAPE, about, {**layered, **parameters}, _LAYER if part else {}, SAY_NAME)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        # --- The connection -----------------------------------------------------------------------------
        "refuse": Kind(Stage.CONNECT, "accepts and resets (RST)", operations=()),
        "mute": Kind(Stage.CONNECT, "accepts and never reads; to a TLS client: a handshake that never ends",
                     operations=()),
        "idle-close": Kind(Stage.IDLE, "closes connections that are idle for `seconds` after an answer",
                           {"seconds": 1.0}, operations=()),
        "cut-before-receipt": Kind(Stage.HEAD, "cuts the connection before the body is read",
                                   {"how": "reset"}, _CUT),
        # --- Answers of a web server, a proxy or 1C's gate ----------------------------------------------
        "no-session-header": _gate("400 «Не указан заголовок управления сеансами…»"),
        "session-expired": _gate("400 or 404, and the cookie's session is gone", status=400),
        "unauthorized": _gate("401 HTML"),
        "no-licence": _gate("402 (or 500) «Не обнаружено свободной лицензии!…»", status=402),
        "maintenance": _gate("403 JSON with a BOM: «Начало сеанса … запрещено»"),
        "not-published": _gate("404 HTML"),
        "pool-timeout": _gate("406 <exception> «Истекло время ожидания сеанса»"),
        "base-down": _gate("500 HTML «Ошибка 1С:Предприятия»"),
        "application-error": _gate("500 `1C:Enterprise 8 application error`"),
        "bad-gateway": _gate("502 HTML of nginx"),
        "unavailable": _gate("503 HTML of nginx"),
        "gateway-timeout": _gate("504 HTML of nginx"),
        "redirect": _gate("301 (302, 303, 307, 308) elsewhere", status=301,
                          location="http://127.0.0.1:9/elsewhere"),
        "empty-200": _gate("200 without a body"),
        "html-200": _gate("200 with a login page"),
        # --- 1C has the request -------------------------------------------------------------------------
        "code-error": Kind(Stage.CODE, "500 soap:Fault with module and line",
                           {"text": "{ОбщийМодуль.Телефония.Модуль(42)}: Деление на 0", "card": False}),
        "slow-answer": Kind(Stage.CODE, "1C thinks for `seconds` longer; a card opens only then",
                            {"seconds": 30.0}),
        "mute-after-request": Kind(Stage.CODE, "reads the request and says nothing", {"card": True}),
        "cut-after-receipt": Kind(Stage.CODE, "cuts the connection instead of answering",
                                  {"how": "reset", "card": True}, _CUT),
        "bad-gateway-after-receipt": Kind(Stage.CODE, "502 (or 504) of nginx, though 1C did its work",
                                          {"status": 502, "card": True}, {"status": (502, 504)}),
        # --- What SayName answers -----------------------------------------------------------------------
        "cdata": _said("the inner XML as CDATA"),
        "unescaped-title": _said("the inner XML by joined strings, with `text` as a title",
                                 text=UNESCAPED),
        "plain-text": _said("`VIP:Имя` instead of XML", text="VIP:Ренессанс Капитал"),
        "error": _said("<error>…</error> instead of <data>", text="Индекс находится за границами массива"),
        "nil": _said('<m:return xsi:nil="true"/>'),
        "self-closed": _said("<m:return/>"),
        "empty-return": _said("<m:return></m:return>"),
        "bom": _said("a BOM before the inner or the outer XML", part="inner"),
        "crlf": _said("lines end in CRLF, inside and outside"),
        "leading-line-break": _said("a line break before the inner <?xml"),
        "false-encoding": _said("declares `text` as its encoding, which is not true", part="inner",
                                text="windows-1251"),
        "no-break-space": _said("the manager's phone is `text`", text="1\u00a0244"),
        "zero-phone": _said("the manager's phone is 0"),
        "several-phones": _said("the manager's phones are `text`", text="241, 242; +7 (923) 111-22-33"),
        "title-line-breaks": _said("the title is `text`", text="ООО «Рога»\r\nи «Копыта»\n\tфилиал"),
        "entity-bomb": _said("a billion laughs", part="inner"),
        "external-entity": _said("the title is an external entity at `location`", part="inner",
                                 location="file:///etc/hostname"),
        "huge-title": _said("a title of `size` characters", size=2_000_000),
        "pop-answer": Kind(Stage.SHAPE, "answers `text` instead of 1 to IncomingCall or Event",
                           {"text": "0"}, operations=CARD_OPENERS),
        # --- How the answer is sent ---------------------------------------------------------------------
        "cut-in-answer": Kind(Stage.WIRE, "cuts the connection after `size` octets of the body, or half",
                              {"size": None, "how": "reset"}, _CUT),
        "slow-first-byte": Kind(Stage.WIRE, "the answer is ready; its first octet comes after `seconds`",
                                {"seconds": 30.0}),
        "drip": Kind(Stage.WIRE, "an octet every `seconds`, of headers, body or both",
                     {"seconds": 1.0, "part": "both"}, {"part": ("headers", "body", "both")}),
        "endless-body": Kind(Stage.WIRE, "a body that never ends, 64 KiB every `seconds`", {"seconds": 0.0}),
        "endless-headers": Kind(Stage.WIRE, "headers that never end, one every `seconds`", {"seconds": 0.0}),
        "huge-body": Kind(Stage.WIRE, "a true answer followed by `size` spaces", {"size": 64 * 1024 * 1024}),
        # By itself it hangs after too few octets, and after too many keeps the connection, with what is left
        # of this answer before the next.
        "wrong-length": Kind(Stage.WIRE, "a Content-Length `size` too long, or too short if below zero",
                             {"size": 100, "how": None}, {"how": ("hang", "keep", "close", "reset")}),
        "garbage": Kind(Stage.WIRE, "octets that are not HTTP"),
        "broken-chunk": Kind(Stage.WIRE, "a chunked body whose second chunk has no size"),
        "close-every-time": Kind(Stage.WIRE, "answers with `Connection: close`"),
    }
)  # fmt: skip
