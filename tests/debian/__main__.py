"""A package's whole life: `python -m tests.debian dist/fs-1c_*.deb [bookworm]`. Needs root, mmdebstrap and
systemd-nspawn; takes some minutes.

First a Debian with nothing in it: apt brings what the package needs, and after `purge` and `autoremove` all
is as it was. Then one with systemd: installed, set up, called, upgraded while people call, refused an older
version, removed, installed again, purged.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from fs_1c.cli.handed import PATIENCE
from tests import ROOT
from tests.debian.container import NSPAWN, Container, files, make, started
from tests.debian.packages import later, version_of
from tests.docs.markdown import blocks

RATE = 50
NEEDED = ("systemd", "systemd-sysv", "dbus", "python3", "bash-completion", "man-db", "libgcc-s1")
APT = "apt-get", "-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0", "--quiet=2", "--yes"
SETUP = (
    *("fs-1c", "setup", "--yes", "--number", "none", "--history", "no"),
    *("--url", "http://127.0.0.1:8080/telephony/ws/VATS", "--username", "none", "--client", "89235000001"),
    *("--keys", "/tmp/keys.csv", "--event-socket", "127.0.0.1:8021"),
    *("--event-socket-password-file", "/tmp/password"),
)
THERE = """from importlib import metadata
print(*sorted(f"{one.name} {one.version}" for one in metadata.distributions()), sep="\\n")"""
"""Prints what is installed where it runs."""
out = Console(highlight=False, soft_wrap=True)


def say(line: str) -> None:
    out.print(f"{time.strftime('%H:%M:%S')} {line}", markup=False)


@dataclass
class Calls:
    """`told`: what became of them, once they are over."""

    lines: IO[str]
    told: dict[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Returns when the service has come to the switch, and people call."""
        assert self.lines.readline() == "calls\n"


@contextmanager
def calls(container: Container, rate: float) -> Iterator[Calls]:
    """1C and the switch are there, and as soon as the service is, people call, as long as this lasts."""
    # What measures must not wait for what is measured: apt, for one, takes all processors that there are.
    python = ("chrt", "--rr", "10", sys.executable)
    command = container.on_its_network(*python, "-m", "tests.debian.traffic", str(rate))
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as traffic:
        assert traffic.stdin and traffic.stdout
        assert traffic.stdout.readline() == "here\n"
        made = Calls(traffic.stdout)
        yield made
        traffic.stdin.close()
        made.told = json.loads(traffic.stdout.readline())


def nothing_is_left(before: dict[str, str], root: Path) -> None:
    """But what Debian itself writes: backups of its user files, caches of its tools, and what netbase, which
    Python wants, begins and leaves.
    """
    after = files(root)
    own = (
        "etc/passwd-",
        "etc/group-",
        "etc/shadow-",
        "etc/gshadow-",
        "etc/ld.so.cache",
        "etc/.pwd.lock",
        *({"etc/hosts"} - before.keys()),
    )
    left = {name for name in after if after[name] != before.get(name)} | (before.keys() - after.keys())
    left = {name for name in left if name not in own and after.get(name, "")[:1] != "d"} | {
        name for name in after.keys() - before.keys() if name not in own
    }
    assert not left, sorted(left)
    say(f"nothing is left: {len(before)} files and folders as before, with their modes and owners")


def bare(folder: Path, suite: str, package: Path) -> None:
    """Without systemd, as apt alone does it."""
    root = folder / "bare"
    make(root, suite, ())
    command = [*NSPAWN, "--pipe", f"--directory={root}", f"--bind-ro={package.parent}:/packages"]

    def run(*inside: str) -> str:
        done = subprocess.run(
            [*command, "--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LANG=C.UTF-8", *inside],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{inside}: {done.stdout}"
        lines = done.stdout.splitlines()
        return "\n".join(
            line for line in lines if not line.startswith("Attempted to remove")
        )  # nspawn itself

    run(*APT, "update")
    before = files(root)
    told = run(*APT, "install", "--no-install-recommends", f"/packages/{package.name}")
    assert "sudo fs-1c setup" in told, told
    assert run("fs-1c", "--version") == version_of(package).partition("+")[0]
    run("fs-1c", "simulator", "1c", "--faults")
    say(f"bare {suite}: {len(files(root)) - len(before)} files more; it says: {told[-190:].strip()}")
    run(*APT, "purge", "fs-1c")
    run(*APT, "autoremove", "--purge")
    nothing_is_left(before, root)


def installed(container: Container, package: Path) -> None:
    told = container.run(*APT, "install", f"/packages/{package.name}").stdout
    assert "sudo fs-1c setup" in told, told
    russian = {"LC_ALL": "ru_RU.UTF-8"}
    again = container.run(*APT, "install", "--reinstall", f"/packages/{package.name}", environment=russian)
    assert "fs-1c установлен, но ещё не настроен: ничего не запущено" in again.stdout, again.stdout
    for unit in ("fs-1c.service", "fs-1c.socket"):
        assert container.run("systemctl", "is-enabled", unit, may_fail=True).stdout.strip() == "disabled"
        assert container.run("systemctl", "is-active", unit, may_fail=True).stdout.strip() == "inactive"
    modes = container.run("stat", "--format=%a %U:%G %n", "/etc/fs-1c", "/var/lib/fs-1c").stdout
    assert modes.split("\n")[:2] == ["750 root:fs-1c /etc/fs-1c", "750 fs-1c:fs-1c /var/lib/fs-1c"], modes
    assert "fs-1c check" in container.run("man", "fs-1c").stdout.replace("\u2010", "-")
    completed = container.run(
        "bash",
        "-c",
        ". /usr/share/bash-completion/bash_completion; _completion_loader fs-1c; complete -p fs-1c",
    )
    assert "_fs_1c" in completed.stdout
    container.run("test", "-e", "/usr/share/doc/fs-1c/examples/1c/extension/Configuration.xml")
    container.run("test", "-e", "/usr/share/doc/fs-1c/examples/dialplan/sync.xml")
    told = container.run("/opt/fs-1c/bin/python3", "-Ic", THERE).stdout
    bill = json.loads((container.root / "usr/share/doc/fs-1c/sbom.json").read_text("utf-8"))["components"]
    assert sorted(f"{one['name']} {one['version']}" for one in bill) == told.splitlines(), told
    assert all(one["licenses"] for one in bill), bill
    say(f"the bill of materials has {len(bill)} packages: those that are there, each with its license")
    say("installed; nothing runs, nothing is enabled; user, modes, man page, completion, examples are there")


def set_up(container: Container) -> None:
    container.run(
        "sh", "-c", "printf 'extension,key\\n244,KEY244\\n' >/tmp/keys.csv; echo ClueCon >/tmp/password"
    )
    with calls(container, 5) as made:
        told = container.run(*SETUP).stdout
        assert "systemctl enable --now fs-1c.socket fs-1c" in told, told
        say(f"fs-1c setup:\n{told.rstrip()}")
        container.run("systemctl", "enable", "--now", "fs-1c.socket", "fs-1c")
        made.begin()
        time.sleep(3)
    assert made.told["named"] == made.told["calls"] == made.told["cards"] > 0, made.told
    container.run("systemd-run", "--unit=onec", "fs-1c", "simulator", "1c")
    listens = "until (: </dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 0.1; done"
    container.run("timeout", "30", "bash", "-c", listens)
    call = ("fs-1c", "simulator", "call", "--number", "89235292926")
    told = container.run(*call, "--event-socket", "127.0.0.1:8021").stdout
    assert "Фэйковый чиж" in told and "found" in told, told
    journal = ""
    ends = time.monotonic() + 30
    while "Фэйковый чиж" not in journal and time.monotonic() < ends:
        journal = container.run("runuser", "-u", "fs-1c", "--", "fs-1c", "journal", may_fail=True).stdout
    assert "Фэйковый чиж" in journal, journal
    container.run("systemctl", "stop", "onec")
    security = container.run("systemd-analyze", "security", "fs-1c", "--no-pager", may_fail=True).stdout
    say(f"the first call:\n{told.rstrip()}\n{security.strip().splitlines()[-1]}")


def running(container: Container) -> str:
    return container.run("systemctl", "show", "--property=MainPID,NRestarts", "fs-1c").stdout.strip()


def change(container: Container, package: Path, seconds: float, *options: str) -> None:
    """Another version, by apt, while people call."""
    settings = files(container.root / "etc/fs-1c")
    before = running(container)
    with calls(container, RATE) as made:
        made.begin()
        time.sleep(seconds)
        began = time.monotonic()
        container.run(*APT, "install", *options, f"/packages/{package.name}")
        took = time.monotonic() - began
        time.sleep(seconds)
    told = made.told
    assert running(container) != before, "it was not restarted"
    assert container.run("fs-1c", "--version").stdout.strip() == version_of(package).partition("+")[0]
    assert files(container.root / "etc/fs-1c") == settings, "settings changed"
    nameless, cardless = told.pop("nameless"), told.pop("cardless")
    say(f"{package.name} in {took:.1f} s, at {RATE} calls a second: {json.dumps(told)}")
    assert told["answered"] == told["calls"] and told["twice"] == 0
    assert set(told["outcomes"]) <= {"exited", "closed"}
    log = container.run("journalctl", "--unit=fs-1c", "--output=short-unix", "--no-pager").stdout.splitlines()
    each_has_waited(log, nameless)
    each_is_told_of(log, cardless, told["without"])


def each_has_waited(log: list[str], nameless: list[dict[str, Any]]) -> None:
    """How many lose their name depends on how long the machine takes for a start. That none has who has not
    waited his time does not. What the service has said of each stands in its log, by the call's UUID.
    """
    why: Counter[str] = Counter()
    such: dict[str, list[str]] = {}
    for one in nameless:
        lines = [line for line in log if one["uuid"] in line]
        assert one["held"] >= (PATIENCE - 0.1) * 1000, f"{one}: {lines}"
        words = f"{one['outcome']}, {one['result']}, {len(lines)} lines in the log"
        why[words] += 1
        such.setdefault(words, [f"held {one['held']} ms", *lines])
    for words, count in why.items():
        say(f"  {count} without a name, each after {PATIENCE - 0.1:.1f} s at least: {words}, such as")
        say("    " + "\n    ".join(such[words]))


def each_is_told_of(log: list[str], cardless: list[dict[str, Any]], without: int) -> None:
    """No card opens for a conversation that is over before the new service listens, or before its turn at 1C
    comes on a machine that has other work; the log says so. No other is without one.
    """
    listens = [float(line.split()[0]) for line in log if ": listening" in line and "inbound door" in line]
    stops = [float(line.split()[0]) for line in log if "systemd" in line and "Stopping fs-1c" in line]
    why: Counter[str] = Counter()
    for one in cardless:
        lines = [line for line in log if one["uuid"] in line]
        if any("outcome=accepted" in line for line in lines):
            continue
        gap = max(stop for stop in stops if stop < one["over"])
        ends = min(listen for listen in listens if listen > gap)
        late = any("outcome=too late" in line for line in lines)
        assert late or one["over"] < ends + 1.0, f"{one}: from {gap} to {ends} nobody listened: {lines}"
        why["the log says: too late" if late else f"over while nobody listened, {ends - gap:.1f} s"] += 1
    assert why.total() == without, f"{without} without a card: {why}"
    for words, count in why.items():
        say(f"  {count} without a card: {words}")


def refused(container: Container, package: Path) -> None:
    before = running(container)
    done = container.run(*APT, "install", "--allow-downgrades", f"/packages/{package.name}", may_fail=True)
    assert done.returncode and "cannot read what a newer version has written" in done.stdout, done.stdout
    assert running(container) == before, "the one that is installed was touched"
    assert container.run("dpkg-query", "--show", "--showformat=${Status}", "fs-1c").stdout.endswith(
        " installed"
    )
    (line,) = (line for line in done.stdout.splitlines() if "cannot read" in line)
    say(f"downgrade: {line}")


def went_back(container: Container, package: Path) -> None:
    """All the same, by the very commands of docs/install.md."""
    (block,) = [text for text in blocks(ROOT / "docs/install.md", "sh") if "mv /var/lib/fs-1c/" in text]
    named = re.sub(r"\./fs-1c_\S+\.deb", f"/packages/{package.name}", block)
    container.run("sh", "-ec", named.replace("apt-get ", f"{' '.join(APT)} "))
    assert container.run("fs-1c", "--version").stdout.strip() == version_of(package).partition("+")[0]
    with calls(container, 5) as made:
        made.begin()
        time.sleep(3)
    assert made.told["answered"] == made.told["calls"] == made.told["cards"], made.told
    say("went back all the same, by the commands of docs/install.md; people are answered, cards open")


def removed(container: Container, package: Path) -> None:
    """And back: as it was."""
    container.run(*APT, "remove", "fs-1c")
    assert not (container.root / "opt/fs-1c").exists()
    for kept in ("etc/fs-1c/fs-1c.toml", "var/lib/fs-1c/journal.db"):
        assert (container.root / kept).exists(), kept
    assert container.run("systemctl", "is-active", "fs-1c.socket", may_fail=True).returncode
    say("removed; settings and state are there")
    container.run(*APT, "install", f"/packages/{package.name}")
    assert container.run("systemctl", "is-active", "fs-1c.socket", "fs-1c").stdout.split() == ["active"] * 2
    say("installed again; it runs as before")


def life(folder: Path, suite: str, package: Path) -> None:
    first = version_of(package).partition("+")[0]
    packages = folder / "packages"
    packages.mkdir()
    own = packages / package.name
    own.write_bytes(package.read_bytes())
    following = later(package, f"{first}.1", packages)
    moved_on = later(package, f"{first}.2", packages, tables=1)
    root = folder / "debian"
    make(root, suite, NEEDED)
    with started(root, packages) as container:
        container.run("systemd-sysusers")
    before = files(root)
    with started(root, packages) as container:
        installed(container, own)
        set_up(container)
        change(container, following, 10)
        change(container, own, 5, "--allow-downgrades")
        change(container, moved_on, 5)
        refused(container, own)
        went_back(container, own)
        removed(container, own)
        container.run(
            "sh", "-c", "mkdir $(echo /opt/fs-1c/lib/python3*/site-packages)/opentelemetry"
        )  # as by pip
        container.run(*APT, "purge", "fs-1c")
        assert container.run("getent", "passwd", "fs-1c", may_fail=True).returncode
        assert container.run("getent", "group", "fs-1c", may_fail=True).returncode
    nothing_is_left(before, root)


if __name__ == "__main__":
    built, release = Path(sys.argv[1]).resolve(), (sys.argv[2:] or ["bookworm"])[0]
    with tempfile.TemporaryDirectory(prefix="fs-1c-debian-", dir="/var/tmp") as place:
        bare(Path(place), release, built)
        life(Path(place), release, built)
