"""The configuration of the tests' FreeSWITCH: one XML document, no more than they need."""

from __future__ import annotations

from string import Template

PASSWORD = "only-for-tests"
DOMAIN = "127.0.0.1"

_MODULES = (
    "mod_logfile mod_commands mod_dptools mod_dialplan_xml mod_sofia mod_event_socket mod_loopback mod_hash"
)

_SET = "guard=untouched~hangup_after_bridge=true~continue_on_fail=true"

# Where a call goes by the number that was dialled. 240 rings by default, 243 is the dialplan's last resort.
_DIALPLAN = {
    "sync": """
        multiset ^^~fs_1c_target=user/240@${domain}~$set
        socket ${service} full
        bridge $${fs_1c_target}
        bridge user/243@${domain}""",
    "async": """
        set fs_1c_default_target=user/240@${domain}
        set guard=untouched
        socket ${service} async full
        bridge user/243@${domain}""",
    "async-resume": """
        set fs_1c_default_target=user/240@${domain}
        set socket_resume=true
        socket ${service} async full
        bridge user/243@${domain}""",
    "async-stay": """
        set fs_1c_default_target=user/240@${domain}
        set hangup_after_bridge=false
        socket ${service} async full
        bridge user/243@${domain}""",
    "group": """
        set hangup_after_bridge=true
        bridge user/244@${domain},user/245@${domain}""",
    "python": """
        multiset ^^~fs_1c_default_target=user/240@${domain}~$set
        export nolocal:api_on_answer=pyrun fs_1c_dialplan $${uuid}
        python fs_1c_dialplan
        bridge $${fs_1c_target}
        bridge $${fs_1c_default_target}
        bridge user/243@${domain}""",
    "python-bridge": """
        set fs_1c_default_target=user/240@${domain}
        set guard=untouched
        set api_on_answer=pyrun fs_1c_dialplan $${uuid}
        python fs_1c_dialplan bridge
        bridge user/243@${domain}""",
    "python-stay": """
        set fs_1c_default_target=user/240@${domain}
        set hangup_after_bridge=false
        python fs_1c_dialplan bridge
        bridge user/243@${domain}""",
    "python-menu": """
        answer
        export nolocal:api_on_answer=pyrun fs_1c_dialplan::runtime $${uuid}
        bridge user/246@${domain}|user/244@${domain},user/245@${domain}""",
    "python-group": """
        set api_on_answer=pyrun fs_1c_dialplan::runtime $${uuid}
        bridge user/244@${domain},user/245@${domain}""",
    "loopback": """
        set hangup_after_bridge=true
        bridge loopback/244/public/XML,loopback/245/public/XML""",
    "pick-up": """
        intercept $${global_getvar(waiting)}""",
    "outside": """
        bridge sofia/internal/sip:89235292926@$domain:$phones""",
    "(24[0-9])": """
        bridge user/$$1@${domain}""",
}

_CONFIGURATION = """<?xml version="1.0"?>
<document type="freeswitch/xml">
  <X-PRE-PROCESS cmd="set" data="domain=$domain"/>
  <section name="configuration">
    <configuration name="modules.conf"><modules>$modules</modules></configuration>
    <configuration name="switch.conf"><settings>
      <param name="max-sessions" value="200"/>
      <param name="sessions-per-second" value="200"/>
      <param name="loglevel" value="debug"/>
      <param name="rtp-start-port" value="$rtp"/>
      <param name="rtp-end-port" value="$rtp_end"/>
    </settings></configuration>
    <configuration name="logfile.conf"><settings/><profiles><profile name="default">
      <settings><param name="uuid" value="true"/></settings>
      <mappings><map name="all" value="debug,info,notice,warning,err,crit,alert"/></mappings>
    </profile></profiles></configuration>
    <configuration name="event_socket.conf"><settings>
      <param name="nat-map" value="false"/>
      <param name="listen-ip" value="$domain"/>
      <param name="listen-port" value="$event_socket"/>
      <param name="password" value="$password"/>
    </settings></configuration>
    <configuration name="python.conf"><settings>
      <param name="startup-script" value="fs_1c_dialplan::startup"/>
    </settings></configuration>
    <configuration name="sofia.conf"><global_settings/><profiles><profile name="internal">
      <domains><domain name="$domain" alias="true" parse="false"/></domains>
      <settings>
        <param name="sip-ip" value="$domain"/>
        <param name="sip-port" value="$sip"/>
        <param name="rtp-ip" value="$domain"/>
        <param name="rtp-timer-name" value="soft"/>
        <param name="context" value="public"/>
        <param name="dialplan" value="XML"/>
        <param name="inbound-codec-prefs" value="PCMU"/>
        <param name="outbound-codec-prefs" value="PCMU"/>
        <param name="auth-calls" value="false"/>
        <param name="manage-presence" value="false"/>
        <param name="inbound-use-callid-as-uuid" value="true"/>
      </settings>
    </profile></profiles></configuration>
  </section>
  <section name="dialplan"><context name="public">$dialplan</context></section>
  <section name="directory"><domain name="$domain"><groups><group name="default"><users>$users
  </users></group></groups></domain></section>
</document>
"""


def configuration(
    *, sip: int, event_socket: int, service: int, phones: int, rtp: tuple[int, int], python: bool = False
) -> str:
    """The whole configuration as one XML document.

    Args:
        sip: UDP port of the switch.
        event_socket: TCP port of the switch.
        service: TCP port that the `socket` application connects to.
        phones: UDP port of all subscribers' phones; 248 is not registered.
        rtp: First and last UDP port of conversations.
        python: With mod_python3.
    """
    modules = f"{_MODULES} mod_python3" if python else _MODULES
    extensions = ""
    for number, actions in _DIALPLAN.items():
        lines = (
            Template(actions)
            .substitute(domain=DOMAIN, service=f"127.0.0.1:{service}", phones=phones, set=_SET)
            .split("\n")
        )
        pairs = (line.strip().partition(" ") for line in lines if line.strip())
        done = "".join(f'<action application="{name}" data="{data}"/>' for name, _, data in pairs)
        condition = f'<condition field="destination_number" expression="^{number}$">{done}</condition>'
        extensions += f'\n<extension name="{number}">{condition}</extension>'
    users = ""
    for extension in range(240, 250):
        dialled = f"sofia/internal/sip:{extension}@127.0.0.1:{phones}"
        if extension == 248:
            dialled = "${sofia_contact(internal/248@127.0.0.1)}"
        users += (
            f'\n<user id="{extension}"><params><param name="dial-string" value="{dialled}"/></params>'
            f'<variables><variable name="fs_1c_key" value="KEY{extension}"/></variables></user>'
        )
    return Template(_CONFIGURATION).substitute(
        modules="".join(f'<load module="{name}"/>' for name in modules.split()),
        domain=DOMAIN,
        password=PASSWORD,
        sip=sip,
        event_socket=event_socket,
        rtp=rtp[0],
        rtp_end=rtp[1],
        dialplan=extensions,
        users=users,
    )
