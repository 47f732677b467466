"""What a web server says outside SOAP: HTML pages, Basic authentication. Pure."""

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

REALM = "1C:Enterprise"
_HOST = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out by HTTP.

    status: HTTP's number. content_type, body: as sent.
    headers: others than Content-Type, Content-Length, Connection.
    """

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def html(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Answer:
    """An error page, such as a web server in front of 1C shows."""
    title = f"{status.value} {status.phrase}"
    page = f"""\
<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{escape(title)}</title></head>
<body>
<h1>{escape(title)}</h1>
<p>{escape(text)}</p>
</body>
</html>
"""
    return Answer(status, "text/html; charset=utf-8", page.encode(), headers)


def unauthorized() -> Answer:
    """Wrong or no login and password."""
    return html(
        HTTPStatus.UNAUTHORIZED,
        "Идентификация пользователя не выполнена. Неправильное имя или пароль пользователя",
        ("WWW-Authenticate", f'Basic realm="{REALM}"'),
    )


def not_found() -> Answer:
    """Nothing is published at this path."""
    return html(HTTPStatus.NOT_FOUND, "По этому адресу ничего не опубликовано")


def method_not_allowed() -> Answer:
    """The service is there, but not for this method."""
    return html(HTTPStatus.METHOD_NOT_ALLOWED, "Веб-сервис принимает запросы POST", ("Allow", "GET, POST"))


def credentials_match(authorization: str | None, username: str, password: str) -> bool:
    """Whether an Authorization header carries this login and password, in UTF-8 as 1C wants them.

    The time taken does not tell how much of them matched.
    """
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        received = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    return hmac.compare_digest(received, f"{username}:{password}".encode())


def public_host(host_header: str | None, otherwise: str) -> str:
    """The host to write in the WSDL: the one the client knows us by, else `otherwise`."""
    return host_header if host_header and _HOST.fullmatch(host_header) else otherwise


def as_json(content: object, status: int = HTTPStatus.OK) -> Answer:
    """What the simulator tells about itself. Cyrillic stays readable."""
    body = json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Answer(status, "application/json; charset=utf-8", body)
