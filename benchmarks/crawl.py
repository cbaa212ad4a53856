"""Crawls the farm as an operator would, and says what it costs.

``python -m benchmarks.crawl`` (``make bench``): three crawls, each a fresh process of
the program over one database: (a) the first, (b) with nothing changed, (c) with 5 % of
the sources having 2 new entries each; all of them publish. Prints medians and how they
compare with other aggregators' figures for the same work.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import farm as farms
from benchmarks.measure import Cost, cpu_seconds, run

CHANGED_SHARE = 0.05
NEW_ENTRIES = 2
PHASES = ("first", "unchanged", "changed")
#: Median wall seconds on a machine with 2 cores for 1,000 sources x 50 entries; these
#: neither match stories nor tag. Measured once, elsewhere: a yardstick, not a race.
KNOWN = {
    "sfeed 1.7 (C, files)": (13.7, 7.9, 8.1),
    "newsboat 2.21 (C++, SQLite)": (26, 38, 40),
    "reader 3.26 (Python, SQLite)": (50, 1.9, 4.1),
    "Miniflux (Go, PostgreSQL)": (74, 2.9, 7.3),
    "FreshRSS (PHP, SQLite)": (101, 7.3, 6.9),
}
#: What the project asks of itself: wall seconds, and bytes at the highest.
GOALS = (30, 1.9, 3.5)
GOAL_MEMORY = 400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawl:
    phase: str
    cost: Cost
    #: The JSON of ``aggregator once``.
    report: dict[str, float]
    #: (room, in a worker) -> CPU seconds; empty without --profile.
    rooms: Counter[tuple[str, bool]]


def main() -> None:
    options = _arguments()
    shape = farms.Shape(sources=options.sources, entries=options.entries)
    started = time.perf_counter()
    farm = farms.build_farm(shape, farms.utc_now())
    print(
        f"farm: {shape.sources} sources x {shape.entries} entries, {farm.size() / 1e6:.0f} MB,"
        f" made in {time.perf_counter() - started:.1f} s; Python {platform.python_version()},"
        f" {len(os.sched_getaffinity(0))} cores"
    )
    runs = []
    for number in range(options.runs):
        with _folder(options.keep, number) as folder:
            runs.append(list(_crawls(farm, folder, options)))
        walls = ", ".join(
            f"{crawl.phase} {crawl.cost.wall:.2f} s" for crawl in runs[-1]
        )
        print(f"run {number + 1}: {walls}", flush=True)
    _print_costs(runs)
    if (shape.sources, shape.entries) == (1000, 50):
        _print_ratios(runs)
    if options.profile:
        _print_rooms(runs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crawl", description=__doc__
    )
    parser.add_argument("--runs", type=int, default=3, help="medians of so many (3)")
    parser.add_argument("--sources", type=int, default=1000, help="of the farm (1000)")
    parser.add_argument("--entries", type=int, default=50, help="of a source (50)")
    parser.add_argument("--keep", type=Path, help="keep database, output and logs here")
    parser.add_argument("--port", type=int, help="nginx's port (a free one)")
    parser.add_argument(
        "--profile", action="store_true", help="where the CPU goes; costs some per cent"
    )
    return parser.parse_args()


@contextmanager
def _folder(keep: Path | None, number: int) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="crawl-") as temporary:
            yield Path(temporary)
        return
    kept = keep.absolute() / f"run-{number + 1}"
    kept.mkdir(parents=True)
    yield kept


def _crawls(
    farm: farms.Farm, folder: Path, options: argparse.Namespace
) -> Iterator[Crawl]:
    """The three crawls over one new database in ``folder``."""
    view = farm.view(folder)
    port = options.port or farms.free_port()
    (folder / "feeds.yaml").write_text(farms.feeds_yaml(view, port), "utf-8")
    with farms.serve(view, folder, port) as nginx:
        _print_floor(view, port, nginx)
        changed = 0
        for phase in PHASES:
            if phase == "changed":
                changed = len(
                    view.publish_news(CHANGED_SHARE, NEW_ENTRIES, farms.utc_now())
                )
            crawl = _crawl(phase, folder, profile=options.profile)
            _check(crawl, farm, changed)
            yield crawl


def _crawl(phase: str, folder: Path, *, profile: bool) -> Crawl:
    config = folder / "feeds.yaml"
    command = [
        sys.executable,
        "-m",
        "aggregator",
        "once",
        "--all",
        "--json",
        "-c",
        str(config),
    ]
    env = dict(os.environ)
    samples = folder / f"samples-{phase}"
    if profile:
        samples.mkdir()
        env |= {
            "CRAWL_SAMPLES": str(samples),
            "PYTHONPATH": f"{farms.HERE / 'sampler'}:{env.get('PYTHONPATH', '')}",
        }
    log = folder / f"{phase}.log"
    cost = run(command, log=log, env=env)
    if cost.exit_code != 0:
        raise SystemExit(
            f"{phase}: exit code {cost.exit_code}\n{log.read_text()[-4000:]}"
        )
    return Crawl(
        phase=phase, cost=cost, report=json.loads(cost.output), rooms=_rooms(samples)
    )


def _rooms(samples: Path) -> Counter[tuple[str, bool]]:
    rooms: Counter[tuple[str, bool]] = Counter()
    for path in samples.glob("*.json"):
        booked = json.loads(path.read_text("utf-8"))
        for room, seconds in booked["seconds"].items():
            rooms[room, booked["worker"]] += seconds
    return rooms


def _check(crawl: Crawl, farm: farms.Farm, changed: int) -> None:
    """A crawl that did other work than it should has no time worth printing."""
    sources, entries = farm.shape.sources, farm.shape.entries
    expected = {
        "first": {"fetched": sources, "entries_new": sources * entries},
        "unchanged": {
            "not_modified": sources,
            "entries_new": 0,
            "documents_written": 0,
        },
        "changed": {"fetched": changed, "entries_new": changed * NEW_ENTRIES},
    }[crawl.phase]
    got = {key: crawl.report[key] for key in expected}
    if got != expected:
        print(f"{crawl.phase}: expected {expected}, got {got}", file=sys.stderr)


# --- what is printed ----------------------------------------------------------


def _print_costs(runs: Sequence[Sequence[Crawl]]) -> None:
    print(
        f"\n{'':12}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'sources/s':>11}{'entries/s':>11}"
    )
    for phase, crawls, goal in zip(PHASES, zip(*runs, strict=True), GOALS, strict=True):
        wall = median(crawl.cost.wall for crawl in crawls)
        cpu = median(crawl.cost.cpu for crawl in crawls)
        peak = median(crawl.cost.peak_memory for crawl in crawls)
        report = crawls[-1].report
        met = "yes" if wall <= goal and peak <= GOAL_MEMORY else "NO"
        print(
            f"{phase:12}{wall:9.2f}{cpu:9.2f}{peak / 1e6:9.0f}{report['sources'] / wall:11.0f}"
            f"{report['entries_new'] / wall:11.0f}   goal {goal} s, 400 MB: {met}"
        )
    print("\nwhat the last run did:")
    for crawl in runs[-1]:
        print(f"  {crawl.phase}: {json.dumps(crawl.report)}")


def _print_ratios(runs: Sequence[Sequence[Crawl]]) -> None:
    ours = [median(c.cost.wall for c in crawls) for crawls in zip(*runs, strict=True)]
    print("\ntheir wall time / ours, figures from other machines of 2 cores:")
    for name, walls in KNOWN.items():
        ratios = "".join(
            f"{wall / own:9.1f} x" for wall, own in zip(walls, ours, strict=True)
        )
        print(f"  {name:30}{ratios}")


def _print_rooms(runs: Sequence[Sequence[Crawl]]) -> None:
    for phase, crawls in zip(PHASES, zip(*runs, strict=True), strict=True):
        rooms = sum((crawl.rooms for crawl in crawls), Counter[tuple[str, bool]]())
        total = sum(rooms.values())
        print(f"\n{phase}: CPU by room, mean of {len(crawls)} (sampled)")
        for (room, worker), seconds in rooms.most_common():
            if seconds >= total / 200:
                where = "workers" if worker else "main"
                mean = seconds / len(crawls)
                print(
                    f"  {room:28}{where:8}{mean:8.2f} s{100 * seconds / total:6.1f} %"
                )


def _print_floor(farm: farms.Farm, port: int, nginx: int) -> None:
    """What the server's side of "nothing changed" costs: nobody can be faster."""
    requests = [_conditional_request(farm, source, port) for source in farm.sources]
    before, started = cpu_seconds(nginx), time.perf_counter()
    for host, request in requests:
        answer = _exchange(host, port, request)
        if b" 304 " not in answer[:20]:
            raise SystemExit(f"nginx did not answer 304 but {answer[:80]!r}")
    wall = time.perf_counter() - started
    print(
        f"floor: {len(requests)} x 304 one after another, raw sockets: {wall:.2f} s,"
        f" nginx {cpu_seconds(nginx) - before:.2f} s CPU",
        flush=True,
    )


def _conditional_request(
    farm: farms.Farm, source: farms.PlannedSource, port: int
) -> tuple[str, bytes]:
    stat = (farm.www / source.file).stat()
    etag = f'"{int(stat.st_mtime):x}-{stat.st_size:x}"'  # as nginx makes them
    lines = (
        f"GET /{source.file} HTTP/1.1",
        f"Host: {source.host}:{port}",
        f"If-None-Match: {etag}",
        "Connection: close",
    )
    return source.host, ("\r\n".join(lines) + "\r\n\r\n").encode()


def _exchange(host: str, port: int, request: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


if __name__ == "__main__":
    main()
