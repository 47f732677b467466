"""Can a subscriber take a call: what registrations and legs of one switch tell about that. Pure.

The strategy:

- Whoever has a leg that is answered, or that he has called the switch by, is busy, whatever his other
  telephones do. One that only rings makes nobody busy: a group rings twenty of them.
- So is, for two minutes, whose telephone has declined a call without ringing (DND), while none of his others
  rang. Any sign of him ends that.
- A registration is believed when the switch tells of it: by an event, or in `show registrations`. That there
  is none is believed of nothing but `sofia_contact`, which is what a dialplan rings by: without
  `multiple-registrations` in switch.conf `show registrations` has one telephone of each subscriber, however
  many are there, and forgets that one when another takes its leave. So what looks gone is asked about.
- Away is only who was registered here since the start, is not any more, and has no leg. Whoever talks
  without being registered has another way in (Verto, a gateway), and is not known from then on.
- What is not known is unknown: a switch that is not heard, a subscriber who was never seen here, a
  registration that was not refreshed in time. Nobody is passed over for that.
"""

from fs_1c.talk.presence.registrar import USER_STATE, Question
from fs_1c.talk.presence.table import PresenceTable

__all__ = ["USER_STATE", "PresenceTable", "Question"]
