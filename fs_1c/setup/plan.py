"""Answers and a machine → what is written where, and what remains to be done. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fs_1c.language import _
from fs_1c.settings import is_loopback
from fs_1c.setup import texts
from fs_1c.setup.answers import Answers

DIALPLAN = "00_fs-1c.xml"
"""Its name in the switch's folder, whose files are read in the order of their names."""


USER = "fs-1c"
"""The service's."""
STANDARD = Path("/etc/fs-1c")
WELL_KNOWN = "ClueCon"
"""FreeSWITCH's own password of the event socket."""
_USER_ADD = (
    "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin fs-1c"
)
_UNITS = (
    "cp docs/systemd/fs-1c.service docs/systemd/fs-1c.socket /etc/systemd/system/ && systemctl daemon-reload"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a file is, and who may read it. `uid`, `gid`: None leaves what it is."""

    uid: int | None
    gid: int | None
    file: int
    folder: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of this machine.

    Attributes:
        folder: For settings and passwords.
        state: What the settings say of `state.folder`.
        owner: Of what is in `folder`.
        root: This is root.
        user: There is the service's user; its group is let in.
        systemd: It runs here.
        units: It has the service's.
        dialplan: The folder of the switch's context; None: there is none that may be written.
        wanted: Where that would be.
        fs_cli: It has settings of its own, and so a password.
        switch_owner: Of what is in `dialplan`.
    """

    folder: Path
    state: Path
    owner: Owner
    root: bool = False
    user: bool = False
    systemd: bool = False
    units: bool = False
    dialplan: Path | None = None
    wanted: Path = Path("/etc/freeswitch/dialplan/public")
    fs_cli: bool = False
    switch_owner: Owner = Owner(None, None, 0o644, 0o755)


@dataclass(frozen=True, slots=True)
class File:
    """One file that is to be there. `secret`: nobody is shown its text."""

    path: Path
    text: str
    owner: Owner
    secret: bool = False

    def __repr__(self) -> str:
        return f"File({str(self.path)!r})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, and the commands that remain, in their order.

    Attributes:
        notes: What whoever types them ought to know, a sentence each.
    """

    folder: Path
    owner: Owner
    files: tuple[File, ...]
    commands: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def settings(self) -> Path:
        return self.folder / texts.SETTINGS


def planned(answers: Answers, machine: Machine, template: str, client: str = "") -> Plan:
    """What these answers come to on that machine.

    Args:
        template: The example's dialplan.
        client: The number of a client by whom 1C was tried; empty: it was not.
    """
    folder = machine.folder
    files = [File(folder / texts.SETTINGS, texts.settings(answers, folder, machine.state), machine.owner)]
    secrets = {
        texts.PASSWORD: answers.password and f"{answers.password}\n",
        texts.CRM_TOKEN: answers.crm_token and f"{answers.crm_token}\n",
        texts.KEYS: answers.keys,
        texts.EVENT_SOCKET: f"{answers.event_socket_password}\n" if answers.event_socket else "",
    }
    files += [File(folder / name, text, machine.owner, secret=True) for name, text in secrets.items() if text]
    if answers.numbers:
        text = texts.dialplan(answers, template)
        files.append(
            File(machine.dialplan / DIALPLAN, text, machine.switch_owner)
            if machine.dialplan
            else File(folder / texts.BESIDE, text, machine.owner)
        )
    commands = _remaining(answers, machine, client)
    return Plan(folder, machine.owner, tuple(files), commands, tuple(_notes(answers, machine)))


def _notes(answers: Answers, machine: Machine) -> Iterator[str]:
    if answers.event_socket and not is_loopback(answers.event_socket.host) and answers.numbers:
        yield _(
            "FreeSWITCH is on another machine, and its dialplan asks 127.0.0.1:8084: run the service there, "
            "or see esl.outbound.allow."
        )
    if answers.event_socket and answers.event_socket_password != WELL_KNOWN and not machine.fs_cli:
        yield _("fs_cli needs the event socket's password, too: in /etc/fs_cli.conf, or after -p.")


def _remaining(answers: Answers, machine: Machine, client: str) -> tuple[str, ...]:
    number = f" --number {shlex.quote(client)}" if client else ""
    standard = machine.folder == STANDARD
    which = "" if standard else f" -c {_quoted(machine.folder / texts.SETTINGS)}"
    as_user = f"runuser -u {USER} -- " if machine.root else ""
    dialplan = _of_the_dialplan(machine) if answers.numbers else []
    if machine.systemd and standard:
        service = [] if machine.units else [_UNITS]
        service.append("systemctl enable --now fs-1c.socket fs-1c")
    else:
        owned = f"install -d -o {USER} -g {USER} -m 750 {_quoted(machine.state)}"
        service = [owned] if machine.root else []
        service.append(f"{as_user}fs-1c serve{which}")
    user = [_USER_ADD, _given_to_the_user(machine.folder)] if machine.root and not machine.user else []
    return (*user, *dialplan, *service, f"{as_user}fs-1c check{which}{number}")


def _of_the_dialplan(machine: Machine) -> list[str]:
    reload = "fs_cli -x reloadxml"
    if machine.dialplan is not None:
        return [reload]
    beside = _quoted(machine.folder / texts.BESIDE)
    return [f"install -m 644 {beside} {_quoted(machine.wanted / DIALPLAN)}", reload]


def _given_to_the_user(folder: Path) -> str:
    where = _quoted(folder)
    return f"chgrp -R {USER} {where} && chmod 750 {where} && chmod 640 {where}/*"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def told(plan: Plan, names: dict[int, str]) -> list[str]:
    """The plan in lines for people; no secret among them. `names`: of groups."""
    lines = []
    for file in plan.files:
        group = f" root:{names[file.owner.gid]}" if file.owner.gid in names else ""
        lines.append(f"{file.path} ({file.owner.file:o}{group})")
        if file.secret:
            lines.append("    " + _("(a secret, which is not shown)"))
        else:
            lines += [f"    {line}".rstrip() for line in file.text.splitlines()]
        lines.append("")
    return lines
