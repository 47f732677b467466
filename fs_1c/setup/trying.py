"""Answers tried at once, by the steps of `fs-1c check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fs_1c.check import Finding, Switch, look_at_base, look_at_switch, ok
from fs_1c.esl import NotLetIn
from fs_1c.numbers import NumberFormat
from fs_1c.settings import Address, DialectName, Settings, build
from fs_1c.setup import switch as switches
from fs_1c.setup.answers import Answers
from fs_1c.wsdl import fitting

_UNTOLD = "untold"
"""In place of 1C's key for the PBX as long as nobody has given it: 1C refuses it, and so is there."""


@dataclass(frozen=True, slots=True)
class OneCFound:
    """What trying 1C has shown.

    Attributes:
        dialect: The one that its ?wsdl describes, if it does.
        finds_by: In which form of numbers it finds the client, if not as it is asked.
        managers: Extensions that it has named.
        takes_calls: It has the operation by which it is told of whole calls.
    """

    findings: tuple[Finding, ...]
    dialect: DialectName | None = None
    finds_by: NumberFormat | None = None
    managers: tuple[str, ...] = ()
    takes_calls: bool = False


@dataclass(frozen=True, slots=True)
class SwitchFound:
    """What trying the switch has shown. `configuration`: the folder in which it keeps that."""

    findings: tuple[Finding, ...]
    configuration: Path | None = None


def settings(answers: Answers) -> Settings:
    """The settings that these answers come to, with nothing in files. Raises SettingsError."""
    onec: dict[str, Any] = {"url": answers.url, "username": answers.username, "dialect": answers.dialect}
    onec["password"] = answers.password
    if answers.dialect is DialectName.ITOOLABS:
        onec["crm_token"] = answers.crm_token or _UNTOLD
    if answers.number_format:
        onec["number_format"] = answers.number_format
    found: dict[str, Any] = {"onec": onec}
    if answers.event_socket:
        switch = {"address": answers.event_socket, "password": answers.event_socket_password}
        found["esl"] = {"inbound": [switch]}
    return build(found, "setup")


def onec(answers: Answers, last: str, numbers: Sequence[str] = ()) -> OneCFound:
    """The way to 1C, no further than to the step `last`."""
    found, base = look_at_base(settings(answers), numbers, last)
    described = base.described
    return OneCFound(
        tuple(found),
        fitting(described) if described else None,
        base.finds_by,
        tuple(sorted(base.managers)),
        bool(described and "CallEvent" in described.operations),
    )


def switch(address: Address, password: str, target: str = "") -> SwitchFound:
    """The switch's event socket, and whether it knows whoever rings by default."""
    answers = Answers(url="http://127.0.0.1", event_socket=address, event_socket_password=password)
    told: list[str] = []

    def more(one: Switch) -> list[Finding]:
        try:
            with one.connect() as connection:
                connection.greeted()
                connection.authenticate(password)
                told.append(connection.api("global_getvar conf_dir") or "")
        except (OSError, EOFError, ValueError, NotLetIn):
            pass  # it is asked for a courtesy
        return switches.target(one, target) if target else [ok("target", "")]

    found = look_at_switch(settings(answers), more)
    findings = tuple(one for one in found if one.what)
    return SwitchFound(findings, Path(told[0]) if told and told[0].startswith("/") else None)
