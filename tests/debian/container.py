"""A Debian in a folder, made by mmdebstrap and started by systemd-nspawn. Needs root."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
NSPAWN = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit")
VOLATILE = (
    "dev",
    "proc",
    "run",
    "sys",
    "tmp",
    "root",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/lib/systemd",
    "var/log",
    "var/tmp",
)
"""Where Debian itself writes when packages come and go."""


def make(root: Path, suite: str, packages: Sequence[str]) -> None:
    """A new one, with these packages besides what every Debian has."""
    included = [f"--include={','.join(packages)}"] if packages else []
    subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--dpkgopt=force-unsafe-io",
            *included,
            suite,
            str(root),
        ],
        check=True,
        timeout=1200,
    )
    (root / "etc/machine-id").write_text("")
    (root / "packages").mkdir()


class Container:
    """One whose systemd runs, on a network of its own with nothing in it but loopback.

    Attributes:
        log: What its systemd has printed.
    """

    def __init__(self, root: Path, packages: Path) -> None:
        self.root = root
        self.log = root.with_suffix(".log")
        with self.log.open("wb") as log:
            self._nspawn = subprocess.Popen(
                [
                    *NSPAWN,
                    "--boot",
                    "--private-network",
                    "--console=pipe",
                    f"--directory={root}",
                    f"--bind-ro={packages}:/packages",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._leader = self._wait_for_leader()
        self.run("systemctl", "is-system-running", "--wait", may_fail=True)

    def _wait_for_leader(self) -> int:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends and self._nspawn.poll() is None:
            for child in children.read_text().split():
                inside = ("nsenter", "--target", child, "--all", "systemctl", "is-system-running")
                told = subprocess.run(inside, capture_output=True, text=True).stdout.strip()
                if told in ("running", "starting", "degraded"):
                    return int(child)
            time.sleep(0.2)
        raise AssertionError(f"systemd did not start: {self.log.read_text(errors='replace')}")

    def run(
        self, *command: str, may_fail: bool = False, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs it inside, as root; stdout and stderr come as one."""
        given = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
        done = subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", *command],
            env={**given, "DEBIAN_FRONTEND": "noninteractive", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert may_fail or done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}"
        return done

    def on_its_network(self, *command: str) -> list[str]:
        """That command, here, for Popen: it sees this machine's files and the container's loopback."""
        return ["nsenter", "--target", str(self._leader), "--net", *command]

    def stop(self) -> None:
        self.run("systemctl", "poweroff", may_fail=True)
        try:
            self._nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()


@contextmanager
def started(root: Path, packages: Path) -> Iterator[Container]:
    container = Container(root, packages)
    try:
        yield container
    finally:
        container.stop()


def files(root: Path) -> dict[str, str]:
    """Everything there, with its kind, mode, owner and contents, but for what is Debian's own affair."""
    found: dict[str, str] = {}
    for folder, names, others in os.walk(root):
        here = os.path.relpath(folder, root)
        names[:] = [name for name in names if os.path.normpath(f"{here}/{name}") not in VOLATILE]
        for name in (*names, *others):
            path = Path(folder, name)
            status = path.lstat()
            what = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
            if path.is_symlink():
                what += f" -> {os.readlink(path)}"
            elif path.is_file():
                what += f" {hashlib.sha256(path.read_bytes()).hexdigest()}"
            found[os.path.normpath(f"{here}/{name}")] = what
    return found
