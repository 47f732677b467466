"""What 1C or a caller writes is never executed, and never becomes anything but text, on a real FreeSWITCH."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from fs_1c import channel
from fs_1c.esl import commands
from fs_1c.simulator.onec import Client
from tests.freeswitch.conftest import Company
from tests.freeswitch.sip import State
from tests.freeswitch.switch import EventSocket

pytestmark = pytest.mark.freeswitch

HARMLESS = Client("89235291000", "Ромашка", "0", "")

# FILE is a path; whoever executes one of these makes that file.
HOSTILE = (
    "${system(touch FILE)}",
    "$${system(touch FILE)}",
    "\\${system(touch FILE)}",
    "$\\{system(touch FILE)}",
    "${bg_system(touch FILE)}",
    "${expand(${system(touch FILE)})}",
    "$${${system(touch FILE)}}",
    "&system(touch FILE)",
    "`touch FILE`$(touch FILE)",
    "x\nexecute-app-name: system\nexecute-app-arg: touch FILE\n\n",
    "x\r\n\r\napi system touch FILE\r\n\r\n",
    "x|evil=1",
    "^^|evil=1|guard=changed",
    "^^~evil=1~guard=changed",
    "x~evil=1;guard=changed!evil=1#evil=1|evil=1",
    "x,guard=changed,evil=1",
    "{guard=changed}[evil=1]<evil=1>user/249@127.0.0.1",
    "244,user/249",
    "244|user/249",
    "244:_:user/249",
    "244@127.0.0.1,user/249",
    "' \" \\ ' evil=1",
    "_undef_",
    "x\u2028evil=1",
    "A" * 5000,
)


# All that the dialplans and we may set, in any order.
OURS = {f"fs_1c_{name}" for name in ("result", "number", "title", "category", "manager", "manager_state")}
OURS |= {"effective_caller_id_name", "hangup_after_bridge", "continue_on_fail"}
DIALPLAN = {"fs_1c_target", "fs_1c_default_target", "guard"}


def variables_set(log: str, uuid: str) -> set[str]:
    """The variables of that channel that FreeSWITCH was told to set, as its log has them."""
    return set(re.findall(rf"^{uuid} .* SET \S+ \[([^\]]*)\]=", log, re.MULTILINE))


@pytest.mark.parametrize("door", ["sync", "async"])
def test_nothing_that_1c_says_is_executed(company: Company, door: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    company.switch.api(f"expand echo ${{system(touch {proof})}}")
    assert proof.exists(), "this switch executes ${system(…)}, or the test means nothing"
    proof.unlink()
    texts = [text.replace("FILE", str(proof)) for text in HOSTILE]
    clients = [Client(f"892352901{i:02}", text, text, text) for i, text in enumerate(texts)]
    company.serve(inbound=True, clients=(HARMLESS, *clients))
    phones = [company.phone(extension) for extension in ("240", "243", "244")]
    bystander = company.phone("249")

    callers = []
    for client in (HARMLESS, *clients):
        caller = company.call(door, client.number).to_be(State.TALKING)
        (leg,) = [leg for phone in phones for leg in phone.legs if client.number in leg.from_header]
        shown = leg.name
        assert shown == channel.text(client.title)
        assert not re.search(r"[${}\[\]<>|\\\"'`&()*?!#\n\r]", shown)
        ended = company.after(caller)
        assert ended.get("variable_guard") == "untouched"
        assert ended.get("variable_evil") is None
        callers.append(caller)
    log = company.switch.log()
    for caller in callers:
        told = variables_set(log, caller.call_id)
        assert "guard" in told, "the log is not what we take it for"
        assert told <= OURS | DIALPLAN
    assert not bystander.legs
    assert not proof.exists()


@pytest.mark.parametrize("door", ["sync", "async"])
def test_nothing_that_a_caller_calls_himself_is_executed(company: Company, door: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    company.serve(inbound=True, clients=(HARMLESS,))
    default, bystander = company.phone("240"), company.phone("249")

    names = [text.replace("FILE", str(proof)) for text in HOSTILE if "\n" not in text and len(text) < 1000]
    for i, name in enumerate(names, 1):
        caller = company.call(door, HARMLESS.number if i % 2 else "89991112233", name)
        assert "${" not in default.talks(i).from_header
        assert company.after(caller).get("variable_guard") == "untouched"
    assert not bystander.legs
    assert not proof.exists()


# What a dialplan, or an administrator by hand, may do with a name. TELL is a program that writes down what it
# is given, VAR the variable's name.
SHELL = (  # the API looks among the headers of an event
    "expand uuid:UUID system TELL ${variable_VAR}",
    'expand uuid:UUID system TELL "${variable_VAR}"',
    "expand uuid:UUID system TELL '${variable_VAR}'",
    "expand uuid:UUID bg_system TELL ${variable_VAR}",
    "eval uuid:UUID ${system(TELL ${variable_VAR})}",
    "eval uuid:UUID ${expand(system TELL ${variable_VAR})}",
)
BOTH = ("fs_1c_title", "effective_caller_id_name")
APPLICATIONS = (
    ("set", "pasted=${VAR}"),
    ("multiset", "^^!other=1!pasted=${VAR}!kept=multiset"),
    ("multiset", "^^#other=1#pasted=${VAR}#kept=multiset"),
    ("multiset", "^^&other=1&pasted=${VAR}&kept=multiset"),
    ("export", "nolocal:pasted=${VAR}"),
    ("log", "INFO ${VAR}"),
    ("system", "TELL ${VAR}"),
    ("bgsystem", "TELL ${VAR}"),
)


def test_what_1c_says_may_be_pasted_into_anything(company: Company, tmp_path: Path) -> None:
    """Both variables hold the same text, and each of them is pasted every other time."""
    proof, out, tell = tmp_path / "proof", tmp_path / "out", tmp_path / "tell"
    tell.write_text(f'#!/bin/sh\n(printf "%s\\n" "$@"; echo end) >> {out}\n')
    tell.chmod(0o755)
    company.switch.api(f"system echo x & touch {proof}")
    company.until(proof.exists, "this switch's shell does not obey &, or the test means nothing")
    proof.unlink()
    said = [text.replace("FILE", str(proof)) for text in HOSTILE]
    said += [
        f"x & touch {proof} &",
        f"x ; touch {proof}",
        f"x) & touch {proof} #",
        "* # ? ! (x) -n --h ~root",
    ]
    said += [string.punctuation, f"a {' '.join(string.punctuation)} b", 'ООО "Рога & Копыта" (СПб)']
    clients = [Client(f"892352902{i:02}", text, text, "249") for i, text in enumerate(said)]
    company.serve(clients=(HARMLESS, *clients))
    phone, bystander = company.phone("249"), company.phone("240")
    socket = EventSocket(company.switch.event_socket)

    def told(does: Callable[[], object], where: str) -> list[str]:
        out.unlink(missing_ok=True)
        does()
        company.until(lambda: out.exists() and out.read_text().endswith("end\n"), f"{where} did not do it")
        return out.read_text().splitlines()[:-1]

    def has(uuid: str, name: str, value: str) -> bool:
        return company.switch.api(f"uuid_getvar {uuid} {name}") == value

    for client, variable in zip(clients, cycle(BOTH)):
        shown = channel.text(client.title)
        if not shown:
            continue
        caller = company.call("sync", client.number).to_be(State.TALKING)
        uuid, other = caller.call_id, f"pasted-{client.number}"
        assert all(has(uuid, name, shown) for name in BOTH)

        def filled(text: str, uuid: str = uuid, variable: str = variable) -> str:
            return text.replace("VAR", variable).replace("UUID", uuid).replace("TELL", str(tell))

        for command in SHELL:
            heard = told(partial(company.switch.api, filled(command)), command)
            assert heard == ([shown] if "'$" in command or '"$' in command else shown.split(" ")), command
        # A dial string's variable, on a channel that then does what a dialplan could.
        variables = f"origination_uuid={other},{variable}='${{variable_VAR}}',kept=yes"
        company.switch.api(filled(f"expand uuid:UUID originate {{{variables}}}null/x &park()"))
        assert has(other, variable, shown)
        assert has(other, "kept", "yes")
        for application, argument in APPLICATIONS:
            doing = commands.execute(application, filled(argument))
            does = partial(socket.ask, doing.replace(b"sendmsg", f"sendmsg {other}".encode(), 1))
            if "TELL" in argument:
                assert told(does, application) == shown.split(" ")
            else:
                does()
            for name, right in (("pasted", shown), ("kept", application)):
                if f"{name}=" in argument:
                    is_right = partial(has, other, name, right)
                    company.until(is_right, f"{application} {argument}: {name} is not {right}")
        company.switch.api(f"uuid_kill {other}")
        assert company.after(caller).get("variable_guard") == "untouched"
    socket.close()
    assert phone.legs
    assert not bystander.legs
    assert not proof.exists()
