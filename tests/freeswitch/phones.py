"""Real softphones: baresip, one process each, with an account that registers by digest, over UDP or TCP.

It is driven through its `ctrl_tcp` interface: JSON in netstrings, commands there and events back.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Self

from tests.freeswitch.sip import PATIENCE
from tests.freeswitch.switch import own_rtp
from tests.processes import free_port

BARESIP = shutil.which("baresip")
_MODULES = (
    "/usr/lib/baresip/modules",
    "/usr/lib/x86_64-linux-gnu/baresip/modules",
    "/usr/local/lib/baresip/modules",
)

# No sound card: what it hears it says again. What `net_interface` names is its address in SIP and SDP.
_CONFIGURATION = """sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
audio_player aubridge,nil
audio_source aubridge,nil
audio_alert aubridge,nil
call_max_calls 4
rtp_ports {rtp[0]}-{rtp[1]}
module_path {modules}
module g711.so
module aubridge.so
module_app account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Softphone:
    """A registered baresip. All its waiting ends in AssertionError.

    Args:
        folder: Its own.
        extension: Whose phone it is.
        password: Of the extension.
        registrar: Port of the switch's profile that takes registrations.
        transport: `udp` or `tcp`.

    Attributes:
        events: What it told, in order: a type such as CALL_INCOMING, the other's name and address, the call.
    """

    def __init__(
        self, folder: Path, extension: str, password: str, registrar: int, transport: str = "udp"
    ) -> None:
        self.extension = extension
        self.sip = free_port(together=2)  # it takes the next one for TLS
        self._rtp: socket.socket | None = None
        self.events: list[dict[str, Any]] = []
        self._folder = folder
        self._account = (
            f"<sip:{extension}@127.0.0.1:{registrar};transport={transport}>;auth_pass={password}"
            ";regint=60;answermode=manual\n"
        )
        self._registrar = registrar
        self._answers: dict[str, dict[str, Any]] = {}
        self._asked = 0
        self._changed = threading.Condition()
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """It is registered when this returns."""
        assert BARESIP is not None
        self._folder.mkdir(parents=True)
        control = free_port()
        self._rtp, *rtp = own_rtp()
        modules = next(path for path in _MODULES if Path(path).is_dir())
        (self._folder / "config").write_text(
            _CONFIGURATION.format(sip=self.sip, control=control, modules=modules, rtp=rtp)
        )
        (self._folder / "accounts").write_text(self._account)
        (self._folder / "contacts").write_text("")
        with (self._folder / "output").open("ab") as output:
            self._child = subprocess.Popen(
                [BARESIP, "-f", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self._socket = self._connect(control)
            threading.Thread(target=self._read, args=(self._socket,), name="phone", daemon=True).start()
            self._registered()
        except BaseException:
            self.close()
            raise

    def _connect(self, port: int) -> socket.socket:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), PATIENCE)
            except OSError:
                assert self._child is not None and self._child.poll() is None, self._output()
                assert time.monotonic() < ends, self._output()
                time.sleep(0.01)

    def _registered(self) -> None:
        """Waits for it; the event may have come before anybody listened."""
        ends = time.monotonic() + PATIENCE
        while "OK" not in self.command("reginfo"):
            assert time.monotonic() < ends, f"{self.extension} is not registered"
            time.sleep(0.01)

    def _output(self) -> str:
        return f"baresip does not start: {(self._folder / 'output').read_text('utf-8', 'replace')[-1000:]}"

    def _read(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        octets = b""
        with contextlib.suppress(OSError):
            while came := connection.recv(65536):
                octets += came
                while (message := _netstring(octets)) is not None:
                    octets = octets[len(str(len(message))) + len(message) + 2 :]
                    self._take(json.loads(message))

    def _take(self, told: dict[str, Any]) -> None:
        with self._changed:
            if told.get("event"):
                self.events.append(told)
            else:
                self._answers[str(told.get("token"))] = told
            self._changed.notify_all()

    def command(self, name: str, parameters: str = "") -> str:
        """What it answers to a command; AssertionError if it will not."""
        assert self._socket is not None
        with self._changed:
            self._asked += 1
            token = str(self._asked)
        asked = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        self._socket.sendall(b"%d:%s," % (len(asked), asked))
        with self._changed:
            assert self._changed.wait_for(lambda: token in self._answers, PATIENCE), f"{name}: no answer"
        answer = self._answers.pop(token)
        assert answer["ok"], f"{name}: {answer['data']}"
        return str(answer["data"])

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def to_tell(self, kind: str, times: int = 1, within: float = PATIENCE) -> dict[str, Any]:
        """Waits for the nth event of that kind; the latest of them."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.told(kind)) >= times, within)
            kinds = [event["type"] for event in self.events]
            assert came, f"{self.extension} told {kinds}, not {kind} {times} times"
            return self.told(kind)[-1]

    def rings(self, times: int = 1, within: float = PATIENCE) -> str:
        """Waits until it is called (for the nth time); the name that it shows."""
        return str(self.to_tell("CALL_INCOMING", times, within).get("peerdisplayname", ""))

    def answer(self, times: int = 1) -> str:
        """Waits until it rings and answers; the name that it showed."""
        shown = self.rings(times)
        established = len(self.told("CALL_ESTABLISHED"))
        self.command("accept")
        self.to_tell("CALL_ESTABLISHED", established + 1)
        return shown

    def dial(self, destination: str) -> None:
        """Calls, and goes on when the other has answered."""
        established = len(self.told("CALL_ESTABLISHED"))
        self.command("dial", self.uri(destination))
        self.to_tell("CALL_ESTABLISHED", established + 1)

    def hold(self) -> None:
        self.command("hold")

    def resume(self) -> None:
        self.command("resume")

    def hang_up(self) -> None:
        self.command("hangup")

    def transfer(self, destination: str) -> None:
        """REFER; the destination is a number, or an address as it shall stand in Refer-To."""
        self.command("transfer", destination if ":" in destination else self.uri(destination))

    def uri(self, user: str) -> str:
        return f"sip:{user}@127.0.0.1:{self._registrar}"

    def dies(self) -> None:
        """It hears and says nothing any more, and is registered all the same."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)

    def close(self) -> None:
        """Ends it: it takes its registration back, if it still can."""
        if self._child is not None and self._socket is not None:
            os.kill(self._child.pid, signal.SIGCONT)
            with contextlib.suppress(AssertionError, OSError, subprocess.TimeoutExpired):
                self.command("quit")
                self._child.wait(PATIENCE)
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._child = None
        if self._rtp is not None:
            self._rtp.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _netstring(octets: bytes) -> bytes | None:
    """The text of the first netstring in `octets`, or None when it has not all come."""
    length, colon, rest = octets.partition(b":")
    if not colon or len(rest) <= int(length):
        return None
    return rest[: int(length)]
