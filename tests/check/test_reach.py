"""`fs-1c check` and the way to a base: whatever is wrong with names, ports and certificates is named."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from fs_1c.check import network
from fs_1c.check.finding import Level
from fs_1c.settings import SettingsError
from fs_1c.simulator.onec import OneCSimulator
from tests.certificates import DAY, certificate, tls
from tests.check.conftest import bad, base_alone, the_one
from tests.processes import free_port
from tests.support import RawServer, http_answer, inner, says, soap_answer
from tests.world import CLIENT

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
ANSWER = says(http_answer(soap_answer(inner())))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "TLS_WITHIN", 0.25)
    monkeypatch.setattr(network, "CONNECT_WITHIN", 0.25)


# Names.


def test_a_name_that_nobody_knows() -> None:
    found = base_alone("http://no-such-host.invalid/telephony/ws/VATS", CLIENT)
    wrong = the_one(found, PROBLEM, "dns", "no-such-host.invalid", "onec.url", "/etc/hosts")
    assert "no host" in wrong.what or "name server" in wrong.what
    assert {one.level for one in found if one.step not in ("dns",)} == {Level.SKIPPED}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), ("no host onec.test", "onec.url")),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure"),
            ("no name server answers", "/etc/resolv.conf"),
        ),
        (UnicodeError("label too long"), ("no host onec.test",)),
    ],
)
def test_what_a_name_server_says(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: tuple[str, ...]
) -> None:
    def fails(*given: Any, **more: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    the_one(base_alone("http://onec.test/ws/VATS"), PROBLEM, "dns", *words)


@pytest.mark.parametrize("url", ["http://127.0.0.1:70000/ws/x", "http://[::1/ws/x"])
def test_an_address_that_is_none_is_refused_with_the_settings(url: str) -> None:
    with pytest.raises(SettingsError, match=r"onec\.url: allowed: http://HOST"):
        base_alone(url)


def test_through_a_proxy_it_is_the_proxy_that_is_looked_for() -> None:
    found = base_alone("http://no-such-host.invalid/ws/VATS", proxy=f"http://127.0.0.1:{free_port()}")
    the_one(found, PROBLEM, "tcp", "refused", "onec.proxy")


# Ports.


def test_nobody_listens(onec: OneCSimulator) -> None:
    onec.stop()
    found = base_alone(onec.url, CLIENT)
    the_one(found, PROBLEM, "tcp", "refused", "Start the web server", "onec.url")
    assert all("nobody answers" in one.what for one in found if one.step in ("http", "number", "latency"))


@pytest.mark.usefixtures("impatient")
def test_a_machine_that_swallows_connections() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        places = network.resolve(*full.getsockname())
        crowd = [network.reach(places[0])]
        try:
            with pytest.raises(TimeoutError):
                crowd += [network.reach(places[0]) for _ in range(4)]
            url = f"http://127.0.0.1:{full.getsockname()[1]}/ws/VATS"
            the_one(base_alone(url), PROBLEM, "tcp", "no answer", "firewall")
        finally:
            for one in crowd:
                one.close()


def test_a_dead_address_before_the_good_one(onec: OneCSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve, reach = network.resolve, network.reach
    dead = network.Place(socket.AF_INET, ("192.0.2.1", 80))

    def reached(place: network.Place) -> socket.socket:
        if place == dead:
            threading.Event().wait(0.6)
            raise TimeoutError
        return reach(place)

    monkeypatch.setattr(network, "resolve", lambda host, port: (dead, *resolve(host, port)))
    monkeypatch.setattr(network, "reach", reached)
    found = base_alone(onec.url)
    the_one(found, WARNING, "tcp", "192.0.2.1, which is tried first", "to 1C loses", "/etc/hosts")


# TLS.


def test_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    with RawServer(ANSWER, tls(file)) as server:
        found = base_alone(server.url, ca_file=file, sessions=1)
    assert bad(found) == []
    assert any(one.step == "tls" and "good until" in one.what for one in found)


@pytest.mark.parametrize(
    ("made", "given", "level", "words"),
    [
        ({}, False, PROBLEM, ("unknown issuer", "PEM", "onec.ca_file")),
        ({"name": "DNS:other.example"}, True, PROBLEM, ("not for 127.0.0.1", "onec.url")),
        ({"begins": -9 * DAY, "ends": -DAY}, True, PROBLEM, ("has expired", "Renew")),
        ({"begins": DAY}, True, PROBLEM, ("not valid yet", "clock")),
        ({"ends": 5 * DAY}, True, WARNING, ("ends in 5 days", "Renew")),
    ],
)
def test_a_certificate_that_is_not(
    tmp_path: Path, made: dict[str, Any], given: bool, level: Level, words: tuple[str, ...]
) -> None:
    file = certificate(tmp_path, **made)
    with RawServer(ANSWER, tls(file)) as server:
        found = base_alone(server.url, ca_file=file if given else None, sessions=1)
    the_one(found, level, "tls", *words)
    if level is PROBLEM:
        assert not server.requests


def test_a_ca_file_of_somebody_else(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    own, other = certificate(tmp_path / "a"), certificate(tmp_path / "b")
    with RawServer(ANSWER, tls(own)) as server:
        found = base_alone(server.url, ca_file=other)
    the_one(found, PROBLEM, "tls", "Put the certificate of its issuer", "into onec.ca_file")


def test_a_ca_file_that_is_no_certificate(tmp_path: Path, onec: OneCSimulator) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    found = base_alone(onec.url.replace("http:", "https:"), ca_file=tmp_path / "ca.pem")
    the_one(found, PROBLEM, "tls", "onec.ca_file", "PEM")


def test_https_in_the_settings_and_plain_http_at_the_port(onec: OneCSimulator) -> None:
    found = base_alone(onec.url.replace("http:", "https:"))
    the_one(found, PROBLEM, "tls", "speaks plain HTTP", "http:// in onec.url")


def test_http_in_the_settings_and_tls_at_the_port(tmp_path: Path) -> None:
    with RawServer(ANSWER, tls(certificate(tmp_path))) as server:
        found = base_alone(server.url.replace("https:", "http:"))
    the_one(found, PROBLEM, "tls", "speaks TLS", "https:// in onec.url")


@pytest.mark.usefixtures("impatient")
def test_a_port_that_takes_a_tls_greeting_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/ws/VATS"
        the_one(base_alone(url), PROBLEM, "tls", "says nothing", "may hang")


def test_a_port_that_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            for _ in range(6):
                try:
                    connection = other.accept()[0]
                except OSError:
                    return
                connection.sendall(b"220 mail.example ESMTP\r\n")
                connection.close()

        threading.Thread(target=greet, daemon=True).start()
        url = f"https://127.0.0.1:{other.getsockname()[1]}/ws/VATS"
        the_one(base_alone(url), PROBLEM, "tls", "does not get on with TLS", "correct the port")
        other.shutdown(socket.SHUT_RDWR)
