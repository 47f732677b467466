"""The options of `fs-1c setup`. A secret is none of them: it comes from a file, from stdin or is typed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fs_1c.cli import exits
from fs_1c.language import _

_MAX = 1 << 20

app = typer.Typer(add_completion=False)


@app.command(epilog=exits.SETUP)
def setup(
    url: Annotated[str | None, typer.Option(help="1C's web service.")] = None,
    dialect: Annotated[str | None, typer.Option(help="mobilon-1, mobilon-2, mobilon-3 or itoolabs.")] = None,
    username: Annotated[str | None, typer.Option(help="1C's user, or none.")] = None,
    password_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="It has the user's password; - is stdin.")
    ] = None,
    crm_token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="itoolabs: it has the key by which 1C knows the PBX.")
    ] = None,
    client: Annotated[str | None, typer.Option(help="A client's number, to try 1C with, or none.")] = None,
    keys: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="CSV of extension,key; directory: FreeSWITCH's has the keys."),
    ] = None,
    event_socket: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="FreeSWITCH's, or none; else it is looked for.")
    ] = None,
    event_socket_password_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="It has the event socket's password.")
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="What clients dial, several with commas; none: no dialplan.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Who rings when 1C knows nobody: an extension or a dial string.")
    ] = None,
    history: Annotated[
        str | None, typer.Option(metavar="yes|no", help="1C is told of whole calls, missed ones among them.")
    ] = None,
    context: Annotated[str, typer.Option(help="Of the dialplan; else public, or default.")] = "",
    folder: Annotated[Path, typer.Option(help="For settings and passwords.")] = Path("/etc/fs-1c"),
    state_folder: Annotated[Path, typer.Option(help="For the journal.")] = Path("/var/lib/fs-1c"),
    switch_folder: Annotated[
        Path | None, typer.Option(help="FreeSWITCH's configuration; else it is looked for.")
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Ask nothing: options, else defaults.")] = False,
    no_try: Annotated[
        bool, typer.Option("--no-try", help="Do not try the answers at 1C and FreeSWITCH.")
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
        typer.echo(_("-: stdin is one file, and not several"), err=True)
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
            typer.echo(_("{path}: is not UTF-8", path=path), err=True)
            raise typer.Exit(2) from None
    return given
