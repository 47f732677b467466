"""What is to be seen of several services: metrics, health, and one journal of all."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.cluster.support import Cluster, cluster
from tests.processes import free_port, fs_1c
from tests.redis_server import NEEDED, needs_redis
from tests.world import until

TOKEN = "t0ken-of-all-services"


def door(port: int, neighbour: int, name: str) -> str:
    return (
        f'listen = "127.0.0.1:{port}"\ntoken = "{TOKEN}"\n'
        f'[cluster]\nname = "{name}"\nservices = ["http://127.0.0.1:{neighbour}"]\n'
    )


def get(port: int, path: str) -> requests.Response:
    shown = {"Authorization": f"Bearer {TOKEN}"}
    return requests.get(f"http://127.0.0.1:{port}{path}", headers=shown, timeout=10)


def counted(port: int, metric: str) -> float:
    found = re.findall(rf"^{re.escape(metric)} (\S+)$", get(port, "/metrics").text, re.MULTILINE)
    return float(found[0]) if found else 0.0


def rows(port: int) -> int:
    """Calls of which the journal has what became of the card: it has them before that."""
    return sum(bool(call["pops"]) for call in get(port, "/journal?limit=200").json())


async def two(here: Cluster, role: str) -> tuple[int, int]:
    one, other = free_port(), free_port()
    await here.add("one", switch="sw3", http=door(one, other, "pbx1"))
    await here.add("two", switch="sw3", role=role, http=door(other, one, "pbx2"))
    return one, other


def test_a_card_of_two_services_is_counted_once_and_told_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path) as here:
            one, other = await two(here, "own")
            numbers = await here.calls(12)
            await here.opened(numbers)
            ours, theirs = (
                'fs_1c_pops_total{outcome="accepted"}',
                "fs_1c_cards_elsewhere_total",
            )
            await until(lambda: sum(counted(p, theirs) for p in (one, other)) == 12)
            assert sum(counted(p, ours) for p in (one, other)) == 12
            assert all(counted(p, "fs_1c_cards_unshared_total") == 0 for p in (one, other))
            await until(lambda: rows(one) == rows(other) == 12)
            config = str(here.services["one"].config)
            ran = await asyncio.to_thread(fs_1c, "journal", "--all", "-c", config)
            assert (ran.returncode, ran.stderr) == (0, "")
            lines = ran.stdout.splitlines()
            assert lines[0].split()[:2] == ["when", "service"] and len(lines) == 13
            assert "elsewhere" not in ran.stdout and ran.stdout.count("244 accepted") == 12
            told = json.loads(
                (await asyncio.to_thread(fs_1c, "journal", "--all", "--json", "-c", config)).stdout
            )
            assert {pop["service"] for call in told for pop in call["pops"]} <= {"pbx1", "pbx2"}
            assert all(len(call["pops"]) == 1 for call in told)
            one_of = await asyncio.to_thread(fs_1c, "journal", "--all", "--number", numbers[0], "-c", config)
            assert len(one_of.stdout.splitlines()) == 2

            here.services["two"].kill()
            ran = await asyncio.to_thread(fs_1c, "journal", "--all", "-c", config)
            assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
            assert ran.stderr.startswith(f"journal: http://127.0.0.1:{other}: cannot be reached")
            assert len(ran.stdout.splitlines()) == 13
            assert TOKEN not in ran.stdout + ran.stderr

    asyncio.run(story())


@needs_redis
def test_health_and_metrics_tell_of_redis_and_of_a_reserve_that_acts(tmp_path: Path) -> None:
    pytest.importorskip("redis", reason=NEEDED)

    async def story() -> None:
        async with cluster(tmp_path, redis=True) as here:
            one, other = await two(here, "reserve")
            assert here.redis is not None

            def at_reserve() -> dict[str, Any]:
                found: dict[str, Any] = get(other, "/health").json()
                return found

            await until(lambda: at_reserve()["switches"]["sw3"]["owner"] == "present")
            own = get(one, "/health").json()["switches"]["sw3"]
            assert (own["role"], own["connected"], own["owner"]) == ("own", True, "present")
            assert at_reserve()["redis"] == {"up": True} and counted(other, "fs_1c_redis_up") == 1
            here.services["one"].kill()
            gone = 'fs_1c_switch_owner{owner="gone",role="reserve",switch="sw3"}'
            await until(lambda: counted(other, gone) == 1, 60)
            assert at_reserve()["switches"]["sw3"]["owner"] == "gone"
            assert get(other, "/health/ready").status_code == 200
            # Claims at a named switch do not ask Redis, and nobody calls: it is noticed all the same.
            here.redis.kill()
            await until(lambda: counted(other, "fs_1c_redis_up") == 0, 30)
            assert at_reserve()["redis"] == {"up": False}

    asyncio.run(story())
