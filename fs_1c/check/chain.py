"""The chain that is walked: which steps there are, in which order, and what one tells another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path

from fs_1c.bounds import Budget, at_once, begin
from fs_1c.check import base, service, switch
from fs_1c.check.base import Base
from fs_1c.check.finding import Finding, skipped, warning
from fs_1c.check.keys import Keys
from fs_1c.check.masking import Mask
from fs_1c.check.steps import (
    answer_step,
    calls_step,
    dialplan_step,
    gateways_step,
    history_step,
    load_step,
    number_step,
    presence_step,
    reach_step,
    recordings_step,
    routing_step,
    settings_step,
)
from fs_1c.check.steps.settings_step import base_link, switch_link
from fs_1c.check.switch import Switch
from fs_1c.check.walk import Branch, Step, Trip, Unseen, Watch, collect
from fs_1c.settings import Settings

OVERALL = 45.0
"""Seconds for everything but reading the settings before it and the farewells after it."""
MAX_NUMBERS = 20
RUNNING_WITHIN = 4.0
"""Seconds that a base waits to learn whether the service runs."""

LIMITS = {
    "settings": 8.0,
    "files": 8.0,
    "subscribers": 8.0,
    "routing": 4.0,
    "presence": 10.0,
    "calls": 4.0,
    "state": 4.0,
    "dns": 5.0,
    "tcp": 8.0,
    "tls": 16.0,
    "http": 30.0,
    "service": 8.0,
    "history": 4.0,
    "recordings": 4.0,
    "sessions": 20.0,
    "number": 14.0,
    "latency": 25.0,
    "event-socket": 10.0,
    "password": 10.0,
    "modules": 10.0,
    "database": 10.0,
    "gateways": 10.0,
    "claims": 10.0,
    "dialplan": OVERALL,  # so does its
    "directory": OVERALL,  # its subject is known when 1C has been asked
    "outbound": 10.0,
    "http-door": 8.0,
    "redis": 6.0,
}
"""Step → seconds after which it is left behind; most end by time-outs of their own before that."""

_DISK = "See which disk hangs (a network folder?), and put the files on one that does not."
_NAMES = "Look at /etc/resolv.conf: its name servers do not answer."
_ONEC = "See on 1C's server what it is doing; a restart of its web server may help."
_SWITCH = "See whether FreeSWITCH hangs (fs_cli)."
_SERVICE = "Restart the service; its log says what it was doing."


def _step(name: str, run: Callable[[], list[Finding]], hung: str) -> Step:
    return Step(name, run, LIMITS[name], hung)


def walk(settings: Settings, path: Path, numbers: Sequence[str], watch: Watch) -> list[Finding]:
    """Looks at everything, within `OVERALL` seconds and a little. Never raises.

    Args:
        path: The settings file.
        numbers: Clients' numbers, in any form, that 1C ought to know; `MAX_NUMBERS` of them are looked at.
        watch: Told of the progress.
    """
    trip = Trip(Budget(OVERALL), Mask(), watch)
    own = _OwnFiles(settings, path, trip.mask)
    first = Branch("settings", own.steps(), trip, chained=False)
    found = collect([first], [begin(first.run)])

    running: Future[bool] = Future()
    bases = [base.of(name, settings, own.keys, numbers[:MAX_NUMBERS]) for name in settings.onec]
    branches = [_of_base(one, running, trip) for one in bases]
    switches = [Switch(one, settings, own.keys) for one in settings.esl.inbound]
    links: list[Base | Switch] = [*bases, *switches]
    for link in links:
        if _link(link) in own.locked:
            link.blocked = "its password cannot be read"
    futures = [begin(branch.run) for branch in branches]
    others = [_of_switch(one, bases, tuple(futures), trip) for one in switches]
    others.append(Branch("service", _service_steps(settings, running), trip, chained=False))
    futures += [begin(branch.run) for branch in others]
    try:
        return found + collect([*branches, *others], futures)
    finally:
        trip.budget.end()
        at_once([one.hang_up for one in bases], base.FINISH_WITHIN + 0.5)  # after an interrupt, too


def _link(one: Base | Switch) -> str:
    return base_link(one.name) if isinstance(one, Base) else switch_link(one.settings.address)


class _OwnFiles:
    """The steps that look at the settings and their files, and what they leave for the others."""

    def __init__(self, settings: Settings, path: Path, mask: Mask) -> None:
        self.keys = Keys({}, unread="nothing was read")
        self.locked: set[str] = set()
        self._settings, self._path, self._mask = settings, path, mask

    def steps(self) -> list[Step]:
        settings = self._settings
        return [
            _step("settings", self._secrets, _DISK),
            _step("files", lambda: settings_step.files(settings, self._path), _DISK),
            _step("subscribers", self._subscribers, _DISK),
            _step("routing", lambda: routing_step.routing(settings), _DISK),
            _step("presence", lambda: presence_step.presence(settings), _DISK),
            _step("calls", lambda: calls_step.calls(settings), _DISK),
            _step("state", lambda: settings_step.state(settings), _DISK),
            _step("history", lambda: history_step.history(settings, self.keys), _DISK),
            _step("recordings", lambda: recordings_step.recordings(settings), _DISK),
        ]

    def _secrets(self) -> list[Finding]:
        found, self.locked = settings_step.secrets(self._settings, self._mask)
        return [settings_step.read(self._path), *settings_step.plain_http(self._settings), *found]

    def _subscribers(self) -> list[Finding]:
        found, self.keys = settings_step.subscribers(self._settings, self._mask)
        return found


def _of_base(one: Base, running: Future[bool], trip: Trip) -> Branch:
    def sessions() -> list[Finding]:
        done, _ = wait([running], RUNNING_WITHIN)
        return load_step.sessions(one, bool(done) and running.result())

    way, numbers = _way_to(one)
    latency = _step("latency", partial(load_step.latency, one), _ONEC)
    steps = [*way, _step("sessions", sessions, _ONEC), *numbers, latency]
    return Branch(_link(one), steps, trip, lambda: one.blocked)


def _way_to(one: Base) -> tuple[list[Step], list[Step]]:
    """The steps up to 1C, and those about numbers."""
    way = [
        _step("dns", partial(reach_step.dns, one), _NAMES),
        _step("tcp", partial(reach_step.tcp, one), _ONEC),
        _step("tls", partial(reach_step.tls, one), _ONEC),
        _step("http", partial(answer_step.http, one), _ONEC),
        _step("service", partial(answer_step.service, one), _ONEC),
        _step("history", partial(answer_step.history, one), _ONEC),
    ]
    return way, [_step("number", partial(number_step.number, one, each), _ONEC) for each in one.numbers]


def look_at_base(settings: Settings, numbers: Sequence[str], last: str) -> tuple[list[Finding], Base]:
    """The way to the only base that is set, and no further than to the step `last`. Never raises."""
    trip = Trip(Budget(OVERALL), Mask(), Unseen())
    settings_step.secrets(settings, trip.mask)
    one = base.of(next(iter(settings.onec)), settings, Keys({}, unread="nothing was read"), numbers)
    way, more = _way_to(one)
    names = [step.name for step in way]
    steps = way[: names.index(last) + 1] if last in names else [*way, *more]
    try:
        branch = Branch(_link(one), steps, trip, lambda: one.blocked)
        branch.run()
    finally:
        one.hang_up()
    return branch.found, one


def look_at_switch(settings: Settings, more: Callable[[Switch], list[Finding]]) -> list[Finding]:
    """Does the only switch that is set let us in, and what does `more` find there. Never raises."""
    trip = Trip(Budget(OVERALL), Mask(), Unseen())
    settings_step.secrets(settings, trip.mask)
    one = Switch(settings.esl.inbound[0], settings, Keys({}))
    steps = [*_door_of(one), Step("target", partial(more, one), LIMITS["modules"], _SWITCH)]
    branch = Branch(_link(one), steps, trip, lambda: one.blocked)
    branch.run()
    return branch.found


def _of_switch(one: Switch, bases: Sequence[Base], asked: Sequence[Future[None]], trip: Trip) -> Branch:
    def managers() -> list[str]:
        if one.whole.subscribers.directory or any(each.numbers for each in bases):
            wait(asked, max(0.0, trip.budget.left() - 2 * switch.TALK_WITHIN - 1.0))
        return sorted({manager for each in bases for manager in tuple(each.managers)})

    steps = [
        *_door_of(one),
        _step("database", partial(switch.database, one), _SWITCH),
        _step("claims", partial(switch.claims, one), _SWITCH),
        _step("presence", partial(presence_step.registrations, one), _SWITCH),
        _step("gateways", partial(gateways_step.gateways, one), _SWITCH),
        _step("dialplan", lambda: dialplan_step.dialplan(one, managers()), _SWITCH),
        _step("directory", lambda: switch.directory(one, managers()), _SWITCH),
    ]
    return Branch(_link(one), steps, trip, lambda: one.blocked)


def _door_of(one: Switch) -> list[Step]:
    return [
        _step("event-socket", partial(switch.greeting, one), _SWITCH),
        _step("password", partial(switch.password, one), _SWITCH),
        _step("modules", partial(switch.modules, one), _SWITCH),
    ]


def _service_steps(settings: Settings, running: Future[bool]) -> list[Step]:
    runs: list[bool | None] = []

    def outbound() -> list[Finding]:
        found, known = service.outbound(settings)
        runs.append(known)
        return found

    def http() -> list[Finding]:
        known = runs[0] if runs else None
        found, says = service.http(settings, known)
        running.set_result(says or bool(known))
        return found

    def nobody_listened_to() -> list[Finding]:
        if settings.esl.inbound:
            return []
        return [
            warning(
                "event-socket",
                "no [[esl.inbound]] is set: the service does not hear who answers",
                "With `socket … full` no card will ever open; only calls of `socket … async` open theirs.",
                "Add the switch as [[esl.inbound]], with its address and password_file.",
            )
            if settings.esl.outbound.enabled
            else skipped("event-socket", "esl is off: mod_python3, or a script of your own, asks 1C")
        ]

    return [
        _step("outbound", outbound, _SERVICE),
        _step("http-door", http, _SERVICE),
        _step("event-socket", nobody_listened_to, _SERVICE),
        _step("redis", lambda: service.redis(settings), "See whether Redis hangs."),
    ]
