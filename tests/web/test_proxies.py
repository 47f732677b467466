"""The nginx and the Caddy of docs/examples before a real service: nothing without the token, all of it with
the token, and calls as they come in.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests import ROOT
from tests.certificates import certificate
from tests.processes import free_port
from tests.web.http_client import HTTP, SHOWN, TOKEN
from tests.web.test_status import decide
from tests.world import World, world

NAME = "status.pbx.example"
RECORDINGS = "pbx.example"
EXAMPLES = ROOT / "docs" / "examples"
SILENT = f"""server {{
    listen 443 ssl;
    ssl_certificate /etc/ssl/{NAME}.pem;
    ssl_certificate_key /etc/ssl/private/{NAME}.key;
    location / {{ proxy_pass http://127.0.0.1:9184; }}
}}"""
"""An nginx that says nothing of itself."""


def nginx(server: str, port: int, folder: Path) -> list[str]:
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    server = server.replace("listen 443", f"listen 127.0.0.1:{port}")
    server = re.sub(r"/etc/ssl/[\w.]+\.pem", f"{folder}/certificate.pem", server)
    server = re.sub(r"/etc/ssl/private/[\w.]+\.key", f"{folder}/key.pem", server)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{server}\n}}\n"
    )
    return ["nginx", "-c", f"{folder}/nginx.conf", "-e", "stderr"]


def caddy(server: str, port: int, folder: Path) -> list[str]:
    options = (
        f"admin off\nauto_https disable_redirects\nhttps_port {port}\nstorage file_system {folder}/storage"
    )
    tls = f"tls {folder}/certificate.pem {folder}/key.pem"
    server = re.sub(r"^([\w.]+) \{", rf"\1:{port} {{\n\tbind 127.0.0.1\n\t{tls}", server, flags=re.MULTILINE)
    (folder / "Caddyfile").write_text(f"{{\n{options}\n}}\n{server}")
    return ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


PROXIES = {
    "nginx": (nginx, (EXAMPLES / "nginx.conf").read_text("utf-8")),
    "caddy": (caddy, (EXAMPLES / "Caddyfile").read_text("utf-8")),
    "nginx that says nothing": (nginx, SILENT),
}


class Browser:
    """Asks through the proxy."""

    def __init__(self, port: int, folder: Path) -> None:
        self._pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            port,
            server_hostname=NAME,
            assert_hostname=NAME,
            ca_certs=str(folder / "certificate.pem"),
            retries=False,
            timeout=10,
        )

    async def __call__(self, method: str, path: str, body: str = "", **headers: str) -> Any:
        given = {"Host": NAME, "Content-Type": "application/x-www-form-urlencoded", **headers}
        return await asyncio.to_thread(
            self._pool.request,
            method,
            path,
            body=body or None,
            headers=given,
            redirect=False,
            preload_content=path != "/events",
        )

    def up(self) -> bool:
        try:
            return bool(self._pool.request("GET", "/health/live", headers={"Host": NAME}).status == 200)
        except urllib3.exceptions.HTTPError:
            return False


@contextmanager
def proxy(kind: str, here: World, folder: Path) -> Iterator[Browser]:
    written, server = PROXIES[kind]
    certificate(folder, f"DNS:{NAME},DNS:{RECORDINGS}")
    assert here.service.http is not None
    port = free_port()
    server = server.replace("127.0.0.1:9184", str(here.service.http.address))
    if here.service.recordings is not None:
        server = server.replace("127.0.0.1:9186", str(here.service.recordings.address))
    command = written(server, port, folder)
    if not shutil.which(command[0]):
        pytest.skip(f"there is no {command[0]}")
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)}, cwd=folder
        )
    try:
        yield Browser(port, folder)
    finally:
        running.terminate()
        running.wait(10)


async def came_up(browser: Browser) -> None:
    for _ in range(200):
        if await asyncio.to_thread(browser.up):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the proxy does not come up")


@pytest.mark.parametrize("kind", PROXIES)
def test_without_a_token_a_proxy_publishes_nothing(kind: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            with proxy(kind, here, tmp_path) as browser:
                await came_up(browser)
                decide(here)
                for path in ("/", "/state", "/journal", "/metrics", "/health"):
                    told = await browser("GET", path)
                    assert (told.status, b"http.token_file" in told.data) == (403, True), path
                assert (await browser("GET", "/health/ready")).json() == {"ready": True}

    asyncio.run(story())


@pytest.mark.parametrize("kind", PROXIES)
def test_with_a_token_all_of_it_works_through_a_proxy(kind: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            with proxy(kind, here, tmp_path) as browser:
                await came_up(browser)
                for path in ("/", "/state", "/events", "/journal", "/metrics", "/health"):
                    assert (await browser("GET", path)).status == 401, path
                assert (await browser("POST", "/login", "token=wrong")).status == 401
                entered = await browser("POST", "/login", f"token={TOKEN}")
                assert (entered.status, entered.headers["Location"]) == (303, "/")
                cookie = entered.headers["Set-Cookie"]
                assert ("Secure" in cookie) is (kind != "nginx that says nothing")
                session = {"Cookie": cookie.partition(";")[0]}
                for path in ("/", "/state", "/metrics", "/health"):
                    assert (await browser("GET", path, **session)).status == 200, path
                assert b"fs_1c_" in (await browser("GET", "/metrics", **SHOWN)).data

                events = await browser("GET", "/events", **session)
                decide(here, "as it comes in")
                seen = b""
                while b"as it comes in" not in seen:
                    seen += await asyncio.to_thread(events.read1)
                assert (await browser("POST", "/logout", **session)).status == 303
                while piece := await asyncio.to_thread(events.read1):
                    seen += piece  # until it has ended
                assert (await browser("GET", "/state", **session)).status == 401

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_a_recording_is_listened_to_through_a_proxy(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "call 1.wav").write_bytes(b"RIFF" + bytes(100_000))
    links = {"folder": str(folder), "link": f"https://{RECORDINGS}/recordings", "listen": "127.0.0.1:0"}
    state = {"folder": str(tmp_path)}

    async def story() -> None:
        async with world(listen=False, http=HTTP, recordings=links, state=state) as here:
            assert here.service.recordings is not None
            address = here.service.recordings.links.to(f"{folder}/call 1.wav")
            path = address.removeprefix(f"https://{RECORDINGS}")
            with proxy(kind, here, tmp_path) as browser:
                await came_up(browser)
                told = await browser("GET", path, Host=RECORDINGS)
                assert (told.status, len(told.data)) == (200, 100_004)
                part = await browser("GET", path, Host=RECORDINGS, Range="bytes=0-3")
                assert (part.status, part.data) == (206, b"RIFF")
                assert (await browser("GET", path[:-5] + "2.wav", Host=RECORDINGS)).status == 403
                # Nothing else of this service is at that name.
                for other in ("/", "/metrics", "/journal.json", "/recordings/../metrics"):
                    told = await browser("GET", other, Host=RECORDINGS, **SHOWN)
                    assert b"fs_1c" not in told.data and b"fs-1c" not in told.data, other

    asyncio.run(story())
