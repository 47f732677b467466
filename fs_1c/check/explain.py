"""An error of 1C, or of the way to it, as a finding: what it means and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from fs_1c.check.finding import Finding, problem
from fs_1c.onec import OneCError

_CALLS_GO_ON = "Callers' names and cards are missing meanwhile; calls go on to their default target."

# kind → step, remedy; {url}, {username}, … are settings of the base.
_TABLE = {
    "settings": ("http", "Correct that setting."),
    "unreachable": ("http", "Look at {url}, the network and, if there is one, the proxy."),
    "timeout": (
        "http",
        "See on 1C's server whether it is overloaded or the base locked; try a browser at that address.",
    ),
    "tls": ("tls", "Look at the web server's certificate and at {ca_file}."),
    "cut": ("http", "See what listens at {url}: it hangs up before it has heard the request."),
    "broken": ("http", "See what listens at {url}: its answer breaks off, or is no HTTP."),
    "too-large": ("http", "See what listens at {url}: 1C's answer has no need to be so long."),
    "bad-request": ("http", "Look into the web server's log; a proxy before 1C may have refused it."),
    "unauthorized": (
        "authentication",
        "Set {username} and {password_file} to a user of this base with 1C's own authentication; try them in "
        "a browser at the same address.",
    ),
    "forbidden": (
        "authentication",
        "In 1C, give the user of {username} a role that may use this web service and start sessions.",
    ),
    "not-published": (
        "http",
        "Compare {url} with the publication: default.vrd must list the web service under <ws>, by the name "
        'that the address ends in; for itoolabs it must have <httpServices publishByDefault="true"/>, or the '
        "service `telephony` in it.",
    ),
    "proxy": (
        "http",
        "See whether 1C's server runs and answers the web server; look into the web server's log.",
    ),
    "base-down": ("http", "Look at 1C's server: does it run, is the base there, does its database answer?"),
    "maintenance": ("http", "Wait, or allow sessions again in the base's properties on 1C's server."),
    "no-licence": ("sessions", "Free a licence, or buy one: each session takes one while it lasts."),
    "pool-full": ("sessions", "Raise poolSize in default.vrd to {sessions} at least."),
    "session": ("sessions", 'Set {session_mode} to "auto".'),
    "fault": ("service", "Give that line to whoever writes the 1C side: it names module and line."),
    "reported": ("service", "Give that line to whoever writes the 1C side."),
    "not-understood": (
        "service",
        "Have SayName return XML with title, category and manager/phone, as docs/1c does; `fs-1c lookup "
        "--raw NUMBER` shows what came.",
    ),
    "version": (
        "http",
        "Wait, if 1C is being updated just now; else give the web server 1C's module of the server's "
        "version, and publish the base again.",
    ),
    "throttled": (
        "http",
        "Raise the web server's limit for this machine (in nginx: limit_req, limit_conn).",
    ),
    "web-server": (
        "authentication",
        "Let this machine in, in the settings of the web server or proxy at {url} (allow, Require ip, IP "
        "restrictions): 1C has not been asked.",
    ),
    "no-basic": (
        "authentication",
        "Switch Basic authentication on for this publication in the web server, or Windows' own off and "
        "anonymous access on; {username} and {password_file} are not at fault.",
    ),
    "not-soap": (
        "service",
        "Open {url} in a browser: a login page, an empty page or another program is there, no web service.",
    ),
    "not-1c": (
        "service",
        "Open {url} in a browser with `ping` behind it: 1C says `ok` there; a login page or another program "
        "does not.",
    ),
    "crm-token": (
        "authentication",
        "Set {crm_token_file} to the key that 1C's settings of the PBX show for the CRM (crm_token), letter "
        "by letter; the other key, by which 1C asks us, is not it.",
    ),
    "parameter": ("service", "Report that line: a stock 1С:УНФ is sent all that it asks for."),
    "unknown-command": (
        "service",
        "See in 1C that the kind of PBX is «Универсальный itoolabs»; point {url} at "
        "…/hs/telephony/itoolabs/.",
    ),
    "http": (
        "http",
        "See in a browser what is at {url}; if it leads elsewhere, put that address in (often https).",
    ),
}


def step_of(error: OneCError) -> str:
    """The step that this error is about."""
    return _TABLE.get(error.kind, ("http", ""))[0]


def explain(error: OneCError, setting: Callable[[str], str]) -> Finding:
    """What is wrong, in 1C's own words where it had any.

    Args:
        setting: The name of a base's setting → its key in the settings file.
    """
    step, remedy = _TABLE.get(error.kind, ("http", "Look into the logs of the web server and of 1C."))
    remedy = re.sub(r"\{(\w+)\}", lambda name: setting(name[1]), remedy)
    return problem(step, error.message, _CALLS_GO_ON, remedy)
