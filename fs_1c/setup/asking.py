"""How answers come: by options alone, or typed by somebody; each read the same way."""

from __future__ import annotations

import select
import sys
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from fs_1c.channel import plain
from fs_1c.check import Finding, lines
from fs_1c.language import _
from fs_1c.setup.answers import Mistake

T = TypeVar("T")
DOES_NOT_WORK, WRONG_INPUT = 1, 2
"""Exit codes."""
LOOKS_EVERY = 0.2
"""Seconds after which an interrupt is heard that came just before the terminal was read."""


class Stopped(Exception):
    """What is asked cannot be answered, and it has been said why."""


class Refused(Exception):
    """Nothing can be written here, whatever is answered; the text says why."""


class Given:
    """Nobody is asked: an option has the answer, or there is a default.

    Args:
        given: Option, without its dashes → what it says.
        console: Where everything is said.

    Attributes:
        failed: The exit code of what was wrong; 0: nothing was.
    """

    def __init__(self, given: Mapping[str, str], console: Console) -> None:
        self._given = dict(given)
        self._console = console
        self.failed = 0

    def has(self, name: str) -> bool:
        """Is there an option that has not been used yet?"""
        return name in self._given

    def ask(
        self, name: str, read: Callable[[str], T], default: str | None = None, *, fresh: bool = False
    ) -> T:
        """`fresh`: it is about another thing than the last time. Raises `Stopped`."""
        text = self._given.pop(name, default)
        try:
            if text is None:
                raise Mistake(_("is missing"))
            return read(text)
        except Mistake as error:
            self.mistake(name, error)
            raise Stopped from None

    def mistake(self, name: str, error: Mistake) -> None:
        self.failed = WRONG_INPUT
        self.say(f"--{name}: {error}", "red")

    def again(self, finding: Finding) -> bool:
        """Is it to be asked anew, with the problem in mind? Otherwise it stays. Raises `Stopped`."""
        self.failed = self.failed or DOES_NOT_WORK
        raise Stopped

    def sure(self) -> bool:
        """Is all of it to be written?"""
        return True

    def found(self, findings: Sequence[Finding]) -> None:
        """Shows what was found."""
        for one in lines("", findings)[1:]:
            self._console.print(one, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        self._console.print(Text(plain(text), style=style), soft_wrap=True)


class Prompted(Given):
    """Somebody is asked for whatever no option has said.

    Args:
        words: Option → the question.
        secrets: Options whose answers are not shown while they are typed.
    """

    def __init__(
        self, given: Mapping[str, str], console: Console, words: Mapping[str, str], secrets: Sequence[str]
    ) -> None:
        super().__init__(given, console)
        self._words, self._secrets = words, frozenset(secrets)
        self._latest: dict[str, str] = {}

    def ask(
        self, name: str, read: Callable[[str], T], default: str | None = None, *, fresh: bool = False
    ) -> T:
        if fresh:
            self._latest.pop(name, None)
        while True:
            text = self._given.pop(name, None)
            if text is None:
                text = self._typed(name, default)
            try:
                answer = read(text)
            except Mistake as error:
                self.say(f"  {error}", "red")
                continue
            if name not in self._secrets:
                self._latest[name] = text
            return answer

    def mistake(self, name: str, error: Mistake) -> None:
        self._given.pop(name, None)  # it is asked instead
        self.say(f"--{name}: {error}", "red")

    def again(self, finding: Finding) -> bool:
        question = _("Enter: answer again; k: keep it as it is")
        return self._line(f"  {question}: ").strip().lower() not in ("k", "к")

    def sure(self) -> bool:
        question = _("Write these files? [Y/n]")
        return self._line(f"{question} ").strip().lower() in ("", "y", "yes", "д", "да")

    def _typed(self, name: str, default: str | None) -> str:
        if name in self._secrets:
            return self._line(f"{self._words[name]}: ", hidden=True)
        default = self._latest.get(name, default)
        shown = f" [{default}]" if default else ""
        while True:
            text = self._line(f"{self._words[name]}{shown}: ")
            if text.strip():
                return text
            if default is not None:
                return default
            self.say("  " + _("an answer is needed"), "red")

    def _line(self, prompt: str, *, hidden: bool = False) -> str:
        with _unseen(self._console) if hidden else nullcontext():
            self._console.print(Text(prompt), end="")
            # Python looks for signals and then reads: one that comes in between would wait for the next key.
            while not select.select([sys.stdin], [], [], LOOKS_EVERY)[0]:
                pass
            return input()


@contextmanager
def _unseen(console: Console) -> Iterator[None]:
    """What is typed is not shown. Unlike getpass, it does not read, too."""
    before = termios.tcgetattr(sys.stdin)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, quiet)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)
    console.print()  # the end of the line was not shown either
