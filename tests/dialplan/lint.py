"""What an example must not get wrong, since people copy it: each rule is a call that somebody has lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

_TARGET, _DEFAULT = "${fs_1c_target}", "${fs_1c_default_target}"
_VARIABLE = re.compile(r"(nolocal:)?[a-z_0-9]+=\S.*")

# The client's name, where there is one: `channel.text` has made it harmless, in an argument of `regex`, too.
_NAME = "${regex(${effective_caller_id_name}|^(.+)$|caller_id_name=%1|b)}"
# Who may pick the call up; the manager's number is digits (`channel.word`). No application of mod_hash, which
# would end the call where that is not loaded.
_KEY = (
    r"(\d+|global|\$\{fs_1c_manager\}|\$\{user_data\(\$\{fs_1c_manager\}@\$\{domain_name\} var callgroup\)\})"
)
_PICK_UP = re.compile(
    rf"fs_1c_pickup=(\$\{{hash\(insert/\$\{{domain_name\}}-last_dial_ext/{_KEY}/\$\{{uuid\}}\)\}} *)+"
)

# Application → the shape of its argument. One that is not here is not known to be safe.
_ARGUMENTS = {
    "answer": re.compile(""),
    "bridge": re.compile(r"\S+"),
    "callcenter": re.compile(r"[\w.-]+@[\w.-]+"),
    "execute_extension": re.compile(r"\w+"),
    "export": _VARIABLE,
    "multiset": re.compile(r"\^\^~\w+=[^~]+( *~\w+=[^~]+)*", re.ASCII),
    "python": re.compile("fs_1c_dialplan( bridge)?"),
    "record_session": re.compile(r"\$\$\{recordings_dir\}/\$\{strftime\([%/A-Za-z]+\)\}/\$\{uuid\}\.wav"),
    "set": _VARIABLE,
    "set_profile_var": re.compile(re.escape(_NAME)),
    "socket": re.compile(r"127\.0\.0\.1:\d+(\|[\w.-]+:\d+)?( async)? full"),
    "transfer": re.compile(r"\d+ XML [\w.-]+"),
}
_LAST_RESORTS = ("bridge", "transfer")
_ASKING = ("socket", "python")

# What the caller or 1C has written. `word` in channel.py makes fs_1c_target fit for a dial string, nothing
# else.
_FROM_OUTSIDE = re.compile(
    r"\$\{[^}]*\b(fs_1c_(title|category|manager|number|result|target)|(effective_)?caller_id_name|sip_\w+)\b"
)


def problems(text: str) -> list[str]:
    """One line for each thing that is wrong with a dialplan file; none: it may be copied."""
    parser = etree.XMLParser(remove_comments=True, resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        return [f"is no XML: {error.msg}"]
    if root.tag != "include" or "<!DOCTYPE" in text:
        return ["the root must be <include>, without a document type"]
    found = [f"<{child.tag}> has no place in <include>" for child in root if child.tag != "extension"]
    called = {c.get("expression", "").strip("^$") for c in root.iter("condition")}
    names = [extension.get("name", "") for extension in root]
    if len(names) != len(set(names)) or not all(name.startswith("fs-1c") for name in names):
        found.append(f"names of extensions must begin with fs-1c and differ: {names}")
    for extension in root.iter("extension"):
        where = extension.get("name", "")
        for problem in (*_conditions(extension), *_actions(extension, called), *_fails_open(extension)):
            found.append(f"{where}: {problem}")
    return found


def _conditions(extension: etree._Element) -> Iterator[str]:
    conditions = extension.findall("condition")
    if not conditions:
        yield "has no condition"
    for condition in conditions:
        name, expression = condition.get("field"), condition.get("expression")
        if not name or not expression:
            yield "a condition without field or expression matches everything"
            continue
        if not (expression.startswith("^") and expression.endswith("$")):
            yield f"{expression} matches parts of a number, too"
        try:
            re.compile(expression)
        except re.error as error:
            yield f"{expression}: {error}"


def _actions(extension: etree._Element, called: set[str]) -> Iterator[str]:
    for element in extension.iter():
        if element.tag not in ("extension", "condition", "action"):
            yield f"<{element.tag}> has no place in <extension>"
    for application, data in actions(extension):
        shape = _ARGUMENTS.get(application)
        if shape is None:
            yield f"{application}: not an application that these examples may use"
        elif not shape.fullmatch(data):
            yield f"{application}: {data!r} is no argument for it"
        if application == "execute_extension" and data not in called:
            yield f"execute_extension: there is no {data} in this file"
        if "api_on_answer=python" in data:
            yield "api_on_answer=python stops all Python for good: pyrun"
        if _FROM_OUTSIDE.search(data) and not _known_to_be_harmless(application, data):
            yield f"{application}: {data} pastes what others have written into an argument"
        if any(data.count(pair[0]) != data.count(pair[1]) for pair in ("{}", "[]", "()")):
            yield f"{application}: a bracket is missing in {data!r}"


# Only where the service has said that the manager is busy or away: then the name is the service's, too.
_WHY = "effective_caller_id_name=${effective_caller_id_name} (${fs_1c_manager} ${fs_1c_manager_state})"


def _known_to_be_harmless(application: str, data: str) -> bool:
    if application == "set":
        return data == _WHY or _PICK_UP.fullmatch(data) is not None
    return (application, data) in (("bridge", _TARGET), ("set_profile_var", _NAME))


# Without it a phone loses the caller or leaves him in silence: a REFER, whoever was answered before.
_FOR_PHONES = ("domain_name", "force_transfer_context", "transfer_ringback")
_REDIRECT = "outbound_redirect_fatal"


def _phones_lose_nobody(given: dict[str, str], exported: str) -> Iterator[str]:
    for needed in _FOR_PHONES:
        if not given.get(needed):
            yield f"{needed} must be set before anybody is rung"
    in_the_multiset = given.get(_REDIRECT) == "true" and given.get("export_vars", "").endswith(
        f",{_REDIRECT}"
    )
    if not in_the_multiset and f"{_REDIRECT}=true" not in exported:
        yield f"{_REDIRECT}=true must be exported before anybody is rung"
    if "force_transfer_context" in exported + given.get("export_vars", ""):
        yield "force_transfer_context must not be exported: a REFER from the trunk would get in"


def _fails_open(extension: etree._Element) -> Iterator[str]:
    """The call goes on whatever becomes of the service."""
    run = actions(extension)
    asks = [i for i, (name, _) in enumerate(run) if name in _ASKING]
    rings = [i for i, (name, _) in enumerate(run) if name in ("bridge", *_ASKING)]
    if rings:
        early = run[: rings[0]]
        exported = " ".join(data for name, data in early if name == "export")
        yield from _phones_lose_nobody(dict(p for one in early for p in assigned(*one)), exported)
    if not asks:
        return
    if len(asks) > 1:
        yield "1C is asked twice"
    before, (_, how), after = run[: asks[0]], run[asks[0]], run[asks[0] + 1 :]
    given = dict(pair for name, data in before for pair in assigned(name, data))
    for needed in ("continue_on_fail", "hangup_after_bridge"):
        if given.get(needed) != "true":
            yield f"{needed}=true must be set before 1C is asked"
    is_async = " async " in how
    if is_async != (given.get("socket_resume") == "true"):
        yield "socket_resume=true belongs before an async socket, and only there"
    if any("socket_resume" in data for _, data in after):
        yield "socket_resume comes too late after the socket"
    bridges_itself = is_async or how.endswith(" bridge")
    if not bridges_itself and ("bridge", _TARGET) not in after:
        yield f"nobody bridges to {_TARGET}"
    rest = after[after.index(("bridge", _TARGET)) + 1 :] if ("bridge", _TARGET) in after else after
    last = [data for name, data in rest if name in _LAST_RESORTS]
    if not last:
        yield "there is no last resort after the manager"
    uses_default = is_async or any(_DEFAULT in data for data in last)
    if uses_default and not given.get("fs_1c_default_target"):
        yield "fs_1c_default_target must be set before 1C is asked"


def assigned(application: str, argument: str) -> list[tuple[str, str]]:
    """The channel variables that an application of a dialplan sets."""
    match application:
        case "set":
            pairs = [argument]
        case "multiset":
            separator, rest = argument.removeprefix("^^")[:1], argument[3:]
            pairs = rest.split(separator) if argument.startswith("^^") else argument.split(" ")
        case _:
            pairs = []
    parts = (pair.strip(" ").partition("=") for pair in pairs)  # as FreeSWITCH does it
    return [(name, value) for name, found, value in parts if found]


def actions(extension: etree._Element) -> list[tuple[str, str]]:
    """The applications of an extension and their arguments, in order."""
    return [(one.get("application", ""), one.get("data", "")) for one in extension.iter("action")]
