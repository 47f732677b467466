"""Whose words are that are not harmful: Redis says it when they are put there, and they leave only then. Why:
`relay`.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future

from fs_1c.history.kept import Word
from fs_1c.history.pace import ELSEWHERE
from fs_1c.history.relay.shared import field_of
from fs_1c.onec import OneCError, Reached

Name = tuple[str, str, str]
"""By which all services know a word: base, call and field."""


class Order:
    """Words of our file of which Redis has been asked. Thread-safe, by single steps on a dict and a set."""

    def __init__(self) -> None:
        self._asked: dict[Name, Future[None]] = {}  # not answered yet
        self._theirs: set[Name] = set()  # another's, and still in the file

    def asks(self, words: list[Word]) -> Future[None]:
        """Redis is about to be asked; the future ends by `answered`."""
        answered: Future[None] = Future()
        self._asked.update(dict.fromkeys(map(_name, words), answered))
        return answered

    def answered(self, words: list[Word], answered: Future[None], theirs: Iterable[Word]) -> None:
        """It has said that `theirs` of these are another's, or it is away."""
        self._theirs.update(map(_name, theirs))
        for name in map(_name, words):
            if self._asked.get(name) is answered:
                del self._asked[name]
        answered.set_result(None)

    def dropped(self, word: Word) -> None:
        """It is in the file no more."""
        self._theirs.discard(_name(word))

    def is_ours(self, word: Word, within: float) -> None:
        """Blocks for so many seconds at the most. Raises `OneCError` if it is another's, or that is not known
        yet.
        """
        name = _name(word)
        if (asked := self._asked.get(name)) is not None:
            try:
                asked.result(within)
            except TimeoutError:
                raise error("busy", "Redis has not said whose it is") from None
        if name in self._theirs:
            raise error(ELSEWHERE, "another service has said it, or will")


def _name(word: Word) -> Name:
    return word.base, word.call, field_of(word)


def error(kind: str, message: str) -> OneCError:
    """Why a word does not leave: it says nothing of 1C."""
    return OneCError(kind, message, Reached.NO, base_down=False)
