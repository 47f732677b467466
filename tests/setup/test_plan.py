"""What remains to be done, by what the machine has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fs_1c.setup.answers import Answers, address
from fs_1c.setup.plan import STANDARD, Machine, Owner, planned
from tests.setup.support import TEMPLATE

OURS = Owner(None, None, 0o600, 0o700)
PUBLIC = Path("/etc/freeswitch/dialplan/public")
DEBIAN = Machine(
    STANDARD,
    Path("/var/lib/fs-1c"),
    Owner(0, 994, 0o640, 0o750),
    root=True,
    user=True,
    systemd=True,
    units=True,
    dialplan=PUBLIC,
)
ANSWERS = Answers(url="http://1c/ws/VATS", numbers=("74951234567",), target="user/1000@${domain}")
RELOAD, START = "fs_cli -x reloadxml", "systemctl enable --now fs-1c.socket fs-1c"
CHECK = "runuser -u fs-1c -- fs-1c check --number 89235292926"


def remains(machine: Machine, answers: Answers = ANSWERS) -> list[str]:
    return list(planned(answers, machine, TEMPLATE, "89235292926").commands)


def test_three_commands() -> None:
    assert remains(DEBIAN) == [RELOAD, START, CHECK]


def test_without_a_number_the_switch_is_left_alone() -> None:
    assert remains(DEBIAN, replace(ANSWERS, numbers=())) == [START, CHECK]


def test_a_switch_whose_folder_may_not_be_written() -> None:
    machine = replace(DEBIAN, dialplan=None, wanted=Path("/usr/local/my conf/dialplan/public"))
    first = "install -m 644 /etc/fs-1c/dialplan.xml '/usr/local/my conf/dialplan/public/00_fs-1c.xml'"
    assert remains(machine) == [first, RELOAD, START, CHECK]
    plan = planned(ANSWERS, machine, TEMPLATE)
    assert STANDARD / "dialplan.xml" in [file.path for file in plan.files]


def test_units_that_are_not_there_yet() -> None:
    copy, *rest = remains(replace(DEBIAN, units=False))[1:]
    assert copy.startswith("cp docs/systemd/fs-1c.service docs/systemd/fs-1c.socket /etc/systemd/system/")
    assert rest == [START, CHECK]


@pytest.mark.parametrize("folder", [STANDARD, Path("/opt/it's")])
def test_without_systemd_or_elsewhere_the_service_is_started_by_hand(folder: Path) -> None:
    machine = replace(DEBIAN, folder=folder, systemd=folder != STANDARD)
    which = "" if folder == STANDARD else """ -c '/opt/it'"'"'s/fs-1c.toml'"""
    own = "install -d -o fs-1c -g fs-1c -m 750 /var/lib/fs-1c"
    serve = f"runuser -u fs-1c -- fs-1c serve{which}"
    check = f"runuser -u fs-1c -- fs-1c check{which} --number 89235292926"
    assert remains(machine) == [RELOAD, own, serve, check]


def test_no_user_yet() -> None:
    add, give, *rest = remains(replace(DEBIAN, user=False, owner=OURS))
    assert add.startswith("useradd --system --user-group")
    assert give == "chgrp -R fs-1c /etc/fs-1c && chmod 750 /etc/fs-1c && chmod 640 /etc/fs-1c/*"
    assert rest == [RELOAD, START, CHECK]


def test_whoever_is_not_root_does_it_as_himself() -> None:
    folder = Path("/home/me/fs-1c")
    machine = Machine(folder, Path("/home/me/state"), OURS, dialplan=PUBLIC)
    assert remains(machine) == [
        RELOAD,
        "fs-1c serve -c /home/me/fs-1c/fs-1c.toml",
        "fs-1c check -c /home/me/fs-1c/fs-1c.toml --number 89235292926",
    ]


def test_what_else_there_is_to_know() -> None:
    listened = replace(ANSWERS, event_socket=address("127.0.0.1:8021"), event_socket_password="ClueCon")
    own = replace(listened, event_socket_password="s3cret")
    elsewhere = replace(listened, event_socket=address("10.0.0.5:8021"))
    notes = [
        planned(*one, TEMPLATE).notes
        for one in (
            (ANSWERS, DEBIAN),
            (listened, DEBIAN),
            (own, DEBIAN),
            (own, replace(DEBIAN, fs_cli=True)),
            (elsewhere, DEBIAN),
        )
    ]
    assert [len(one) for one in notes] == [0, 0, 1, 0, 1]
    assert "/etc/fs_cli.conf" in notes[2][0]
    assert "s3cret" not in notes[2][0]
    assert "another machine" in notes[4][0]
