"""1C is away, and a client reaches who talked to him last, on a real switch."""

from __future__ import annotations

from pathlib import Path

import pytest

from fs_1c.journal import JournalError, calls
from tests.freeswitch.conftest import STRANGER, Company
from tests.freeswitch.sip import Manner, State

pytestmark = pytest.mark.freeswitch


def over(folder: Path, uuid: str) -> bool:
    """Whether the journal has how that call ended."""
    try:
        return any(entry.ends for entry in calls(folder / "journal.db", call=uuid))
    except JournalError:
        return False


def test_after_a_restart_without_1c_a_client_reaches_whom_he_knows(company: Company, tmp_path: Path) -> None:
    """At first by his manager, then, when nothing is known of one, by the journal; and who has never talked
    to anybody goes where the dialplan sends him.
    """
    routing = {"last_talker": "7d", "last_talker_at_least": "off"}
    company.serve(inbound=True, state={"folder": str(tmp_path)}, routing=routing)
    manager, default = company.phone("244"), company.phone("240", Manner.ANSWERS)
    first = company.call("sync")
    manager.talks()
    first.to_be(State.TALKING)
    company.card_opens()  # else he hangs up before the switch has bridged them
    ended = company.after(first)
    said = [ended.get(f"variable_fs_1c_{name}") for name in ("manager", "source")]
    assert said == ["244", None]
    company.until(lambda: over(tmp_path, first.call_id), "the journal does not have it", 30.0)

    assert company.running is not None and company.onec is not None
    company.running.stop()
    company.onec.stop()
    company.serve_again()
    for times, door in enumerate(("sync", "async"), 2):
        caller = company.call(door)
        manager.talks(times)
        caller.to_be(State.TALKING)
        ended = company.after(caller)
        names = ("result", "manager", "source", "target")
        assert [ended.get(f"variable_fs_1c_{name}") for name in names] == [
            "failed",
            "244",
            "last-talker",
            "[progress_timeout=15,leg_timeout=20]user/244@127.0.0.1",
        ]
    company.call("sync", STRANGER).to_be(State.TALKING)
    default.talks()
    assert len(manager.legs) == 3
