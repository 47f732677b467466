"""Whose a contact is, from registrations. Pure.

A softphone's Contact is often random letters, and a dialplan that calls `sofia_contact(244@…)` leaves no
other trace of 244 on the leg: only the registrar knows.
"""

from __future__ import annotations

from collections import OrderedDict

from fs_1c.talk.identity import Event, contact_of, value

REGISTER = "sofia::register"
UNREGISTER = ("sofia::unregister", "sofia::expire")


class Contacts:
    """Contacts `user@host:port` of the users that are registered; the oldest is forgotten first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._users: OrderedDict[str, str] = OrderedDict()

    def whose(self, contact: str) -> str | None:
        """The login whose registration this contact is, or None."""
        return self._users.get(contact)

    def knows(self, user: str) -> bool:
        """Is anything registered for that login? Looks through all of them."""
        return user in self._users.values()

    def heard(self, event: Event) -> None:
        """Takes an event of mod_sofia's registrar."""
        user = value(event, "to-user") or value(event, "from-user") or value(event, "user")
        self.registered(value(event, "contact"), user if event.get("Event-Subclass") == REGISTER else "")

    def registered(self, contact: str, user: str) -> None:
        """That contact (or the URL of a registration) is this user's; empty: nobody's any more."""
        contact = contact_of(contact)
        if not contact:
            return
        self._users.pop(contact, None)
        if user:
            self._users[contact] = user
            if len(self._users) > self._size:
                self._users.popitem(last=False)
