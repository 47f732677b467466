"""`fs-1c forget`, and the settings of the door that it calls: processes, exit codes, one clear line."""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from fs_1c.settings import Settings, SettingsError, build
from tests.processes import free_port, fs_1c, serving, wait_for
from tests.web.http_client import TOKEN
from tests.world import CLIENT, onec_simulator


def write(tmp_path: Path, url: str, http: str) -> Path:
    path = tmp_path / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "{url}"\nusername = "SOAP"\npassword = "s3cret"\n'
        f'[subscribers.keys]\n"244" = "KEY244"\n[esl.outbound]\nlisten = "127.0.0.1:0"\n[http]\n{http}\n'
    )
    return path


def test_the_running_service_forgets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    log = tmp_path / "log"
    address = f"127.0.0.1:{free_port()}"
    with onec_simulator() as onec:
        http = f'listen = "{address}"\ntoken_file = "{tmp_path}/token"'
        config = write(tmp_path, onec.url, http)
        with serving(config, log) as process:
            door = re.search(
                r"outbound door: listening on (\S+)", wait_for(log, "outbound door: listening on ")
            )
            assert door
            for _ in range(2):
                assert fs_1c("simulator", "call", "--service", door[1]).returncode == 0
            for arguments, count in (((CLIENT,), 1), ((CLIENT,), 0), (("--all", "--base", "default"), 0)):
                # A proxy in the environment is not for us, and must not be given the token.
                ran = fs_1c("forget", *arguments, "-c", str(config), HTTP_PROXY="http://127.0.0.1:9")
                assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"forgotten: {count}\n", "")
            ran = fs_1c("forget", "no number", "-c", str(config))
            assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
            assert "number" in ran.stderr
            with requests.Session() as kept_alive:
                kept_alive.get(f"http://{address}/health/live", timeout=5)
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
    text = log.read_text("utf-8")
    assert "Traceback" not in text
    assert TOKEN not in text


@contextmanager
def stranger(answer: bytes) -> Iterator[int]:
    """Something else that listens where the settings say."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join(20)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "is not this service"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"forgotten": []}', "is not this service"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "302"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 12\r\n\r\nwrong\ntoken\n", "401 wrong token"),
        (b"SSH-2.0-x\r\n", "cannot be reached"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nbusy\n", ": 503 busy"),
        (b'HTTP/1.1 503 Busy\r\nContent-Length: 17\r\n\r\n{"error": "busy"}', "is not this service"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n[]", ": 503"),
    ],
)
def test_what_answers_is_somebody_else(tmp_path: Path, answer: bytes, line: str) -> None:
    with stranger(answer) as port:
        config = write(tmp_path, "http://127.0.0.1:9/ws", f'listen = "0.0.0.0:{port}"\ntoken = "{TOKEN}"')
        ran = fs_1c("forget", "--all", "-c", str(config))
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert line in ran.stderr
    assert f"127.0.0.1:{port}" in ran.stderr
    assert TOKEN not in ran.stderr


def test_no_service_runs(tmp_path: Path) -> None:
    config = write(tmp_path, "http://127.0.0.1:9/ws", f'listen = "127.0.0.1:9"\ntoken = "{TOKEN}"')
    ran = fs_1c("forget", CLIENT, "-c", str(config))
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "cannot be reached at 127.0.0.1:9" in ran.stderr


@pytest.mark.parametrize(
    ("http", "arguments", "line"),
    [
        ("", ("--all",), "http.token is missing: "),
        (f'token = "{TOKEN}"\nenabled = false', ("--all",), "http.enabled is missing: "),
        (f'token = "{TOKEN}"\nlisten = "127.0.0.1:0"', ("--all",), "http.listen is missing: "),
        (f'token = "{TOKEN}"', (), "one of NUMBER and --all"),
        (f'token = "{TOKEN}"', (CLIENT, "--all"), "one of NUMBER and --all"),
        (f'token = "{TOKEN}"', (CLIENT, "--base", "other"), "--base: other: allowed: default"),
        ('token_file = "/nonexistent"', ("--all",), "http: token_file: /nonexistent cannot be read"),
    ],
)
def test_wrong_input_and_settings(tmp_path: Path, http: str, arguments: tuple[str, ...], line: str) -> None:
    ran = fs_1c("forget", *arguments, "-c", str(write(tmp_path, "http://127.0.0.1:9/ws", http)))
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert line in ran.stderr


def test_serve_with_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = write(tmp_path, "http://127.0.0.1:9/ws", f'listen = "{listen}"')
        ran = fs_1c("serve", "-c", str(config))
    assert ran.returncode == 1
    assert f"{config}: http.listen: {listen}: " in ran.stderr
    assert "in use" in ran.stderr
    assert "Traceback" not in ran.stderr


def http_settings(**http: object) -> Settings:
    return build({"onec": {"url": "http://1c.example/ws"}, "http": http}, "fs-1c.toml")


def test_settings_that_are_refused(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe\xfd")
    refused: list[tuple[dict[str, object], str]] = [
        (
            {"listen": "0.0.0.0:9184"},
            "http: listen: 0.0.0.0:9184 can be reached from elsewhere; allowed only with token",
        ),
        ({"listen": "[::]:9184"}, "can be reached from elsewhere"),
        ({"listen": "pbx.example:9184"}, "can be reached from elsewhere"),
        ({"listen": "9184"}, "http.listen: allowed: HOST:PORT"),
        ({"token": "two words"}, "http: token: allowed: "),
        ({"token": "токен"}, "http: token: allowed: "),
        ({"token": TOKEN, "token_file": str(empty)}, "http: token and token_file: allowed is one of them"),
        ({"token_file": str(empty)}, f"http: token_file: {empty} is empty"),
        ({"token_file": str(binary)}, f"http: token_file: {binary} cannot be read"),
        ({"token_file": str(tmp_path)}, f"http: token_file: {tmp_path} cannot be read"),
    ]
    for http, line in refused:
        with pytest.raises(SettingsError) as caught:
            http_settings(**http)
        assert str(caught.value).startswith("fs-1c.toml: http")
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)
        assert TOKEN not in str(caught.value)


def test_settings_that_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"\ufeff{TOKEN}\r\n")
    for listen in ("127.0.0.1:9184", "127.0.0.2:1", "[::1]:9184", "localhost:0"):
        assert http_settings(listen=listen).http.secret() == ""
    assert http_settings(listen="0.0.0.0:9184", enabled=False).http.secret() == ""
    assert http_settings(listen="0.0.0.0:9184", token=TOKEN).http.secret() == TOKEN
    assert http_settings(token_file=str(tmp_path / "token")).http.secret() == TOKEN
    assert TOKEN not in repr(http_settings(token=TOKEN))
    monkeypatch.setenv("FS_1C_HTTP__TOKEN", TOKEN)
    assert http_settings(listen="[::]:9184").http.secret() == TOKEN
