"""Who has a key: the settings' table and the CSV file together, as the service reads them. A key is a
credential.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fs_1c.cards import MAX_FILE, parse
from fs_1c.settings import SubscribersSettings


@dataclass(frozen=True, slots=True)
class Keys:
    """The subscribers' keys.

    Attributes:
        of: Extension → key.
        without: Extensions that the settings name without a key.
        problems: One line each, about lines of the file. They name no key.
        unread: Why not all keys are known, or empty.
    """

    of: dict[str, str] = field(repr=False)
    without: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    unread: str = ""


def read(settings: SubscribersSettings) -> Keys:
    """Reads them all. Never raises."""
    given = {extension: key.get_secret_value() for extension, key in settings.keys.items()}
    in_file: dict[str, str] = {}
    problems: list[str] = []
    unread = ""
    if settings.file is not None:
        try:
            with settings.file.open("rb") as file:
                octets = file.read(MAX_FILE + 1)
            if len(octets) > MAX_FILE:
                unread = f"it has more than {MAX_FILE} octets"
            else:
                in_file, problems = parse(octets, given)
        except OSError as error:
            unread = error.strerror or type(error).__name__
    of = {**in_file, **{extension: key for extension, key in given.items() if key}}
    return Keys(of, tuple(sorted(given.keys() - of.keys())), tuple(problems), unread)
