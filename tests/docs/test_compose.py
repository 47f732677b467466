"""docs/compose, as far as it can be read without Docker: mounts are there, ports are on loopback."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree

from fs_1c.settings import build
from tests import ROOT

COMPOSE = ROOT / "docs" / "compose"
WHOLE: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
KEYS = set(
    "image build entrypoint command tmpfs volumes ports healthcheck network_mode depends_on environment"
    " group_add".split()
)


def mounts(service: str) -> dict[str, Path]:
    """Path in the container → the file or folder in this tree."""
    bound = [one.split(":") for one in SERVICES[service].get("volumes", ()) if one.startswith(".")]
    return {there: (COMPOSE / here).resolve() for here, there, *_ in bound}


def test_services_have_what_compose_knows_and_name_what_there_is() -> None:
    assert set(WHOLE) == {"name", "services", "volumes"}
    for name, service in SERVICES.items():
        assert set(service) <= KEYS, name
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        assert name == "switch" or service["network_mode"] == "service:switch"
        for volume in service.get("volumes", ()):
            source, _, *mode = volume.split(":")
            assert source in WHOLE["volumes"] or ((COMPOSE / source).exists() and mode == ["ro"]), volume
        if "build" not in service:
            assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service["image"]), service["image"]


def test_everything_is_published_on_loopback_and_by_who_owns_the_network() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["switch"]
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in SERVICES["switch"]["ports"])


def test_the_image_is_made_of_files_that_there_are_and_that_are_let_in() -> None:
    build_of = SERVICES["fs-1c"]["build"]
    assert (COMPOSE / build_of["context"]).resolve() == ROOT
    text = (ROOT / build_of["dockerfile"]).read_text("utf-8")
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for name in line.split()}
    let_in = re.findall(r"^!(.+)$", (COMPOSE / "Dockerfile.dockerignore").read_text("utf-8"), re.MULTILINE)
    assert copied == set(let_in) and all((ROOT / name).exists() for name in copied)
    group = re.search(r"groupadd --gid (\d+)", text)
    assert group and SERVICES["prometheus"]["group_add"] == [group[1]]


def test_the_settings_are_good(tmp_path: Path) -> None:
    given = tomllib.loads(mounts("fs-1c")["/etc/fs-1c/fs-1c.toml"].read_text("utf-8"))
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    assert given["http"]["token_file"] in " ".join(SERVICES["fs-1c"]["command"])
    given["http"]["token_file"] = str(tmp_path / "token")
    settings = build(given)
    assert f"127.0.0.1:{settings.http.listen.port}:{settings.http.listen.port}" in SERVICES["switch"]["ports"]


def test_the_switches_are_xml() -> None:
    for name in ("switch", "phones"):
        assert etree.parse(mounts(name)["/fs-1c/freeswitch.xml"]).getroot().tag == "document"


def test_grafana_is_given_our_dashboard_and_our_prometheus() -> None:
    provisioning = mounts("grafana")["/etc/grafana/provisioning"]
    dashboards = yaml.safe_load((provisioning / "dashboards" / "fs-1c.yml").read_text("utf-8"))
    folder = dashboards["providers"][0]["options"]["path"]
    assert mounts("grafana")[f"{folder}/grafana.json"] == ROOT / "docs" / "monitoring" / "grafana.json"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in mounts("grafana")
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text("utf-8"))
    assert sources["datasources"][0]["url"] == "http://127.0.0.1:9090"


def test_prometheus_is_given_our_rules_the_page_and_its_token(tmp_path: Path) -> None:
    for there, here in mounts("prometheus").items():
        shutil.copy(here, tmp_path / Path(there).name)
    given = yaml.safe_load((tmp_path / "prometheus.yml").read_text("utf-8"))
    job = given["scrape_configs"][0]
    settings = tomllib.loads((COMPOSE / "fs-1c.toml").read_text("utf-8"))["http"]
    assert job["authorization"]["credentials_file"] == settings["token_file"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:9184"]
    assert all((tmp_path / name).exists() for name in given["rule_files"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
def test_promtool_reads_it(tmp_path: Path) -> None:
    for there, here in mounts("prometheus").items():
        text = here.read_text("utf-8").replace("/run/fs-1c/token", str(tmp_path / "token"))
        (tmp_path / Path(there).name).write_text(text, "utf-8")
    (tmp_path / "token").write_text("0123456789abcdef\n")
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
