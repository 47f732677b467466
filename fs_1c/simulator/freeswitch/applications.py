"""Applications of mod_dptools and others, as far as a call notices them."""

from __future__ import annotations

import asyncio
import re
from typing import Protocol

from fs_1c.simulator.freeswitch import values

_RECORDED = frozenset(
    "acknowledge_call att_xfer bind_digit_action bind_meta_app block_dtmf break broadcast callcenter"
    " capture check_acl cidlookup clear_digit_action conference curl db deflect delay_echo"
    " detect_speech displace_session eavesdrop echo enable_heartbeat endless_playback eval event"
    " execute_extension fifo flush_dtmf gentones group hash hold httapi info intercept ivr jitterbuffer"
    " limit limit_execute log loop_playback media_reset mutex park park_state phrase pickup"
    " play_and_get_digits playback pre_answer presence privacy push queue_dtmf read record"
    " record_session redirect respond ring_ready say sched_broadcast sched_cancel sched_hangup"
    " sched_transfer send_display send_dtmf send_info session_loglevel set_audio_level set_global"
    " set_media_stats set_name set_profile_var set_user set_zombie_exec socket soft_hold speak"
    " start_dtmf stop stop_displace_session stop_dtmf stop_record_session strftime three_way"
    " tone_detect transfer transfer_vars unbind_meta_app unblock_dtmf unhold unshift valet_park"
    " verbose_events voicemail wait_for_answer wait_for_silence".split()
)
_CODE = frozenset({"bgsystem", "java", "javascript", "lua", "managed", "perl", "python", "system"})

_DONE = frozenset(
    "answer bridge bridge_export export hangup multiset multiunset park set sleep unset".split()
)

KNOWN = _RECORDED | _CODE | _DONE
"""Applications a usual FreeSWITCH has; one it has not ends the call."""


class Channel(Protocol):
    """What applications act on."""

    variables: values.Variables
    expander: values.Expander
    executed: list[str]
    down: asyncio.Event

    def answer(self) -> None: ...
    def hangup(self, cause: str) -> None: ...
    async def wait(self, seconds: float) -> bool: ...


async def run(channel: Channel, application: str, data: str) -> None:
    """Does what the application does; those without a case here are only recorded by the caller."""
    match application:
        case "set":
            values.set_one(channel.variables, channel.expander, data)
        case "multiset":
            for element in values.multiset(data):
                values.set_one(channel.variables, channel.expander, element)
        case "unset":
            channel.variables.set(data, None)
        case "multiunset":
            for name in values.multiset(data):
                channel.variables.set(name, None)
        case "export" | "bridge_export":
            values.export(channel.variables, data)
        case "answer":
            channel.answer()
        case "hangup":
            channel.hangup(cause(data))
        case "sleep":
            milliseconds = re.match(r"\d{1,9}", data)
            await channel.wait(int(milliseconds[0]) / 1000 if milliseconds else 0)
        case "park":
            await channel.down.wait()
        case _ if application in _CODE:
            channel.executed.append(f"{application} {data}".rstrip())


def cause(name: str | None) -> str:
    """A hang-up cause by its name; NORMAL_CLEARING when it is not one."""
    name = (name or "").strip().upper()
    return name if re.fullmatch(r"[A-Z][A-Z_0-9]+", name) else "NORMAL_CLEARING"
