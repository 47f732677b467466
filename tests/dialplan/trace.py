"""FreeSWITCH's XML dialplan, as far as our examples use it: which dial strings are rung, in which order.

It keeps to the one rule that people forget: all conditions of a context are looked at first, with the
variables of that moment, and only then the actions run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from tests.dialplan.lint import assigned

Variables = dict[str, str]
Ask = Callable[[str, Variables], str]
"""Plays the service: gets the mode (`sync`, `async`, `python`) and the channel's variables, which it may set.
Returns the dial string that it bridges to by itself, or nothing.
"""

NOT_FOLLOWED = frozenset({"answer", "export", "callcenter", "record_session", "set_profile_var"})
"""Applications without which a trace is still right: here the queue serves nobody."""


def nobody(mode: str, variables: Variables) -> str:
    """A service that is not there, or dies: FreeSWITCH goes on."""
    return ""


@dataclass
class Trace:
    """What became of a call.

    Attributes:
        rang: The dial strings in order, expanded.
        talks_to: The endpoint that answered, or empty.
        ran: Every application and its argument, as they ran.
    """

    rang: list[str] = field(default_factory=list)
    talks_to: str = ""
    ran: list[tuple[str, str]] = field(default_factory=list)


def endpoints(dial_string: str) -> list[list[str]]:
    """The endpoints of a dial string: one after another, and in each step at the same time."""
    bare = re.sub(r"\[[^\]]*\]", "", dial_string)
    return [step.split(",") for step in bare.split("|") if step]


@dataclass
class Dialplan:
    """Contexts by name, each a list of extensions.

    Args:
        ask: The service.
        answers: Does this endpoint answer?
    """

    contexts: Mapping[str, Sequence[etree._Element]]
    ask: Ask = nobody
    answers: Callable[[str], bool] = lambda endpoint: False

    def call(self, number: str, variables: Mapping[str, str]) -> Trace:
        """A call to that number in the context `public`."""
        trace = Trace()
        self._run(self._hunt(number, "public", dict(variables)), "public", dict(variables), trace)
        return trace

    def _hunt(self, number: str, context: str, variables: Variables) -> list[tuple[str, str]]:
        actions: list[tuple[str, str]] = []
        for extension in self.contexts[context]:
            matched = False
            for condition in extension.iter("condition"):
                found = _matches(condition, number, variables)
                if found is None:
                    matched = False
                    break
                matched = True
                for action in condition.iter("action"):
                    data = re.sub(r"\$(\d)", lambda m: found[int(m[1])], action.get("data", ""))  # noqa: B023
                    actions.append((action.get("application", ""), data))
            if matched and extension.get("continue") != "true":
                break
        return actions

    def _run(self, actions: list[tuple[str, str]], context: str, variables: Variables, trace: Trace) -> bool:
        """Returns whether the call goes on after these actions."""
        for application, data in actions:
            argument = expanded(data, variables)
            trace.ran.append((application, argument))
            match application:
                case "set" | "multiset":
                    variables.update(assigned(application, argument))
                case "socket" | "python":
                    mode = "async" if " async" in argument else "sync"
                    own = self.ask("python" if application == "python" else mode, variables)
                    if own and self._bridge(expanded(own, variables), variables, trace):
                        return False
                case "bridge":
                    if self._bridge(argument, variables, trace):
                        return False
                case "execute_extension":
                    if not self._run(self._hunt(argument, context, variables), context, variables, trace):
                        return False
                case "transfer":
                    number, _, where = argument.split(" ")
                    self._run(self._hunt(number, where, variables), where, variables, trace)
                    return False
                case _:
                    assert application in NOT_FOLLOWED, f"{application} cannot be followed"
        return True

    def _bridge(self, dial_string: str, variables: Variables, trace: Trace) -> bool:
        """Returns whether the call has ended with it."""
        if not dial_string:
            return False
        trace.rang.append(dial_string)
        for step in endpoints(dial_string):
            if found := [endpoint for endpoint in step if self.answers(endpoint)]:
                trace.talks_to = found[0]
                return variables.get("hangup_after_bridge") == "true"
        return variables.get("continue_on_fail") != "true"


def expanded(text: str, variables: Variables) -> str:
    """`${name}` → its value, again and again, as FreeSWITCH does; a function in it is not called."""
    for _ in range(10):
        text, changed = re.subn(r"\$\{(\w+)\}", lambda m: variables.get(m[1], ""), text)
        if not changed:
            break
    return text


def _matches(condition: etree._Element, number: str, variables: Variables) -> re.Match[str] | None:
    name, expression = condition.get("field"), condition.get("expression")
    if name is None or expression is None:
        return re.match("", "")
    value = number if name == "destination_number" else expanded(name, variables)
    return re.search(expression, value)
