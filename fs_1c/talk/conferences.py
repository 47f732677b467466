"""Who is in which conference. Pure.

Two people who meet in a conference are never bridged: mod_conference tells of its members by
`conference::maintenance`, add-member and del-member, and a dump by `conference_uuid`.
"""

from __future__ import annotations

from fs_1c.talk.identity import Event, value

CONFERENCE = "conference::maintenance"


class Conferences:
    """Conferences by their name or uuid, each with the legs in it."""

    def __init__(self) -> None:
        self._members: dict[str, dict[str, None]] = {}  # in the order in which they came
        self._in: dict[str, str] = {}

    def heard(self, event: Event) -> str:
        """Takes an event of mod_conference. Returns the leg that has joined, or nothing."""
        uuid = value(event, "Unique-ID")
        match value(event, "Action"):
            case "add-member":
                return self._join(
                    uuid, value(event, "Conference-Unique-ID") or value(event, "Conference-Name")
                )
            case "del-member":
                self.left(uuid)
        return ""

    def dumped(self, uuid: str, dump: Event) -> str:
        """Takes a dump. Returns the leg if it is in a conference."""
        return self._join(uuid, value(dump, "variable_conference_uuid"))

    def _join(self, uuid: str, conference: str) -> str:
        if not uuid or not conference:
            return ""
        if self._in.get(uuid) != conference:
            self.left(uuid)
            self._in[uuid] = conference
            self._members.setdefault(conference, {})[uuid] = None
        return uuid

    def left(self, uuid: str) -> None:
        """That leg is in no conference any more."""
        conference = self._in.pop(uuid, None)
        if conference is not None:
            members = self._members[conference]
            members.pop(uuid, None)
            if not members:
                del self._members[conference]

    def with_whom(self, uuid: str) -> list[str]:
        """The others in that leg's conference."""
        conference = self._in.get(uuid)
        return [] if conference is None else [one for one in self._members[conference] if one != uuid]
