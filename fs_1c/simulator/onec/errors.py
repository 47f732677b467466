"""How the failures of 1C, and of what stands before it, look by HTTP. Pure."""

import json
from http import HTTPStatus
from xml.sax.saxutils import escape

from fs_1c.simulator.onec import pages
from fs_1c.simulator.onec.envelope import Fault as SoapFault
from fs_1c.simulator.onec.envelope import SoapVersion, write_fault
from fs_1c.simulator.onec.faults import Fault
from fs_1c.simulator.onec.pages import Answer

NO_SESSION_HEADER = "Не указан заголовок управления сеансами или куки с идентификатором сеанса"
SESSION_LOST = "Сеанс отсутствует или удален"
NO_LICENCE = "Не обнаружено свободной лицензии! Превышено максимальное количество пользователей"
POOL_TIMEOUT = "Истекло время ожидания сеанса"

_HTML = "text/html; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_XML = "text/xml; charset=utf-8"
_BOM = b"\xef\xbb\xbf"


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
    return Answer(status, _XML, body.encode())


def soap_fault(fault: SoapFault) -> Answer:
    """A soap:Fault, which always comes with 500."""
    return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, fault.version.content_type, write_fault(fault))


def code_error(version: SoapVersion, text: str) -> Answer:
    """1C's code has failed: module, line and reason in the faultstring."""
    return soap_fault(SoapFault(version, text, code="Server"))


def nginx(status: HTTPStatus) -> Answer:
    """The page of a proxy that has not got an answer of 1C."""
    title = f"{status.value} {status.phrase}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, "text/html", page.encode())


def _page(status: int, title: str, text: str) -> Answer:
    head = f'<html><head><meta charset="utf-8"><title>{title}</title></head>'
    return Answer(status, _HTML, f"<!DOCTYPE html>{head}<body>{text}</body></html>\n".encode())


def _maintenance() -> Answer:
    told = {
        "exception": {
            "clsid": "580392e6-ba49-4280-ac67-fcd6f2180121",
            "descr": "Ошибка при выполнении запроса к информационной базе",
            "inner": {
                "descr": "Начало сеанса с информационной базой запрещено.\nВедутся технические работы",
            },
        }
    }
    return Answer(HTTPStatus.FORBIDDEN, _JSON, _BOM + json.dumps(told, ensure_ascii=False).encode())


def of_fault(fault: Fault) -> Answer:
    """The answer of a fault of the stage `GATE`."""
    status = fault.status or HTTPStatus.OK
    match fault.name:
        case "no-session-header":
            return exception(HTTPStatus.BAD_REQUEST, NO_SESSION_HEADER)
        case "session-expired":
            return exception(status, SESSION_LOST)
        case "unauthorized":
            return pages.unauthorized()
        case "no-licence":
            return exception(status, NO_LICENCE)
        case "maintenance":
            return _maintenance()
        case "not-published":
            return pages.not_found()
        case "pool-timeout":
            return exception(HTTPStatus.NOT_ACCEPTABLE, POOL_TIMEOUT)
        case "base-down":
            text = "<h1>Ошибка 1С:Предприятия</h1><p>Информационная база не обнаружена!</p>"
            return _page(HTTPStatus.INTERNAL_SERVER_ERROR, "Ошибка 1С:Предприятия", text)
        case "application-error":
            body = b"1C:Enterprise 8 application error:\r\n\r\n"
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/html", body)
        case "bad-gateway":
            return nginx(HTTPStatus.BAD_GATEWAY)
        case "unavailable":
            return nginx(HTTPStatus.SERVICE_UNAVAILABLE)
        case "gateway-timeout":
            return nginx(HTTPStatus.GATEWAY_TIMEOUT)
        case "redirect":
            return Answer(status, "text/html", b"", (("Location", fault.location or ""),))
        case "empty-200":
            return Answer(HTTPStatus.OK, _XML, b"")
        case "html-200":
            form = '<form method="post"><input name="login"><input name="password" type="password"></form>'
            return _page(HTTPStatus.OK, "Вход в систему", form)
    raise ValueError(f"{fault.name} does not answer instead of 1C")
