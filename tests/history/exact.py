"""What 1C hears of each recorded call, in order and all of it, the cards' own words among it (PREANSWER,
ACCEPTED, IncomingCall), in the three dialects that are told of calls: mobilon-3, itoolabs, and mobilon-2 with
our extension.

Each word with whom it is about; * = he is to own the call if it is missed (his key comes with it, or he is
named). With the end: ANSWER or Success, or missed; and seconds. `by`: the line, of all words of itoolabs that
have one. Calls of one recording are divided by |.

How each row was found to be right: who rang and who talked, from when to when, is in the texts beside the
recordings and in their README; what is said of that, in the contracts of the dialects. START names the number
dialled, or who calls; ANSWER each who talks, after a transfer the next one, and nobody who has lost a race; a
card is each talker's, but of who has called the client himself; HANGUP, END, COMPLETED and history name the
last who talked; of a missed call its owner, here, where 1C has named no manager, the last whose telephone
rang, and where none did the number dialled.
"""

from __future__ import annotations

SAID: dict[str, tuple[str, str, str]] = {
    "inbound_abandoned": (
        "START u247; PREANSWER 247*; HANGUP 247 missed 0; END 247",
        "INCOMING 247 by u247; CANCELLED 247; history 247 missed 0",
        "START; END 247* missed 0",
    ),
    "inbound_answered": (
        "START u244; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by u244; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "inbound_attended_transfer": (
        "START u244; PREANSWER 244*; ANSWER 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 3; END 243",
        "INCOMING 244 by u244; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 3",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 3",
    ),
    "inbound_attended_up": (
        "START 244; PREANSWER 244*; ANSWER 244; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 1; END 245",
        "INCOMING 244 by 244; ACCEPTED 244; ACCEPTED 245; COMPLETED 245; history 245 Success 1",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 245; ANSWER 245; END 245 ANSWER 1",
    ),
    "inbound_blind_transfer": (
        "START u244; PREANSWER 244*; ANSWER 244; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 2; END 245",
        "INCOMING 244 by u244; ACCEPTED 244; ACCEPTED 245; COMPLETED 245; history 245 Success 2",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 245; ANSWER 245; END 245 ANSWER 2",
    ),
    "inbound_client_called_first": (
        "START 89235292926; PREANSWER 561*; ANSWER 561; HANGUP 561 ANSWER 2; END 561",
        "OUTGOING 561; ACCEPTED 561; COMPLETED 561; history 561 Success 2",
        "START; IncomingCall 561; ANSWER 561; END 561 ANSWER 2",
    ),
    "inbound_click_to_call": (
        "START 244; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "OUTGOING 244; COMPLETED 244; history 244 Success 1",
        "START 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "inbound_early_media": (
        "START 244; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 244; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "inbound_early_media_after_answer": (
        "START valet; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 1; END 245",
        "INCOMING 245 by valet; ACCEPTED 245; COMPLETED 245; history 245 Success 1",
        "START; IncomingCall 245; ANSWER 245; END 245 ANSWER 1",
    ),
    "inbound_early_media_asked_about": (
        "START 74953900340; PREANSWER 341*; ANSWER 341; HANGUP 341 ANSWER 1; END 341",
        "INCOMING 341 by 74953900340; ACCEPTED 341; COMPLETED 341; history 341 Success 1",
        "START; IncomingCall 341; ANSWER 341; END 341 ANSWER 1",
    ),
    "inbound_early_media_unanswered": (
        "START 244; PREANSWER 244*; HANGUP 244 missed 0; END 244",
        "INCOMING 244 by 244; CANCELLED 244; history 244 missed 0",
        "START; END 244* missed 0",
    ),
    "inbound_failover": (
        "START failover; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 2; END 245",
        "INCOMING 247 by failover; ACCEPTED 245; COMPLETED 245; history 245 Success 2",
        "START; IncomingCall 245; ANSWER 245; END 245 ANSWER 2",
    ),
    "inbound_group": (
        "START group; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by group; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "inbound_hold": (
        "START 244; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 244; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "inbound_internal": ("", "", ""),
    "inbound_loopback_group": (
        "START loop; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 1; END 245",
        "INCOMING 244 by loop; ACCEPTED 245; COMPLETED 245; history 245 Success 1",
        "START; IncomingCall 245; ANSWER 245; END 245 ANSWER 1",
    ),
    "inbound_manager_hangs_up": (
        "START u249; PREANSWER 249*; ANSWER 249; HANGUP 249 ANSWER 1; END 249",
        "INCOMING 249 by u249; ACCEPTED 249; COMPLETED 249; history 249 Success 1",
        "START; IncomingCall 249; ANSWER 249; END 249 ANSWER 1",
    ),
    "inbound_outgoing": (
        "START 244; ANSWER 244; HANGUP 244 ANSWER 0; END 244",
        "OUTGOING 244; COMPLETED 244; history 244 Success 0",
        "START 244; ANSWER 244; END 244 ANSWER 0",
    ),
    "inbound_park": (
        "START 244; PREANSWER 244*; ANSWER 244; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 2; END 245",
        "INCOMING 244 by 244; ACCEPTED 244; ACCEPTED 245; COMPLETED 245; history 245 Success 2",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 245; ANSWER 245; END 245 ANSWER 2",
    ),
    "inbound_pickup": (
        "START 244; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 1; END 245",
        "INCOMING 244 by 244; ACCEPTED 245; COMPLETED 245; history 245 Success 1",
        "START; IncomingCall 245; ANSWER 245; END 245 ANSWER 1",
    ),
    "inbound_pickup_from_a_phone": (
        "START 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 1; END 243",
        "INCOMING 244 by 244; ACCEPTED 243; COMPLETED 243; history 243 Success 1",
        "START; IncomingCall 243; ANSWER 243; END 243 ANSWER 1",
    ),
    "inbound_rings_again": (
        "START 74957600390; PREANSWER 391*; HANGUP 391 missed 0; END 391",
        "INCOMING 391 by 74957600390; CANCELLED 391; history 391 missed 0",
        "START; END 391* missed 0",
    ),
    "inbound_three_way": (
        "START 244; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 244; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "01_plain": (
        "START 74951234567; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 74951234567; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "02_refer_blind": (
        "START 74951234567; PREANSWER 244*; ANSWER 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 4; "
        "END 243",
        "INCOMING 244 by 74951234567; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 4",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 4",
    ),
    "03_refer_attended": (
        "START 74951234567; PREANSWER 244*; ANSWER 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 6; "
        "END 243",
        "INCOMING 244 by 74951234567; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 6",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 6",
    ),
    "03b_refer_semiattended": (
        "START 74951234567; PREANSWER 244*; ANSWER 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 8; "
        "END 243",
        "INCOMING 244 by 74951234567; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 8",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 8",
    ),
    "03c_refer_attended_outside": (
        "START 74951000410; PREANSWER 410*; ANSWER 410; ANSWER 89237774100; HANGUP 89237774100 ANSWER 5; "
        "END 89237774100 | START 410; ANSWER 410; HANGUP 410 ANSWER 2; END 410",
        "INCOMING 410 by 74951000410; ACCEPTED 410; COMPLETED 89237774100; history 89237774100 Success 5 | "
        "OUTGOING 410; COMPLETED 410; history 410 Success 2",
        "START; IncomingCall 410; ANSWER 410; ANSWER 89237774100; END 89237774100 ANSWER 5 | "
        "START 410; ANSWER 410; END 410 ANSWER 2",
    ),
    "06_call_waiting": (
        "START 74951234573; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 9; END 244"
        " | START 74951234573; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 5; END 244",
        "INCOMING 244 by 74951234573; ACCEPTED 244; COMPLETED 244; history 244 Success 9"
        " | INCOMING 244 by 74951234573; ACCEPTED 244; COMPLETED 244; history 244 Success 5",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 9"
        " | START; IncomingCall 244; ANSWER 244; END 244 ANSWER 5",
    ),
    "07_two_registrations": (
        "START 74951234573; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 2; END 244",
        "INCOMING 244 by 74951234573; ACCEPTED 244; COMPLETED 244; history 244 Success 2",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 2",
    ),
    "08_302_to_243": (
        "START 74951234573; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 1; END 243",
        "INCOMING 243 by 74951234573; ACCEPTED 243; COMPLETED 243; history 243 Success 1",
        "START; IncomingCall 243; ANSWER 243; END 243 ANSWER 1",
    ),
    "10d_dead_phone_blackhole_udp": (
        "START 74951234567; PREANSWER 100*; ANSWER 100; HANGUP 100 ANSWER 2; END 100",
        "INCOMING 100 by 74951234567; ACCEPTED 100; COMPLETED 100; history 100 Success 2",
        "START; IncomingCall 100; ANSWER 100; END 100 ANSWER 2",
    ),
    "11c_pickup_with_hash": (
        "START 74951234574; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 2; END 243",
        "INCOMING 244 by 74951234574; ACCEPTED 243; COMPLETED 243; history 243 Success 2",
        "START; IncomingCall 243; ANSWER 243; END 243 ANSWER 2",
    ),
    "12_outgoing": (
        "START 244; ANSWER 244; HANGUP 244 ANSWER 3; END 244",
        "OUTGOING 244; COMPLETED 244; history 244 Success 3",
        "START 244; ANSWER 244; END 244 ANSWER 3",
    ),
    "12b_outgoing_then_blind": (
        "START 244; ANSWER 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 6; END 243",
        "OUTGOING 244; ACCEPTED 243; COMPLETED 243; history 243 Success 6",
        "START 244; ANSWER 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 6",
    ),
    "12e_click_to_call": (
        "START 244; ANSWER 244; HANGUP 244 ANSWER 3; END 244",
        "OUTGOING 244; COMPLETED 244; history 244 Success 3",
        "START 244; ANSWER 244; END 244 ANSWER 3",
    ),
    "12f_outgoing_sent_on": (
        "START 621; ANSWER 621; HANGUP 621 ANSWER 1; END 621 | START 621; HANGUP 621 missed 0; END 621",
        "OUTGOING 621; COMPLETED 621; history 621 Success 1 | "
        "OUTGOING 621; CANCELLED 621; history 621 missed 0",
        "START 621; ANSWER 621; END 621 ANSWER 1 | START 621; END 621 missed 0",
    ),
    "13_valet": (
        "START 74951234573; PREANSWER 244*; ANSWER 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 6; "
        "END 243",
        "INCOMING 244 by 74951234573; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 6",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 6",
    ),
    "14_threeway_then_leaves": (
        "START 74951234573; PREANSWER 244*; ANSWER 244; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 8; "
        "END 243",
        "INCOMING 244 by 74951234573; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 8",
        "START; IncomingCall 244; ANSWER 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 8",
    ),
    "04_outside_and_back": (
        "START 74951234567; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 74951234567; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "08h_302_to_busy_245": (
        "START 74951234567; HANGUP 74951234567 missed 0; END 74951234567",
        "INCOMING 74951234567 by 74951234567; CANCELLED 74951234567; history 74951234567 missed 0",
        "START; END missed 0",
    ),
    "08l_group_member_redirects": (
        "START 74951234568; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 4; END 243",
        "INCOMING 245 by 74951234568; ACCEPTED 243; COMPLETED 243; history 243 Success 4",
        "START; IncomingCall 243; ANSWER 243; END 243 ANSWER 4",
    ),
    "11_pickup_stock": (
        "START 74951234567; PREANSWER 100*; HANGUP 100 missed 0; END 100",
        "INCOMING 244 by 74951234567; CANCELLED 100; history 100 missed 0",
        "START; END 100* missed 0",
    ),
    "13e_valet_sync_as_shipped": (
        "START 74951234567; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 74951234567; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "26_number_alias_246_is_petrov": (
        "START 74951234573; PREANSWER petrov*; ANSWER petrov; HANGUP petrov ANSWER 2; END petrov",
        "INCOMING petrov by 74951234573; ACCEPTED petrov; COMPLETED petrov; history petrov Success 2",
        "START; IncomingCall petrov; ANSWER petrov; END petrov ANSWER 2",
    ),
    "28_blf_pickup_invite_replaces_ringing": (
        "START 74951234573; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 2; END 243",
        "INCOMING 244 by 74951234573; ACCEPTED 243; COMPLETED 243; history 243 Success 2",
        "START; IncomingCall 243; ANSWER 243; END 243 ANSWER 2",
    ),
    "37_intercom_from_phone_with_did_in_From": ("", "", ""),
    "form_a": (
        "START 7495888000a; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 7495888000a; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "form_c": (
        "START 7495888000c; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 7495888000c; ACCEPTED 244; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 1",
    ),
    "outbound_async_bridge": (
        "START socket; PREANSWER 244*; ANSWER 244; HANGUP 244 ANSWER 3; END 244",
        "INCOMING 244 by socket; ACCEPTED 244; COMPLETED 244; history 244 Success 3",
        "START; IncomingCall 244; ANSWER 244; END 244 ANSWER 3",
    ),
    "outbound_async_cancel": ("", "", ""),
    "outbound_async_resume": ("", "", ""),
    "outbound_sync_bridge": ("", "", ""),
    "outbound_sync_cancel": ("", "", ""),
    "outbound_sync_route": ("", "", ""),
}
"""Cards open when somebody talks (`screenpop.when = "answer"`)."""

AT_A_RING: dict[str, tuple[str, str, str]] = {
    "inbound_abandoned": (
        "START u247; PREANSWER 247*; HANGUP 247 missed 0; END 247",
        "INCOMING 247 by u247; ACCEPTED 247; CANCELLED 247; history 247 missed 0",
        "START; IncomingCall 247; END 247* missed 0",
    ),
    "inbound_early_media_unanswered": (
        "START 244; PREANSWER 244*; HANGUP 244 missed 0; END 244",
        "INCOMING 244 by 244; ACCEPTED 244; CANCELLED 244; history 244 missed 0",
        "START; IncomingCall 244; END 244* missed 0",
    ),
    "inbound_rings_again": (
        "START 74957600390; PREANSWER 391*; PREANSWER 392*; HANGUP 391 missed 0; END 391",
        "INCOMING 391 by 74957600390; ACCEPTED 391; ACCEPTED 392; CANCELLED 391; history 391 missed 0",
        "START; IncomingCall 391; IncomingCall 392; END 391* missed 0",
    ),
    "inbound_failover": (
        "START failover; PREANSWER 247*; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 2; END 245",
        "INCOMING 247 by failover; ACCEPTED 247; ACCEPTED 245; COMPLETED 245; history 245 Success 2",
        "START; IncomingCall 247; IncomingCall 245; ANSWER 245; END 245 ANSWER 2",
    ),
    "inbound_group": (
        "START group; PREANSWER 244*; PREANSWER 245*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by group; ACCEPTED 244; ACCEPTED 245; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; IncomingCall 245; ANSWER 244; END 244 ANSWER 1",
    ),
    "inbound_loopback_group": (
        "START loop; PREANSWER 244*; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 1; END 245",
        "INCOMING 244 by loop; ACCEPTED 244; ACCEPTED 245; COMPLETED 245; history 245 Success 1",
        "START; IncomingCall 244; IncomingCall 245; ANSWER 245; END 245 ANSWER 1",
    ),
    "inbound_pickup": (
        "START 244; PREANSWER 244*; PREANSWER 245*; ANSWER 245; HANGUP 245 ANSWER 1; END 245",
        "INCOMING 244 by 244; ACCEPTED 244; ACCEPTED 245; COMPLETED 245; history 245 Success 1",
        "START; IncomingCall 244; IncomingCall 245; ANSWER 245; END 245 ANSWER 1",
    ),
    "inbound_pickup_from_a_phone": (
        "START 244; PREANSWER 244*; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 1; END 243",
        "INCOMING 244 by 244; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 1",
        "START; IncomingCall 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 1",
    ),
    "11c_pickup_with_hash": (
        "START 74951234574; PREANSWER 244*; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 2; END 243",
        "INCOMING 244 by 74951234574; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 2",
        "START; IncomingCall 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 2",
    ),
    "08l_group_member_redirects": (
        "START 74951234568; PREANSWER 245*; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 4; END 243",
        "INCOMING 245 by 74951234568; ACCEPTED 245; ACCEPTED 243; COMPLETED 243; history 243 Success 4",
        "START; IncomingCall 245; IncomingCall 243; ANSWER 243; END 243 ANSWER 4",
    ),
    "11_pickup_stock": (
        "START 74951234567; PREANSWER 244*; PREANSWER 100*; HANGUP 100 missed 0; END 100",
        "INCOMING 244 by 74951234567; ACCEPTED 244; ACCEPTED 100; CANCELLED 100; history 100 missed 0",
        "START; IncomingCall 244; IncomingCall 100; END 100* missed 0",
    ),
    "28_blf_pickup_invite_replaces_ringing": (
        "START 74951234573; PREANSWER 244*; PREANSWER 243*; ANSWER 243; HANGUP 243 ANSWER 2; END 243",
        "INCOMING 244 by 74951234573; ACCEPTED 244; ACCEPTED 243; COMPLETED 243; history 243 Success 2",
        "START; IncomingCall 244; IncomingCall 243; ANSWER 243; END 243 ANSWER 2",
    ),
    "form_c": (
        "START 7495888000c; PREANSWER 244*; PREANSWER 245*; ANSWER 244; HANGUP 244 ANSWER 1; END 244",
        "INCOMING 244 by 7495888000c; ACCEPTED 244; ACCEPTED 245; COMPLETED 244; history 244 Success 1",
        "START; IncomingCall 244; IncomingCall 245; ANSWER 244; END 244 ANSWER 1",
    ),
}
"""Cards open when a telephone rings: the rows that are others then. Each whose telephone rings has a card; of
a telephone that rang in vain no more is said.
"""
