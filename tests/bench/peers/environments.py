"""A virtual environment for each peer, made once and kept, so that no library is handicapped by another's
needs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

PINS = {"genesis": "2026.10.18", "greenswitch": "0.0.19", "python-ESL": "1.4.18"}
"""The peers and their versions."""
SAME = ("requests", "lxml", "cachetools")
"""What a lookup is made of; each peer gets the versions that we have ourselves."""
PATIENCE = 300.0
"""Seconds that one step of making an environment may take."""

_failed: dict[str, str] = {}


class Unavailable(Exception):
    """A peer cannot be had on this machine; the reason in one line."""


def python(peer: str) -> Path:
    """The interpreter of the environment that holds a peer of `PINS`. Raises `Unavailable`.

    What is missing is made, which takes a minute; several processes may ask at once. What could not be made
    is not tried again by the same process.
    """
    if why := _failed.get(peer):
        raise Unavailable(why)
    try:
        return _python(peer)
    except Unavailable as error:
        _failed[peer] = str(error)
        raise


def _python(peer: str) -> Path:
    folder = _cache() / peer
    interpreter, ready = folder / "bin" / "python", folder / ".ready"
    wanted = "\n".join((sys.version, *_requirements(peer)))
    try:
        with _alone(folder):
            if not (ready.exists() and ready.read_text("utf-8") == wanted and interpreter.exists()):
                _make(peer, folder)
                ready.write_text(wanted, "utf-8")
    except OSError as error:
        raise Unavailable(f"its environment cannot be kept: {error.strerror or error}") from error
    return interpreter


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "fs-1c" / "bench"


def _requirements(peer: str) -> list[str]:
    return [f"{peer}=={PINS[peer]}", *(f"{library}=={version(library)}" for library in SAME)]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other processes from making the same environment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(peer: str, folder: Path) -> None:
    _environment(folder)
    if peer == "python-ESL":
        # Its build needs g++, a swig before 4, and both steps apart.
        if shutil.which("g++") is None:
            raise Unavailable("python-ESL is built from source, and there is no g++")
        _install(folder, "setuptools", "wheel", "swig<4")
        _install(folder, "--no-build-isolation", *_requirements(peer))
    else:
        _install(folder, *_requirements(peer))


def _environment(folder: Path) -> None:
    """Debian keeps ensurepip in a package of its own; without it our own pip does what the other would."""
    try:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    except Unavailable:
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)])


def _install(folder: Path, *what: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    path = f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"  # a build finds the swig beside it
    _run([*pip, "install", "--quiet", "--disable-pip-version-check", "--retries", "1", *what], PATH=path)


def _run(command: list[str], **environment: str) -> None:
    """Raises `Unavailable` with the last line of what a failing command said."""
    given = {**os.environ, **environment}
    given.pop("PYTHONPATH", None)  # what pip finds there it takes for installed
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE, env=given)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"its environment is not made within {PATIENCE:.0f} s") from None
    except subprocess.CalledProcessError as error:
        said = [line for line in f"{error.stdout}\n{error.stderr}".splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR")]
        raise Unavailable((errors or said or ["no word why"])[-1].strip()[:200]) from None
