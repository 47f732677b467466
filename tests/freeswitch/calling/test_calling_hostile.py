"""Hostile numbers and names, to a real switch: nothing is executed, nothing dialled that may not be."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from fs_1c.simulator.onec import Client
from tests.calls.test_plan import HOSTILE, NAMES
from tests.freeswitch.calling.test_calling import SHOWN, TOKEN, WAITS, ask, url
from tests.freeswitch.conftest import Company
from tests.freeswitch.sip import Manner, State

pytestmark = pytest.mark.freeswitch


def test_nothing_hostile_is_executed_or_dialled(company: Company, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    code = (f"${{system(touch {mark})}}", f"$${{system(touch {mark})}}", f"'${{system touch {mark}}}'")
    titles = [*code, *(title for title in NAMES if title.strip() and title.isprintable())][:40]
    numbers = [f"89235{n:06}" for n in range(len(titles))]
    company.serve(
        inbound=True,
        clients=tuple(Client(number, t, "0", "") for number, t in zip(numbers, titles, strict=True)),
        calls={
            "listen": "127.0.0.1:0",
            "token": TOKEN,
            "dial": f"sofia/internal/sip:{{number}}@127.0.0.1:{company.agents_port}",
            "per_minute": 1000,
            "at_once": 100,
        },
    )
    desk, client = company.phone("244", Manner.RINGS), company.phone("89235292926", Manner.RINGS)
    strangers = [
        company.phone(name, Manner.RINGS) for name in ("53123456", "5351234567", "112", "102", "park")
    ]

    # Names: each is shown on the telephone, as it may be.
    for n, number in enumerate(numbers):
        said = ask(company, "own", number)
        assert said.status_code == 201, said.text
        leg = desk.rings(n + 1, WAITS)
        assert f"sip:{number}@" in leg.from_header
        assert not set(leg.name) & set("${}[]<>|,'\\\\~^"), leg.name
        ended = f"{url(company)}/calls/{said.json()['id']}"
        assert requests.delete(ended, headers=SHOWN, timeout=WAITS).status_code == 202
        leg.to_be(State.OVER, WAITS)

    # Numbers, by each form; what could be read rings as what was read.
    rang = len(desk.legs)
    for number in (*HOSTILE, *code):
        for form in ("subscriber", "simple-calls", "itoolabs", "own"):
            said = ask(company, form, number)
            made = said.json().get("result") == "SUCCESS" if form == "subscriber" else said.ok
            if made:
                desk.rings(rang + 1, WAITS)
                company.switch.api("hupall")
                company.watcher.all_over(WAITS)
    assert all("sip:89235292926@" in leg.from_header for leg in desk.legs[rang:])
    assert not client.legs and not any(stranger.legs for stranger in strangers)
    assert not mark.exists()
