"""The commands, by their names and options. What a command does is loaded when it is typed.

Settings, 1C, the web server: loading all of it takes a second, and `fs-1c --help` needs none. So at the top
of this file stands only what every command needs, and each imports the rest for itself.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fs_1c import __version__
from fs_1c.cli import exits
from fs_1c.cli.setup import app as setup
from fs_1c.cli.speaking import Speaking, Translated
from fs_1c.language import _, retold, speak

app = typer.Typer(
    cls=Speaking,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables would show passwords
    help="FreeSWITCH meets 1C:Enterprise.",
)


def _for_programs(wanted: bool) -> bool:
    if wanted:
        speak("en")
    return wanted


SettingsFile = Annotated[
    Path,
    typer.Option("-c", "--config", envvar="FS_1C_CONFIG", readable=False, help="The settings file (TOML)."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Answer in JSON, on one line, and in English.", callback=_for_programs)
]
BaseName = Annotated[str, typer.Option("--base", help="Which base, if the settings have several.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")]

DEFAULT_FILE = Path("/etc/fs-1c/fs-1c.toml")


@app.command(epilog=exits.SERVE)
def serve(config: SettingsFile = DEFAULT_FILE, verbose: Verbose = False) -> None:
    """Run the service: the doors that FreeSWITCH calls. SIGTERM stops it, SIGHUP reads the settings again."""
    speak("en")  # it is the log that it writes
    gc.disable()  # callers wait for this start, and nearly all that it loads stays
    from fs_1c.cli.handed import Handed
    from fs_1c.sockets import WrongSocket

    try:
        with Handed() as handed:
            from fs_1c.cli.serve import run

            run(config, handed, verbose=verbose)
    except WrongSocket as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None


@app.command(epilog=exits.LOOKUP)
def lookup(
    number: Annotated[str, typer.Argument(help="The caller's number, in any form.")],
    config: SettingsFile = DEFAULT_FILE,
    base: BaseName = "",
    as_json: AsJson = False,
    raw: Annotated[bool, typer.Option("--raw", help="Show what 1C answers, octet for octet.")] = False,
) -> None:
    """Ask 1C, now and past the cache, who calls from NUMBER."""
    if raw and as_json:
        typer.echo(f"lookup: {_('allowed is one of --raw and --json')}", err=True)
        raise typer.Exit(2)
    if raw:
        from fs_1c.cli.raw import lookup as look

        raise typer.Exit(look(config, number, base=base))
    from fs_1c.cli import ask

    raise typer.Exit(ask.lookup(config, number, base=base, as_json=as_json))


@app.command(epilog=exits.POP)
def pop(
    number: Annotated[str, typer.Argument(help="The client's number, in any form.")],
    config: SettingsFile = DEFAULT_FILE,
    extension: Annotated[str, typer.Option(help="The subscriber's extension.")] = "",
    key: Annotated[str, typer.Option(help="The subscriber's key, instead of an extension.")] = "",
    base: BaseName = "",
    as_json: AsJson = False,
) -> None:
    """Open the card of NUMBER at a subscriber, now."""
    from fs_1c.cli import ask

    raise typer.Exit(ask.pop(config, number, extension=extension, key=key, base=base, as_json=as_json))


@app.command(epilog=exits.FORGET)
def forget(
    number: Annotated[str, typer.Argument(help="The client's number, in any form.", show_default=False)] = "",
    everything: Annotated[bool, typer.Option("--all", help="Forget all numbers.")] = False,
    config: SettingsFile = DEFAULT_FILE,
    base: BaseName = "",
) -> None:
    """Have the running service forget what 1C said about NUMBER, because 1C's answer has changed."""
    from fs_1c.cli.forget import run

    raise typer.Exit(run(config, number, everything=everything, base=base))


@app.command(epilog=exits.ERASE)
def erase(
    number: Annotated[str, typer.Argument(help="The client's number, in any form.", show_default=False)],
    config: SettingsFile = DEFAULT_FILE,
) -> None:
    """Erase what is kept of a client: the journal's rows, what 1C said of him, here and in Redis."""
    from fs_1c.cli.erase import run

    raise typer.Exit(run(config, number))


@app.command(epilog=exits.CALL)
def call(
    client: Annotated[str, typer.Argument(help="The client's number, in any form.", show_default=False)],
    extension: Annotated[str, typer.Option(help="Whose telephone rings first.", show_default=False)],
    config: SettingsFile = DEFAULT_FILE,
    as_json: AsJson = False,
) -> None:
    """Have the running service call CLIENT by a subscriber's telephone."""
    from fs_1c.cli.call import run

    raise typer.Exit(run(config, client, extension, as_json=as_json))


@app.command(epilog=exits.JOURNAL)
def journal(
    config: SettingsFile = DEFAULT_FILE,
    number: Annotated[str, typer.Option(help="Only this client's calls; the number in any form.")] = "",
    call: Annotated[str, typer.Option(help="One call in full, by the uuid in the log.")] = "",
    missed: Annotated[
        bool, typer.Option("--missed", help="Only who was missed and not called back.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many calls, the latest first.")] = 20,
    as_json: AsJson = False,
    everywhere: Annotated[
        bool, typer.Option("--all", help="Ask the other services (`cluster.services`), too.")
    ] = False,
) -> None:
    """Say why a call went where it went, and why its card opened or did not."""
    from fs_1c.cli.common import out, usable_settings
    from fs_1c.cli.journal import run
    from fs_1c.journal import journal_file

    settings = usable_settings(config)
    if missed and (everywhere or number or call):
        typer.echo(f"journal: --missed: {_('allowed without --all, --number and --call')}", err=True)
        raise typer.Exit(2)
    if everywhere:
        from fs_1c.cli.journal import neighbours, sought

        asked = neighbours.Sought(sought(number, settings.numbers.plan()), call, limit)
        raise typer.Exit(neighbours.run(settings, asked, as_json=as_json, console=out))
    path = journal_file(settings)
    if path is None:
        why = _("no journal is kept; allowed: state.folder set, and journal.enabled")
        typer.echo(f"{config}: {why}", err=True)
        raise typer.Exit(2)
    raise typer.Exit(
        run(path, settings, number, call, limit=limit, missed=missed, as_json=as_json, console=out)
    )


@app.command(epilog=exits.HISTORY)
def history(
    config: SettingsFile = DEFAULT_FILE,
    call: Annotated[str, typer.Option(help="Only this call, by the uuid in the log.")] = "",
    base: Annotated[str, typer.Option(help="Only what waits for this base.")] = "",
    retry: Annotated[bool, typer.Option("--retry", help="Try it now, and not after the pause.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Give it up: 1C will not be told.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="With --drop: all that waits.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many calls, the oldest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Say what waits for 1C to be told it, since when and why."""
    from fs_1c.cli.history import Wanted, run

    raise typer.Exit(run(config, Wanted(call, base, limit, retry, drop, everything), as_json=as_json))


@app.command(epilog=exits.PRESENCE)
def presence(
    extension: Annotated[str, typer.Argument(help="Only this subscriber.")] = "",
    config: SettingsFile = DEFAULT_FILE,
    as_json: AsJson = False,
) -> None:
    """Say who can take a call: free, busy, away or unknown, since when, and with whom he talks."""
    from fs_1c.cli.presence import run

    raise typer.Exit(run(config, extension, as_json=as_json))


@app.command(epilog=exits.CHECK)
def check(
    config: SettingsFile = DEFAULT_FILE,
    number: Annotated[
        list[str] | None,
        typer.Option("--number", help="A client's number that 1C ought to know; may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong between FreeSWITCH, this service and 1C, and how to mend it. Changes nothing."""
    from fs_1c.check import run
    from fs_1c.cli.common import out

    raise typer.Exit(run(config, number or [], as_json=as_json, console=out))


app.add_typer(setup)


@app.command(epilog=exits.DEMO)
def demo() -> None:
    """Show all of it in one terminal: a 1C, the service, calls. Needs nothing else."""
    import asyncio

    from fs_1c.cli.demo import run

    raise typer.Exit(asyncio.run(run()))


# A group of commands that take a while to load, too: so all that is typed after its name goes on to them.
@app.command(
    add_help_option=False,
    context_settings=dict.fromkeys(("allow_extra_args", "ignore_unknown_options"), True)
    | {"allow_interspersed_args": False},
)
def simulator(context: typer.Context) -> None:
    """A 1C and a FreeSWITCH to try everything against."""
    from fs_1c.cli.simulator import app as commands

    group = typer.Typer(cls=Translated, add_completion=False, pretty_exceptions_enable=False)
    group.add_typer(commands, name="simulator", help=simulator.__doc__)
    group(["simulator", *context.args], prog_name=context.find_root().command_path)


@app.callback(invoke_without_command=True)
def _global(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    lang: Annotated[
        Literal["ru", "en"] | None,
        typer.Option("--lang", help="The language to speak; else LC_ALL, LC_MESSAGES or LANG tells."),
    ] = None,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:  # a language is no command
        typer.echo(context.get_help(), nl=False)
        raise typer.Exit(2)


def main() -> None:
    """The entry point `fs-1c`."""
    try:
        app()
    except Exception as error:
        from fs_1c.settings import SettingsError  # whoever has raised it has loaded it

        if not isinstance(error, SettingsError):
            raise
        for problem in error.problems:  # what only building the rooms brings to light
            typer.echo(retold(problem), err=True)
        sys.exit(2)
