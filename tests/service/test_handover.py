"""A restart under traffic, and a service that was frozen: nobody is refused, nobody waits beyond his
deadline, and nothing of it counts against 1C.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

from fs_1c.cli.handed import PATIENCE
from tests.cli.support import write
from tests.processes import serving, wait_for
from tests.service.callers import Told, call
from tests.supervisor import handed_over
from tests.support import SOON, HeldOneC
from tests.world import CLIENT, onec_simulator, until


def test_a_restart_refuses_nobody_and_nobody_loses_his_name_before_his_time(tmp_path: Path) -> None:
    """How many lose it depends on how long the machine takes for a start; that none does without having
    waited does not.
    """
    log = tmp_path / "log"

    async def story(listening: socket.socket) -> list[Told]:
        port = listening.getsockname()[1]
        calls: list[asyncio.Task[Told]] = []

        async def traffic() -> None:
            while True:
                calls.append(asyncio.create_task(call(port, f"call-{len(calls)}")))
                await asyncio.sleep(0.02)

        with onec_simulator(latency=0.05) as onec:
            config = write(tmp_path, onec.url, listen=f"127.0.0.1:{port}")
            ringing: asyncio.Task[None] | None = None
            for times in range(1, 4):
                with handed_over(config, log, [listening]) as process:
                    await until(lambda times=times: _opened(log) == times)  # type: ignore[misc]
                    ringing = ringing or asyncio.create_task(traffic())
                    before = len(calls)
                    await until(lambda before=before: len(calls) > before + 25)  # type: ignore[misc]
                    if times == 3:
                        ringing.cancel()
                        return await asyncio.wait_for(asyncio.gather(*calls), SOON)
                    process.send_signal(signal.SIGTERM)
                    assert await asyncio.to_thread(process.wait) == 0
        raise AssertionError("unreachable")

    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        told = asyncio.run(story(listening))
    nameless = [one for one in told if one.result != "found"]
    assert len(nameless) < len(told)
    assert [one for one in nameless if one.took < PATIENCE - 0.1] == []


def _opened(log: Path) -> int:
    return log.read_text().count("outbound door: listening") if log.exists() else 0


def test_a_thaw_counts_against_nobody(tmp_path: Path) -> None:
    config, log = write(tmp_path, "", listen="127.0.0.1:0"), tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def story() -> None:
        with onec_simulator(held=True) as onec:
            assert isinstance(onec, HeldOneC)
            onec.answers.set()
            config.write_text(
                f'[onec]\nurl = "{onec.url}"\nusername = "SOAP"\npassword = "s3cret"\nsessions = 4\n'
                f'[http]\nenabled = false\n[esl.outbound]\nlisten = "127.0.0.1:{port}"\n'
                '[lookup]\ndeadline = "2500ms"\n[breaker]\nat_least = 1\nshare = 0.01\n'
            )
            with serving(config, log) as process:
                await asyncio.to_thread(wait_for, log, "answers in")
                onec.answers.clear()
                asking = asyncio.create_task(call(port, "under-way"))
                await until(lambda: any(CLIENT in str(request.parameters) for request in onec.requests))
                process.send_signal(signal.SIGSTOP)
                waiting = asyncio.create_task(call(port, "in-the-backlog", "89030000001"))
                await asyncio.sleep(3.5)
                assert not asking.done() and not waiting.done()
                onec.answers.set()
                await until(lambda: onec.stats.requests_now == 0)
                onec.answers.clear()  # else an answer may be there before somebody looks, and is not late
                process.send_signal(signal.SIGCONT)
                assert (await asking).result in ("found", "late")  # was its answer read in time?
                assert (await waiting).result == "late"
                onec.answers.set()
                assert (await call(port, "afterwards", "84951234567")).result == "found"
                text = await asyncio.to_thread(wait_for, log, "the service stood still for ")
                assert text.count("the service stood still for ") == 1
                assert "counts as down" not in text

    asyncio.run(story())
