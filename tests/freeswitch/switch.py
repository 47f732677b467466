"""A real FreeSWITCH for the tests: its own configuration in a temporary folder, free ports of loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from fs_1c.esl import commands
from fs_1c.esl.wire import Headers, Message, Reader
from tests.freeswitch.configuration import PASSWORD, configuration
from tests.processes import free_port

BINARY = shutil.which("freeswitch")
STARTS_WITHIN = 40.0
"""Seconds."""

WATCHED = (
    "CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PARK CHANNEL_HOLD CHANNEL_UNHOLD "
    "CHANNEL_HANGUP_COMPLETE"
)


class EventSocket:
    """A connection to the switch's event socket; blocking. Raises OSError or EOFError when there is none."""

    def __init__(self, port: int, timeout: float = STARTS_WITHIN) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._reader = Reader()
        self.read()  # auth/request
        self.ask(commands.auth(PASSWORD))

    def read(self) -> Message:
        while (message := self._reader.next()) is None:
            octets = self._socket.recv(65536)
            if not octets:
                raise EOFError("the switch closed the event socket")
            self._reader.feed(octets)
        return message

    def ask(self, command: bytes) -> Message:
        self._socket.sendall(command)
        return self.read()

    def api(self, command: str) -> str:
        return self.ask(f"api {command}\n\n".encode()).body.decode("utf-8", "replace").strip()

    def wait_for_ever(self) -> None:
        self._socket.settimeout(None)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads
        self._socket.close()


class Watcher:
    """All that happens to channels, as the switch tells it; read by a thread of its own.

    Attributes:
        events: In the order they came.
    """

    def __init__(self, port: int) -> None:
        self.events: list[Headers] = []
        self._changed = threading.Condition()
        self._socket = EventSocket(port)
        self._socket.ask(commands.subscribe(WATCHED.split()))
        self._socket.wait_for_ever()
        threading.Thread(target=self._read, name="watcher", daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                event = self._socket.read().event()
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
        except (OSError, EOFError):
            return

    def close(self) -> None:
        self._socket.close()

    def all_over(self, within: float = 30.0) -> None:
        """Waits until every channel that was created has ended."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self._of("CHANNEL_CREATE") <= self._of("CHANNEL_HANGUP_COMPLETE"), within
            ), "channels stay"

    def _of(self, name: str) -> set[str | None]:
        """The channels that had that event."""
        return {e.get("Unique-ID") for e in self.events if e.get("Event-Name") == name}

    def seen(self, name: str, uuid: str) -> list[Headers]:
        return [e for e in self.events if e.get("Event-Name") == name and e.get("Unique-ID") == uuid]

    def wait(self, name: str, uuid: str, times: int = 1, within: float = 30.0) -> Headers:
        """Waits for that event of that channel, or AssertionError; the latest of them."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.seen(name, uuid)) >= times, within)
            assert came, f"{name} of {uuid} came {len(self.seen(name, uuid))} times, not {times}"
            return self.seen(name, uuid)[-1]


def own_rtp() -> tuple[socket.socket, int, int]:
    """Ports of conversations that no other test's switch or softphone has, whoever runs it: 400 in a row. The
    last of them is held for as long as the socket is there.

    They are below those that the kernel gives to whoever asks for any. FreeSWITCH does not look whether
    somebody has a port: a call that gets such a one is over (INCOMPATIBLE_DESTINATION).
    """
    for begins in range(16000, 32000, 400):
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.ExitStack() as others:
            try:
                held.bind(("127.0.0.1", begins + 399))
                for port in range(begins, begins + 399):
                    other = others.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    other.bind(("127.0.0.1", port))
            except OSError:
                held.close()
            else:
                return held, begins, begins + 396  # and RTCP, one above
    raise AssertionError("forty switches are up")


class Switch:
    """FreeSWITCH as a child process.

    Args:
        folder: Its own; everything it writes goes there.
        certificates: May be shared with others: making them takes seconds.
        phones: UDP port of the subscribers' phones.
        python: With mod_python3; it finds modules in the folder `scripts`.
        environment: Variables of the child's environment, beside those of this process.
    """

    def __init__(
        self,
        folder: Path,
        certificates: Path,
        phones: int,
        *,
        python: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.sip = free_port()
        self.event_socket = free_port()
        self.service = free_port()
        self._certificates = certificates
        self._environment = {**os.environ, **(environment or {})}
        self._child: subprocess.Popen[bytes] | None = None
        self._rtp, *rtp = own_rtp()
        (folder / "conf").mkdir()
        (folder / "conf" / "freeswitch.xml").write_text(
            configuration(
                sip=self.sip,
                event_socket=self.event_socket,
                service=self.service,
                phones=phones,
                rtp=(rtp[0], rtp[1]),
                python=python,
            )
        )

    def start(self) -> None:
        """Takes calls when it returns."""
        assert BINARY is not None
        folders = [f"-{name}" for name in "log db run scripts storage recordings cache temp".split()]
        arguments = [
            BINARY,
            "-nonat",
            "-nonatmap",
            "-nocal",
            "-nf",
            "-nc",
            "-conf",
            str(self.folder / "conf"),
        ]
        arguments += ["-certs", str(self._certificates)]
        for option in folders:
            (self.folder / option[1:]).mkdir(exist_ok=True)
            arguments += [option, str(self.folder / option[1:])]
        with (self.folder / "output").open("ab") as output:
            self._child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self._environment,
            )
        try:
            self._until(self._takes_calls, "FreeSWITCH does not start")
        except BaseException:
            self.kill()
            raise

    def _takes_calls(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, f"FreeSWITCH ended:\n{self.log()[-3000:]}"
        try:
            return "RUNNING" in self.api("sofia status")
        except (OSError, EOFError):
            return False

    def _until(self, happened: Callable[[], bool], otherwise: str, within: float = STARTS_WITHIN) -> None:
        ends = time.monotonic() + within
        while not happened():
            assert time.monotonic() < ends, f"{otherwise}:\n{self.log()[-3000:]}"
            time.sleep(0.02)

    def api(self, command: str) -> str:
        connection = EventSocket(self.event_socket)
        try:
            return connection.api(command)
        finally:
            connection.close()

    def quiet(self) -> None:
        """Waits until there is no channel."""
        self._until(lambda: self.api("show channels count").startswith("0 total"), "channels stay")

    def log(self) -> str:
        path = self.folder / "log" / "freeswitch.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def is_up(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def stop(self, within: float = 30.0) -> tuple[int, float]:
        """Stops it as an administrator does. Returns its exit code and the seconds that it took."""
        child = self._child
        assert child is not None
        began = time.monotonic()
        self.api("shutdown")
        status = child.wait(within)
        self._child = None
        return status, time.monotonic() - began

    def kill(self) -> None:
        """Ends it at once, as a power failure would."""
        if self._child is not None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        self._rtp.close()
