"""The button «Позвонить» of the extension: pressed, against the service's own door and against strangers."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.bsl.stand import Edit, ask, lay_out, needs_oscript
from tests.web.test_calling import calling

pytestmark = needs_oscript

NUMBER, WRITTEN = "8 (923) 529-29-26", "+79235292926"
HISTORY = "e1cib/list/РегистрСведений.ФС1С_ИсторияЗвонков"


@dataclass(frozen=True)
class Seen:
    """What became of a click: what the client shows, 1C's event log, and host|port|timeout|TLS."""

    notified: str
    warned: str
    log: str
    connected: str


def press(folder: Path, address: str, key: str, number: str = NUMBER, wait: int = 0, *edits: Edit) -> Seen:
    """Args: `wait`: seconds that are waited for an answer, instead of the module's."""
    if not folder.exists():
        function = "Функция АдресЗвонков() Экспорт\n\n\tВозврат "
        lay_out(folder, Edit("ФС1С_Переопределяемый", f'{function}""', f'{function}"{address}"'), *edits)
    (said,) = ask(folder, ("Позвонить", f"{key}\n{number}\n{wait}"))
    assert key not in said
    return Seen(*said.split("\n"))


@pytest.mark.parametrize("scheme, tls", [("http", "открыто"), ("https", "проверяет")])
def test_the_service_rings_who_has_pressed(tmp_path: Path, scheme: str, tls: str) -> None:
    async def story() -> None:
        async with calling() as (here, line):
            assert here.service.calling is not None
            place = str(here.service.calling.address)
            seen = await asyncio.to_thread(press, tmp_path / "stand", f"{scheme}://{place}/", "KEY244")
            assert seen.notified.startswith(f"Звоним: 244 → {WRITTEN}|{HISTORY}|Телефон абонента звонит")
            assert (seen.warned, seen.log) == ("", "")
            assert seen.connected == f"{place.replace(':', '|')}|20|{tls}"
            ((_, command),) = line.told
            assert "user/244@" in command and command.endswith("sofia/gateway/trunk/89235292926)")

    asyncio.run(story())


def test_what_the_service_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    async def story() -> None:
        async with calling(allow=["^8923[0-9]{7}$"]) as (here, line):
            assert here.service.calling is not None
            address, stand = f"http://{here.service.calling.address}", tmp_path / "stand"
            seen = await asyncio.to_thread(press, stand, address, "KEY999")
            assert seen.warned == f"{WRITTEN}: Неверный ключ или токен"
            seen = await asyncio.to_thread(press, stand, address, "KEY244", "+7 913 000-00-00")
            assert seen.warned == "+79130000000: Звонить на этот номер не разрешено (calls.allow)"
            assert not line.told and not seen.notified

    asyncio.run(story())


class Stranger(BaseHTTPRequestHandler):
    """Answers what the test wants."""

    protocol_version = "HTTP/1.1"
    status, body, headers_of = 200, b"", {}  # type: ignore[var-annotated]
    hangs: threading.Event | None = None
    asked: list[tuple[str, str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.asked.append((self.path, self.headers["Authorization"], json.loads(body.decode("utf-8-sig"))))
        if self.hangs is not None:
            self.hangs.wait(60)
            return
        self.send_response(self.status)
        for name, value in self.headers_of.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def stranger(**what: Any) -> Iterator[tuple[str, type[Stranger]]]:
    handler = type("One", (Stranger,), {"asked": [], **what})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(message: str) -> str:
    return json.dumps({"error": "x", "message": message}, ensure_ascii=False)


ANSWERS = {
    "the client is busy": (409, said("Клиент занят"), "Клиент занят"),
    "nobody knows": (504, said("Связь прервалась"), "Связь прервалась"),
    "a page of the proxy": (502, "<html>Bad Gateway</html>", "По адресу звонков ответила не АТС: HTTP 502"),
    "nothing": (200, "", "По адресу звонков ответила не АТС: HTTP 200"),
    "a list": (400, "[]", "По адресу звонков ответила не АТС: HTTP 400"),
    "no text": (400, '{"message": {"a": 1}}', None),
    "without end": (500, said("я" * 10_000), "По адресу звонков ответила не АТС: HTTP 500"),
    "long": (403, said("я" * 500), "я" * 200),
}  # fmt: skip


@pytest.mark.parametrize("status, body, shown", ANSWERS.values(), ids=ANSWERS)
def test_what_anybody_answers(tmp_path: Path, status: int, body: str, shown: str | None) -> None:
    with stranger(status=status, body=body.encode()) as (address, handler):
        seen = press(tmp_path / "stand", f"{address}/pbx/one/", "gW3cyUJAtl50PhF")
    assert handler.asked == [("/pbx/one/calls", "Bearer gW3cyUJAtl50PhF", {"number": WRITTEN})]
    assert not seen.notified
    assert seen.warned == f"{WRITTEN}: {shown}" if shown else seen.warned.startswith(f"{WRITTEN}: ")


def test_who_does_not_answer_is_asked_once_and_the_log_says_why(tmp_path: Path) -> None:
    released = threading.Event()
    with stranger(hangs=released) as (address, handler):
        seen = press(tmp_path / "stand", address, "gW3cyUJAtl50PhF", wait=1)
        released.set()
    assert len(handler.asked) == 1
    assert seen.warned.startswith(f"{WRITTEN}: АТС не отвечает. Если телефон зазвонил, звонок сделан")
    assert seen.log.startswith("ФС1С.Звонок|Ошибка|")


@pytest.mark.parametrize(
    "address", ["calls.pbx.example", "ftp://calls.pbx.example", "https://", "javascript:1"]
)
def test_an_address_that_is_none_is_in_the_log(tmp_path: Path, address: str) -> None:
    seen = press(tmp_path / "stand", address, "gW3cyUJAtl50PhF")
    assert "АТС не отвечает" in seen.warned and not seen.connected
    assert re.match(r"ФС1С\.Звонок\|Ошибка\|.*адрес", seen.log)


def test_a_connection_that_checks_no_certificate_would_be_seen(tmp_path: Path) -> None:
    careless = Edit("ФС1С_Звонок", "(, Новый СертификатыУдостоверяющихЦентровОС)", "")
    with stranger(status=201, body=b"{}") as (address, _):
        seen = press(tmp_path / "stand", f"https{address[4:]}", "gW3cyUJAtl50PhF", NUMBER, 0, careless)
    assert seen.connected.endswith("|не проверяет")
