"""The service itself: is it running, are its doors up, what does it think of 1C; and Redis."""

from __future__ import annotations

import json
import time
from typing import Any

import requests

from fs_1c import __version__, redis_client
from fs_1c.bounds import OutOfTime, within
from fs_1c.check import network
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.check.network import Place
from fs_1c.esl import commands
from fs_1c.settings import Address, HttpSettings, OutboundSettings, Settings, SettingsError, edited_since

ANSWER_WITHIN = 3.0
MAX_HEALTH = 256 * 1024
TOKEN_WITHIN = 3.0
MANY = 1 << 16
"""Addresses of a network in which there are others than switches."""
_EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  listens everywhere, is called here
_NO_SERVICE = "no service runs, and none is needed: esl is off, mod_python3 asks within FreeSWITCH"
_NO_NAMES = "Calls go on to their default target, without the caller's name."


def outbound(settings: Settings) -> tuple[list[Finding], bool | None]:
    """The door that FreeSWITCH's `socket` connects to; and whether the service runs (None: unknown)."""
    door = settings.esl.outbound
    if not door.enabled:
        return [skipped("outbound", "esl.outbound is off")], None
    if not door.listen.port:
        return [skipped("outbound", "esl.outbound.listen leaves it open at which port")], None
    try:
        place = network.answering(network.resolve(*here(door.listen)))
    except (OSError, UnicodeError) as error:
        what = f"the service is not running: {door.listen}: {network.reason(error)}"
        remedy = "Start it: fs-1c serve, or systemctl start fs-1c."
        return [problem("outbound", what, _NO_NAMES, remedy)], False
    try:
        first = _first_word(place)
    except OSError:
        what, remedy = (
            f"{door.listen} takes the connection and is mute",
            "Restart the service; its log says why.",
        )
        return [problem("outbound", what, _NO_NAMES, remedy)], False
    if first != commands.CONNECT:
        what = f"what listens at {door.listen} is not this service"
        remedy = "See what it is (ss -ltnp), or set another port in esl.outbound.listen and in the dialplan."
        return [problem("outbound", what, _NO_NAMES, remedy)], False
    found = [ok("outbound", f"the service waits for calls at {door.listen}")]
    for switch in settings.esl.inbound:
        if door.allow and not _may_come(switch.address, door):
            found.append(
                warning(
                    "outbound",
                    f"esl.outbound.allow does not have {switch.address.host}, where a switch is",
                    "Calls from there are hung up on: that switch's callers get no name and no manager.",
                    "Put it there, or see that the switch comes from another address that is there.",
                )
            )
    for allowed in door.allow:
        if allowed.num_addresses > MANY:
            found.append(
                warning(
                    "outbound",
                    f"whoever is in {allowed} can ask about clients at {door.listen}",
                    "The event socket has no password in this direction; esl.outbound.allow is all there is.",
                    "Name the switches' own addresses there.",
                )
            )
    return found, True


def _may_come(switch: Address, door: OutboundSettings) -> bool:
    """Is it let in, or on this machine, or nowhere to be found, which is said of the switch?"""
    try:
        places = network.resolve(*switch)
        return any(door.lets_in(str(place)) or network.is_own(place) for place in places)
    except (OSError, UnicodeError):
        return True


def here(listen: Address) -> Address:
    """Where something that listens there is called from this machine."""
    return Address(_EVERY.get(listen.host, listen.host), listen.port)


def _first_word(place: Place) -> bytes:
    """What is said to who connects, and then hangs up without a word. Raises OSError."""
    ends = time.monotonic() + ANSWER_WITHIN
    told = b""
    with network.reach(place) as connection:
        while len(told) < len(commands.CONNECT) and (left := ends - time.monotonic()) > 0:
            connection.settimeout(left)
            octets = connection.recv(64)
            if not octets:
                return told
            told += octets
    if not told:
        raise TimeoutError
    return told


def http(settings: Settings, running: bool | None) -> tuple[list[Finding], bool]:
    """What the running service says of itself at /health; and whether it says anything.

    Args:
        running: What `outbound` has found out.
    """
    door = settings.http
    if not door.enabled or not door.listen.port:
        return [skipped("http-door", "http is off, or http.listen leaves the port open")], False
    lost = "Monitoring and `forget` do not work."
    try:
        health = _health(here(door.listen), _token(door))
    except PermissionError:
        what = f"the service at {door.listen} has another token than these settings"
        remedy = "Have it read the settings again: systemctl reload fs-1c, or kill -HUP."
        return [problem("http-door", what, lost, remedy)], False
    except requests.exceptions.ReadTimeout:
        what = f"{door.listen} takes the connection and is mute"
        return [problem("http-door", what, lost, "Restart the service.")], False
    except (requests.RequestException, ValueError):
        if running is False:
            return [skipped("http-door", "the service is not running")], False
        if not (settings.esl.outbound.enabled or settings.esl.inbound):
            return [skipped("http-door", _NO_SERVICE)], False
        what = f"nobody answers at {door.listen}"
        remedy = "Start the service, or compare http.listen with what it was started with."
        return [problem("http-door", what, lost, remedy)], False
    if health is None:
        what = f"what answers at {door.listen} is not this service"
        remedy = "See what it is (ss -ltnp), or set another port in http.listen."
        return [problem("http-door", what, lost, remedy)], False
    return [*_doors(health), *_bases(health, settings), *_read(health, settings), *_version(health)], True


def _token(door: HttpSettings) -> str:
    """Nothing if it cannot be read, which is told where the secrets are read."""
    try:
        return within(TOKEN_WITHIN, door.secret)
    except (OSError, UnicodeDecodeError, OutOfTime):
        return ""


def _health(address: Address, token: str) -> dict[str, Any] | None:
    """What /health says; None if that is nothing of ours. Raises requests.RequestException or ValueError."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment does not know this machine's loopback
        url = f"http://{address}/health"
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        with session.get(
            url, headers=shown, timeout=ANSWER_WITHIN, allow_redirects=False, stream=True
        ) as answer:
            if answer.status_code in (401, 403):
                raise PermissionError
            body = answer.raw.read(MAX_HEALTH)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) and "doors" in told else None


def _table(health: dict[str, Any], name: str) -> dict[str, Any]:
    table = health.get(name)
    return table if isinstance(table, dict) else {}


def _doors(health: dict[str, Any]) -> list[Finding]:
    doors = _table(health, "doors")
    down = [name for name, up in doors.items() if not up]
    if not down:
        return [
            ok("http-door", f"the service says that its doors are up: {', '.join(doors) or 'none is set'}")
        ]
    return [
        problem(
            "http-door",
            f"the running service says that this door is down: {name}",
            "Nobody's card opens by it.",
            "Look at the switch's findings here and at the service's log; it goes on trying by itself.",
        )
        for name in down
    ]


def _bases(health: dict[str, Any], settings: Settings) -> list[Finding]:
    bases = _table(health, "bases")
    found: list[Finding] = []
    for name, told in bases.items():
        breaker = told.get("breaker") if isinstance(told, dict) else None
        if breaker not in ("open", "half-open"):
            found.append(ok("breaker", f"the service counts on base {name}"))
            continue
        since = told.get("since")
        when = f" since {since}" if isinstance(since, str) else ""
        found.append(
            problem(
                "breaker",
                f"base {name} counts as down{when}: its breaker is {breaker}",
                "Callers do not wait for 1C; only remembered answers are given.",
                "Mend what is said here about the base. The service tries it by itself every few seconds.",
            )
        )
    if bases and set(bases) != set(settings.onec):
        found.append(
            warning(
                "breaker",
                f"the running service has other bases: {', '.join(bases)}",
                "What is checked here is not what is running.",
                "Have it read the settings again: systemctl reload fs-1c, or kill -HUP.",
            )
        )
    return found


def _read(health: dict[str, Any], settings: Settings) -> list[Finding]:
    """Has it read the settings that are checked here, as they are now."""
    told, own = _table(health, "settings"), settings.read_from
    file, read = told.get("file"), told.get("read")
    if not isinstance(file, str) or not isinstance(read, int | float) or own is None:
        return []
    other = "What is checked here is not what is running."
    if file != str(own[0]):
        what = f"the running service has read {file}, and not {own[0]}"
        return [warning("http-door", what, other, f"Check that one: fs-1c check -c {file}")]
    if edited := edited_since(settings, own[0], read):
        what = f"edited since the service has read its settings: {', '.join(map(str, edited))}"
        return [warning("http-door", what, other, "Have it read them again: systemctl reload fs-1c.")]
    return [ok("http-door", f"the service has read {file} as it is now")]


def _version(health: dict[str, Any]) -> list[Finding]:
    version = health.get("version")
    if version in (None, __version__):
        return []
    what = f"the running service is version {version}, this is {__version__}"
    return [
        warning("http-door", what, "It does not have what has been mended since.", "Restart the service.")
    ]


def redis(settings: Settings) -> list[Finding]:
    """The answers shared by several switches."""
    if settings.redis is None:
        return []
    alone = "Each switch goes on by itself: 1C is asked more often, and `forget` reaches one switch only."
    try:
        client, where = redis_client.connect(settings.redis)
    except SettingsError as error:
        return [problem("redis", error.problems[0], alone, "Correct redis.url, or install the package.")]
    try:
        role = within(ANSWER_WITHIN, lambda: _role(client))
    except Exception as error:  # whose text may hold a password
        return [_no_redis(where, error, alone)]
    finally:
        client.connection_pool.disconnect()
    if role == "slave":
        remedy = "Put the address of the master into redis.url."
        return [problem("redis", f"Redis at {where} is a replica and takes no writes", alone, remedy)]
    return [ok("redis", f"Redis answers at {where}")]


def _role(client: Any) -> str:
    client.ping()
    try:
        return str(client.info("replication").get("role", ""))
    except Exception:  # an access list may forbid just that
        return ""


def _no_redis(where: str, error: Exception, alone: str) -> Finding:
    kind = "OutOfTime" if isinstance(error, OutOfTime) else type(error).__name__
    if kind in (
        "AuthenticationError",
        "AuthorizationError",
        "NoPermissionError",
        "AuthenticationWrongNumberOfArgsError",
    ):
        what = f"Redis at {where} does not take the user or password"
        return problem("redis", what, alone, "Correct user and password in redis.url.")
    if kind in ("OutOfTime", "TimeoutError"):
        what = f"Redis at {where} does not answer within redis.timeout"
        return problem(
            "redis", what, alone, "See whether Redis hangs or is far away; raise redis.timeout if need be."
        )
    what = f"Redis cannot be reached at {where} ({redis_client.why(error)})"
    return problem("redis", what, alone, "Start Redis, or correct redis.url.")
