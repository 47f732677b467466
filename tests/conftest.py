"""For all tests: which examples hypothesis tries, and whose turn it is."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from fs_1c.language import speak

# Nearly all that is loaded before the first test stays: to look for garbage in it is an eighth of the start.
gc.disable()

# Texts are looked for as they stand in the code, whatever whoever runs this reads.
os.environ.update({"LC_ALL": "C.UTF-8", "LANGUAGE": ""})

# Whoever starts tests in the background of a script has them, and all that they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Properties are not timed: a busy machine is not a failure. `make test` tries the same examples each time, so
# that a change fails by what it changes; `make fuzz` looks for others.
settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="EXAMPLES" not in os.environ,
    max_examples=60 * int(os.environ.get("EXAMPLES", "1")),
)
settings.load_profile("unhurried")

LONGEST = (
    "tests/cluster/",
    "tests/service/test_fault_table.py",
    "tests/history/test_killed.py",
    "tests/freeswitch/calling/test_calling.py",
    "tests/freeswitch/doors/test_watchdog.py",
    "tests/freeswitch/",
    "tests/esl/test_contract.py",
    "tests/cli/test_watchdog.py",
    "tests/cli/test_journal_all.py",
    "tests/onec/test_streams.py",
    "tests/bsl/",
    "tests/web/browser/",
    "tests/history/",
    "tests/service/",
    "tests/web/",
    "tests/cli/",
    "tests/language/",
    "tests/esl/",
    "tests/onec/",
)
"""What is begun first, so that nobody has a long file left when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((i for i, begins in enumerate(LONGEST) if item.nodeid.startswith(begins)), len(LONGEST))

    items.sort(key=turn)


TOGETHER = ("tests/bsl", "tests/web/browser")
"""Folders whose files one worker runs, all of them, by something that is started once."""


class _Together(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    return _Together(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_runtest_teardown() -> None:
    speak("en")  # a command that was run here leaves the language that it was asked for


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder that everybody may enter. Those of pytest's own it closes again whenever it is started."""
    with tempfile.TemporaryDirectory(prefix="fs-1c-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
