"""Both jobs inside a real FreeSWITCH, by mod_python3: calls are named and routed, cards open, nothing
freezes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.simulator.onec import Client
from tests.certificates import certificate, tls
from tests.freeswitch.conftest import BUSY, CHIZH, STRANGER, PythonCompany, has_python, python_switch_in
from tests.freeswitch.message import sdp
from tests.freeswitch.sip import Agents, Leg, Manner, State
from tests.freeswitch.switch import Switch
from tests.support import HeldOneC, RawServer, http_answer, inner, says, soap_answer

pytestmark = pytest.mark.freeswitch

DOORS = ("python", "python-bridge")
FIRST, SECOND, DEFAULT = (CHIZH.number, "KEY244"), (CHIZH.number, "KEY245"), (CHIZH.number, "KEY240")


@pytest.fixture(scope="module")
def python_switch(
    certificates: Path, agents: Agents, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Switch]:
    with python_switch_in(tmp_path_factory.mktemp("python"), certificates, agents.port) as started:
        yield has_python(started)


@pytest.fixture
def company(python_switch: Switch, agents: Agents) -> Iterator[PythonCompany]:
    made = PythonCompany(python_switch, agents)
    yield made
    made.close()


@pytest.fixture
def new_company(certificates: Path, agents: Agents, tmp_path: Path) -> Iterator[PythonCompany]:
    """A company whose switch has just been started, before there were settings."""
    with python_switch_in(tmp_path, certificates, agents.port) as started:
        made = PythonCompany(has_python(started), agents)
        yield made
        if started.is_up():
            made.close()


@pytest.mark.parametrize("door", DOORS)
def test_a_known_client_reaches_his_manager_and_his_card_opens(company: PythonCompany, door: str) -> None:
    company.serve_inside()
    manager, default = company.phone("244"), company.phone("240")

    caller = company.call(door, name="Mobile")
    assert manager.talks().name == "Фэйковый чиж"
    caller.to_be(State.TALKING)
    company.card_opens()
    ended = company.after(caller)
    names = ("result", "number", "title", "category", "manager", "target")
    assert [ended.get(f"variable_fs_1c_{name}") for name in names] == [
        "found",
        "+79235292926",
        "Фэйковый чиж",
        "0",
        "244",
        "[progress_timeout=15,leg_timeout=20]user/244@127.0.0.1",
    ]
    assert company.cards(1) == [FIRST]
    assert company.asked() == ["89235292926"]
    assert not default.legs
    assert f"call={caller.call_id} lookup number=+79235292926 result=found" in company.switch.log()


@pytest.mark.parametrize("door", DOORS)
def test_a_stranger_reaches_the_default(company: PythonCompany, door: str) -> None:
    company.serve_inside()
    default = company.phone("240")

    caller = company.call(door, STRANGER, "Иван")
    assert default.talks().name == "Иван"
    assert company.result(caller) == "unknown"
    withheld = company.call(door, withheld=True)
    default.talks(2)
    assert company.result(withheld) == "skipped"
    assert company.asked() == [STRANGER]


@pytest.mark.parametrize("door", DOORS)
def test_a_mute_1c_costs_the_deadline_and_no_more(company: PythonCompany, door: str) -> None:
    company.serve_inside(latency=3600.0, onec={"timeout": "1h"}, lookup={"deadline": "500ms"})
    default = company.phone("240")

    caller = company.call(door)
    rang = default.talks()
    assert rang.began - caller.began >= 0.5
    assert company.result(caller) == "late"


@pytest.mark.parametrize("door", DOORS)
def test_a_manager_who_is_busy(company: PythonCompany, door: str) -> None:
    """Who follows him has the card: of the settings first, then of the dialplan."""
    company.serve_inside(routing={"then": ["user/241@{domain}"]})
    company.phone("246", Manner.BUSY)
    follows, default = company.phone("241", Manner.RINGS), company.phone("240")

    company.call(door, BUSY).to_be(State.RINGING)
    follows.rings().answer()
    company.card_opens()
    company.call(door, BUSY)
    follows.rings(2).reject()
    default.talks()
    assert company.cards(2) == [(BUSY, "KEY241"), (BUSY, "KEY240")]


@pytest.mark.parametrize("door", ["python-group", "python-menu"])
def test_in_a_group_the_card_is_for_who_answered(company: PythonCompany, door: str) -> None:
    company.serve_inside()
    company.phone("246", Manner.BUSY)
    slow, quick = company.phone("244", Manner.RINGS), company.phone("245", Manner.RINGS)

    company.call(door)
    loser = slow.rings()
    quick.rings().answer()
    loser.to_be(State.OVER)
    assert company.cards(1) == [SECOND]


def test_a_blind_transfer_opens_a_card_at_the_second_too(company: PythonCompany) -> None:
    """If the dialplan exports `api_on_answer` to whoever is called."""
    company.serve_inside()
    company.phone("244")
    colleague = company.phone("245", Manner.RINGS)

    caller = company.call("python").to_be(State.TALKING)
    company.card_opens()
    assert company.switch.api(f"uuid_transfer {caller.call_id} 245 XML public").startswith("+OK")
    colleague.rings().answer()
    assert company.cards(2) == [FIRST, SECOND]


def test_a_dialplan_that_wants_its_caller_back_after_the_conversation(company: PythonCompany) -> None:
    company.serve_inside()
    manager, default, next_one = company.phone("244"), company.phone("240"), company.phone("243")

    caller = company.call("python-stay").to_be(State.TALKING)
    # Who hangs up before that, some milliseconds after his answer, has talked to nobody: the default rings.
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)
    manager.talks().hang_up()
    next_one.talks()
    assert caller.state is State.TALKING
    assert not default.legs


def test_the_caller_gives_up_during_the_lookup(company: PythonCompany) -> None:
    company.serve_inside(of=HeldOneC)
    onec = company.onec
    assert isinstance(onec, HeldOneC)
    manager, default, last = company.phone("244"), company.phone("240"), company.phone("243")

    for door in DOORS:
        impatient = company.call(door, CHIZH.number)
        company.until(lambda: bool(company.asked()), "1C is not asked")
        impatient.hang_up()
        assert impatient.to_be(State.OVER).status == 487
    onec.answers.set()
    company.switch.quiet()
    assert not manager.legs and not default.legs and not last.legs


def test_nothing_that_1c_or_a_caller_says_is_executed(company: PythonCompany, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    company.switch.api(f"expand echo ${{system(touch {proof})}}")
    assert proof.exists(), "this switch executes ${system(…)}, or the test means nothing"
    proof.unlink()
    evil = f"${{system(touch {proof})}}"
    texts = [
        evil,
        f"$${{expand({evil})}}",
        f"x\n{evil}|guard=changed,guard=changed",
        "{guard=changed}244",
        "\\" + evil,
    ]
    clients = [Client(f"892352901{i:02}", text, text, text) for i, text in enumerate(texts)]
    company.serve_inside(clients=tuple(clients))
    default, phones = company.phone("240"), [company.phone("243"), company.phone("244")]

    for i, client in enumerate(clients):
        for door in DOORS:
            caller = company.call(door, client.number, texts[i].replace("\n", "")).to_be(State.TALKING)
            (shown,) = [one.legs.pop().name for one in (default, *phones) if one.legs]
            assert "$" not in shown and "{" not in shown
            company.result(caller)
            company.command(f"lookup {client.number}")
            assert company.after(caller).get("variable_guard") == "untouched"
    assert not proof.exists()


@pytest.mark.parametrize("door", DOORS)
def test_a_name_that_is_no_utf8_does_not_kill_the_switch(company: PythonCompany, door: str) -> None:
    company.serve_inside()
    default = company.phone("240")

    with socket.socket(type=socket.SOCK_DGRAM) as trunk:
        trunk.bind(("127.0.0.1", 0))
        for i, octet in enumerate([b"", b"\xff"], 1):
            who = b'"\xc8\xe2\xe0\xed %s" <sip:%s%s@127.0.0.1>' % (octet, STRANGER.encode(), octet)
            raw_call(trunk, company.switch.sip, door, who, octet + os.urandom(8).hex().encode())
            default.talks(i)
    assert company.command("status").startswith("+OK")


def raw_call(trunk: socket.socket, switch: int, destination: str, who: bytes, call_id: bytes) -> None:
    """An INVITE whose From and Call-ID are those octets; the latter is the channel's uuid, too."""
    port = trunk.getsockname()[1]
    body = sdp(9).encode()
    uri = f"sip:{destination}@127.0.0.1:{switch}".encode()
    unique = os.urandom(8).hex().encode()
    lines = [
        b"INVITE %s SIP/2.0" % uri,
        b"Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s" % (port, unique),
        b"Max-Forwards: 70",
        b"From: %s;tag=%s" % (who, unique),
        b"To: <%s>" % uri,
        b"Call-ID: %s" % call_id,
        b"CSeq: 1 INVITE",
        b"Contact: <sip:test@127.0.0.1:%d>" % port,
        b"Content-Type: application/sdp",
        b"Content-Length: %d" % len(body),
    ]
    trunk.sendto(b"\r\n".join([*lines, b"", body]), ("127.0.0.1", switch))


def test_1c_behind_https(company: PythonCompany, tmp_path: Path) -> None:
    """The TLS layer finds room on the stacks that there are."""
    file = certificate(tmp_path)
    answer = http_answer(soap_answer(inner("Фэйковый чиж", "0", "244")))

    with RawServer(says(answer), tls(file)) as server:
        company.write_settings(onec={"url": server.url, "ca_file": str(file)})
        assert company.command("reload").startswith("+OK")
        manager = company.phone("244")
        company.call("python")
        assert manager.talks().name == "Фэйковый чиж"


def test_an_engineer_asks(company: PythonCompany) -> None:
    company.serve_inside()
    assert company.onec is not None
    url = company.onec.url

    found = company.command(f"lookup {CHIZH.number}")
    assert found.startswith("+OK found asked_as=89235292926 ")
    assert found.endswith("category=0 manager=244 title=Фэйковый чиж")
    assert company.command("lookup 244") == "-ERR skipped: an extension"
    assert company.command("lookup 244 base=sales") == "-ERR there is no base sales; allowed: default"
    assert company.command(f"pop {CHIZH.number} 245").startswith("+OK accepted took=")
    assert company.command(f"pop {CHIZH.number} 299") == "-ERR no key: extension 299 has no key"
    assert [(card.num_from, card.key) for card in company.onec.cards] == [SECOND]
    assert company.command(f"forget {CHIZH.number}") == "+OK forgotten: 1"
    assert company.command("forget all") == "+OK forgotten: 0"
    assert company.command("forget 244").startswith("-ERR not a number")
    assert company.command("").startswith("-USAGE:")
    status = company.command("status").splitlines()
    assert status == [f"+OK {company.settings_file}", "base=default breaker=closed remembered=0"]

    company.settings_file.write_text("[onec]\nurl = 'ftp://1c'\n")
    assert company.command("status").splitlines()[0] == f"+OK {company.settings_file} has changed: reload"
    (problem,) = company.command("reload").splitlines()
    assert problem.startswith(f"-ERR {company.settings_file}: onec.url: allowed: ")
    assert company.command(f"lookup {CHIZH.number}").startswith("+OK found"), f"{url} is asked as before"


def test_settings_that_are_wrong_lose_no_call_and_are_read_again_when_mended(
    new_company: PythonCompany,
) -> None:
    company = new_company
    manager, default, last = company.phone("244"), company.phone("240"), company.phone("243")
    problem = f"{company.settings_file}: cannot be read: No such file or directory"
    assert company.command("status") == f"-ERR {problem}"

    for i, door in enumerate(DOORS, 1):
        caller = company.call(door).to_be(State.TALKING)
        default.talks(i)
        assert company.after(caller).get("variable_fs_1c_result") is None
        assert f"call={caller.call_id} goes on without 1C: {problem}" in company.switch.log()
    assert company.switch.log().count(f"settings: {problem}") == 1

    company.start_1c()
    company.write_settings()
    assert company.command("status").startswith("+OK")
    company.call("python")
    assert manager.talks().name == "Фэйковый чиж"
    assert not last.legs


def test_many_calls_at_once_and_then_the_switch_stops(new_company: PythonCompany) -> None:
    """Whoever waits for 1C holds up nobody else who uses Python, nor the switch's end, and 1C has its
    sessions back.
    """
    company, calls = new_company, 60
    strangers = [f"8999111{i:04}" for i in range(calls // 2)]
    managers = tuple(Client(f"8923529{i:04}", f"Клиент {i}", "0", "244") for i in range(calls // 2))
    onec = company.start_1c(clients=managers, of=HeldOneC)
    assert isinstance(onec, HeldOneC)
    company.write_settings(onec={"sessions": 40, "timeout": "1m"}, lookup={"deadline": "1m"})
    assert company.command("status").startswith("+OK")
    default, manager = company.phone("240"), company.phone("244")

    callers: list[Leg] = []
    for number in [
        number for pair in zip(strangers, [c.number for c in managers], strict=True) for number in pair
    ]:
        callers.append(company.call("python", number))
        assert company.command("status").startswith("+OK")  # and 1C has not answered anybody yet
    onec.answers.set()
    for caller in callers:
        caller.to_be(State.TALKING)
    company.card_opens(calls)
    assert len(default.legs) == len(manager.legs) == calls // 2
    assert {leg.name for leg in manager.legs} == {client.title for client in managers}
    assert {card.num_from for card in onec.cards} == {*strangers, *(client.number for client in managers)}
    assert {company.result(caller) for caller in callers} == {"found", "unknown"}

    assert onec.stats.sessions_now > 0
    status, _ = company.switch.stop()
    assert status == 0
    assert onec.stats.sessions_now == 0
