"""An own service and a reserve at a real switch: it hands on what they say, and keeps their claims."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.freeswitch.configuration import PASSWORD
from tests.freeswitch.conftest import CLIENTS, Company
from tests.freeswitch.sip import State
from tests.processes import serving, wait_for

pytestmark = [pytest.mark.freeswitch, pytest.mark.cluster]


def settings(company: Company, folder: Path, role: str) -> Path:
    assert company.onec is not None
    folder.mkdir()
    path = folder / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "{company.onec.url}"\n[subscribers.keys]\n"244" = "KEY244"\n'
        f'[state]\nfolder = "{folder}"\n[esl.outbound]\nenabled = false\n[http]\nenabled = false\n'
        f'[[esl.inbound]]\naddress = "127.0.0.1:{company.switch.event_socket}"\npassword = "{PASSWORD}"\n'
        f'name = "sw3"\nrole = "{role}"\n'
    )
    return path


def test_the_reserve_opens_the_cards_while_the_own_service_is_gone(company: Company, tmp_path: Path) -> None:
    company.onec = OneCSimulator(OneCSimulatorSettings(port=0, clients=CLIENTS))
    company.onec.start()
    company.phone("244")
    numbers = iter(f"8923529{i:04d}" for i in range(100))

    def opened() -> dict[str, int]:
        return {
            log.stem: log.read_text("utf-8").count(" outcome=accepted switch=sw3")
            for log in tmp_path.glob("*.log")
        }

    def calls() -> None:
        """Somebody calls, and his card opens."""
        before = sum(opened().values())
        company.call("244", next(numbers)).to_be(State.TALKING)
        company.until(lambda: sum(opened().values()) > before, "no card")

    own_log, reserve_log, again_log = (tmp_path / f"{name}.log" for name in ("own", "reserve", "again"))
    own_settings = settings(company, tmp_path / "own", "own")
    with ExitStack() as stack:
        own = stack.enter_context(serving(own_settings, own_log))
        reserve = stack.enter_context(
            serving(settings(company, tmp_path / "reserve", "reserve"), reserve_log)
        )
        wait_for(own_log, "listening")
        wait_for(reserve_log, "the reserve stands by")
        calls()
        own.send_signal(signal.SIGSTOP)
        calls()
        wait_for(reserve_log, "the reserve takes over")
        calls()
        own.send_signal(signal.SIGCONT)
        company.until(lambda: reserve_log.read_text().count("stands by") == 2, "own is not heard")
        calls()
        own.kill()
        calls()
        again = stack.enter_context(serving(own_settings, again_log))
        company.until(lambda: reserve_log.read_text().count("stands by") == 3, "own is not heard")
        calls()
        for service in (own, reserve, again):
            service.send_signal(signal.SIGTERM)
            service.wait(60)
        cards = [card.num_from for card in company.onec.cards]
        assert len(cards) == len(set(cards)) == 6
        assert opened() == {"own": 2, "reserve": 3, "again": 1}
        assert "keeps no claims" not in own_log.read_text() + reserve_log.read_text()
