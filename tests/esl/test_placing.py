"""Which legs are of a call that we have had made, and what they tell of it."""

from __future__ import annotations

from fs_1c.calls import Step, What
from fs_1c.esl.placing import MAX_CALLS, Placing
from fs_1c.esl.wire import Headers

CALL = "0f9dd1e6-41c8-4ba5-8ad5-54d0bb0a2c3c"


def event(name: str, leg: str, variable: str = "fs_1c_call", call: str = CALL, **more: str) -> Headers:
    headers = {"Event-Name": name, "Unique-ID": leg, f"variable_{variable}": call}
    headers |= {key.replace("_", "-"): value for key, value in more.items()}
    return Headers("\n".join(f"{key}: {value}" for key, value in headers.items()).encode())


def placed() -> Placing:
    placing = Placing()
    placing.begins(CALL)
    assert placing.replied(CALL, "+OK Job-UUID: x") == ((CALL, Step(What.PLACED)),)
    return placing


def whats(*told: tuple[tuple[str, Step], ...]) -> list[What]:
    return [step.what for some in told for _, step in some]


def test_of_two_telephones_the_one_that_is_answered_is_the_call() -> None:
    placing = placed()
    told = [
        placing.feed(event("CHANNEL_CREATE", "a")),
        placing.feed(event("CHANNEL_CREATE", "b")),
        placing.feed(event("CHANNEL_PROGRESS", "a")),
        placing.feed(event("CHANNEL_ANSWER", "b")),
        placing.feed(event("CHANNEL_HANGUP_COMPLETE", "a", Hangup_Cause="LOSE_RACE")),
        placing.done(CALL, "+OK b"),
    ]
    assert whats(*told) == [What.PLACED, What.PLACED, What.RINGS, What.ANSWERS]
    assert placing.feed(event("CHANNEL_HANGUP_COMPLETE", "b", Hangup_Cause="USER_BUSY")) == (
        (CALL, Step(What.GONE, "USER_BUSY")),
    )
    assert len(placing) == 0


def test_a_telephone_that_is_busy_is_not_the_end_while_another_may_ring() -> None:
    placing = placed()
    placing.feed(event("CHANNEL_CREATE", "a"))
    assert placing.feed(event("CHANNEL_HANGUP_COMPLETE", "a", Hangup_Cause="USER_BUSY")) == ()
    assert placing.done(CALL, "-ERR NO_ANSWER") == ((CALL, Step(What.GONE, "NO_ANSWER")),)


def test_the_command_is_refused() -> None:
    placing = Placing()
    placing.begins(CALL)
    assert placing.replied(CALL, "-ERR command not found") == ((CALL, Step(What.REFUSED)),)
    assert len(placing) == 0


def test_a_clients_leg_tells_of_the_client_and_ends_nothing() -> None:
    placing = placed()
    placing.feed(event("CHANNEL_ANSWER", "a"))
    told = [
        placing.feed(event("CHANNEL_PROGRESS_MEDIA", "c", "fs_1c_called")),
        placing.feed(event("CHANNEL_ANSWER", "c", "fs_1c_called")),
        placing.feed(event("CHANNEL_HANGUP_COMPLETE", "c", "fs_1c_called")),
    ]
    assert whats(*told) == [What.CLIENT_RINGS, What.TALKS]


def test_after_a_lost_connection_legs_say_what_the_switch_would_have() -> None:
    placing = placed()
    placing.feed(event("CHANNEL_CREATE", "a"))
    placing.lost()
    assert whats(placing.feed(event("CHANNEL_DATA", "a", Answer_State="answered"))) == [What.ANSWERS]
    assert whats(placing.feed(event("CHANNEL_DATA", "c", "fs_1c_called", Answer_State="answered"))) == [
        What.TALKS
    ]
    assert placing.gone("a") == ((CALL, Step(What.GONE)),)

    unanswered = placed()
    unanswered.feed(event("CHANNEL_CREATE", "a"))
    unanswered.feed(event("CHANNEL_CREATE", "b"))
    unanswered.lost()
    assert unanswered.gone("a") == ()
    assert unanswered.gone("b", "NO_ANSWER") == ((CALL, Step(What.GONE, "NO_ANSWER")),)


def test_what_is_not_ours_is_nothing() -> None:
    placing = placed()
    assert placing.feed(event("CHANNEL_ANSWER", "x", call="another")) == ()
    assert placing.feed(Headers(b"Event-Name: CHANNEL_ANSWER\nUnique-ID: x")) == ()
    assert placing.feed(Headers(b"variable_fs_1c_call: " + CALL.encode())) == ()
    assert placing.gone("x") == placing.done("another", "+OK x") == ()


def test_calls_that_never_end_are_forgotten_in_the_end() -> None:
    placing = Placing()
    for n in range(MAX_CALLS + 10):
        placing.begins(str(n))
        placing.feed(event("CHANNEL_CREATE", f"leg-{n}", call=str(n)))
    assert len(placing) == MAX_CALLS == len(placing._call_of)
