"""docs/compose without Docker: its switches, 1C and service as processes, and the call of its README."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.docs.markdown import shell
from tests.docs.test_compose import COMPOSE, SERVICES, mounts
from tests.freeswitch.switch import BINARY, own_rtp
from tests.processes import free_port, serving, start, wait_for

pytestmark = [
    pytest.mark.freeswitch,
    pytest.mark.skipif(not (BINARY and shutil.which("fs_cli")), reason="no freeswitch, or no fs_cli"),
]
PORTS = ("5060", "5070", "8021", "8022", "8080", "8084", "9184")
PATIENCE = 60.0
"""Seconds."""


def until(happened: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    ends = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < ends, otherwise()
        time.sleep(0.05)


class Rehearsal:
    """The files of docs/compose in a folder of their own, with ports that are free here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = {port: str(free_port()) for port in PORTS}

    def here(self, text: str) -> str:
        """That text with the ports and folders of this machine, and conversations that outlast the test."""
        text = text.replace("+15 NORMAL_CLEARING", "+3600 NORMAL_CLEARING")
        text = re.sub(r"\b(?:" + "|".join(PORTS) + r")\b", lambda port: self._ports[port[0]], text)
        return text.replace("/run/fs-1c/", f"{self.folder}/").replace(
            "/var/lib/fs-1c", f"{self.folder}/state"
        )

    @contextmanager
    def switch(self, service: str) -> Iterator[None]:
        folder = self.folder / service
        held, first, last = own_rtp()
        for there, file in mounts(service).items():
            copy = folder / there.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = self.here(file.read_text("utf-8"))
            for name, port in ("rtp-start-port", first), ("rtp-end-port", last):
                text = re.sub(rf'(name="{name}" value=")\d+', rf"\g<1>{port}", text)
            copy.write_text(text, "utf-8")
        (folder / "tmp").mkdir()
        command = [
            f"{folder}{word}" if word in ("/fs-1c", "/tmp") else word for word in SERVICES[service]["command"]
        ]
        with (folder / "output").open("wb") as output:
            child = subprocess.Popen(
                [str(BINARY), *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            yield
        finally:
            child.kill()
            child.wait()
            held.close()

    def fs_cli(self, port: str, command: str) -> str:
        words = ["fs_cli", "-H", "127.0.0.1", "-P", self._ports[port], "-p", "ClueCon", "-x", command]
        return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE).stdout

    def asked(self) -> list[dict[str, str]]:
        with urllib.request.urlopen(
            self.here("http://127.0.0.1:8080/simulator/log"), timeout=PATIENCE
        ) as log:
            return [{"operation": one["operation"], **one["parameters"]} for one in json.load(log)]


def test_the_readme_s_call_is_named_routed_and_opens_a_card(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    config, log = tmp_path / "fs-1c.toml", tmp_path / "log"
    config.write_text(rehearsal.here((COMPOSE / "fs-1c.toml").read_text("utf-8")), "utf-8")
    (ring,) = (line for line in shell(COMPOSE / "README.md") if "originate" in line)
    (words,) = re.findall(r"-P (\d+) -p ClueCon -x '(.*)'$", ring)
    with ExitStack() as running:
        for service in ("switch", "phones"):
            running.enter_context(rehearsal.switch(service))
        onec = [rehearsal.here(word) for word in SERVICES["onec"]["command"][1:]]
        simulator = start(onec, tmp_path / "onec.out", tmp_path / "onec.err")
        running.callback(simulator.join)
        running.callback(simulator.kill)
        for port in ("8021", "8022"):
            until(
                lambda port=port: "RUNNING" in rehearsal.fs_cli(port, "sofia status"),  # type: ignore[misc]
                lambda: "".join(out.read_text("utf-8", "replace") for out in tmp_path.glob("*/output")),
            )
        running.enter_context(serving(config, log))
        wait_for(log, "answers in")
        wait_for(log, ": listening\n")
        rung = rehearsal.fs_cli(words[0], rehearsal.here(words[1]))
        assert rung.startswith("+OK"), rung + log.read_text("utf-8")
        wait_for(log, "pop extension=244 outcome=accepted")
        shown = rehearsal.fs_cli("8022", "show channels as json")
        assert {"operation": "SayName", "Number": "89235292926"} in rehearsal.asked()
        card = {"operation": "IncomingCall", "NumFrom": "89235292926", "Key": "key-of-244"}
        assert rehearsal.asked().count(card) == 1
        # What the manager's telephone shows: the client's name, over SIP.
        rows = [row for row in json.loads(shown)["rows"] if row["dest"] == "244"]
        assert [row["cid_name"] for row in rows] == ["Фэйковый чиж"]
