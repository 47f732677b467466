"""A service at a switch, as far as it tells others who can take a call there; for the tests of sharing."""

from __future__ import annotations

from fs_1c.call import PresenceState
from fs_1c.presence import Sharing, Switches
from fs_1c.settings import RedisSettings
from tests.redis_server import RedisServer
from tests.support import SOON, until
from tests.talk.exchange import DOMAIN, Clock, Exchange

CORES = {
    name: f"{number:08x}-0000-4000-8000-000000000000" for number, name in enumerate(("sw1", "sw2", "sw3"))
}


class StandingClock:
    """Of an exchange that nobody hurries."""

    def tick(self, delta: float, /) -> None:
        """Time goes by itself."""


class Office:
    """One service, whose thread is the test's: `turn` is one round of it.

    Attributes:
        exchange: The switch.
    """

    def __init__(
        self, server: RedisServer, name: str, role: str = "own", clock: Clock | None = None, shared: str = ""
    ) -> None:
        self.exchange = Exchange(clock or StandingClock())
        self.switches = Switches()
        self.switches.tables[name] = self.exchange.table
        self.exchange.table.core = CORES[name]
        settings = RedisSettings(url=server.url)
        self.sharing = Sharing(settings, self.switches, {name: (shared or name, role)})
        self._name = name

    def turn(self) -> None:
        self.exchange.answers()
        self.sharing.turn()

    def hears(self, *events: dict[str, str]) -> None:
        self.exchange.hears(*events)

    def leaves(self, user: str = "244") -> None:
        """A subscriber takes his telephone away, and the switch confirms it."""
        self.exchange.hears(self.exchange.unregister(user))

        def gone() -> bool:
            self.exchange.answers()
            return self.exchange.state(user) is PresenceState.AWAY

        until(gone)

    def knows(self, user: str = "244", domain: str = DOMAIN) -> PresenceState:
        """How it is with a subscriber, for a call at this switch."""
        state_of = self.switches.at(CORES[self._name])
        assert state_of is not None
        return state_of(user, domain).state

    def close(self) -> None:
        self.sharing.close(SOON)


def learns(state: PresenceState, office: Office, *others: Office, user: str = "244") -> None:
    """Waits until that is known there, all taking their turns."""

    def known() -> bool:
        for one in (*others, office):
            one.turn()
        return office.knows(user) is state

    until(known)
