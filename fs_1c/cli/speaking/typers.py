"""typer's own words: its pages of help and what it complains of, in the language that is spoken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from typer import Context
from typer.core import TyperCommand, TyperGroup

from fs_1c.language import N_, _, retold

_TYPERS = (
    N_("Usage:"),
    N_("[OPTIONS]"),
    N_("COMMAND [ARGS]..."),
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
    N_("Missing command."),
    N_("Aborted."),
)
"""What typer says in its own words; the first three it does not have translated by gettext."""


class _Page(Context):
    """Where typer asks for what is written at the top of a page of help and of a complaint."""

    def make_formatter(self) -> Any:
        """One that says `Usage:` in the language."""
        formatter = super().make_formatter()
        formatter.write_usage = partial(formatter.write_usage, prefix=f"{_('Usage:')} ")  # type: ignore[method-assign]
        return formatter


class Translated(TyperGroup):
    """Commands whose help, and what typer complains of, are in the language that is spoken."""

    context_class = _Page

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for command in _commands(self):
            _translate(command, Context(command))
        return super().parse_args(ctx, args)

    def make_context(self, *args: Any, **more: Any) -> Any:
        with _retelling():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        with _retelling():
            return super().invoke(ctx)


@contextmanager
def _retelling() -> Iterator[None]:
    """What typer complains of it says in English. The page of help that it shows to whoever has typed too
    little is a complaint, too, without a word.
    """
    try:
        yield
    except Exception as error:
        if said := getattr(error, "format_message", str)():
            again = retold(said)
            error.format_message = lambda: again  # type: ignore[attr-defined]
        raise


def _commands(group: TyperGroup) -> Iterator[TyperCommand | TyperGroup]:
    yield group
    for one in group.commands.values():
        if isinstance(one, TyperGroup):
            yield from _commands(one)
        elif isinstance(one, TyperCommand):
            yield one


def _translate(command: TyperCommand | TyperGroup, context: Context) -> None:
    command.context_class = _Page
    command.help = _paragraphs(command.help)
    command.epilog = _paragraphs(command.epilog)
    command.options_metavar = _(command.options_metavar or "")
    if isinstance(command, TyperGroup):
        command.subcommand_metavar = _(command.subcommand_metavar)
    for parameter in (*command.params, command.get_help_option(context)):
        if told := getattr(parameter, "help", None):
            parameter.help = _(told)  # type: ignore[union-attr]


def _paragraphs(text: str | None) -> str:
    """Each is a text of its own, however long its lines are in the code."""
    return "\n\n".join(_(" ".join(one.split())) for one in text.split("\n\n")) if text else ""
