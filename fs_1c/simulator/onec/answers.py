"""What goes out by HTTP, and how 1C and whatever stands before it look when they fail. Pure."""

import json
from dataclasses import dataclass
from enum import Enum
from html import escape
from http.client import responses

NO_SESSION_HEADER = "Не указан заголовок управления сеансами или куки с идентификатором сеанса"
SESSION_LOST = "Сеанс отсутствует или удален"
NO_LICENCE = "Не обнаружено свободной лицензии! Превышено максимальное количество пользователей"
POOL_TIMEOUT = "Истекло время ожидания сеанса"
HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
XML = "text/xml; charset=utf-8"


class End(Enum):
    """What becomes of the connection. HANG: nothing, until the other side leaves or the simulator stops."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Answer:
    """status: HTTP's number. headers: others than Content-Type, Content-Length and Connection."""

    status: int
    content_type: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer on its way out. start: its head but for the length."""

    start: str
    body: bytes

    def head(self, length: int | None, *more: str) -> bytes:
        """The head with this Content-Length, if any, and these headers too."""
        claimed = () if length is None else (f"Content-Length: {length}",)
        return "\r\n".join((self.start, *claimed, *more, "", "")).encode("latin-1", "replace")

    @property
    def well(self) -> bytes:
        """As it should be."""
        return self.head(len(self.body)) + self.body


def html(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """An error page, such as a web server in front of 1C shows."""
    title = f"{status} {responses[status]}"
    return page(status, title, f"<h1>{title}</h1>\n<p>{escape(text)}</p>", *headers)


def page(status: int, title: str, inside: str, *headers: tuple[str, str]) -> Answer:
    head = f'<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"><title>{title}</title></head>'
    return Answer(status, HTML, f"{head}\n<body>\n{inside}\n</body>\n</html>\n".encode(), headers)


def nginx(status: int) -> Answer:
    """The page of a proxy that has not got an answer of 1C."""
    title = f"{status} {responses[status]}"
    body = f"<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>"
    written = f"<html>\r\n<head><title>{title}</title></head>\r\n{body}\r\n</html>\r\n"
    return Answer(status, "text/html", written.encode())


def exception(status: int, text: str) -> Answer:
    """1C's own error as XML, in the shape that users post in forums with their 406."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<?xml-stylesheet type="text/xsl" href="/e1csys/vrscore/exception.xslt?sysver=8.3.24.1467"?>'
        '<exception xmlns="http://v8.1c.ru/8.2/virtual-resource-system"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:type="Exception" clsid="580392e6-ba49-4280-ac67-fcd6f2180121" reason="{status}">'
        f'<descr xmlns="http://v8.1c.ru/8.1/data/core">{escape(text)}</descr></exception>'
    )
    return Answer(status, XML, body.encode())


def as_json(content: object, status: int = 200) -> Answer:
    """What the simulator tells about itself. Cyrillic stays readable."""
    return Answer(status, JSON, json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"))


_UNKNOWN = "Идентификация пользователя не выполнена. Неправильное имя или пароль пользователя"
UNAUTHORIZED = html(401, _UNKNOWN, ("WWW-Authenticate", 'Basic realm="1C:Enterprise"'))
NOT_FOUND = html(404, "По этому адресу ничего не опубликовано")
METHOD_NOT_ALLOWED = html(405, "Веб-сервис принимает запросы POST", ("Allow", "GET, POST"))
