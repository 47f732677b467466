"""A small world for tests: a simulated 1C, a simulated FreeSWITCH and the service, on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fs_1c.call import Conversation
from fs_1c.onec import NOBODY
from fs_1c.service import Service
from fs_1c.settings import Settings, build
from fs_1c.settings.types import Address
from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.freeswitch.recordings import interleaved
from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings
from tests.support import SOON, HeldOneC

CLIENT = "89235292926"
CLIENTS = (
    Client(CLIENT, " Фэйковый чиж", "0", "244"),
    Client("84951234567", 'ООО "Рога & Копыта"', "VIP", "241"),
)
KEYS = {extension: f"KEY{extension}" for extension in ("100", "241", "243", "244", "245", "249")}
DEFAULT = "user/100@127.0.0.1"


def settings_for(url: str, **more: Any) -> Settings:
    """Settings for tests: doors on any free port; sections given by name replace or add."""
    data: dict[str, Any] = {
        "onec": {"url": url, "username": "SOAP", "password": "s3cret", "timeout": "30s"},
        "lookup": {"deadline": "30s"},
        "subscribers": {"keys": KEYS},
        "esl": {"outbound": {"listen": "127.0.0.1:0"}},
        "http": {"listen": "127.0.0.1:0"},
    }
    for section, values in more.items():
        data[section] = {**data.get(section, {}), **values}
    return build(data, "test")


def onec_simulator(
    latency: float = 0.0, clients: tuple[Client, ...] = CLIENTS, *, held: bool = False
) -> OneCSimulator:
    """`held`: one that answers when it is let."""
    return (HeldOneC if held else OneCSimulator)(
        OneCSimulatorSettings(port=0, username="SOAP", password="s3cret", latency=latency, clients=clients)
    )


@dataclass
class World:
    onec: OneCSimulator
    switch: SimulatedSwitch
    service: Service

    @property
    def held(self) -> HeldOneC:
        """1C, which answers when it is let."""
        assert isinstance(self.onec, HeldOneC)
        return self.onec

    @property
    def door(self) -> Address:
        assert self.service.outbound is not None
        return self.service.outbound.address

    def script(self, number: str = CLIENT, **more: Any) -> CallScript:
        """A call through the outbound door, quick to ring and short."""
        more.setdefault("variables", {"fs_1c_default_target": DEFAULT})
        quick: dict[str, Any] = {
            "ring": 0.02,
            "talk": 0.2,
            "default_target": DEFAULT,
            "service": tuple(self.door),
        }
        return CallScript(number=number, **(quick | more))

    async def leaves_during_the_lookup(self, mode: str) -> CallResult:
        """A caller, who hangs up when 1C has been asked and has not answered (`held`)."""
        calling = asyncio.create_task(self.switch.call(self.script(mode=mode)))
        await until(lambda: self.lookups() == [CLIENT])
        for call in set(self.switch.calls.values()):
            call.caller_leaves(True)
        return await calling

    def cards(self) -> list[tuple[str, str]]:
        """(number, key) of every IncomingCall that 1C accepted."""
        return [(card.num_from, card.key) for card in self.onec.cards]

    def lookups(self) -> list[str]:
        """The numbers that 1C was asked about for somebody; to stay warm it is asked about nobody."""
        asked = [r.parameters["Number"] for r in self.onec.requests if r.operation == "SayName"]
        return [number for number in asked if number != NOBODY]

    async def play(self, *recordings: str | Path) -> None:
        """The switch tells of recorded calls, interleaved by their times, at once; but after each bridge time
        stands still until 1C has the card, for nobody is told of a conversation that is over.
        """
        expected = len(self.onec.cards)
        for _, message in interleaved(recordings):
            await self.switch.send_raw(message)
            if b"Event-Name: CHANNEL_BRIDGE\n" in message:
                expected += 1
                await self.carded(expected)

    async def carded(self, count: int) -> list[tuple[str, str]]:
        """The cards, once there are so many and no further pop is under way."""
        await until(lambda: len(self.onec.cards) >= count)
        await self.settle()
        return self.cards()

    async def settle(self) -> None:
        """Until nothing is under way at any pool."""
        pools = [base.pool for base in self.service.integration._bases.by_name.values()]
        await until(lambda: all(not d._jobs and d._idle == len(d._workers) for d in pools))


@asynccontextmanager
async def world(
    latency: float = 0.0,
    *,
    held: bool = False,
    listen: bool = True,
    at_switch: dict[str, str] | None = None,
    **more: Any,
) -> AsyncIterator[World]:
    """Starts everything, in the order in which a machine does, and stops it.

    Args:
        held: 1C answers when it is let, or when all ends.
        at_switch: More settings of the switch.
    """
    with onec_simulator(latency, held=held) as onec:
        async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
            if listen:
                esl = more.setdefault("esl", {})
                esl["outbound"] = {"listen": "127.0.0.1:0"}
                address = f"127.0.0.1:{switch.event_socket_port}"
                esl["inbound"] = [{"address": address, **(at_switch or {})}]
            service = Service(settings_for(onec.url, **more))
            await service.start()
            try:
                if listen:
                    await switch.wait_for_subscribers()
                yield World(onec, switch, service)
            finally:
                if isinstance(onec, HeldOneC):
                    onec.answers.set()
                await service.stop()


async def until(happened: Callable[[], bool], within: float = SOON) -> None:
    """Waits for a condition, and fails loudly when it does not come."""
    ends = time.monotonic() + within
    while not happened():
        assert time.monotonic() < ends, "it did not happen in time"
        await asyncio.sleep(0.005)


def conversation(extension: str = "244", call: str = "call-1", number: str = CLIENT) -> Conversation:
    return Conversation(call, f"{call}-{extension}", number, extension)
