"""`fs-1c forget`: tells the running service, through its HTTP door, that 1C's answer has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
import typer

from fs_1c.cli.common import refuse_unknown_base, usable_settings
from fs_1c.settings import Address


def run(config: Path, number: str, *, everything: bool, base: str) -> int:
    """Has one number forgotten, or all. Returns the exit code."""
    settings = usable_settings(config)
    refuse_unknown_base(settings, base)
    if bool(number) == everything:
        typer.echo("forget: allowed is one of NUMBER and --all", err=True)
        return 2
    door, token = settings.http, settings.http.secret()
    missing = {"enabled": door.enabled, "token": token, "listen's port": door.listen.port}
    for setting, there in missing.items():
        if not there:
            typer.echo(f"{config}: http: without {setting} the running service cannot be told", err=True)
            return 2
    body = {"all": True} if everything else {"number": number}
    status, told = _tell(door.listen, token, {**body, "base": base})
    if status != 200:
        typer.echo(f"forget: {told}", err=True)
        return 2 if status == 400 else 1
    typer.echo(f"forgotten: {told}")
    return 0


def _tell(listen: Address, token: str, body: dict[str, Any]) -> tuple[int, str]:
    """Tells the running service to forget. Returns the status (0: none came), and how many or why not."""
    every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  listens everywhere, is called here
    address = Address(every.get(listen.host, listen.host), listen.port)
    with requests.Session() as session:
        session.trust_env = False  # a proxy would be given the token, and .netrc would replace it
        try:
            answer = session.post(
                f"http://{address}/forget",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=10,
                allow_redirects=False,
            )
            if answer.status_code == 200:
                return 200, str(int(answer.json()["forgotten"]))
        except (requests.ConnectionError, requests.Timeout):
            return 0, f"the service cannot be reached at {address}; is it running?"
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return 0, f"what answers at {address} is not this service"
    why = "".join(c if c.isprintable() else " " for c in answer.text[:200]).strip()
    refused = "" if answer.status_code == 400 else f"refused by {address}: {answer.status_code} "
    return answer.status_code, refused + why
