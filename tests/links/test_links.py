"""Addresses of recordings: what they look like, what is good, and what never is. And the key behind them."""

from __future__ import annotations

import logging
import stat
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.recordings import Links, NoFile, WrongLink, links_of
from fs_1c.settings import SettingsError, build

KEY = b"0123456789abcdef"
NOW = 1_764_350_000.0
DAY = 86400.0
LINK = "https://pbx.example/recordings"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "recordings"
    made.mkdir()
    return made


@pytest.fixture
def links(folder: Path) -> Links:
    return Links(KEY, LINK, folder, 90 * DAY)


def path_of(address: str) -> str:
    """As a server hears it: decoded once."""
    return unquote(urlsplit(address).path)


def test_an_address_leads_to_its_file(links: Links, folder: Path) -> None:
    address = links.to(f"{folder}/2026/11/call 1.wav", now=NOW)
    assert address.startswith(f"{LINK}/") and address.endswith("/2026/11/call%201.wav")
    assert links.file(path_of(address), NOW) == folder / "2026/11/call 1.wav"


def test_1c_cuts_at_none_of_its_characters(links: Links, folder: Path) -> None:
    """FACTS-1c.md: values are split at & and " after they were decoded once."""
    address = links.to(f'{folder}/a&b="c",d|e;f\'?g=1#h.wav', now=NOW)
    assert not set(address) & set("&\"',|;?# ")
    assert links.file(path_of(address), NOW).name == 'a&b="c",d|e;f\'?g=1#h.wav'


def test_what_stands_before_the_signature_is_the_proxys(links: Links, folder: Path) -> None:
    path = path_of(links.to(f"{folder}/call.wav", now=NOW))
    for before in ("", "/a/b/c"):
        assert links.file(before + path.removeprefix("/recordings"), NOW) == folder / "call.wav"


def test_the_switch_is_named_where_the_settings_want_it(links: Links, folder: Path) -> None:
    several = replace(links, link=LINK + "/{switch}")
    assert several.to(f"{folder}/call.wav", "sw3", NOW).startswith(f"{LINK}/sw3/")
    assert several.to(f"{folder}/call.wav", "a/../b", NOW).startswith(f"{LINK}/a%2F..%2Fb/")


def test_it_is_the_same_for_a_day_and_good_for_as_long_as_is_set(links: Links, folder: Path) -> None:
    midnight = NOW // DAY * DAY
    day = {links.to(f"{folder}/call.wav", now=midnight + hour * 3600 + 1) for hour in range(24)}
    assert len(day) == 1
    path = path_of(day.pop())
    assert links.file(path, midnight + 90 * DAY) == folder / "call.wav"
    with pytest.raises(WrongLink, match="old"):
        links.file(path, midnight + 91 * DAY)


def test_what_lies_elsewhere_has_no_address(links: Links, folder: Path) -> None:
    for file in (
        "/etc/passwd",
        f"{folder}/../secret.wav",
        f"{folder}x/call.wav",
        str(folder),
        "call.wav",
        "",
        f"{folder}/call\n.wav",
        f"{folder}/call\0.wav",
        "shout://user:password@host/stream.mp3",
    ):
        assert links.to(file, now=NOW) == "", file


@given(at=st.integers(0, 200), other=st.characters(codec="utf-8"))
def test_altered_in_one_place_it_leads_nowhere_else(at: int, other: str) -> None:
    links = Links(KEY, LINK, Path("/recordings"), 90 * DAY)
    path = path_of(links.to("/recordings/2026/call.wav", now=NOW))
    altered = path[: at % len(path)] + other + path[at % len(path) + 1 :]
    try:
        found = links.file(altered, NOW)
    except (WrongLink, NoFile):
        return
    assert found == Path("/recordings/2026/call.wav")  # of what stands before the signature


def test_another_key_is_another_address(links: Links, folder: Path) -> None:
    other = replace(links, key=b"fedcba9876543210")
    with pytest.raises(WrongLink, match="altered"):
        other.file(path_of(links.to(f"{folder}/call.wav", now=NOW)), NOW)


def test_a_link_out_of_the_folder_is_not_followed(links: Links, folder: Path) -> None:
    secret = folder.parent / "secret"
    secret.write_text("s3cret")
    (folder / "out.wav").symlink_to(secret)
    (folder / "out").symlink_to(folder.parent)
    (folder / "in.wav").symlink_to(folder / "call.wav")
    for name in ("out.wav", "out/secret"):
        with pytest.raises(NoFile):
            links.file(path_of(links.to(f"{folder}/{name}", now=NOW)), NOW)
    assert links.file(path_of(links.to(f"{folder}/in.wav", now=NOW)), NOW) == folder / "call.wav"


def test_what_is_no_file_is_not_opened(links: Links, folder: Path) -> None:
    (folder / "sub").mkdir()
    with pytest.raises(NoFile):
        links.file(path_of(links.to(f"{folder}/sub", now=NOW)), NOW)


def test_the_sides_of_a_recording_are_found(links: Links, folder: Path) -> None:
    for name in ("call-in.PCMU", "call-out.PCMU", "call.old", "recall-in.PCMU"):
        (folder / name).touch()
    assert [one.name for one in links.sides(folder / "call")] == ["call-in.PCMU", "call-out.PCMU"]
    assert links.sides(folder / "nowhere" / "call") == []


# The key.


def settings(state: Path | None, **recordings: object) -> Links | None:
    data = {
        "onec": {"url": "http://127.0.0.1/ws"},
        "recordings": {"folder": "/recordings", "link": LINK, **recordings},
    }
    return links_of(build(data | ({"state": {"folder": str(state)}} if state else {})))


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    made: list[Links | None] = []
    threads = [threading.Thread(target=lambda: made.append(settings(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = {one.key for one in made if one}
    assert len(made) == 8 and len(keys) == 1 and len(keys.pop()) == 32
    assert [file.name for file in tmp_path.iterdir()] == ["recordings.key"]
    assert stat.S_IMODE((tmp_path / "recordings.key").stat().st_mode) == 0o600


def test_a_key_of_ones_own_is_the_same_for_all_services(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY + b"\n")
    one = settings(None, key_file=str(file))
    assert one is not None and one.key == KEY
    assert "0123456789" not in repr(one)


def test_without_a_key_calls_go_on_without_addresses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    assert settings(None) is None
    assert settings(tmp_path / "nowhere") is None
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["recordings"] * 2


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"link": ""}, "link: is missing"),
        ({"folder": None}, "folder: is missing"),
        ({"folder": "recordings"}, "begins with /"),
        ({"link": "ftp://pbx"}, "allowed: http://"),
        ({"link": "https://pbx/?a=1"}, "allowed: http://"),
        ({"link": "https://pbx/a&b"}, "allowed: http://"),
        ({"link": "https://pbx/{number}"}, "allowed: http://"),
        ({"link": "https:///x"}, "allowed: http://"),
        ({"valid_for": "1m"}, "valid_for"),
        ({"key_file": "/nowhere"}, "cannot be read"),
        ({"key_file": "/dev/null"}, "at least 16"),
    ],
)
def test_settings_that_cannot_be_are_told(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match="recordings") as error:
        settings(None, **given)
    assert complaint in str(error.value)
