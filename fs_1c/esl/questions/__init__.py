"""A blocking client of the event socket, for who asks a switch a few things and leaves."""

from fs_1c.esl.questions.event_socket import EventSocket, NotLetIn

__all__ = ["EventSocket", "NotLetIn"]
