"""A real FreeSWITCH with the examples of `dialplan/` in its configuration, as they are shipped.

Only ports, passwords, dialled numbers and the placeholder key are replaced: in one switch every example must
have a number of its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.dialplan.files import CONFIGURATIONS, DIALPLANS, DIRECTORY, NUMBER, SECOND_NUMBER
from tests.freeswitch.configuration import PASSWORD
from tests.freeswitch.switch import Switch

OWN_NUMBERS = {path.stem: f"749512300{i:02}" for i, path in enumerate(DIALPLANS)}
"""What is dialled to reach an example; the second number of an example has 7496 in it, not 7495."""

# Whom the examples ring, beside the subscribers that the tests' own configuration has.
_USERS = (100, 101, 200)

_MODULES = ("mod_tone_stream", "mod_sndfile")  # the music of the queue; recordings

_COMPANY = """
  <domain name="{name}">
    <params>
      <param name="dial-string" value="sofia/internal/sip:${{dialed_user}}{tail}@127.0.0.1:{phones}"/>
    </params>
    <groups><group name="default"><users>
      <user id="100"/>
      {users}
    </users></group></groups>
  </domain>
"""
_CONTEXT = """
  <context name="{name}">
    <extension name="100"><condition field="destination_number" expression="^100$">
      <action application="bridge" data="user/100@{name}"/>
    </condition></extension>
  </context>
"""
_OTHER_KEY = '<user id="244"><variables><variable name="fs_1c_key" value="SECOND"/></variables></user>'


def number(example: str, dialled: str = NUMBER) -> str:
    """What a caller dials in place of `dialled` of that example."""
    own = OWN_NUMBERS[example]
    return own if dialled == NUMBER else own.replace("7495", "7496")


def ship(switch: Switch, phones: int, modules: tuple[str, ...] = ()) -> Switch:
    """Puts the examples into the configuration of a switch that has not been started.

    Args:
        phones: UDP port of all phones; those of second.example have 2 after their extension.
        modules: Modules to load beside the usual ones, by name or path.
    """
    conf = switch.folder / "conf"
    for place, files in {
        "dialplan/public": DIALPLANS,
        "autoload_configs": CONFIGURATIONS,
        "directory": DIRECTORY,
    }.items():
        (conf / place).mkdir(parents=True)
        for file in files:
            (conf / place / file.name).write_text(_own(file, switch))
    main = conf / "freeswitch.xml"
    whole = main.read_text()
    for replaced in ("event_socket.conf", "python.conf"):
        whole = re.sub(f'<configuration name="{replaced}">.*?</configuration>', "", whole, flags=re.DOTALL)
    first = _COMPANY.format(name="first.example", tail="", phones=phones, users=_include("directory/*.xml"))
    second = _COMPANY.format(name="second.example", tail="2", phones=phones, users=_OTHER_KEY)
    own = "".join(
        f'<user id="{user}"><params><param name="dial-string" '
        f'value="sofia/internal/sip:{user}@127.0.0.1:{phones}"/></params></user>'
        for user in _USERS
    )
    music = '<X-PRE-PROCESS cmd="set" data="hold_music=tone_stream://%(200,200,440);loops=-1"/>\n'
    for before, more in {
        '  <section name="configuration">': music,
        "</modules>": "".join(f'<load module="{module}"/>' for module in (*_MODULES, *modules)),
        '</section>\n  <section name="dialplan">': _include("autoload_configs/*.xml"),
        "</context></section>": _include("dialplan/public/*.xml"),
        "</users>": own,
    }.items():
        assert whole.count(before) == 1, before
        whole = whole.replace(before, f"{more}{before}")
    contexts = "".join(_CONTEXT.format(name=f"{name}.example") for name in ("first", "second"))
    whole = whole.replace("</context></section>", f"</context>{contexts}</section>")
    whole = whole.replace("</domain></section>", f"</domain>{first}{second}</section>")
    main.write_text(whole)
    return switch


def _include(files: str) -> str:
    return f'\n<X-PRE-PROCESS cmd="include" data="{files}"/>\n'


def _own(file: Path, switch: Switch) -> str:
    """The text of an example, with what is this switch's own in it."""
    text = file.read_text()
    for shipped, own in {
        "127.0.0.1:8084": f"127.0.0.1:{switch.service}",
        'value="8021"': f'value="{switch.event_socket}"',
        'name="password" value="change-this"': f'name="password" value="{PASSWORD}"',
        NUMBER: number(file.stem) if file in DIALPLANS else NUMBER,
        SECOND_NUMBER: number(file.stem, SECOND_NUMBER) if file in DIALPLANS else SECOND_NUMBER,
    }.items():
        text = text.replace(shipped, own)
    return text


def fs_cli(switch: Switch, command: str) -> str:
    """What `fs_cli -x COMMAND` prints."""
    program = shutil.which("fs_cli")
    assert program is not None
    where = ["-H", "127.0.0.1", "-P", str(switch.event_socket), "-p", PASSWORD]
    done = subprocess.run(
        [program, *where, "-x", command], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout.strip()
