"""The options of `fs-1c setup`. A secret is none of them: it comes from a file, from stdin or is typed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

_MAX = 1 << 20


def _option(name: str, about: str, **more: Any) -> Any:
    return typer.Option(f"--{name}", help=about, show_default=False, **more)


def setup(
    url: Annotated[str | None, _option("url", "1C's web service.")] = None,
    dialect: Annotated[str | None, _option("dialect", "mobilon-1, -2, -3 or itoolabs.")] = None,
    username: Annotated[str | None, _option("username", "1C's user; `none`.")] = None,
    password_file: Annotated[str | None, _option("password-file", "Has his password; `-`: stdin.")] = None,
    crm_token_file: Annotated[
        str | None, _option("crm-token-file", "itoolabs: has the key by which 1C knows the PBX; `-`.")
    ] = None,
    client: Annotated[str | None, _option("client", "A client's number, to try 1C; `none`.")] = None,
    keys: Annotated[
        str | None, _option("keys", "CSV of extension,key; `-`; `directory`: FreeSWITCH's has them.")
    ] = None,
    event_socket: Annotated[
        str | None, _option("event-socket", "FreeSWITCH's, HOST:PORT; without it: looked for; `none`.")
    ] = None,
    event_socket_password_file: Annotated[
        str | None, _option("event-socket-password-file", "Has its password; `-`.")
    ] = None,
    number: Annotated[
        str | None, _option("number", "What clients dial, several with commas; `none`: no dialplan.")
    ] = None,
    target: Annotated[
        str | None, _option("target", "Who rings when 1C knows nobody: an extension or a dial string.")
    ] = None,
    history: Annotated[str | None, _option("history", "1C is told of whole calls: yes or no.")] = None,
    context: Annotated[str, typer.Option(help="Of the dialplan: public or default.")] = "public",
    folder: Annotated[Path, typer.Option(help="For settings and passwords.")] = Path("/etc/fs-1c"),
    state_folder: Annotated[Path, typer.Option(help="For the journal.")] = Path("/var/lib/fs-1c"),
    switch_folder: Annotated[
        Path | None, _option("switch-folder", "FreeSWITCH's configuration; without it: looked for.")
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Ask nothing: options, else defaults.")] = False,
    no_try: Annotated[
        bool, typer.Option("--no-try", help="Do not try answers at 1C and FreeSWITCH.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, show what would be.")] = False,
) -> None:
    """Ask what is needed, try it at once, write settings, passwords and the dialplan. Overwrites nothing."""
    from fs_1c.cli.common import out
    from fs_1c.setup import Where, run

    named = {
        "url": url,
        "dialect": dialect,
        "username": username,
        "client": client,
        "event-socket": event_socket,
        "number": number,
        "target": target,
        "history": history,
    }
    files = {
        "password": password_file,
        "crm-token": crm_token_file,
        "event-socket-password": event_socket_password_file,
        "keys": keys,
    }
    given = {name: text for name, text in named.items() if text is not None} | _read(files)
    where = Where(folder.absolute(), state_folder.absolute(), switch_folder, context)
    asks = sys.stdin.isatty() and not yes
    raise typer.Exit(run(given, where, out, asks=asks, tries=not no_try, dry=dry_run))


def _read(files: Mapping[str, str | None]) -> dict[str, str]:
    """What stands in the files; exit code 2 if one cannot be read."""
    given = {}
    if list(files.values()).count("-") > 1:
        typer.echo("-: stdin has one of them only", err=True)
        raise typer.Exit(2)
    for name, path in files.items():
        if path is None:
            continue
        try:
            if (name, path) == ("keys", "directory"):
                given[name] = path
            elif path == "-":
                given[name] = sys.stdin.buffer.read(_MAX).decode("utf-8-sig")
            else:
                with Path(path).open("rb") as file:
                    given[name] = file.read(_MAX).decode("utf-8-sig")
        except OSError as error:
            typer.echo(f"{path}: {error.strerror}", err=True)
            raise typer.Exit(2) from None
        except UnicodeDecodeError:
            typer.echo(f"{path}: is not UTF-8", err=True)
            raise typer.Exit(2) from None
    return given
