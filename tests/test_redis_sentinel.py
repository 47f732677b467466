"""Redis by TLS, and by Sentinels that find another master: real servers on the loopback."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from fs_1c import redis_client
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import RedisSettings, SettingsError, build
from tests.certificates import certificate
from tests.processes import free_port
from tests.redis_server import BINARY, NEEDED, RedisServer, needs_redis, redis_server
from tests.support import SOON, until

redis = pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis

PASSWORD, SENTINELS = "s3cret-of-redis", "s3cret-of-the-sentinels"


def talk(settings: RedisSettings) -> BoundedRedis:
    return BoundedRedis(*connect(settings), settings.timeout, ("SET", "alive", 1, "PX", 1000))


def keeps(one: BoundedRedis, value: str) -> bool:
    with suppress(Away):
        return bool(one.send(("SET", "a", value)))
    return False


class Sentinel:
    """A redis-sentinel that watches one master, and alone decides that it is gone."""

    def __init__(self, folder: Path, master: int) -> None:
        self.port = free_port()
        file = folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {SENTINELS}\n"
            f"sentinel monitor pbx 127.0.0.1 {master} 1\nsentinel auth-pass pbx {PASSWORD}\n"
            "sentinel down-after-milliseconds pbx 300\nsentinel failover-timeout pbx 2000\n"
        )
        command = [str(BINARY), str(file), "--sentinel"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port, password=SENTINELS, socket_timeout=5)
        until(lambda: self.master()[1] == master)

    def master(self) -> tuple[str, int]:
        with suppress(redis.ConnectionError):
            told: tuple[str, int] = self.client.sentinel_get_master_addr_by_name("pbx")
            return told
        return "", 0

    def replicas(self) -> int:
        return len(self.client.sentinel_slaves("pbx"))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def server(stack: ExitStack, *options: str) -> RedisServer:
    given = ("--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0", *options)
    return stack.enter_context(redis_server(*given, password=PASSWORD))


def test_a_failover_is_followed(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.1)
    master = server(stack)
    replica = server(stack, "--replicaof", f"127.0.0.1 {master.port}")
    until(lambda: replica.client.info("replication")["master_link_status"] == "up")
    sentinel = Sentinel(tmp_path, master.port)
    stack.callback(sentinel.close)
    settings = RedisSettings(
        url=f"redis://:{PASSWORD}@nobody.invalid/0",
        sentinels=["127.0.0.1:9", f"127.0.0.1:{sentinel.port}"],  # the first does not run
        service="pbx",
        sentinel_password=SENTINELS,
        timeout=SOON,
    )
    one = talk(settings)
    stack.callback(one.close)
    assert keeps(one, "first")
    until(lambda: replica.client.get("a") == b"first")
    until(lambda: sentinel.replicas() == 1, 30.0)
    master.kill()
    until(lambda: keeps(one, "second"), 60.0)
    assert sentinel.master()[1] == replica.port and replica.client.get("a") == b"second"
    assert "Redis at pbx (Sentinel) is back" in caplog.text
    assert PASSWORD not in caplog.text and SENTINELS not in caplog.text


def test_a_master_that_was_made_a_replica_is_left(stack: ExitStack, tmp_path: Path) -> None:
    """It goes on answering, and takes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis_client, "FIRST_PAUSE", 0.1)
        patch.setattr(redis_client, "MAX_PAUSE", 0.1)
        master = server(stack)
        replica = server(stack, "--replicaof", f"127.0.0.1 {master.port}")
        until(lambda: replica.client.info("replication")["master_link_status"] == "up")
        sentinel = Sentinel(tmp_path, master.port)
        stack.callback(sentinel.close)
        where = [f"127.0.0.1:{sentinel.port}"]
        url = f"redis://:{PASSWORD}@nobody.invalid"
        given = {"service": "pbx", "sentinel_password": SENTINELS, "timeout": SOON}
        one = talk(RedisSettings(url=url, sentinels=where, **given))
        stack.callback(one.close)
        assert keeps(one, "first")
        until(lambda: sentinel.replicas() == 1, 30.0)
        until(lambda: _failed_over(sentinel, replica.port), 60.0)
        until(lambda: keeps(one, "second") and replica.client.get("a") == b"second", 60.0)


def _failed_over(sentinel: Sentinel, to: int) -> bool:
    with suppress(redis.ResponseError):
        sentinel.client.execute_command("SENTINEL", "FAILOVER", "pbx")
    return sentinel.master()[1] == to


def test_by_tls_and_nobody_else(stack: ExitStack, tmp_path: Path) -> None:
    ours, anothers = tmp_path / "ours", tmp_path / "another"
    for folder in (ours, anothers):
        folder.mkdir()
        certificate(folder)
    port = free_port()
    command = [
        *(str(BINARY), "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", ""),
        *("--dir", str(ours), "--requirepass", PASSWORD, "--tls-auth-clients", "no"),
        *(
            "--tls-cert-file",
            "certificate.pem",
            "--tls-key-file",
            "key.pem",
            "--tls-ca-cert-file",
            "certificate.pem",
        ),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ours)
    stack.callback(process.wait)
    stack.callback(process.kill)

    def listens() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    until(listens)
    url = f"rediss://:{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={tmp_path}"
    good = talk(RedisSettings(url=f"{url}/ours/certificate.pem", timeout=SOON))
    assert keeps(good, "by TLS")
    wrong = talk(RedisSettings(url=f"{url}/another/certificate.pem", timeout=SOON))
    assert not keeps(wrong, "in the clear") and not wrong.up
    for one in (good, wrong):
        one.close()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"sentinels": ["10.0.0.1"]}, "redis.sentinels"),
        ({"sentinels": ["10.0.0.1:26379"], "service": ""}, "redis.service"),
    ],
)
def test_settings_that_are_refused(given: dict[str, object], line: str) -> None:
    with pytest.raises(SettingsError) as told:
        build({"onec": {"url": "http://1c/ws"}, "redis": {"url": "redis://h", **given}}, "fs-1c.toml")
    assert line in str(told.value)


def test_sentinels_of_a_socket_are_none() -> None:
    with pytest.raises(SettingsError, match=r"redis.url: with redis.sentinels: allowed"):
        connect(RedisSettings(url="unix:///run/redis.sock", sentinels=["10.0.0.1:26379"]))


def test_tls_is_for_the_sentinels_too() -> None:
    settings = RedisSettings(url="rediss://h?ssl_ca_certs=/ca.pem", sentinels=["10.0.0.1:26379"])
    client, where = connect(settings)
    pool: Any = client.connection_pool
    assert where == "mymaster (Sentinel)"
    assert pool.connection_kwargs["ssl_ca_certs"] == "/ca.pem"
    assert issubclass(pool.connection_class, redis.SSLConnection)
    asks = pool.sentinel_manager.sentinels[0].connection_pool
    assert issubclass(asks.connection_class, redis.SSLConnection)
    assert asks.connection_kwargs["ssl_ca_certs"] == "/ca.pem"
