"""`fs-1c setup` and a real FreeSWITCH: what it finds there, and what the switch says of a target."""

from __future__ import annotations

from pathlib import Path

import pytest

from fs_1c.check import Level
from fs_1c.settings import Address, load
from fs_1c.setup import trying
from tests.check.conftest import simulator
from tests.freeswitch.configuration import DOMAIN, PASSWORD
from tests.freeswitch.switch import Switch
from tests.setup.support import CLIENT, NUMBER, Place

pytestmark = pytest.mark.freeswitch


@pytest.mark.parametrize(
    ("target", "level", "words"),
    [
        ("user/244@${domain}", Level.OK, f"FreeSWITCH knows 244@{DOMAIN}"),
        (f"[leg_timeout=9]user/244@{DOMAIN}", Level.OK, f"FreeSWITCH knows 244@{DOMAIN}"),
        ("user/999@$${domain}", Level.PROBLEM, f"directory has no 999@{DOMAIN}"),
        ("user/244@elsewhere", Level.PROBLEM, "directory has no 244@elsewhere"),
        ("sofia/gateway/nobodys/8", Level.PROBLEM, "no gateway nobodys"),
        ("user/${who}@${domain}", Level.SKIPPED, "cannot be tried"),
        ("loopback/100", Level.SKIPPED, "cannot be tried"),
    ],
)
def test_a_target(switch: Switch, target: str, level: Level, words: str) -> None:
    found = trying.switch(Address("127.0.0.1", switch.event_socket), PASSWORD, target)
    assert [(one.level, words in one.what) for one in found.findings if one.step == "target"] == [
        (level, True)
    ]
    assert found.configuration == switch.folder / "conf"


def test_everything_by_options(switch: Switch, tmp_path: Path) -> None:
    """The event socket is found in its configuration; the dialplan comes where the switch has its own."""
    place = Place(tmp_path)
    place.event_socket(switch.event_socket, PASSWORD)
    public = switch.folder / "conf" / "dialplan" / "public"
    public.mkdir(parents=True)
    with simulator() as onec:
        given = {"url": onec.url, "username": "SOAP", "password": "s3cret", "client": CLIENT}
        said = place.setup({**given, "number": NUMBER, "target": "244"})
    assert said.code == 0, said.text
    assert "FreeSWITCH Version 1" in said.text
    written = [path.name for path in public.iterdir()]
    for path in public.iterdir():
        path.unlink()
    assert written == ["00_fs-1c.xml"]
    assert load(place.folder / "fs-1c.toml").esl.inbound[0].secret() == PASSWORD
