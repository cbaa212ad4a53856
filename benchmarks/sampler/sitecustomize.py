"""Says where the CPU goes, in every process of a crawl, without the program's help.

Python imports a module of this name at start when its folder is on PYTHONPATH. A thread
looks at the stacks of the others every 5 ms and books the CPU time that each thread
has used since (its own clock, so that waiting costs nothing) on the innermost frame of
our code: the room. Written to ``$CRAWL_SAMPLES/PID.json`` as it goes, because worker
processes end without running exit handlers.
"""

import json
import os
import sys
import threading
import time

INTERVAL = 0.005
ROOT = os.sep + "aggregator" + os.sep


def room_of(frame):
    """Whose work a stack is: "parse", "parse: feedparser", "imports", or "(asyncio)"."""
    package, module = None, None
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return "imports"
        if ROOT in name and "site-packages" not in name:
            room = name.rpartition(ROOT)[2].split(os.sep)[0].removesuffix(".py")
            return f"{room}: {package}" if package else room
        if package is None and "site-packages" in name:
            package = name.rpartition("site-packages" + os.sep)[2].split(os.sep)[0]
        module = module or name.rpartition(os.sep)[2].removesuffix(".py")
        frame = frame.f_back
    return f"({package or module})"


def sample(target):
    used, booked, ticks = {}, {}, 0
    own = threading.get_ident()
    while True:
        time.sleep(INTERVAL)
        for ident, frame in sys._current_frames().items():
            if ident == own:
                continue
            try:
                now = time.clock_gettime(time.pthread_getcpuclockid(ident))
            except OSError:
                continue  # it has just ended
            spent = now - used.get(ident, 0.0)
            used[ident] = now
            if spent > 0:
                room = room_of(frame)
                booked[room] = booked.get(room, 0.0) + spent
        ticks += 1
        if ticks % 20 == 0:
            part = f"{target}.part"
            with open(part, "w", encoding="utf-8") as file:
                worker = "--multiprocessing-fork" in sys.orig_argv
                json.dump({"worker": worker, "seconds": booked}, file)
            os.replace(part, target)


if folder := os.environ.get("CRAWL_SAMPLES"):
    # Else a busy thread is only seen where it gives the interpreter away, at I/O.
    sys.setswitchinterval(INTERVAL / 10)
    target = os.path.join(folder, f"{os.getpid()}.json")
    threading.Thread(target=sample, args=(target,), daemon=True).start()
