"""Several services, each a process, with one simulated switch: what dies, freezes and is cut off, and what
that costs. A card is known by its client's number, of which each call has another.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from pathlib import Path

from fs_1c.cli import log
from fs_1c.simulator.freeswitch import CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.processes import Process, serving, wait_for
from tests.redis_server import RedisServer, redis_server
from tests.world import KEYS, onec_simulator, until

LONG = 60.0
"""Seconds in which anything happens, on whatever machine."""


class Proxy:
    """A line to a switch that can be cut: nothing comes through, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        self._whole.clear()

    def heal(self) -> None:
        self._whole.set()

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._whole.wait()
            theirs = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                await asyncio.gather(self._copy(reader, theirs[1]), self._copy(theirs[0], writer))
            finally:
                theirs[1].close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(65536):
            await self._whole.wait()
            writer.write(octets)
        raise ConnectionResetError


def _logs_at_once() -> None:
    """What it has said before it is killed is read, too: that nobody knows whether 1C has a word."""
    log.GATHER = 0.0


class Service:
    """One service, as a process."""

    def __init__(self, cluster: Cluster, name: str, settings: str) -> None:
        self._cluster = cluster
        self._folder = cluster.folder / name
        self._folder.mkdir()
        self.config = self._folder / "fs-1c.toml"
        self.config.write_text(settings.replace("FOLDER", str(self._folder)))
        self._starts = itertools.count(1)
        self._stack = ExitStack()
        self.log = self._folder / "log"

    async def start(self) -> None:
        self.log = self._folder / f"log-{next(self._starts)}"
        self.process: Process = self._stack.enter_context(
            serving(self.config, self.log, before=_logs_at_once)
        )
        await asyncio.to_thread(wait_for, self.log, ": listening")
        await self.says("inbound door")

    async def says(self, text: str) -> None:
        await until(lambda: text in self.log.read_text("utf-8"), LONG)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    async def stop(self) -> None:
        """As an administrator does: it finishes what it has begun."""
        if self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            await asyncio.to_thread(self.process.wait, LONG)

    def close(self) -> None:
        self._stack.close()


class Cluster:
    """See above.

    Attributes:
        numbers: Of the clients who have called.
    """

    def __init__(self, folder: Path, onec: OneCSimulator, switch: SimulatedSwitch) -> None:
        self.folder, self.onec, self.switch = folder, onec, switch
        self.redis: RedisServer | None = None
        self.services: dict[str, Service] = {}
        self.numbers: list[str] = []
        self._calls: list[asyncio.Task[object]] = []

    async def add(
        self, name: str, *, switch: str = "", role: str = "", port: int = 0, http: str = "", outbound: int = 0
    ) -> Service:
        """Starts a service of that name.

        Args:
            switch: The name that its settings give the switch.
            port: Where it finds the switch.
            outbound: Where callers find it; 0: nowhere.
            http: Lines of its settings, from those of `[http]` on; else it has no such door.
        """
        keys = "".join(f'"{extension}" = "{key}"\n' for extension, key in KEYS.items())
        redis = f'[redis]\nurl = "{self.redis.url}"\n' if self.redis else ""
        asked = f'listen = "127.0.0.1:{outbound}"' if outbound else "enabled = false"
        named = f'name = "{switch}"\n' if switch else ""
        named += f'role = "{role}"\n' if role else ""
        self.services[name] = service = Service(
            self,
            name,
            f'[onec]\nurl = "{self.onec.url}"\nusername = "SOAP"\npassword = "s3cret"\nsessions = 8\n'
            f'[subscribers.keys]\n{keys}[state]\nfolder = "FOLDER"\n{redis}'
            f"[esl.outbound]\n{asked}\n[http]\n{http or 'enabled = false'}\n"
            f'[[esl.inbound]]\naddress = "127.0.0.1:{port or self.switch.event_socket_port}"\n{named}',
        )
        await service.start()
        return service

    async def calls(self, many: int, *, pause: float = 1 / 24) -> list[str]:
        """So many clients call, are answered and talk on. Returns their numbers."""
        first = len(self.numbers)
        for i in range(first, first + many):
            self.numbers.append(f"8923500{i:04d}")
            script = CallScript(
                self.numbers[-1],
                answered_by="244",
                default_target="user/244@127.0.0.1",
                ring=0.02,
                talk=10 * LONG,
            )
            self._calls.append(asyncio.create_task(self.switch.call(script)))
            await asyncio.sleep(pause)
        return self.numbers[first:]

    def cards(self) -> Counter[str]:
        return Counter(card.num_from for card in list(self.onec.cards))

    async def opened(self, numbers: list[str]) -> None:
        """Until each of these has its card."""
        await until(lambda: not set(numbers) - set(self.cards()), LONG)

    async def over(self) -> Counter[str]:
        """The cards, after all services have finished what they had begun."""
        for service in self.services.values():
            await service.stop()
        return self.cards()

    def doubles(self) -> list[str]:
        return [number for number, cards in self.cards().items() if cards > 1]

    def hang_up(self) -> None:
        for call in self._calls:
            call.cancel()


@asynccontextmanager
async def cluster(folder: Path, *, redis: bool = False) -> AsyncIterator[Cluster]:
    with ExitStack() as stack:
        onec = stack.enter_context(onec_simulator(latency=0.03))
        async with SimulatedSwitch(SwitchSettings(port=0)) as switch, AsyncExitStack():
            here = Cluster(folder, onec, switch)
            if redis:
                here.redis = stack.enter_context(redis_server())
            try:
                yield here
            finally:
                here.hang_up()
                for service in here.services.values():
                    with suppress(ProcessLookupError):
                        service.close()
