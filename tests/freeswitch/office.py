"""A switch of an office, as FreeSWITCH's standard configuration has it, with the examples of `dialplan/`.

Callers come by the profile `internal`, here the trunk, into the context `public`. Softphones register at the
profile `phones`, by digest, and call in the context `default`; its extensions are the standard ones.
"""

from __future__ import annotations

from pathlib import Path

from tests.dialplan.switch import number, ship
from tests.freeswitch.configuration import DOMAIN
from tests.freeswitch.switch import Switch
from tests.processes import free_port

SECRET = "only-for-softphones"
SOFTPHONES = ("242", "243", "244")
"""Extensions that register; all others are phones of tests.freeswitch.sip."""

MODULES = ("mod_hash", "mod_valet_parking")

_PROFILE = """<profile name="phones"><settings>
  <param name="sip-ip" value="{domain}"/>
  <param name="sip-port" value="{port}"/>
  <param name="rtp-ip" value="{domain}"/>
  <param name="context" value="default"/>
  <param name="dialplan" value="XML"/>
  <param name="inbound-codec-prefs" value="PCMU"/>
  <param name="outbound-codec-prefs" value="PCMU"/>
  <param name="auth-calls" value="true"/>
  <param name="auth-all-packets" value="false"/>
  <param name="inbound-reg-force-matching-username" value="true"/>
  <param name="force-register-domain" value="{domain}"/>
  <param name="challenge-realm" value="auto_from"/>
  <param name="manage-presence" value="false"/>
  <param name="rtp-timer-name" value="soft"/>
  <param name="multiple-registrations" value="contact"/>
  <param name="hold-music" value="$${{hold_music}}"/>
</settings></profile>"""

# Who is greeted is answered, and only then comes to the dialplan of ours.
_GREETING = """<extension name="greeting"><condition field="destination_number" expression="^greeting$">
  <action application="answer"/>
  <action application="transfer" data="{sync} XML public"/>
</condition></extension>
"""

# Local_Extension, the pick-up codes, valet parking and the way out, shortened where voice mail begins.
_CONTEXT = """<context name="default">
  <extension name="global-intercept"><condition field="destination_number" expression="^886$">
    <action application="answer"/>
    <action application="intercept" data="${{hash(select/${{domain_name}}-last_dial_ext/global)}}"/>
  </condition></extension>
  <extension name="group-intercept"><condition field="destination_number" expression="^\\*8$">
    <action application="answer"/>
    <action application="intercept" data="${{hash(select/${{domain_name}}-last_dial_ext/${{callgroup}})}}"/>
  </condition></extension>
  <extension name="intercept-ext"><condition field="destination_number" expression="^\\*\\*(\\d+)$">
    <action application="answer"/>
    <action application="intercept" data="${{hash(select/${{domain_name}}-last_dial_ext/$1)}}"/>
  </condition></extension>
  <extension name="Local_Extension"><condition field="destination_number" expression="^(24[0-9]|100)$">
    <action application="export" data="dialed_extension=$1"/>
    <action application="set" data="transfer_ringback=$${{hold_music}}"/>
    <action application="set" data="call_timeout=30"/>
    <action application="set" data="hangup_after_bridge=true"/>
    <action application="set" data="continue_on_fail=true"/>
    <action application="hash" data="insert/${{domain_name}}-last_dial_ext/${{dialed_extension}}/${{uuid}}"/>
    <action application="hash" data="insert/${{domain_name}}-last_dial_ext/global/${{uuid}}"/>
    <action application="bridge" data="user/${{dialed_extension}}@${{domain_name}}"/>
  </condition></extension>
  <extension name="valet_park"><condition field="destination_number" expression="^((?!6000)60\\d{{2}})$">
    <action application="answer"/>
    <action application="valet_park" data="valet_parking_lot $1"/>
  </condition></extension>
  <extension name="outside"><condition field="destination_number" expression="^(8\\d{{10}})$">
    <action application="bridge" data="sofia/internal/sip:$1@{domain}:{phones}"/>
  </condition></extension>
</context>
"""


class Office(Switch):
    """That switch.

    Args:
        folder: Its own.
        certificates: May be shared with others.
        phones: UDP port of the phones of tests.freeswitch.sip.
        modules: Modules to load beside the usual ones, by name or path.

    Attributes:
        registrar: Port of the profile `phones`, UDP and TCP.
    """

    def __init__(self, folder: Path, certificates: Path, phones: int, modules: tuple[str, ...] = ()) -> None:
        super().__init__(folder, certificates, phones)
        self.registrar = free_port()
        ship(self, phones, (*MODULES, *modules))
        main = folder / "conf" / "freeswitch.xml"
        whole = main.read_text()
        greeting = _GREETING.format(sync=number("sync"))
        own = {
            '<context name="public">': f'<context name="public">{greeting}',
            "      </settings>\n    </profile></profiles></configuration>": (
                "      </settings></profile>"
                f"{_PROFILE.format(domain=DOMAIN, port=self.registrar)}</profiles></configuration>"
            ),
            '<context name="first.example">': (
                f'{_CONTEXT.format(domain=DOMAIN, phones=phones)}<context name="first.example">'
            ),
        }
        for extension in SOFTPHONES:
            dialled = f'<param name="dial-string" value="sofia/internal/sip:{extension}@{DOMAIN}:{phones}"/>'
            contact = f"{{presence_id={extension}@{DOMAIN}}}${{sofia_contact(phones/{extension}@{DOMAIN})}}"
            own[f"{dialled}</params><variables>"] = (
                f'<param name="password" value="{SECRET}"/><param name="dial-string" value="{contact}"/>'
                '</params><variables><variable name="callgroup" value="sales"/>'
            )
        for text, replacement in own.items():
            assert whole.count(text) == 1, text
            whole = whole.replace(text, replacement)
        main.write_text(whole)
