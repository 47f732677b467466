"""A server's sockets for many short connections: on asyncio's loop, without its transports.

A call's connection lives for some milliseconds, and two things are said on it. asyncio has a task, a
transport and a dozen turns of its loop for each, which together cost as much as all that is decided
meanwhile. So these sockets have an epoll of their own, which is one descriptor to the loop: what has come on
any of them comes together, in one turn.

The epoll tells of changes only (EPOLLET). What a connection has no ear for any more stays unread in the
kernel then, without being told again and again, until the peer hangs up.
"""

from fs_1c.sockets.complaints import Complaints
from fs_1c.sockets.connected import waited
from fs_1c.sockets.handed import WrongSocket, must_stand_at
from fs_1c.sockets.sockets import Came, Sockets

__all__ = ["Came", "Complaints", "Sockets", "WrongSocket", "must_stand_at", "waited"]
