"""In which language the commands speak, and that `--help` does, too."""

from __future__ import annotations

import codecs
import gettext
import os
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from typing import Any

from typer import Context
from typer.core import TyperCommand, TyperGroup

from fs_1c.language import FOLDER, LANGUAGES, N_, _, choice, fits, speak

_PLAINER = str.maketrans({"«": '"', "»": '"', "„": '"', "“": '"', "—": "-", "–": "-", "→": "->", "…": "..."})

_TYPERS = (
    N_("Options"),
    N_("Arguments"),
    N_("Commands"),
    N_("Error"),
    N_("Show this message and exit."),
    N_("[default: {}]"),
    N_("[env var: {}]"),
    N_("[required]"),
    N_("Try [blue]'{command_path} {help_option}'[/] for help."),
    N_("No such command {name!r}."),
)
"""What typer says in its own words, and has translated by gettext; `Usage:` it does not."""


class Speaking(TyperGroup):
    """All commands, in the language of whoever has typed one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for stream in (sys.stdout, sys.stderr):
            _write_whatever(stream)
        language = _asked(args) or choice()
        if not fits(language, sys.stdout.encoding or "ascii"):
            language = "en"
        speak(language)
        # Of typer's own words those are translated that it asks gettext for.
        gettext.textdomain("fs_1c" if language != "en" else "messages")
        if language != "en":
            os.environ["LANGUAGE"] = language
            gettext.bindtextdomain("fs_1c", str(FOLDER))
            for command in _commands(self):
                _translate(command, Context(command))
        return super().parse_args(ctx, args)


def _asked(args: Sequence[str]) -> str:
    """The language after `--lang`, which stands before the command; empty: none that there is."""
    for one, following in zip(args, [*args, ""][1:], strict=True):
        if not one.startswith("-"):
            break
        name, equals, value = one.partition("=")
        wanted = value if equals else following
        if name == "--lang" and wanted in LANGUAGES:
            return wanted
    return ""


def _commands(group: TyperGroup) -> Iterator[TyperCommand | TyperGroup]:
    yield group
    for one in group.commands.values():
        if isinstance(one, TyperCommand):
            yield one


def _translate(command: TyperCommand | TyperGroup, context: Context) -> None:
    if command.help:
        command.help = _(command.help)
    if command.epilog:
        command.epilog = _(command.epilog)
    for parameter in (*command.params, command.get_help_option(context)):
        if told := getattr(parameter, "help", None):
            parameter.help = _(told)  # type: ignore[union-attr]


def _write_whatever(stream: object) -> None:
    """A terminal that lacks a sign gets a plainer one, or `?`: no client's name ends a command."""
    if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
        codecs.register_error("fs-1c", _plainer)
        stream.reconfigure(errors="fs-1c")


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end].translate(_PLAINER)
    return wrong.encode(error.encoding, "replace"), error.end
