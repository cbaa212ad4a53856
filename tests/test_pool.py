"""Worker processes: a document that costs too much fails alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from aggregator.model import SourceError
from aggregator.pool import Pool


@pytest.fixture(autouse=True)
def _jobs_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def run(*jobs: tuple, **settings) -> list:
    """The jobs' results, submitted together."""

    async def all_of_them() -> list:
        pool = Pool("pool_jobs:worker", "setup", **({"size": 2} | settings))
        try:
            return await asyncio.gather(*map(pool.run, jobs))
        finally:
            pool.close()

    return asyncio.run(all_of_them())


def test_jobs_run_in_other_processes_that_are_used_again():
    results = run(*(("echo", number) for number in range(20)))

    assert [(setup, value) for setup, value, _ in results] == [
        ("setup", n) for n in range(20)
    ]
    workers = {pid for _, _, pid in results}
    assert len(workers) <= 2
    assert os.getpid() not in workers


def test_a_job_that_spins_is_ended_by_its_cpu_limit_and_harms_no_other():
    spun, *others = run(("spin",), *(("echo", n) for n in range(10)), cpu_seconds=1)

    assert spun == SourceError(code="parse:cpu", message=spun.message)
    assert [value for _, value, _ in others] == list(range(10))


def test_a_job_that_waits_for_ever_is_ended_by_the_wall_clock():
    (stalled,) = run(("stall",), wall_seconds=0.3)

    assert stalled.code == "parse:cpu"


def test_a_worker_that_takes_no_job_is_ended_by_the_wall_clock():
    """A document may be more than a socket holds: sending it waits for the worker."""

    async def stop_and_send() -> tuple:
        pool = Pool("pool_jobs:worker", "setup", size=1, wall_seconds=0.3)
        try:
            _, _, pid = await pool.run(("echo", 1))
            os.kill(pid, signal.SIGSTOP)
            return await pool.run(("echo", b"x" * 2**24)), await pool.run(("echo", 2))
        finally:
            pool.close()

    stuck, (_, value, _) = asyncio.run(stop_and_send())

    assert stuck.code == "parse:cpu"
    assert value == 2


def test_a_job_that_takes_too_much_memory_fails_alone():
    eaten, (_, value, _) = run(("eat", 2**31), ("echo", 1), memory_bytes=2**28, size=1)

    assert eaten.code == "parse:memory"
    assert value == 1


def test_a_job_that_crashes_its_process_fails_alone():
    crashed, (_, value, _) = run(("die",), ("echo", 1), size=1)

    assert crashed.code == "parse:crash"
    assert "-11" in crashed.message
    assert value == 1


def test_a_worker_that_was_killed_while_it_was_idle_costs_no_job():
    async def kill_between() -> object:
        pool = Pool("pool_jobs:worker", "setup", size=1)
        try:
            *_, pid = await pool.run(("echo", 1))
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            return await pool.run(("echo", 2))
        finally:
            pool.close()

    _, value, _ = asyncio.run(kill_between())
    assert value == 2


def test_an_unused_pool_starts_no_process():
    async def make_and_close() -> int:
        pool = Pool("no_such_module:nothing", None)
        pool.close()
        return len(pool._workers)

    assert asyncio.run(make_and_close()) == 0


def test_closing_ends_a_job_that_runs():
    began = threading.Event()

    class Told(Pool):
        def _take(self):
            worker = super()._take()
            began.set()
            return worker

    async def close_while_running() -> object:
        pool = Told("pool_jobs:worker", "setup", size=1)
        running = asyncio.create_task(pool.run(("stall",)))
        await asyncio.to_thread(began.wait, 30)
        await asyncio.to_thread(pool.close)
        return await running

    assert asyncio.run(close_while_running()).code == "parse:crash"


def test_the_main_process_imports_no_parser():
    """Parsers and dictionaries are the workers' alone: start-up time and 60 MB."""
    import subprocess

    program = "import sys, aggregator.app.service; print([m for m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    heavy = [
        "feedparser",
        "pymorphy3",
        "Stemmer",
        "nh3",
        "feedgen",
        "jinja2",
        "starlette",
    ]

    assert [name for name in heavy if f"'{name}'" in loaded] == []
