"""A 1C, a switch and a machine to write on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fs_1c.simulator.freeswitch import SwitchSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.check.conftest import FullSwitch, simulator, switch
from tests.setup.support import CLIENT, NUMBER, TARGET, Place

SECRET, SOCKET_SECRET = "s3cret-of-1c", "s3cret-of-the-switch"
SWITCH = SwitchSettings(
    password=SOCKET_SECRET,
    directory={TARGET: {"user": TARGET}},
    answers={
        "sofia status gateway trunk": b"Name trunk\n",
        "sofia status gateway nobodys": b"Invalid Gateway!\n",
    },
)


class World(NamedTuple):
    """What is there: a 1C, a switch, a machine; and the right answers."""

    onec: OneCSimulator
    switch: FullSwitch
    place: Place
    given: dict[str, str]


@pytest.fixture(scope="module")
def onec() -> Iterator[OneCSimulator]:
    with simulator(password=SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def one_switch() -> Iterator[FullSwitch]:
    with switch(SWITCH) as running:
        yield running


@pytest.fixture
def world(onec: OneCSimulator, one_switch: FullSwitch, tmp_path: Path) -> Iterator[World]:
    place = Place(tmp_path)
    place.event_socket(one_switch.event_socket_port, SOCKET_SECRET)
    right = {"url": onec.url, "username": "SOAP", "password": SECRET, "number": NUMBER, "target": TARGET}
    yield World(onec, one_switch, place, {**right, "client": CLIENT})
    onec.clear_fault()
