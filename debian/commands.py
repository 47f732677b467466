"""The man page and bash's completion, made from the commands themselves: `python debian/commands.py man`, or
`completion`.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from fs_1c import __version__
from fs_1c.cli import app
from fs_1c.cli.simulator import app as simulator


@dataclass(frozen=True)
class Command:
    """What `--help` says of it.

    Attributes:
        name: As it is typed, after `fs-1c`.
        about: One sentence or several.
        ends: Its exit codes.
        arguments: In their order, an optional one in brackets.
        options: How each may be written (`-c, --config <path>`), and what it is for.
        words: The options themselves.
        files: Those that want a file.
    """

    name: str
    about: str
    ends: str
    arguments: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    files: tuple[str, ...]


def commands(group: typer.Typer = app, before: str = "") -> Iterator[Command]:
    """All of them, in the order of `--help`; first `fs-1c` itself, with what may stand before a command."""
    found = typer.main.get_command(group)
    if not before:
        yield _command("", found)
    for name, command in found.commands.items():  # type: ignore[attr-defined]  # it is a group
        if command.hidden:
            continue
        if command.callback.__name__ == "simulator":  # a group, which loads its commands when it is typed
            yield from commands(simulator, f"{name} ")
        else:
            yield _command(f"{before}{name}", command)


def _command(name: str, command: Any) -> Command:
    context = command.make_context(name, [], resilient_parsing=True)
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    records = [one.get_help_record(context) for one in options]
    return Command(
        name,
        " ".join((command.help or "").split()),
        command.epilog or "",
        tuple(one.name.upper() if one.required else f"[{one.name.upper()}]" for one in arguments),
        tuple((written, " ".join(about.split())) for written, about in records),
        tuple(word for one in options for word in (*one.opts, *one.secondary_opts)),
        tuple(
            word
            for one, (written, _) in zip(options, records, strict=True)
            for word in one.opts
            if written.endswith(("<path>", "FILE"))
        ),
    )


HEAD = r""".TH FS\-1C 1 "{date}" "fs\-1c {version}"
.SH NAME
fs\-1c \- FreeSWITCH meets 1C:Enterprise
.SH SYNOPSIS
.B fs\-1c
.RI [ OPTIONS ]
.I COMMAND
.RI [ OPTIONS ]
.br
.B fs\-1c
.I COMMAND
.B \-\-help
.SH DESCRIPTION
A client rings; before the first phone rings, 1C is asked who it is; the client's name shows on the phone,
the call goes to the client's own manager, and the client's card opens on the screen of whoever answers.
.PP
The service is
.BR "fs\-1c serve" ,
run by systemd as fs\-1c.service; fs\-1c.socket listens in its stead while it is restarted.
All other commands are for the administrator; those that look into the service's files want its user:
.PP
.RS
.B runuser \-u fs\-1c \-\- fs\-1c check
.RE
"""
TAIL = r""".SH EXIT STATUS
0 well; 2 wrong input or wrong settings, after which systemd does not start the service again; 1 anything
else. What more a command has is said with it.
.SH ENVIRONMENT
.TP
.B FS_1C_CONFIG
The settings file.
.TP
.BI FS_1C_ SECTION __ KEY
One setting, which wins over the file: FS_1C_LOOKUP__DEADLINE=500ms.
.SH FILES
.TP
.I /etc/fs\-1c/fs\-1c.toml
The settings.
.TP
.I /etc/fs\-1c
Passwords, a file each. Only root and the service may read them.
.TP
.I /var/lib/fs\-1c
The journal, what waits for 1C, which cards have opened.
.TP
.I /usr/share/doc/fs\-1c
The documentation, in English and Russian; examples of dialplans and settings; 1C's side, a configuration
extension.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR freeswitch (1)
"""


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("`", "\\(dq")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def man(dated: float) -> str:
    """The page; `dated` in seconds since 1970."""
    page = [HEAD.format(date=time.strftime("%Y-%m-%d", time.gmtime(dated)), version=_roff(__version__))]
    for one in commands():
        title = " ".join(("fs-1c", one.name, *one.arguments))
        page.append(f".SS {_roff(title)}\n{_roff(one.about)}\n" if one.name else ".SH OPTIONS\n")
        page += [f".TP\n.B {_roff(written)}\n{_roff(about)}\n" for written, about in one.options]
        page.append(f".PP\n{_roff(one.ends)}\n" if one.name else ".SH COMMANDS\n")
    return "".join(page) + TAIL


COMPLETION = r"""# bash completion for fs-1c

_fs_1c() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    local command=${{COMP_WORDS[1]}} words files
    [ "$command" = simulator ] && command="$command ${{COMP_WORDS[2]}}"
    if [ "$COMP_CWORD" -eq 1 ]; then
        words={first}
    elif [ "$COMP_CWORD" -eq 2 ] && [ "${{COMP_WORDS[1]}}" = simulator ]; then
        words={second}
    else
        case $command in
{cases}
        esac
    fi
    case " $files " in
        *" $before "*) mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames 2>/dev/null ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current") ;;
    esac
}}
complete -F _fs_1c fs-1c
"""


def completion() -> str:
    """Without starting fs-1c at every key, which would take a fifth of a second."""
    before, *all_of_them = commands()
    first = dict.fromkeys(one.name.split()[0] for one in all_of_them)
    second = [one.name.split()[1] for one in all_of_them if " " in one.name]
    cases = [
        f"            {shlex.quote(one.name)}) words={shlex.quote(' '.join((*one.words, '--help')))}"
        f" files={shlex.quote(' '.join(one.files))} ;;"
        for one in all_of_them
    ]
    return COMPLETION.format(
        first=shlex.quote(" ".join((*first, *before.words, "--help"))),
        second=shlex.quote(" ".join((*second, "--help"))),
        cases="\n".join(cases),
    )


if __name__ == "__main__":
    made = man(float(os.environ["SOURCE_DATE_EPOCH"])) if sys.argv[1:] == ["man"] else completion()
    sys.stdout.write(made)
