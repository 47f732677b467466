"""Can a base be reached: its name, its port, its certificate."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

from fs_1c.check import network
from fs_1c.check.base import Base
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.check.network import Place
from fs_1c.onec import prepare

DAYS = 14
"""A certificate that ends within so many days is worth a warning."""
_NO_NAMES = "Until then no caller's name shows and no card opens; calls go on to their default target."

# X509_V_ERR_…, from OpenSSL's x509_vfy.h.
_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
_WRONG_HOST = (62, 64)


def dns(base: Base) -> list[Finding]:
    url = base.setting("proxy" if base.settings.proxy else "url")
    target = network.target(base.settings)
    started = time.monotonic()
    try:
        base.places = network.resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        base.blocked = f"{target.host} has no address"
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            return [
                problem(
                    "dns",
                    f"no name server answers for {target.host}",
                    _NO_NAMES,
                    "Look at /etc/resolv.conf, or put the base's name into /etc/hosts.",
                )
            ]
        return [
            problem(
                "dns",
                f"there is no host {target.host}",
                _NO_NAMES,
                f"Correct {url}, or make the name known to this machine (DNS, /etc/hosts).",
            )
        ]
    addresses = ", ".join(dict.fromkeys(str(place) for place in base.places))
    which = f"the proxy {target.host}" if target.proxy else target.host
    if (took := time.monotonic() - started) > 1.0:
        return [
            warning(
                "dns",
                f"{which} is {addresses}, found after {took:.1f} s",
                "Every new connection to 1C waits for that.",
                "Put the base's name into /etc/hosts, or use a name server nearby.",
            )
        ]
    return [
        ok(
            "dns",
            f"{which} is an address" if addresses == target.host else f"{which} has the address {addresses}",
        )
    ]


def tcp(base: Base) -> list[Finding]:
    target = network.target(base.settings)
    attempts = network.connect(base.places)
    last = attempts[-1]
    if last.error is None:
        lost = [one for one in attempts[:-1] if one.took > 0.5]
        if lost:
            return [
                warning(
                    "tcp",
                    f"{last.place} answers, but {lost[0].place}, which is tried first, does not",
                    f"Every new connection to 1C loses {sum(one.took for one in lost):.1f} s there.",
                    "Take the dead address out of DNS, or put the good one into /etc/hosts.",
                )
            ]
        return [ok("tcp", f"{last.place} port {target.port} answers")]
    why = network.reason(last.error)
    base.blocked = f"nobody answers at {target}"
    url = base.setting("proxy" if target.proxy else "url")
    remedies = {
        "refused": f"Start the web server (or 1C) there, or correct the port in {url}.",
        "no answer": f"Look at the firewall between here and {target}, and whether that machine is on.",
        "no route": f"Look at this machine's network: it knows no way to {last.place}.",
    }
    what = f"nobody answers at {target}: {why}"
    return [problem("tcp", what, _NO_NAMES, remedies.get(why, f"Look at the network and at {url}."))]


def tls(base: Base) -> list[Finding]:
    target = network.target(base.settings)
    if not base.settings.url.startswith("https:"):
        return [skipped("tls", "the base is asked by plain http")]
    trust = prepare(base.settings)
    if isinstance(trust, OSError):
        base.blocked = "ca_file is no good"
        name = base.setting("ca_file")
        why = trust.strerror or str(trust)
        return [problem("tls", f"{name}: {why}", _NO_NAMES, f"Put a certificate in PEM form into {name}.")]
    if target.proxy or trust is None:
        return [skipped("tls", "TLS goes through the proxy; the first request will show")]
    place = reachable(base.places)
    try:
        certificate = network.handshake(place, target.host, trust)
    except ssl.SSLCertVerificationError as error:
        base.blocked = "the certificate is not trusted"
        return [_mistrusted(base, error, target.host)]
    except (OSError, ValueError) as error:
        base.blocked = "there is no TLS"
        return [_no_tls(base, error, place, target)]
    return [_lasts(certificate, target.host)]


def reachable(places: tuple[Place, ...]) -> Place:
    """The address that answers, or just the first."""
    for attempt in network.connect(places):
        if attempt.error is None:
            return attempt.place
    return places[0]


def _mistrusted(base: Base, error: ssl.SSLCertVerificationError, host: str) -> Finding:
    code, ca_file = error.verify_code, base.setting("ca_file")
    why = "It is not used as long as nobody knows who is there: a password would go to them."
    if code == _EXPIRED:
        return problem("tls", f"the certificate of {host} has expired", why, "Renew it on the web server.")
    if code == _NOT_YET:
        remedy = "Set the clock of this machine right, or that of the one where the certificate was made."
        return problem("tls", f"the certificate of {host} is not valid yet", why, remedy)
    if code in _WRONG_HOST:
        return problem(
            "tls",
            f"the certificate there is not for {host}: {error.verify_message}",
            why,
            f"Put the certificate's own name into {base.setting('url')}, or have one made for {host}.",
        )
    if code in _UNKNOWN_ISSUER:
        if base.settings.ca_file:
            remedy = f"Put the certificate of its issuer (or itself, if self-signed) into {ca_file}."
        else:
            remedy = (
                f"Save the certificate of its issuer (or itself, if self-signed) as PEM, and set {ca_file}."
            )
        what = f"the certificate of {host} is by an unknown issuer: {error.verify_message}"
        return problem("tls", what, why, remedy)
    what = f"the certificate of {host} is not trusted: {error.verify_message}"
    return problem("tls", what, why, "Have the web server's administrator look at its certificate.")


def _no_tls(base: Base, error: Exception, place: Place, target: network.Target) -> Finding:
    url = base.setting("url")
    if network.speaks_http(place, target.host):
        return problem(
            "tls",
            f"{target} speaks plain HTTP, and {url} says https",
            _NO_NAMES,
            f"Write http:// in {url}, or the port where the web server has TLS.",
        )
    if isinstance(error, TimeoutError):
        what = f"{target} takes the connection and says nothing"
        return problem(
            "tls", what, _NO_NAMES, "Look at the web server there; it may hang, or be no web server."
        )
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    told = reason.replace("_", " ").lower() if reason else network.reason(error)
    return problem(
        "tls",
        f"{target} does not get on with TLS: {told}",
        _NO_NAMES,
        "Have the web server speak TLS 1.2 or newer there, or correct the port.",
    )


def _lasts(certificate: dict[str, Any], host: str) -> Finding:
    until = str(certificate.get("notAfter", ""))
    left = (ssl.cert_time_to_seconds(until) - time.time()) / 86400 if until else DAYS
    if left < DAYS:
        return warning(
            "tls",
            f"the certificate of {host} ends in {max(0.0, left):.0f} days, {until}",
            "From then on 1C is not asked any more.",
            "Renew it on the web server in time.",
        )
    return ok(
        "tls", f"the certificate of {host} is good until {until}" if until else "the certificate is good"
    )
