"""Settings for the tests of the command line."""

from __future__ import annotations

from pathlib import Path


def write(tmp_path: Path, url: str, more: str = "", listen: str = "127.0.0.1:0") -> Path:
    """A settings file for that 1C."""
    (tmp_path / "password").write_text("s3cret\n")
    path = tmp_path / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "{url}"\nusername = "SOAP"\npassword_file = "{tmp_path}/password"\n'
        f'[subscribers.keys]\n"244" = "KEY244"\n[esl.outbound]\nlisten = "{listen}"\n'
        f'[http]\nlisten = "127.0.0.1:0"\n{more}'
    )
    return path
