"""Whatever a channel is called, or its domain, each question to the switch is one line of the usual form."""

from __future__ import annotations

import json
import re
from concurrent.futures import Future
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from fs_1c.cards import KEY, Subscribers
from fs_1c.esl import commands
from fs_1c.esl.listening import Listening
from fs_1c.esl.wire import Message
from fs_1c.numbers import NumberPlan
from fs_1c.settings import SubscribersSettings
from fs_1c.talk import Conversations

USER_DATA = re.compile(
    rb"bgapi user_data [\w.+-]{1,64}(@[\w.:\[\]-]{1,253})? (var fs_1c_key|attr number-alias)\n"
    rb"Job-UUID: job\n\n"
)
UUID_DUMP = re.compile(rb"api uuid_dump [^\x00-\x20\x7f]{1,4096}\n\n")
PIECES = [
    *(
        "244",
        "ivanov",
        "pbx.example",
        "@",
        " ",
        "\n",
        "\r\n\r\n",
        "\0",
        "|",
        ";",
        "&",
        "${system(id)}",
        "$${domain}",
    ),
    *(
        "var fs_1c_key",
        "api reloadxml",
        "Job-UUID: x",
        "٢٤٤",
        "²",
        "\u2028",
        "\u00a0",
        "%0a",
        "\udc80",
        "A" * 5000,
        "-ERR",
    ),
]
NAMES = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=6).map("".join)


def questions(extension: str, domain: str) -> bytes:
    """What goes to the switch about a subscriber of whom 1C's key is not known here."""
    listening = Listening("s3cret", Conversations(NumberPlan()))
    asked: list[bytes] = []

    def ask(user: str, domain: str, what: str = KEY) -> Future[str]:
        asked.append(listening.look_up(user, domain, what, "job"))
        answer: Future[str] = Future()
        answer.set_result("")
        return answer

    subscribers = Subscribers(SubscribersSettings(directory=True, keys={"999": SecretStr("K")}))
    subscribers.find(extension, domain, "", ask).result(30)
    return b"".join(asked)


@given(NAMES, NAMES)
@example("244", "pbx.example")
@example("ivanov", "")
@example("244", "x var fs_1c_key\n\napi reloadxml")
@example("244 var fs_1c_key\n\napi reloadxml", "pbx")
@example("٢٤٤", "pbx")
def test_a_subscriber_is_asked_about_by_one_line(extension: str, domain: str) -> None:
    assert not USER_DATA.sub(b"", questions(extension, domain))


def test_subscribers_are_asked_about_at_all() -> None:
    assert questions("244", "pbx") == b"bgapi user_data 244@pbx var fs_1c_key\nJob-UUID: job\n\n"
    assert len(USER_DATA.findall(questions("ivanov", "pbx\n"))) == 2


@given(st.lists(NAMES, max_size=5), st.lists(NAMES, max_size=5))
def test_channels_are_asked_about_by_one_line_each(heard: list[str], listed: list[str]) -> None:
    conversations = Conversations(NumberPlan())
    for uuid in heard:
        event: dict[str, Any] = {"Event-Name": "CHANNEL_CREATE", "Unique-ID": uuid}
        conversations.feed(event)
    listening = Listening("s3cret", conversations)
    ok = Message(b"Content-Type: command/reply\nReply-Text: +OK accepted")
    listening.received(Message(b"Content-Type: auth/request"))
    listening.received(ok)
    ready = listening.received(ok).write
    for question in ("registrations", "channels"):
        ready = ready.replace(commands.api(f"show {question} as json"), b"")
    assert not UUID_DUMP.sub(b"", ready)
    listening.received(Message(b"Content-Type: api/response", b"{}"))
    for _ in UUID_DUMP.findall(ready):
        listening.received(Message(b"Content-Type: api/response", b"-ERR No such channel!\n"))
    rows = json.dumps({"rows": [{"uuid": uuid} for uuid in listed]}).encode()
    assert not UUID_DUMP.sub(b"", listening.received(Message(b"Content-Type: api/response", rows)).write)
