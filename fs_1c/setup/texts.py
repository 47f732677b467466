"""Answers → the text of each file, in which every answer is read back as it was given. Pure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from fs_1c.language import _
from fs_1c.numbers import Number, read
from fs_1c.setup.answers import PLAN, Answers

PASSWORD, CRM_TOKEN, KEYS, EVENT_SOCKET = "password", "crm-token", "subscribers.csv", "event-socket"
SETTINGS, BESIDE = "fs-1c.toml", "dialplan.xml"
NAMES = (SETTINGS, PASSWORD, CRM_TOKEN, KEYS, EVENT_SOCKET, BESIDE)
"""Of all files that may come into the folder of the settings."""

_EXAMPLE = "user/100@${domain}"


def sections(answers: Answers, folder: Path, state: Path) -> dict[str, Any]:
    """The settings, as the file has them; secrets are files in `folder`."""
    onec: dict[str, Any] = {"url": answers.url, "dialect": answers.dialect.value}
    if answers.username:
        onec["username"] = answers.username
    if answers.password:
        onec["password_file"] = str(folder / PASSWORD)
    if answers.crm_token:
        onec["crm_token_file"] = str(folder / CRM_TOKEN)
    if answers.number_format:
        onec["number_format"] = answers.number_format.value
    found: dict[str, Any] = {"onec": onec}
    subscribers: dict[str, Any] = {"file": str(folder / KEYS)} if answers.keys else {}
    if answers.keys_in_directory:
        subscribers["directory"] = True
    if subscribers:
        found["subscribers"] = subscribers
    found["state"] = {"folder": str(state)}
    if answers.history is not None:
        found["history"] = {"enabled": answers.history}
    if answers.event_socket:
        switch = {"address": str(answers.event_socket), "password_file": str(folder / EVENT_SOCKET)}
        found["esl"] = {"inbound": [switch]}
    return found


def settings(answers: Answers, folder: Path, state: Path) -> str:
    """The settings file."""
    about = {
        "onec": _("1C: where it is, and how it is spoken to"),
        "subscribers": _("whose key in 1C is whose; a key is a password"),
        "state": _("the journal, and which cards have opened"),
        "history": _("whether 1C is told of whole calls, missed ones among them"),
        "esl": _("this FreeSWITCH: whose conversations open cards"),
    }
    head = _(
        "Written by fs-1c setup. After a change: systemctl reload fs-1c. All settings: the documentation."
    )
    told = [f"# {head}"]
    for name, section in sections(answers, folder, state).items():
        told += ["", f"# {about[name]}"]
        rows = section["inbound"] if name == "esl" else [section]
        for row in rows:
            told.append("[[esl.inbound]]" if name == "esl" else f"[{name}]")
            told += [f"{key} = {toml(value)}" for key, value in row.items()]
    return "\n".join(told) + "\n"


def toml(value: str | bool) -> str:
    """A value as TOML has it; a text has no surrogates (`answers.line`)."""
    # JSON's escapes are TOML's, but for DEL, which may not stand there as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def dialplan(answers: Answers, template: str) -> str:
    """The dialplan for the numbers, made of the example. Raises ValueError if the example is another one."""
    done, conditions = re.subn(
        r'(field="destination_number" expression=")[^"]*(")',
        lambda found: found[1] + _attribute(expression(answers.numbers)) + found[2],
        template,
    )
    wanted = f"~fs_1c_default_target={_EXAMPLE}"
    if conditions != 1 or done.count(wanted) != 1:
        raise ValueError("sync.xml")
    return done.replace(wanted, f"~fs_1c_default_target={_attribute(answers.target)}")


def expression(numbers: tuple[str, ...]) -> str:
    """A pattern of the numbers, in every form in which a trunk may bring them."""
    return f"^({'|'.join(dict.fromkeys(map(_forms, numbers)))})$"


def _forms(number: str) -> str:
    parsed = read(number, PLAN)
    if not isinstance(parsed, Number):
        return rf"\+?{number.removeprefix('+')}"
    digits = parsed.e164[1:]
    if digits.startswith("7") and len(digits) == 11:  # Kazakhstan too
        return rf"\+?{digits}|8{digits[1:]}|{digits[1:]}"
    typed = number.removeprefix("+")
    return rf"\+?{digits}" if typed == digits else rf"\+?{digits}|{typed}"


def _attribute(value: str) -> str:
    return escape(value, {'"': "&quot;"})
