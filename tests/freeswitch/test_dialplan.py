"""The dialplans to copy, in a real FreeSWITCH: with the service, without it, and when it dies on them."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import PresenceState
from fs_1c.channel import text
from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings
from tests.dialplan.docs import commands_for_fs_cli
from tests.dialplan.files import CONFIGURATIONS, DIALPLANS, SECOND_NUMBER, extensions
from tests.dialplan.switch import fs_cli, number, ship
from tests.freeswitch.conftest import CHIZH, CLIENTS, STRANGER, PythonCompany, has_python, python_switch_in
from tests.freeswitch.sip import Agents, Leg, Manner, State
from tests.freeswitch.switch import Switch

pytestmark = pytest.mark.freeswitch

VIP = Client("89235290101", "Важный клиент", "VIP", "")
ASKING = ("sync", "async", "ring_group", "vip")
"""Examples that ask the service, and whose manager is a subscriber of the usual domain."""
DEFAULT = {"sync": "100", "async": "100", "ring_group": "245", "vip": "100", "bases": "100", "domains": "100"}
MUTE_FOR = 0.2

# FreeSWITCH's own package has it; a build of one's own may have it elsewhere.
_FOLDERS = (
    os.environ.get("FREESWITCH_MODULES", ""),
    "/usr/lib/freeswitch/mod",
    "/usr/local/freeswitch/mod",
    "/usr/local/freeswitch/lib/freeswitch/mod",
)
QUEUE = [path for folder in _FOLDERS if (path := Path(folder) / "mod_callcenter.so").is_file()][:1]
has_fs_cli = pytest.mark.skipif(not shutil.which("fs_cli"), reason="there is no fs_cli on PATH")
has_queue = pytest.mark.skipif(not QUEUE, reason="this FreeSWITCH has no mod_callcenter")


@pytest.fixture(scope="module")
def dialplan_switch(
    certificates: Path, agents: Agents, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Switch]:
    folder = tmp_path_factory.mktemp("dialplan")
    made = python_switch_in(folder, certificates, agents.port)
    with ship(made, agents.port, tuple(map(str, QUEUE))) as started:
        yield started


class ShippedCompany(PythonCompany):
    """A company whose dialplan is ours."""

    def dial(self, example: str, who: str = CHIZH.number, dialled: str = "", **more: Any) -> Leg:
        """A caller dials the (or `dialled`, the second) number of an example."""
        return self.call(number(example, dialled) if dialled else number(example), who, **more)

    def serve_bases(self, first: str, second: str, other: OneCSimulator, **more: Any) -> None:
        """Starts the service with two bases of those names, the usual one and another."""
        self.serve(inbound=True, **more).stop()
        assert self.onec is not None
        self._settings["onec"] = {first: {"url": self.onec.url}, second: {"url": other.url}}
        self.serve_again()


@pytest.fixture
def company(dialplan_switch: Switch, agents: Agents) -> Iterator[ShippedCompany]:
    made = ShippedCompany(dialplan_switch, agents)
    yield made
    made.close()


@pytest.fixture
def other_onec() -> Iterator[OneCSimulator]:
    """The base of another department, which knows the client by another name."""
    known = (Client(CHIZH.number, "Чиж из сервиса", "0", "244"),)
    with OneCSimulator(OneCSimulatorSettings(port=0, clients=known)) as simulator:
        yield simulator


def test_all_examples_are_loaded(company: ShippedCompany) -> None:
    assert company.switch.api("reloadxml").startswith("+OK")
    loaded = company.switch.api("xml_locate dialplan context name public")
    for path in DIALPLANS:
        for extension in extensions(path.read_text()):
            assert f'name="{extension.get("name")}"' in loaded
    for path in CONFIGURATIONS:
        name = path.name.removesuffix(".xml")
        assert f'name="{name}"' in company.switch.api(f"xml_locate configuration configuration name {name}")


@pytest.mark.parametrize("example", ASKING)
def test_a_client_reaches_his_manager_by_name(company: ShippedCompany, example: str) -> None:
    company.serve(inbound=True)
    manager, default = company.phone("244"), company.phone(DEFAULT[example])
    company.dial(example)
    assert manager.talks().name == "Фэйковый чиж"
    company.card_opens()
    assert company.all_cards() == [(CHIZH.number, "KEY244")]
    assert not default.legs


@pytest.mark.parametrize("example", [*ASKING, "bases", "domains"])
def test_without_the_service_the_default_target_rings(company: ShippedCompany, example: str) -> None:
    default = company.phone(DEFAULT[example])
    caller = company.dial(example)
    default.talks()
    assert company.after(caller).get("variable_fs_1c_result") is None


@pytest.mark.parametrize("example", [*ASKING, "bases", "domains"])
def test_when_the_service_is_mute_and_then_dies_the_default_target_rings(
    company: ShippedCompany, example: str
) -> None:
    default = company.phone(DEFAULT[example])
    asked = threading.Event()
    dies = threading.Event()

    def mute(connection: socket.socket) -> None:
        asked.set()
        assert dies.wait(60)
        connection.close()

    with company.other_service(mute):
        company.dial(example)
        assert asked.wait(30), "the service is not asked"
        with pytest.raises(AssertionError):
            default.rings(within=MUTE_FOR)
        dies.set()
        default.talks()


@pytest.mark.parametrize("example", ASKING)
def test_a_busy_manager_is_followed_by_the_default_target(company: ShippedCompany, example: str) -> None:
    company.serve()
    manager, default = company.phone("246", Manner.BUSY), company.phone(DEFAULT[example])
    company.dial(example, "89235290246")
    assert default.talks().name == "Занятый менеджер"
    assert len(manager.legs) == 1


def test_any_name_of_a_client_is_shown_later_too(company: ShippedCompany, tmp_path: Path) -> None:
    """It goes through `regex` into the caller's profile: brackets and signs are no syntax there."""
    proof = tmp_path / "proof"
    titles = [
        "ООО (Ромашка",
        "Ромашка) и сыновья",
        "((a) b",
        "50% скидка %1 \\1 $1",
        "a|^(.+)$|destination_number=%1|n",
        'ЗАО "Склад: Москва"',
        f"${{system(touch {proof})}}",
        "}) ${x",
        "m:~a~b",
    ]
    clients = [Client(f"892352904{i:02}", title, "0", "244") for i, title in enumerate(titles)]
    company.serve(clients=tuple(clients))
    manager = company.phone("244")
    for i, client in enumerate(clients, 1):
        caller = company.dial("sync", client.number)
        shown = manager.talks(i).name
        assert (
            company.switch.api(f"uuid_getvar {caller.call_id} caller_id_name") == text(client.title) == shown
        )
    assert not proof.exists()


def test_a_group_rings_at_once_and_then_the_one_on_duty(company: ShippedCompany) -> None:
    one, two, duty = (company.phone(e, Manner.RINGS) for e in ("244", "245", "100"))
    company.serve()
    caller = company.dial("ring_group", STRANGER)
    first, second = one.rings(), two.rings()
    assert not duty.legs
    for leg in (first, second):
        leg.reject()
    duty.rings().answer()
    caller.to_be(State.TALKING)


def test_a_group_sees_that_the_manager_declines_calls(company: ShippedCompany) -> None:
    """By the first call that is known; the second does not ring him, and the group is told why."""
    company.serve(inbound=True, routing={"when_busy": "next"})
    manager, colleague = company.phone("246", Manner.BUSY), company.phone("245")
    company.dial("ring_group", "89235290246")
    assert colleague.talks().name == "Занятый менеджер"
    state_of = company.running.service.integration.switches.at("")  # type: ignore[union-attr]
    company.until(lambda: state_of("246", "").state is PresenceState.BUSY, "he is not known to decline")  # type: ignore[misc]
    company.dial("ring_group", "89235290246")
    assert colleague.talks(2).name == "Занятый менеджер (246 busy)"
    assert len(manager.legs) == 1


def test_vip_have_a_desk_of_their_own(company: ShippedCompany) -> None:
    company.serve(clients=(*CLIENTS, VIP))
    desk, common = company.phone("101", Manner.BUSY), company.phone("100")
    company.dial("vip", VIP.number)
    assert common.talks().name == "Важный клиент"
    assert len(desk.legs) == 1
    company.dial("vip", STRANGER)
    common.talks(2)
    assert len(desk.legs) == 1, "only VIP ring there"


def test_each_number_has_its_base(company: ShippedCompany, other_onec: OneCSimulator) -> None:
    company.serve_bases("sales", "service", other_onec)
    manager = company.phone("244")
    company.dial("bases")
    assert manager.talks().name == "Фэйковый чиж"
    company.dial("bases", dialled=SECOND_NUMBER)
    assert manager.talks(2).name == "Чиж из сервиса"
    company.card_opens()
    company.until(lambda: len(other_onec.cards) == 1, "no card opens in the second base")
    assert company.all_cards() == [(CHIZH.number, "KEY244")]


def test_each_company_has_its_domain(company: ShippedCompany, other_onec: OneCSimulator) -> None:
    """Both have a 244, and the directory has the keys: one as shipped, one of its own."""
    company.serve_bases("first", "second", other_onec, subscribers={"directory": True})
    first, second = company.phone("244"), company.phone("2442")
    company.dial("domains")
    assert first.talks().name == "Фэйковый чиж"
    assert not second.legs
    company.dial("domains", dialled=SECOND_NUMBER)
    assert second.talks().name == "Чиж из сервиса"
    company.card_opens()
    company.until(lambda: len(other_onec.cards) == 1, "no card opens in the second company")
    assert [card.key for card in other_onec.cards] == ["SECOND"]
    assert company.all_cards() == [(CHIZH.number, "gW3cyUJAtl50PhF")]
    assert len(first.legs) == len(second.legs) == 1


def test_a_stranger_reaches_the_companys_own_context(company: ShippedCompany) -> None:
    company.serve()
    first, second = company.phone("100"), company.phone("1002")
    company.dial("domains", STRANGER)
    first.talks()
    company.dial("domains", STRANGER, dialled=SECOND_NUMBER)
    second.talks()
    assert len(first.legs) == 1


def test_a_listener_opens_cards_and_asks_nothing(company: ShippedCompany) -> None:
    company.serve(inbound=True)
    company.phone("244", Manner.BUSY)
    colleague = company.phone("245")
    company.dial("listener", name="Mobile")
    assert colleague.talks().name == "Mobile", "nothing is known of him before he is answered"
    company.card_opens()
    assert company.asked() == []
    assert company.all_cards() == [(CHIZH.number, "KEY245")]


def test_without_a_listener_the_same_phones_ring(company: ShippedCompany) -> None:
    company.phone("244", Manner.BUSY), company.phone("245", Manner.BUSY)
    company.dial("listener")
    company.phone("100").talks()


@has_queue
def test_a_queue_serves_whom_no_manager_serves(company: ShippedCompany) -> None:
    client = Client("89235290246", "Занятый менеджер", "VIP", "246")
    company.serve(inbound=True, clients=(client,))
    manager, agent, default = company.phone("246", Manner.BUSY), company.phone("244"), company.phone("100")
    company.phone("245", Manner.BUSY)
    caller = company.dial("queue", client.number)
    assert agent.talks().name == client.title
    company.card_opens()
    agent.legs[-1].hang_up()
    ended = company.watcher.wait("CHANNEL_HANGUP_COMPLETE", caller.call_id)
    assert ended.get("variable_cc_base_score") == "1000"
    assert len(manager.legs) == 1 and not default.legs
    assert company.all_cards() == [(client.number, "KEY244")]


@has_queue
def test_a_queue_without_agents_gives_the_caller_back(company: ShippedCompany) -> None:
    """As it is shipped: after five seconds."""
    default = company.phone("100")
    for agent in ("244", "245"):
        company.switch.api(f"callcenter_config agent set status {agent}@default 'Logged Out'")
    try:
        company.dial("queue", STRANGER)
        default.rings().to_be(State.TALKING)
    finally:
        for agent in ("244", "245"):
            company.switch.api(f"callcenter_config agent set status {agent}@default Available")


@has_queue
def test_a_queue_whose_agents_never_answer_gives_the_caller_back(company: ShippedCompany) -> None:
    """After max-wait-time; here four seconds of it."""
    one, other, default = (
        company.phone("244", Manner.RINGS),
        company.phone("245", Manner.RINGS),
        company.phone("100"),
    )
    file = company.switch.folder / "conf" / "autoload_configs" / "callcenter.conf.xml"
    shipped = file.read_text()
    reload = "callcenter_config queue reload support@default"
    try:
        file.write_text(shipped.replace('"max-wait-time" value="120"', '"max-wait-time" value="4"'))
        assert company.switch.api("reloadxml").startswith("+OK")
        assert company.switch.api(reload).startswith("+OK")
        company.dial("queue", STRANGER)
        default.rings().to_be(State.TALKING)
        assert one.legs or other.legs
    finally:
        file.write_text(shipped)
        company.switch.api("reloadxml")
        company.switch.api(reload)


@has_queue
def test_who_has_a_manager_who_declines_calls_waits_for_the_queue_alone(company: ShippedCompany) -> None:
    company.serve(inbound=True, routing={"when_busy": "next"})
    manager, agent = company.phone("246", Manner.BUSY), company.phone("244")
    company.phone("245", Manner.BUSY)
    for times, score in ((1, None), (2, "300")):
        caller = company.dial("queue", "89235290246")
        agent.talks(times)
        company.card_opens(times)
        agent.legs[-1].hang_up()
        ended = company.watcher.wait("CHANNEL_HANGUP_COMPLETE", caller.call_id)
        assert ended.get("variable_cc_base_score") == score
        state_of = company.running.service.integration.switches.at("")  # type: ignore[union-attr]
        company.until(lambda: state_of("246", "").state is PresenceState.BUSY, "he is not known to decline")  # type: ignore[misc] # noqa: B023
    assert len(manager.legs) == 1


@pytest.mark.skipif(bool(QUEUE), reason="this FreeSWITCH has mod_callcenter")
def test_an_application_that_is_not_loaded_ends_the_call(company: ShippedCompany) -> None:
    """Why queue.xml warns: this is what FreeSWITCH does, whatever stands after it."""
    default = company.phone("100")
    company.dial("queue", STRANGER).to_be(State.OVER)
    assert not default.legs


def test_inside_freeswitch(company: ShippedCompany) -> None:
    """mod_python.xml: with 1C, and when it has gone."""
    has_python(company.switch)
    company.serve_inside()
    manager, default = company.phone("244"), company.phone("100")
    company.dial("mod_python")
    assert manager.talks().name == "Фэйковый чиж"
    assert company.cards(1) == [(CHIZH.number, "KEY244")]

    company.settings_file.unlink()
    assert company.onec is not None
    company.onec.stop()
    company.dial("mod_python", STRANGER)
    default.talks()
    assert not manager.legs[1:]


def test_the_list_lets_in_whom_it_names(company: ShippedCompany) -> None:
    let_in = {"127.0.0.1": "true", "192.0.2.10": "true", "192.0.2.11": "false", "10.0.0.1": "false"}
    assert {who: company.switch.api(f"acl {who} fs-1c") for who in let_in} == let_in


@has_fs_cli
def test_the_directory_has_the_key(company: ShippedCompany) -> None:
    assert fs_cli(company.switch, "user_data 244@first.example var fs_1c_key") == "gW3cyUJAtl50PhF"


@has_fs_cli
def test_fs_cli_knows_every_command_of_the_documents(company: ShippedCompany) -> None:
    company.serve()
    company.phone("244")
    caller = company.dial("sync").to_be(State.TALKING)
    documented = commands_for_fs_cli()
    assert len(documented) > 10
    for command in documented:
        if command.startswith("reload mod_") or (command.startswith("callcenter") and not QUEUE):
            continue  # the event socket is reloaded below
        if command.endswith(" restart"):
            continue  # a profile that comes back when it likes would take the next test's call with it
        own = command.replace("UUID", caller.call_id).replace("pbx.example", "first.example")
        told = fs_cli(company.switch, own)
        assert told and not told.startswith(("-ERR", "-USAGE")), f"{own}: {told}"
        assert told != "_undef_", f"{own}: {told}"


@has_fs_cli
def test_the_event_socket_is_reloaded_under_a_call(company: ShippedCompany) -> None:
    """What the set-up tells people to do: the call goes on, and the service comes back by itself."""
    company.serve(inbound=True)
    company.phone("244"), company.phone("245")
    caller = company.dial("sync").to_be(State.TALKING)
    company.card_opens()
    fs_cli(company.switch, "reload mod_event_socket")
    company.dial("listener", STRANGER).to_be(State.TALKING)
    company.card_opens(2)
    assert caller.state is State.TALKING
