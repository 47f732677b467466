"""Answers and a machine → what is written where, and what remains to be done. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from fs_1c.language import _
from fs_1c.setup import texts
from fs_1c.setup.answers import Answers

DIALPLAN = "00_fs-1c.xml"
"""Its name in the switch's folder, whose files are read in the order of their names."""


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
        user: The service's, if this is root and there is one: it is let in by its group.
        dialplan: The folder of the switch's context; None: there is none that may be written.
        switch_owner: Of what is in `dialplan`.
        units: Those of the service that systemd has.
    """

    folder: Path
    state: Path
    owner: Owner
    user: str = ""
    dialplan: Path | None = None
    switch_owner: Owner = Owner(None, None, 0o644, 0o755)
    units: tuple[str, ...] = ()


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
    """What is to be written, and the commands that remain, in their order."""

    folder: Path
    owner: Owner
    files: tuple[File, ...]
    commands: tuple[str, ...]

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
    return Plan(folder, machine.owner, tuple(files), _remaining(answers, machine, client))


def _remaining(answers: Answers, machine: Machine, client: str) -> tuple[str, ...]:
    settings = machine.folder / texts.SETTINGS
    standard = settings == Path("/etc/fs-1c/fs-1c.toml")
    which = "" if standard else f" -c {shlex.quote(str(settings))}"
    commands = []
    if answers.numbers:
        if machine.dialplan is None:
            beside = shlex.quote(str(machine.folder / texts.BESIDE))
            where = "/etc/freeswitch/dialplan/public"
            commands.append(f"install -m 644 {beside} {where}/{DIALPLAN}")
        commands.append("fs_cli -x reloadxml")
    if machine.units and standard:
        commands.append(f"systemctl enable --now {' '.join(machine.units)}")
    else:
        commands.append(f"fs-1c serve{which}")
    number = f" --number {shlex.quote(client)}" if client else ""
    as_user = f"runuser -u {machine.user} -- " if machine.user else ""
    commands.append(f"{as_user}fs-1c check{which}{number}")
    return tuple(commands)


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
