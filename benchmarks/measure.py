"""What a program costs: wall, CPU and memory of a process and all its descendants."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Seconds between two looks at the memory.
INTERVAL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    #: Seconds from start to end.
    wall: float
    #: Seconds, user and system, of the process and of all descendants it waited for.
    cpu: float
    #: Bytes: the highest sum of proportional set sizes over the process tree.
    peak_memory: int
    exit_code: int
    output: str


def run(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> Cost:
    """Runs a program to its end; its standard error goes to ``log``."""
    with log.open("w") as errors:
        started = time.perf_counter()
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env
        )
    watcher = _MemoryWatcher(child.pid)
    watcher.start()
    with child:
        output = child.stdout.read() if child.stdout else ""
        # Not child.wait(): this one also tells what the whole tree has used.
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
    watcher.stop()
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_memory=watcher.peak,
        exit_code=child.returncode,
        output=output,
    )


class _MemoryWatcher(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid = pid
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            self.peak = max(self.peak, sum(map(_pss, process_tree(self._pid))))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def process_tree(pid: int) -> Iterator[int]:
    """The process and its living descendants."""
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from process_tree(int(child))
    except (FileNotFoundError, ProcessLookupError):
        return  # it has just ended


def _pss(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            line = next((line for line in file if line.startswith("Pss:")), "Pss: 0 kB")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(line.split()[1]) * 1024


def cpu_seconds(pid: int) -> float:
    """User and system time of a living process and its living descendants."""
    ticks = 0
    for each in process_tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
