"""SIP phones and callers on loopback UDP: as much of SIP as a test call needs, and no media.

One socket serves them all: a request's user part says whose phone is meant.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable
from enum import Enum, auto

from tests.freeswitch.message import Sip, display_name, new_branch, quoted, sdp, tag_of, uri_of

log = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds that a test waits for anything; all of it takes milliseconds."""

REACTION = 0.02
"""Seconds for which a phone rings before it is answered."""

T1 = 0.5
"""Seconds of silence after which what UDP may have lost is sent again: an INVITE without any response, an
answer without an ACK (RFC 3261, 17.1.1.2 and 13.3.1.4).
"""

FORWARDED_TO = "243"


class Manner(Enum):
    """What a phone does when it is called."""

    ANSWERS = auto()  # rings, and is answered at once
    RINGS = auto()  # rings until the test or the switch ends it
    ANNOUNCES = auto()  # the same, with early media: 183
    BUSY = auto()  # 486
    FORWARDS = auto()  # 302, to `FORWARDED_TO`


class State(Enum):
    """How far a call has come, at this end."""

    CALLING = auto()
    RINGING = auto()
    TALKING = auto()
    OVER = auto()


class Leg:
    """One end of a call: a caller's, or a phone's.

    Attributes:
        call_id: A caller's is also the uuid of his channel.
        from_header: As sent or received.
        status: The final response sent or received; 0: none yet.
        rang_for: Seconds from the INVITE to the end of the ringing.
    """

    def __init__(self, agents: Agents, call_id: str, from_header: str) -> None:
        self.call_id = call_id
        self.from_header = from_header
        self.state = State.CALLING
        self.status = 0
        self.began = time.monotonic()
        self.rang_for = 0.0
        self.local = self.remote = self.target = ""
        self.invite: Sip | None = None  # received, at a phone
        self.branch = ""  # of the INVITE sent, by a caller
        self.cseq = 1
        self.cancelled = False
        self._agents = agents

    @property
    def name(self) -> str:
        """The caller's name as the phone shows it."""
        return display_name(self.from_header)

    def to_be(self, state: State, within: float = PATIENCE) -> Leg:
        """Waits until the call is in that state; AssertionError if it never is."""
        try:
            self._agents.wait(lambda: self.state is state, f"not {state}", within)
        except AssertionError:
            raise AssertionError(f"{self.from_header} is {self.state}, not {state}") from None
        return self

    def answer(self) -> None:
        self._agents.answer(self)

    def reject(self) -> None:
        self._agents.reject(self)

    def hang_up(self) -> None:
        self._agents.hang_up(self)

    def refer(self, destination: str) -> None:
        """A transfer by whoever is at this end."""
        self._agents.refer(self, destination)

    def ended(self, status: int = 0) -> None:
        self.status = self.status or status
        if self.state in (State.CALLING, State.RINGING):
            self.rang_for = time.monotonic() - self.began
        self.state = State.OVER


class Phone:
    """A subscriber's phone; `legs` are the calls that reached it."""

    def __init__(self, agents: Agents, manner: Manner) -> None:
        self.manner = manner
        self.legs: list[Leg] = []
        self._agents = agents

    def rings(self, times: int = 1, within: float = PATIENCE) -> Leg:
        """Waits until it is called (for the nth time); the latest call."""
        self._agents.wait(lambda: len(self.legs) >= times, "the phone does not ring", within)
        return self.legs[-1]

    def talks(self, times: int = 1) -> Leg:
        return self.rings(times).to_be(State.TALKING)


class Agents:
    """All phones and callers of a test, served by one thread."""

    def __init__(self) -> None:
        self.switch = ("127.0.0.1", 0)
        self._socket = _udp()
        self._socket.settimeout(T1)
        self._media = _udp()  # nobody reads it, but for `hears`
        self._sdp = sdp(self._media.getsockname()[1])
        self.port: int = self._socket.getsockname()[1]
        self._phones: dict[str, Phone] = {}
        self._legs: dict[str, Leg] = {}
        self._unheard: dict[str, bytes] = {}  # by Call-ID: an INVITE, or its 200, that nothing has followed
        self._changed = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._serve, name="sip", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.sendto(b"stop", self._socket.getsockname())
        self._thread.join(PATIENCE)
        self._socket.close()
        self._media.close()

    def forget(self) -> None:
        """New phones, for the next test."""
        with self._changed:
            self._phones.clear()
            self._legs.clear()
            self._unheard.clear()

    def phone(self, extension: str, manner: Manner = Manner.ANSWERS) -> Phone:
        """Makes a subscriber's phone ready; one that is not made is busy."""
        with self._changed:
            return self._phones.setdefault(extension, Phone(self, manner))

    def wait(self, happened: Callable[[], bool], otherwise: str, within: float = PATIENCE) -> None:
        with self._changed:
            assert self._changed.wait_for(happened, within), otherwise

    def call(
        self,
        destination: str,
        number: str,
        name: str = "",
        *,
        withheld: bool = False,
        replaces: Leg | None = None,
    ) -> Leg:
        """A caller dials `destination`; or a subscriber picks up a call that rings at a colleague's phone, by
        the key with a lamp.
        """
        who = "anonymous@anonymous.invalid" if withheld else f"{number}@127.0.0.1"
        leg = Leg(self, str(uuid.uuid4()), f"{quoted(name)}<sip:{who}>;tag={uuid.uuid4().hex}")
        leg.local, leg.target = leg.from_header, f"sip:{destination}@127.0.0.1:{self.switch[1]}"
        leg.remote, leg.branch = f"<{leg.target}>", new_branch()
        with self._changed:
            self._legs[leg.call_id] = leg
            more = ["Privacy: id"] if withheld else []
            if replaces is not None:
                own, other = (tag_of(header) for header in (replaces.remote, replaces.local))
                more.append(f"Replaces: {replaces.call_id};to-tag={own};from-tag={other};early-only")
            self._unheard[leg.call_id] = self._request("INVITE", leg, leg.branch, more, self._sdp)
        return leg

    def answer(self, leg: Leg) -> None:
        with self._changed:
            assert leg.invite is not None and leg.state is State.RINGING
            leg.ended(200)
            leg.state = State.TALKING
            self._unheard[leg.call_id] = self._respond(leg.invite, "200 OK", leg, self._sdp)

    def reject(self, leg: Leg) -> None:
        with self._changed:
            assert leg.invite is not None and leg.state is State.RINGING
            leg.ended(486)
            self._respond(leg.invite, "486 Busy Here", leg)

    def hang_up(self, leg: Leg) -> None:
        """CANCEL or BYE, whichever is due."""
        with self._changed:
            if leg.state is State.TALKING:
                leg.cseq += 1
                self._request("BYE", leg, new_branch())
                leg.ended()
            elif leg.state is not State.OVER and leg.invite is None:
                leg.cancelled = True
                self._request("CANCEL", leg, leg.branch)
            self._changed.notify_all()

    def refer(self, leg: Leg, destination: str) -> None:
        with self._changed:
            leg.cseq += 1
            refer_to = f"Refer-To: <sip:{destination}@127.0.0.1:{self.switch[1]}>"
            self._request("REFER", leg, new_branch(), [refer_to])

    def _serve(self) -> None:
        while True:
            try:
                octets = self._socket.recv(65535)
            except TimeoutError:
                self._repeat()
                continue
            if octets == b"stop":
                return
            message = Sip(octets)
            with self._changed:
                self._unheard.pop(message.get("Call-ID"), None)
                leg = self._legs.get(message.get("Call-ID"))
                if message.status:
                    if leg is not None:
                        self._responded(leg, message)
                else:
                    self._requested(leg, message)
                self._changed.notify_all()

    def _repeat(self) -> None:
        with self._changed:
            for call_id, octets in self._unheard.items():
                log.warning("call=%s: nothing has followed, sent again: %s", call_id, octets[:30])
                self._socket.sendto(octets, self.switch)

    def _requested(self, leg: Leg | None, request: Sip) -> None:
        match request.method:
            case "ACK":
                return
            case "INVITE" if leg is None:
                self._called(request)
            case "INVITE" if "tag=" not in request.get("To"):
                return  # a repetition
            case "INVITE":
                self._respond(request, "200 OK", leg, self._sdp)
            case "CANCEL" if leg is not None and leg.invite is not None and leg.state is State.RINGING:
                leg.ended(487)
                self._respond(request, "200 OK", leg)
                self._respond(leg.invite, "487 Request Terminated", leg)
            case method:
                if method == "BYE" and leg is not None:
                    leg.ended()
                self._respond(request, "200 OK", leg)

    def _called(self, request: Sip) -> None:
        """A call for one of the phones."""
        extension = request.start.split(" ")[1].removeprefix("sip:").partition("@")[0]
        phone = self._phones.get(extension)
        leg = Leg(self, request.get("Call-ID"), request.get("From"))
        leg.invite, leg.remote = request, request.get("From")
        leg.local = f"{request.get('To')};tag={uuid.uuid4().hex}"
        leg.target = uri_of(request.get("Contact"))
        self._legs[leg.call_id] = leg
        if phone is not None and phone.manner is Manner.FORWARDS:
            leg.ended(302)
            forwarded = f"<sip:{FORWARDED_TO}@127.0.0.1:{self.switch[1]}>"
            self._respond(request, "302 Moved Temporarily", leg, contact=forwarded)
        elif phone is None or phone.manner is Manner.BUSY:
            leg.ended(486)
            self._respond(request, "486 Busy Here", leg)
        else:
            leg.state = State.RINGING
            if phone.manner is Manner.ANNOUNCES:
                self._respond(request, "183 Session Progress", leg, self._sdp)
            else:
                self._respond(request, "180 Ringing", leg)
        if phone is not None:
            phone.legs.append(leg)
            if phone.manner is Manner.ANSWERS:
                threading.Timer(REACTION, self._picked_up, (leg,)).start()

    def _picked_up(self, leg: Leg) -> None:
        with self._changed:
            if leg.state is State.RINGING:
                self.answer(leg)
                self._changed.notify_all()

    def _responded(self, leg: Leg, response: Sip) -> None:
        """The switch answers what we sent; only the answers to INVITE matter."""
        if not response.get("CSeq").endswith("INVITE") or response.status == 100:
            return
        if response.status < 200:
            leg.state = State.RINGING
            return
        leg.remote = response.get("To")  # CANCEL must not know it yet
        if response.status < 300:
            leg.target = uri_of(response.get("Contact"))
            self._request("ACK", leg, new_branch())
            if leg.state is not State.OVER:
                leg.ended(response.status)
                leg.state = State.TALKING
            if leg.cancelled:  # it was answered before the CANCEL came (RFC 3261, 9.1)
                self.hang_up(leg)
        else:
            self._request("ACK", leg, leg.branch)
            leg.ended(response.status)

    def _request(
        self, method: str, leg: Leg, branch: str, more: list[str] | None = None, body: str = ""
    ) -> bytes:
        number = 1 if method in ("INVITE", "ACK", "CANCEL") else leg.cseq
        return self._send(
            f"{method} {leg.target} SIP/2.0",
            [
                f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch}",
                "Max-Forwards: 70",
                f"From: {leg.local}",
                f"To: {leg.remote}",
                f"Call-ID: {leg.call_id}",
                f"CSeq: {number} {method}",
                f"Contact: <sip:test@127.0.0.1:{self.port}>",
                *(more or []),
            ],
            body,
        )

    def hears(self, within: float = PATIENCE) -> None:
        """Waits until one of them hears more than silence; AssertionError if nobody does."""
        self._media.settimeout(within)
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            with contextlib.suppress(TimeoutError):
                if set(self._media.recv(2048)[12:]) - {0x7F, 0xFF}:  # PCMU's two silences
                    return
        raise AssertionError("nothing is heard")

    def _respond(
        self, request: Sip, status: str, leg: Leg | None, body: str = "", contact: str = ""
    ) -> bytes:
        to = leg.local if leg is not None and "tag=" not in request.get("To") else request.get("To")
        return self._send(
            f"SIP/2.0 {status}",
            [
                *(f"Via: {via}" for via in request.all("Via")),
                f"From: {request.get('From')}",
                f"To: {to}",
                f"Call-ID: {request.get('Call-ID')}",
                f"CSeq: {request.get('CSeq')}",
                f"Contact: {contact or f'<sip:test@127.0.0.1:{self.port}>'}",
            ],
            body,
        )

    def _send(self, start: str, headers: list[str], body: str) -> bytes:
        if body:
            headers = [*headers, "Content-Type: application/sdp"]
        lines = [start, *headers, f"Content-Length: {len(body)}", "", body]
        octets = "\r\n".join(lines).encode()
        self._socket.sendto(octets, self.switch)
        return octets


def _udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made
