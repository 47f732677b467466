"""A machine to write on, and `fs-1c setup` without a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from fs_1c.setup import Where, run

TEMPLATE = (resources.files("fs_1c.setup") / "sync.xml").read_text("utf-8")
NUMBER, TARGET, CLIENT = "74951234567", "1000", "89235292926"
EVENT_SOCKET = (
    '<configuration name="event_socket.conf"><settings><param name="listen-ip" value="::"/>'
    '<param name="listen-port" value="{port}"/><!-- <param name="password" value="old"/> -->'
    '<param name="password" value="{password}"/></settings></configuration>'
)


class Said(NamedTuple):
    code: int
    text: str


class Place:
    """Folders of a machine: for settings, and FreeSWITCH's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "etc" / "fs-1c"
        self.switch = folder / "freeswitch"
        self.public = self.switch / "dialplan" / "public"
        self.public.mkdir(parents=True)
        (self.switch / "autoload_configs").mkdir()

    @property
    def where(self) -> Where:
        return Where(self.folder, Path("/var/lib/fs-1c"), self.switch)

    def event_socket(self, port: int, password: str = "ClueCon") -> None:
        text = EVENT_SOCKET.format(port=port, password=password)
        (self.switch / "autoload_configs" / "event_socket.conf.xml").write_text(text)

    def files(self) -> list[str]:
        """All that is there, below the folder of the settings and in the context."""
        found = [*self.folder.parent.rglob("*"), *self.public.iterdir()]
        return sorted(path.name for path in found)

    def setup(self, given: Mapping[str, str], *, tries: bool = True, dry: bool = False) -> Said:
        """The command with these options, and nobody to be asked."""
        screen = StringIO()
        console = Console(file=screen, highlight=False, soft_wrap=True, width=200)
        code = run(given, self.where, console, asks=False, tries=tries, dry=dry)
        return Said(code, screen.getvalue())
