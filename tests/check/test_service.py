"""`fs-1c check` and the service: away, mute, somebody else's, out of step with the settings; and Redis."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fs_1c import __version__
from fs_1c.check import service
from fs_1c.check.finding import Finding, Level
from fs_1c.settings import Settings, build, load
from fs_1c.settings.types import Address
from fs_1c.simulator.onec import Fault
from tests.check.conftest import bad, check, serving, simulator, the_one
from tests.processes import free_port
from tests.redis_server import NEEDED, redis_server
from tests.support import RawServer, http_answer, mute, says, until
from tests.world import settings_for

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
HEALTH = {
    "live": True,
    "ready": True,
    "doors": {"outbound": True},
    "bases": {"default": {"breaker": "closed"}},
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ANSWER_WITHIN", 0.25)


def of_service(settings: Settings) -> list[Finding]:
    """What is found there, but for the switch that is not listened to."""
    found = [one for one in check(settings) if one.where == "service"]
    return [one for one in found if one.step != "event-socket"]


def seen(**sections: Any) -> list[Finding]:
    """The findings about the service, with these sections of the settings."""
    given = {"esl": {"outbound": {"enabled": False}}, "http": {"enabled": False}, **sections}
    settings = build({"onec": {"url": "http://127.0.0.1:9/ws/x"}, **given})
    return of_service(settings)


def test_settings_that_the_service_has_not_read_again(tmp_path: Path) -> None:
    path, password = tmp_path / "fs-1c.toml", tmp_path / "password"
    password.write_text("s3cret\n")
    port = free_port()
    path.write_text(
        f'[onec]\nurl = "http://127.0.0.1:9/ws/x"\npassword_file = "{password}"\n'
        f'[http]\nlisten = "127.0.0.1:{port}"\n[esl.outbound]\nenabled = false\n'
    )

    def look() -> list[str]:
        return [one.what for one in of_service(load(path)) if one.step == "http-door"]

    for file in (path, password):
        os.utime(file, (1, 1))
    with serving(load(path)):
        assert f"the service has read {path} as it is now" in look()
        kept = tmp_path / "kept"
        kept.write_bytes(path.read_bytes())
        os.utime(kept, (1, 1))
        time.sleep(0.02)  # the file system's clock ticks every few milliseconds
        kept.replace(path)  # an older file that is moved there
        assert f"edited since the service has read its settings: {path}" in look()
    with serving(load(path)):
        assert f"the service has read {path} as it is now" in look()
        time.sleep(0.02)
        password.write_text("an0ther\n")
        assert f"edited since the service has read its settings: {password}" in look()
    other = tmp_path / "other.toml"
    other.write_bytes(path.read_bytes())
    with serving(load(other)):
        assert f"the running service has read {other}, and not {path}" in look()


@pytest.mark.parametrize(("enabled", "level"), [(True, WARNING), (False, Level.SKIPPED)])
def test_a_service_that_listens_to_no_switch_opens_no_card(enabled: bool, level: Level) -> None:
    sections = {
        "esl": {"outbound": {"enabled": enabled, "listen": "127.0.0.1:0"}},
        "http": {"enabled": False},
    }
    found = check(build({"onec": {"url": "http://127.0.0.1:9/ws/x"}, **sections}))
    assert [one.level for one in found if one.step == "event-socket"] == [level]


def outbound(port: int, host: str = "127.0.0.1") -> dict[str, Any]:
    return {"esl": {"outbound": {"listen": f"{host}:{port}"}}}


def health(told: Any) -> list[Finding]:
    """The findings about a service whose /health says that."""
    with RawServer(says(http_answer(json.dumps(told).encode()))) as server:
        return seen(http={"listen": server.url.split("/")[2]})


def test_a_service_that_does_not_run() -> None:
    found = seen(**outbound(free_port()), http={"listen": f"127.0.0.1:{free_port()}"})
    the_one(found, PROBLEM, "outbound", "the service is not running", "Calls go on", "fs-1c serve")
    assert [one.what for one in found if one.step == "http-door"] == ["the service is not running"]


@pytest.mark.usefixtures("impatient")
def test_somebody_else_at_the_outbound_door() -> None:
    with RawServer(mute) as server, socket.create_server(("127.0.0.1", 0)) as other:
        the_one(seen(**outbound(other.getsockname()[1])), PROBLEM, "outbound", "is mute", "Restart")
        assert server.requests == []
        port = other.getsockname()[1]

    def greet(listener: socket.socket) -> None:
        for _ in range(2):  # one to see whether somebody is there, one to hear what he says
            connection = listener.accept()[0]
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

    with socket.create_server(("127.0.0.1", port)) as other, background(greet, other):
        the_one(seen(**outbound(port)), PROBLEM, "outbound", "is not this service", "ss -ltnp")


@contextmanager
def background(work: Any, *given: Any) -> Iterator[None]:
    thread = threading.Thread(target=work, args=given, daemon=True)
    thread.start()
    yield
    thread.join(5)


def test_a_door_that_others_can_reach() -> None:
    door = {"listen": f"0.0.0.0:{free_port()}", "allow": ["10.0.0.0/8", "192.0.2.0/24"]}
    settings = settings_for("http://127.0.0.1:9/ws/x", esl={"outbound": door})
    with serving(settings):
        found = [
            one for one in check(settings) if (one.where, one.step != "event-socket") == ("service", True)
        ]
    the_one(found, WARNING, "outbound", "whoever is in 10.0.0.0/8 can ask", "no password", "own addresses")


@pytest.mark.parametrize(
    ("host", "told"),
    [("192.0.2.9", True), ("10.0.0.5", False), ("127.0.0.1", False), ("no.such.invalid", False)],
)
def test_a_switch_that_is_hung_up_on(host: str, told: bool) -> None:
    """On another machine and not in `allow`."""
    door = {"listen": f"0.0.0.0:{free_port()}", "allow": ["10.0.0.0/24"]}
    with serving(settings_for("http://127.0.0.1:9/ws/x", esl={"outbound": door})):
        esl = {"outbound": door, "inbound": [{"address": f"{host}:8021", "password": "x"}]}
        found, _running = service.outbound(settings_for("http://127.0.0.1:9/ws/x", esl=esl))
    assert [one.what for one in bad(found)] == (
        [f"esl.outbound.allow does not have {host}, where a switch is"] if told else []
    )


def test_what_listens_everywhere_is_looked_for_here() -> None:
    assert service.here(Address("0.0.0.0", 1)) == ("127.0.0.1", 1)
    assert service.here(Address("::", 1)) == ("::1", 1)
    assert service.here(Address("pbx.example", 1)) == ("pbx.example", 1)


def test_a_service_that_is_well_by_its_own_words() -> None:
    assert bad(health(HEALTH)) == []


@pytest.mark.parametrize(
    ("change", "level", "step", "words"),
    [
        (
            {"doors": {"outbound": True, "inbound 127.0.0.1:8021": False}},
            PROBLEM,
            "http-door",
            ("door is down: inbound 127.0.0.1:8021", "log"),
        ),
        (
            {"bases": {"default": {"breaker": "open"}}},
            PROBLEM,
            "breaker",
            ("default counts as down", "do not wait"),
        ),
        ({"bases": {"default": {"breaker": "half-open"}}}, PROBLEM, "breaker", ("half-open",)),
        ({"bases": {"old": {"breaker": "closed"}}}, WARNING, "breaker", ("other bases: old", "reload")),
        ({"version": "0.0.1"}, WARNING, "http-door", ("0.0.1", __version__, "Restart")),
    ],
)
def test_what_a_running_service_says_of_itself(
    change: dict[str, Any], level: Level, step: str, words: tuple[str, ...]
) -> None:
    the_one(health({**HEALTH, **change}), level, step, *words)


def test_the_token_is_shown_to_the_service_and_another_one_is_told_apart() -> None:
    with RawServer(says(http_answer(json.dumps(HEALTH).encode()))) as server:
        listen = server.url.split("/")[2]
        assert bad(seen(http={"listen": listen, "token": "t0ken-of-the-service"})) == []
    assert b"authorization: bearer t0ken-of-the-service\r\n" in server.requests[-1].lower()
    refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    with RawServer(says(refused)) as server:
        found = seen(http={"listen": server.url.split("/")[2], "token": "t0ken-of-the-service"})
    wrong = the_one(found, PROBLEM, "http-door", "another token", "reload")
    assert "t0ken-of" not in str(wrong)


@pytest.mark.parametrize("told", [None, [], "well", {"ready": True}, {"doors": None, "bases": [1]}])
def test_nonsense_at_the_http_door_does_no_harm(told: Any) -> None:
    found = health(told)
    assert {one.step for one in bad(found)} <= {"http-door"}


def test_where_mod_python3_asks_no_service_is_missed() -> None:
    """One that were started now would be of no use to any call."""
    esl = {"outbound": {"enabled": False}}
    found = [
        one for one in seen(esl=esl, http={"listen": f"127.0.0.1:{free_port()}"}) if one.step == "http-door"
    ]
    assert [one.level for one in found] == [Level.SKIPPED]
    assert "none is needed" in found[0].what


@pytest.mark.usefixtures("impatient")
def test_an_http_door_that_is_away_or_somebody_elses() -> None:
    found = seen(**outbound(0), http={"listen": f"127.0.0.1:{free_port()}"})
    the_one(found, PROBLEM, "http-door", "nobody answers", "Start the service")
    with RawServer(says(http_answer(b"<html>It works!</html>"))) as server:
        found = seen(http={"listen": server.url.split("/")[2]})
    the_one(found, PROBLEM, "http-door", "not this service", "http.listen")
    with RawServer(mute) as server:
        found = seen(http={"listen": server.url.split("/")[2]})
    the_one(found, PROBLEM, "http-door", "is mute", "Restart")


def test_a_real_services_open_breaker() -> None:
    with simulator() as onec:
        onec.fault = Fault("base-down")
        settings = settings_for(
            onec.url,
            esl={"outbound": {"listen": f"127.0.0.1:{free_port()}"}},
            http={"listen": f"127.0.0.1:{free_port()}"},
            breaker={"at_least": 1, "pause": "60s"},
        )
        with serving(settings) as running:
            running.integration.lookup("84950000000")
            until(lambda: "open" in str(running.integration.health()))
            found = [
                one for one in check(settings) if (one.where, one.step != "event-socket") == ("service", True)
            ]
    the_one(found, PROBLEM, "breaker", "base default counts as down", "Callers do not wait")


# Redis.

pytest.importorskip("redis", reason=NEEDED)


def shared(url: str) -> list[Finding]:
    found = seen(redis={"url": url, "timeout": "250ms"})
    assert "s3cret-of-redis" not in str(found)
    return found


def test_redis_that_is_well() -> None:
    with redis_server(password="s3cret-of-redis") as server:
        found = shared(f"redis://:s3cret-of-redis@127.0.0.1:{server.port}/0")
        assert bad(found) == []
        assert any(one.step == "redis" and one.level is Level.OK for one in found)
        told = shared(f"redis://:wr0ng@127.0.0.1:{server.port}/0")
        the_one(told, PROBLEM, "redis", "user or password", "redis.url")
        the_one(shared(f"redis://127.0.0.1:{server.port}/0"), PROBLEM, "redis", "user or password")


def test_a_redis_that_takes_no_writes() -> None:
    with redis_server("--replicaof", "127.0.0.1", str(free_port())) as server:
        the_one(shared(f"redis://127.0.0.1:{server.port}/0"), PROBLEM, "redis", "replica", "master")


@pytest.mark.usefixtures("impatient")
def test_a_redis_that_is_away_mute_or_misspelt() -> None:
    found = shared(f"redis://:s3cret-of-redis@127.0.0.1:{free_port()}/0")
    the_one(found, PROBLEM, "redis", "cannot be reached at 127.0.0.1", "Start Redis")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = shared(f"redis://:s3cret-of-redis@127.0.0.1:{silent.getsockname()[1]}/0")
    the_one(found, PROBLEM, "redis", "does not answer within redis.timeout")
    the_one(shared("http://:s3cret-of-redis@127.0.0.1/0"), PROBLEM, "redis", "redis.url: allowed")
