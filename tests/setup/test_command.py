"""The options of `fs-1c setup`: secrets come from files and from stdin, and are never among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fs_1c.cli import app
from fs_1c.settings import load
from tests.setup.conftest import SECRET, World
from tests.setup.support import NUMBER, TARGET


def setup(world: World, *more: str, typed: str = "") -> Result:
    """Nobody sits at the terminal; `typed` is stdin."""
    place = world.place
    given = ["--url", world.onec.url, "--username", "SOAP", "--number", NUMBER, "--target", TARGET]
    folders = ["--folder", str(place.folder), "--switch-folder", str(place.switch)]
    return CliRunner().invoke(app, ["setup", *folders, *given, *more], input=typed)


def test_a_password_comes_by_stdin(world: World, tmp_path: Path) -> None:
    keys = tmp_path / "keys.csv"
    keys.write_bytes("\ufeffextension;key\n244;КЛЮЧ\n".encode())
    said = setup(world, "--password-file", "-", "--keys", str(keys), typed=f"\ufeff{SECRET}\r\n")
    assert said.exit_code == 0, said.output
    settings = load(world.place.folder / "fs-1c.toml")
    assert settings.onec["default"].secret() == SECRET
    assert (world.place.folder / "subscribers.csv").read_text() == "extension,key\n244,КЛЮЧ\n"
    assert SECRET not in said.output


def test_what_a_killed_setup_has_left_is_taken_away_and_said(world: World) -> None:
    world.place.folder.mkdir(parents=True)
    left = world.place.folder / ".password.0123456789ab"
    left.write_text("half of")
    assert "removed" not in setup(world, "--password-file", "-", "--dry-run", typed=SECRET).output
    assert left.exists()
    said = setup(world, "--password-file", "-", typed=SECRET)
    assert said.exit_code == 0, said.output
    assert f"removed {left}: a setup that was killed had left it" in " ".join(said.output.split())
    assert not left.exists()


@pytest.mark.parametrize(
    ("more", "folder"),
    [(["--switch-folder", "FOLDER"], "FOLDER"), (["--context", "nosuch"], "dialplan/nosuch")],
)
def test_a_folder_that_is_not_there_is_no_folder(world: World, more: list[str], folder: str) -> None:
    """Else the dialplan would be laid where no switch looks for it."""
    nowhere = str(world.place.switch / "nowhere")
    said = setup(world, "--username", "none", *(one.replace("FOLDER", nowhere) for one in more))
    assert said.exit_code == 1
    assert f"{world.place.switch / folder.replace('FOLDER', nowhere)} is no folder" in "".join(
        said.output.split("\n")
    )
    assert world.place.files() == []


def test_keys_of_the_directory(world: World) -> None:
    said = setup(world, "--password-file", "-", "--keys", "directory", typed=SECRET)
    assert said.exit_code == 0, said.output
    assert load(world.place.folder / "fs-1c.toml").subscribers.directory


@pytest.mark.parametrize(
    ("more", "octets", "words"),
    [
        (["--password-file", "FILE"], None, "FILE: No such file or directory"),
        (["--password-file", "FILE"], b"\xcf\xe0\xf0\xee\xeb\xfc", "FILE: is not UTF-8"),
        (["--password-file", "FILE"], b"", "--password: the file is empty"),
        (["--keys", "FILE"], b"244\n", "--keys: line 1: allowed is extension,key"),
        (["--password-file", "-", "--keys", "-"], None, "-: stdin is one file"),
        (["--password", "s3cret"], None, "No such option"),
        (["--crm-token", "s3cret"], None, "No such option"),
    ],
)
def test_what_is_wrong_in_the_options(
    world: World, tmp_path: Path, more: list[str], octets: bytes | None, words: str
) -> None:
    file = tmp_path / "file"
    if octets is not None:
        file.write_bytes(octets)
    said = setup(world, *(str(file) if one == "FILE" else one for one in more))
    assert said.exit_code == 2
    assert words.replace("FILE", str(file)) in said.output
    assert world.place.files() == []
