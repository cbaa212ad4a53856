"""Worker processes that read documents, killed when one costs too much.

Parsers have inputs that make them spin in C code, where no exception reaches, and
inputs that take all memory (docs/decisions.md). So every document is read in a
process with limits of its own: CPU seconds by RLIMIT_CPU, memory by RLIMIT_AS, and
the parent's clock for what both miss. Only the document that went over fails.

Not concurrent.futures: there one killed worker fails every waiting job.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import multiprocessing
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import SpawnProcess
from typing import Any

from aggregator.model import SourceError

#: CPU seconds for one document: 200 times what the longest honest one took.
CPU_SECONDS = 10
#: Address space above what the idle worker holds.
MEMORY_BYTES = 512 * 1024 * 1024
#: The parent's patience: twice the CPU limit, for a machine that is busy.
WALL_SECONDS = 20.0
#: Bytes of the number before each object in a pipe, which says how long it is.
LENGTH_BYTES = 8

_spawn = multiprocessing.get_context("spawn")


class Pool:
    """Runs ``prepare(setup)(job)`` in processes; a job that goes over gives a SourceError.

    `prepare` is named as ``module:function`` and imported by the workers alone: what it
    needs is heavy. `setup`, jobs and results can be pickled. Workers start when there is
    work, so that an idle cycle costs none.
    """

    def __init__(
        self,
        prepare: str,
        setup: object,
        *,
        size: int | None = None,
        cpu_seconds: int = CPU_SECONDS,
        wall_seconds: float = WALL_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.size = size or max(os.cpu_count() or 1, 1)
        self._jobs = 0
        self._limits = (cpu_seconds, memory_bytes)
        self._wall_seconds = wall_seconds
        self._prepare = prepare
        self._setup = setup
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = False
        self._threads = ThreadPoolExecutor(self.size, thread_name_prefix="worker")

    async def run(self, job: object) -> Any:
        """The job's result, or a SourceError ``parse:cpu``, ``:memory`` or ``:crash``.

        Jobs wait for a worker as they came; whoever submits them bounds their number.
        """
        loop = asyncio.get_running_loop()
        self._jobs += 1
        try:
            return await loop.run_in_executor(self._threads, self._run, job)
        finally:
            self._jobs -= 1

    @property
    def waiting(self) -> int:
        """Jobs that have no worker yet."""
        return max(self._jobs - self.size, 0)

    def close(self) -> None:
        """End all workers at once; a job that still runs is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.kill()
        self._threads.shutdown()
        for worker in self._workers:
            worker.join()

    def _run(self, job: object) -> Any:
        worker = self._take()
        result = worker.run(job, self._wall_seconds)
        with self._lock:
            if worker.alive:
                self._idle.append(worker)
            else:
                self._workers.discard(worker)
        return result

    def _take(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_there():
                    return worker
                self._workers.discard(worker)
        worker = _Worker(self._prepare, self._setup, self._limits)
        with self._lock:
            self._workers.add(worker)
            if self._closed:
                worker.kill()
        return worker


class _Worker:
    """One process and its pipe, used by one thread at a time."""

    def __init__(self, prepare: str, setup: object, limits: tuple[int, int]) -> None:
        ours, theirs = socket.socketpair()
        self._pipe = _Pipe(ours)
        self._process: SpawnProcess = _spawn.Process(
            target=_work, args=(theirs, prepare, setup, limits), daemon=True
        )
        self._process.start()
        theirs.close()  # so that the worker's end is the only one, and its death is seen
        self._ready = False
        self.alive = True

    def run(self, job: object, wall_seconds: float) -> Any:
        try:
            if not self._ready:
                self._pipe.receive()  # imports and dictionaries are no document's time
                self._ready = True
            self._pipe.allow(wall_seconds)
            self._pipe.send(job)
            result = self._pipe.receive()
        except TimeoutError:
            self.kill()
            self._end()
            return _cpu_error()
        except (EOFError, OSError):
            return _cpu_error() if self._end() == -signal.SIGXCPU else self._crash()
        if isinstance(result, _OutOfMemory):
            self._end()  # what it freed is in pieces
            return _memory_error()
        return result

    def is_there(self) -> bool:
        """Whether the process lives; one that was killed while it had nothing to do is ended."""
        if not self._process.is_alive():
            self._end()
        return self.alive

    def kill(self) -> None:
        """From any thread; the one that waits for an answer sees the pipe's end."""
        self._process.kill()

    def join(self) -> None:
        self._process.join()
        self._pipe.close()

    def _end(self) -> int | None:
        """Make sure that the process is gone; its exit code."""
        self.alive = False
        self._process.join(1)  # one that died by itself has a code of its own
        self._process.kill()
        self._process.join()
        self._pipe.close()
        return self._process.exitcode

    def _crash(self) -> SourceError:
        return SourceError(
            code="parse:crash",
            message="the process that read the document ended with code "
            f"{self._process.exitcode}",
        )


def _cpu_error() -> SourceError:
    return SourceError(
        code="parse:cpu",
        message=f"reading the document took over {CPU_SECONDS} s of CPU",
    )


class _Pipe:
    """Objects over a socket, each behind its length.

    multiprocessing's Connection asks for all that is missing of a message again for each
    piece of it, and copies it three times: 0.5 ms for a document of 150 kB and what is
    read from it, against 0.07.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def allow(self, seconds: float) -> None:
        """From now on who neither takes nor gives for so long raises TimeoutError."""
        self._socket.settimeout(seconds)

    def send(self, value: object) -> None:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        self._socket.sendall(len(data).to_bytes(LENGTH_BYTES, "big"))
        self._socket.sendall(data)

    def receive(self) -> Any:
        """The next object; EOFError when the other end is closed."""
        length = int.from_bytes(self._read(LENGTH_BYTES), "big")
        return pickle.loads(self._read(length))  # noqa: S301 - our own process's

    def close(self) -> None:
        self._socket.close()

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            count = self._socket.recv_into(rest, flags=socket.MSG_WAITALL)
            if not count:
                raise EOFError
            rest = rest[count:]
        return data


class _OutOfMemory:
    """What a worker answers when a document took all it may have."""


def _memory_error() -> SourceError:
    return SourceError(
        code="parse:memory",
        message=f"reading the document took over {MEMORY_BYTES // 2**20} MB of memory",
    )


# --- in the worker ----------------------------------------------------------------


def _work(
    end: socket.socket, prepare: str, setup: object, limits: tuple[int, int]
) -> None:
    """The worker's life: one job after the other until the pipe closes."""
    pipe = _Pipe(end)
    # Ctrl-C reaches the whole group; the parent says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cpu_seconds, memory_bytes = limits
    # Dictionaries and modules stay: looking for rubbish among them while they are made
    # took a third of a worker's start, and then, again and again, as a parser's many
    # small objects make the collector do, a fifth of the time.
    gc.disable()
    module, _, name = prepare.partition(":")
    function: Callable[[Any], Any] = getattr(importlib.import_module(module), name)(
        setup
    )
    gc.freeze()
    gc.enable()
    _limit_memory(memory_bytes)
    try:
        pipe.send("ready")
        while True:
            job = pipe.receive()
            _allow_cpu(cpu_seconds)
            try:
                result = function(job)
            except MemoryError:
                result = _OutOfMemory()
            del job
            pipe.send(result)
            del result
    except (EOFError, OSError):
        return  # the parent closed the pipe, or is gone


def _allow_cpu(seconds: int) -> None:
    """Raise the soft limit to what was used and `seconds` more; over it: SIGXCPU, death."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _limit_memory(more_bytes: int) -> None:
    import resource

    try:
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[0])
    except OSError:
        return  # no Linux: RLIMIT_AS means nothing there, the CPU limit still holds
    limit = pages * os.sysconf("SC_PAGESIZE") + more_bytes
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
