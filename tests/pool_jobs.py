"""Jobs for the pool's tests: in a module of their own, since workers import it by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable


def worker(setup: str) -> Callable[[tuple], object]:
    def do(job: tuple) -> object:
        name, *arguments = job
        return {"echo": echo, "spin": spin, "eat": eat, "die": die, "stall": stall}[
            name
        ](setup, *arguments)

    return do


def echo(setup: str, value: object) -> object:
    return (setup, value, os.getpid())


def spin(setup: str) -> None:
    while True:
        pass


def eat(setup: str, size: int) -> int:
    return len(bytearray(size))


def die(setup: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def stall(setup: str) -> None:
    while True:
        time.sleep(60)
