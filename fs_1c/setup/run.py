"""`fs-1c setup` itself."""

from __future__ import annotations

import grp
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from rich.console import Console

from fs_1c.language import _
from fs_1c.settings import SettingsError, load
from fs_1c.setup import machine, switch
from fs_1c.setup.answers import Mistake
from fs_1c.setup.asking import DOES_NOT_WORK, Given, Prompted, Refused
from fs_1c.setup.interview import READERS, SECRETS, Interview, words
from fs_1c.setup.placing import place, swept
from fs_1c.setup.plan import Plan, planned, told

_ENDS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Where:
    """Where files are, and come.

    Attributes:
        folder: For settings and passwords.
        state: What the settings say of `state.folder`.
        switch: FreeSWITCH's configuration; None: it is looked for.
        context: Of the dialplan; empty: public, or else default.
    """

    folder: Path = Path("/etc/fs-1c")
    state: Path = Path("/var/lib/fs-1c")
    switch: Path | None = None
    context: str = ""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Whoever ends the process, or hangs up its terminal, interrupts it, and does not stop it midway: what
    has been written is taken back, and the terminal shows again what is typed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@stopped_by_signals()
def run(
    given: Mapping[str, str], where: Where, console: Console, *, asks: bool, tries: bool, dry: bool
) -> int:
    """Asks for what no option says, tries it, writes it. Returns the exit code: 0; 1: an answer does not
    work, something is there already, it could not be written, or somebody has stopped it; 2: wrong input.

    Args:
        given: Option, without its dashes → what it says; of a secret, the secret.
        asks: Somebody sits at the terminal.
        tries: Answers are tried at 1C and at the switch.
        dry: Nothing is written; what would be is shown.
    """
    found = machine.look(where.folder, where.state)
    configurations = [where.switch] if where.switch else list(switch.FOLDERS)
    known = next((one for one in configurations if one.is_dir()), None)
    context = known and machine.context(known, where.context)
    asked = Prompted(given, console, words(), SECRETS) if asks else Given(given, console)
    for path in () if dry else swept(machine.written(found, context)):
        asked.say(_("removed {path}: a setup that was killed had left it", path=path), "yellow")
    named = [one for one in (where.switch, where.context and context) if one]
    wrong = [*machine.refusals(found, context)]
    wrong += [_("{path} is no folder", path=one) for one in named if not one.is_dir()]
    for line in wrong:
        asked.say(line, "red")
    if wrong:
        return DOES_NOT_WORK
    _mistakes(given, asked)
    if asked.failed:
        return asked.failed
    interview = Interview(asked, tries=tries, configurations=configurations, context=where.context)
    try:
        interview.run()
    except (KeyboardInterrupt, EOFError):
        console.print()
        asked.say(_("Stopped: nothing has been written."), "red")
        return DOES_NOT_WORK
    except Refused as error:
        asked.say(str(error), "red")
        return DOES_NOT_WORK
    if asked.failed:
        asked.say(_("Nothing has been written."), "red")
        return asked.failed
    if interview.configuration:
        folder = machine.context(interview.configuration, where.context)
        found = replace(found, wanted=folder)
        if owner := machine.owner_in(folder):
            found = replace(found, dialplan=folder, switch_owner=owner)
    template = (resources.files("fs_1c.setup") / "sync.xml").read_text("utf-8")
    plan = planned(interview.answers, found, template, interview.client)
    return _show(plan, asked) if dry else _write(plan, asked)


def _mistakes(given: Mapping[str, str], asked: Given) -> None:
    """Says what is wrong in the options, all of it, before anything is tried."""
    for name, text in given.items():
        try:
            READERS[name](text)
        except Mistake as error:
            asked.mistake(name, error)


def _show(plan: Plan, asked: Given) -> int:
    for line in told(plan, _groups(plan)):
        asked.say(line)
    _remain(plan, asked)
    return 0


def _groups(plan: Plan) -> dict[int, str]:
    gids = {file.owner.gid for file in plan.files if file.owner.gid is not None}
    names = {}
    for gid in gids:
        try:
            names[gid] = grp.getgrgid(gid).gr_name
        except KeyError:
            names[gid] = str(gid)
    return names


def _write(plan: Plan, asked: Given) -> int:
    asked.say("")
    for file in plan.files:
        asked.say(f"  {file.path}")
    try:
        if not asked.sure():
            asked.say(_("Nothing has been written."), "red")
            return DOES_NOT_WORK
        place(plan, lambda: load(plan.settings))
    except FileExistsError as error:
        path = error.filename2 or error.filename
        asked.say(_("{path} is there already, and nothing is overwritten", path=path), "red")
        return DOES_NOT_WORK
    except OSError as error:
        path = error.filename or plan.folder
        asked.say(_("{path}: {why}. Nothing has been written.", path=path, why=error.strerror), "red")
        return DOES_NOT_WORK
    except SettingsError as error:
        for line in error.problems:
            asked.say(line, "red")
        asked.say(_("Nothing has been written."), "red")
        return DOES_NOT_WORK
    except (KeyboardInterrupt, EOFError):
        asked.say(_("Stopped: nothing has been written."), "red")
        return DOES_NOT_WORK
    _remain(plan, asked)
    return 0


def _remain(plan: Plan, asked: Given) -> None:
    for note in plan.notes:
        asked.say(note, "yellow")
    asked.say(_("What remains:"), "bold")
    for command in plan.commands:
        asked.say(f"  {command}")
