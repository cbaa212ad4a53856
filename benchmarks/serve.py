"""How many answers a second the web server gives, beside nginx on the same files.

``python -m benchmarks.serve``: a document of 100 entries, made by a crawl of the farm
(README.md), asked for by wrk over loopback. Server and wrk have a core each. nginx has
docs/serving/nginx.conf, but need not compress: it is given the document compressed.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks import farm as farms
from benchmarks.measure import cpu_seconds

ROOT = Path(__file__).parents[1]
DOCUMENT = "feed.atom"
CONNECTIONS = 32
#: Answers a second on one core that the project has set itself.
GOALS = {"304": 15_000, "200 gzip": 10_000, "200 identity": 10_000}
CASES = {
    "304": {"Accept-Encoding": "gzip"},
    "200 gzip": {"Accept-Encoding": "gzip"},
    "200 identity": {"Accept-Encoding": "identity"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    name: str
    pid: int
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Answers by the clock, and by the time that the server had the CPU."""

    a_second: float
    a_cpu_second: float


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serve", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=3, help="the best one counts")
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    options = parser.parse_args()
    wrk = _program("wrk")
    if wrk is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    nginx = _program("nginx")
    with tempfile.TemporaryDirectory(prefix="serve-") as home, ExitStack() as stack:
        output = make_documents(Path(home))
        servers = [stack.enter_context(ours(Path(home)))]
        if nginx is None:
            print("nginx is missing, so there is no ratio: apt-get install nginx-light")
        else:
            servers.append(stack.enter_context(beside(nginx, Path(home), output)))
        for server in servers:
            _pin(server.pid)
        rates = measure(wrk, servers, options.rounds, options.seconds)
    _print_rates(rates, servers)


def make_documents(home: Path) -> Path:
    """Crawls a small farm; gives the output folder with the document of 100 entries."""
    farm = farms.build_farm(farms.Shape(sources=4), farms.utc_now(), home)
    handler = partial(_Quiet, directory=str(farm.www))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        text = farms.feeds_yaml(farm, web.server_port)
        text = re.sub(r"//127\.0\.0\.\d+:", "//127.0.0.1:", text)
        (home / "feeds.yaml").write_text(
            text
            + "\npublish: {first_sight: all, source_share: 1/1}"
            + f"\nserve: {{port: {farms.free_port()}}}\n",
            "utf-8",
        )
        _aggregator(home, "once", "--all").communicate(timeout=120)
        web.shutdown()
    data = (home / "output" / DOCUMENT).read_bytes()
    packed = gzip.compress(data)
    (home / "output" / f"{DOCUMENT}.gz").write_bytes(packed)
    entries = data.count(b"<entry>")
    print(f"{DOCUMENT}: {entries} entries, {len(data):,} bytes, {len(packed):,} packed")
    return home / "output"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def ours(home: Path) -> Iterator[Server]:
    found = re.search(r"serve: {port: (\d+)}", (home / "feeds.yaml").read_text("utf-8"))
    assert found is not None
    with _aggregator(home, "serve") as process:
        try:
            server = Server(name="aggregator", pid=process.pid, port=int(found[1]))
            _wait(server, process)
            yield server
        finally:
            process.terminate()


def _aggregator(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "aggregator", *arguments]
    return subprocess.Popen(
        command,
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def beside(nginx: str, home: Path, output: Path) -> Iterator[Server]:
    port = farms.free_port()
    site = (ROOT / "docs" / "serving" / "nginx.conf").read_text("utf-8")
    for example, here in (
        ("/srv/aggregator/output", str(output)),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("gzip on;", "gzip on; gzip_static on;"),
    ):
        site = site.replace(example, here)
    (home / "site.conf").write_text(site, "utf-8")
    user = "user root;" if os.getuid() == 0 else ""
    (home / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 1; pid {home}/pid; events {{}}\n"
        f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n"
        f"open_file_cache max=100; include {home}/site.conf;\n"
        + "".join(
            f"{kind}_temp_path {home}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + "}\n"
    )
    errors = home / "error.log"
    command = [nginx, "-e", str(errors), "-p", str(home), "-c", f"{home}/nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            server = Server(name="nginx", pid=process.pid, port=port)
            _wait(server, process)
            yield server
        finally:
            process.terminate()


def measure(
    wrk: str, servers: list[Server], rounds: int, seconds: int
) -> Mapping[tuple[str, str], Rate]:
    """The best of some rounds, by case and server: whatever else runs here slows both."""
    best: dict[tuple[str, str], Rate] = {}
    for _ in range(rounds):
        for case, headers in CASES.items():
            for server in servers:
                rate = _measure(wrk, server, case, headers, seconds)
                known = best.get((case, server.name), rate)
                best[case, server.name] = Rate(
                    a_second=max(rate.a_second, known.a_second),
                    a_cpu_second=max(rate.a_cpu_second, known.a_cpu_second),
                )
    return best


def _measure(
    wrk: str, server: Server, case: str, headers: Mapping[str, str], seconds: int
) -> Rate:
    status, tag, coding = _ask(server, headers)
    if case == "304":
        headers = {**headers, "If-None-Match": tag}
        status, _, coding = _ask(server, headers)
    if str(status) != case[:3] or (coding == "gzip") != ("gzip" in case):
        raise SystemExit(f"{server.name} answers {status}, coding {coding}: no {case}")
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{server.port}/{DOCUMENT}")
    before = cpu_seconds(server.pid)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        _pin(process.pid, last=True)
        said, _ = process.communicate()
    spent = cpu_seconds(server.pid) - before
    return rate_of(said, spent)


def rate_of(said: str, cpu: float) -> Rate:
    """What wrk said of answers, and the seconds of CPU that they took."""
    requests = re.search(r"(\d+) requests in", said)
    a_second = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if requests is None or a_second is None or "Non-2xx" in said or "Socket" in said:
        raise SystemExit(f"wrk met errors:\n{said}")
    return Rate(
        a_second=float(a_second[1]), a_cpu_second=int(requests[1]) / max(cpu, 0.01)
    )


def _ask(server: Server, headers: Mapping[str, str]) -> tuple[int, str, str | None]:
    """Status, tag and coding."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", f"/{DOCUMENT}", headers=dict(headers))
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["ETag"], answer.headers["Content-Encoding"]
    finally:
        connection.close()


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        try:
            _ask(server, {})
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"{server.name} does not start") from None
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{server.name} does not answer")


def _pin(pid: int, *, last: bool = False) -> None:
    """Ties a process and its children to the first core, or to the last."""
    core = sorted(os.sched_getaffinity(0))[-1 if last else 0]
    for each in [pid, *_children(pid)]:
        for task in Path(f"/proc/{each}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _print_rates(rates: Mapping[tuple[str, str], Rate], servers: list[Server]) -> None:
    print("answers a second by the clock, and for each second of the server's CPU")
    for case in CASES:
        line = f"{case:12}"
        for server in servers:
            rate = rates[case, server.name]
            line += f"  {server.name} {rate.a_second:7,.0f}/s {rate.a_cpu_second:7,.0f}/cpu-s"
        first, *others = (rates[case, server.name] for server in servers)
        for other in others:
            line += f"  ratio {first.a_second / other.a_second:.2f} ({first.a_cpu_second / other.a_cpu_second:.2f})"
        print(f"{line}  goal {GOALS[case]:,}/s")


if __name__ == "__main__":
    main()
