"""docs/serving: nginx and Caddy answer for the same folder as our own server does.

Each is started on loopback with the very file of docs/serving, but for its addresses.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.serve.headers import Delivery
from tests.served import Address, ask, background

DOCS = Path(__file__).parents[1] / "docs" / "serving"
SITE = "https://news.example.org/"
HUB = "https://hub.example.org/"
FEED = b"<feed>" + b"<entry/>" * 500 + b"</feed>"

#: Our documents, and what others may put beside them.
FILES = {
    "culture.rss": FEED,
    "embed-culture.html": b"<p>" * 500,
    "embed.js": b"var a;" * 500,
    "events.html": b"<p>" * 500,
    "events.ics": b"BEGIN:VCALENDAR\r\n" * 100,
    "favicon.ico": b"\0" * 1000,
    "feed-archive-1.atom": FEED,
    "feed.atom": FEED,
    "feed.json": b'{"version": "https://jsonfeed.org/version/1.1"}' + b" " * 500,
    "feeds.opml": b"<opml>" * 200,
    "font.woff2": b"\0" * 1000,
    "google123": b"google",
    "index.html": b"<h1>" * 500,
    "picture.png": b"\0" * 1000,
    "photo.jpg": b"\0" * 1000,
    "robots.txt": b"User-agent: *\n" * 100,
    "site.css": b"a {}" * 500,
    "sitemap.xml": b"<urlset/>" * 100,
    "status.json": b'{"sources": []}' + b" " * 500,
    "sun.svg": b"<svg/>" * 200,
}
#: Headers that have to be the same everywhere. Not ETag: each server has its own.
COMPARED = {
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-encoding",
    "content-security-policy",
    "content-type",
    "last-modified",
    "link",
    "referrer-policy",
    "vary",
    "x-content-type-options",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere") / "output"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))
    (folder / ".aggregator-feed.atom-0123456789abcdef.tmp").write_bytes(b"secret")
    (folder / "inner").mkdir()
    (folder / "inner" / "secret.atom").write_bytes(b"secret")
    (folder.parent / "secret.txt").write_bytes(b"secret")
    return folder


@pytest.fixture(scope="module")
def ours(folder):
    feeds = frozenset(("culture.rss", "feed.atom", "feed.json"))
    delivery = Delivery(max_age=60, url=SITE, hubs=(HUB,), delivered=feeds)
    with background(folder, delivery=lambda: delivery) as address:
        yield address


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def other(request, folder, ours, tmp_path_factory):
    """Another server's address; it stops with the module."""
    program = shutil.which(request.param, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        reason = f"{request.param} is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    home = tmp_path_factory.mktemp(request.param)
    port = free_port()
    write = {"nginx": nginx, "caddy": caddy}[request.param]
    with running([program, *write(home, folder, port, ours)], home, port) as address:
        yield address


def nginx(home: Path, folder: Path, port: int, ours: Address) -> list[str]:
    """Arguments, with the server of docs/serving in an nginx.conf around it."""
    site = (DOCS / "nginx.conf").read_text("utf-8")
    site = with_hubs(site)
    (home / "site.conf").write_text(placed(site, folder, port, ours), "utf-8")
    (home / "nginx.conf").write_text(
        f"{'user root;' if os.getuid() == 0 else ''} daemon off; pid {home}/pid;\n"
        "worker_processes 1; events {}\n"
        f"http {{ access_log off; include {home}/site.conf;\n"
        + "".join(
            f"{kind}_temp_path {home}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + "}\n"
    )
    return ["-p", str(home), "-c", f"{home}/nginx.conf", "-e", "stderr"]


def caddy(home: Path, folder: Path, port: int, ours: Address) -> list[str]:
    site = (DOCS / "Caddyfile").read_text("utf-8")
    site = with_hubs(site)
    text = "{\n\tadmin off\n\tauto_https off\n}\n" + placed(site, folder, port, ours)
    (home / "Caddyfile").write_text(text, "utf-8")
    return ["run", "--config", f"{home}/Caddyfile", "--adapter", "caddyfile"]


def placed(site: str, folder: Path, port: int, ours: Address) -> str:
    """The configuration with this machine's addresses in place of the example's."""
    for example, here in (
        ("/srv/aggregator/output", str(folder)),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("\nnews.example.org {", f"\nhttp://127.0.0.1:{port} {{"),
        ("127.0.0.1:8080", f"{ours[0]}:{ours[1]}"),
    ):
        site = site.replace(example, here)
    return site


def with_hubs(site: str) -> str:
    """The commented lines of publish.hubs, put to use."""
    lines = site.splitlines()
    start = next(n for n, line in enumerate(lines) if "# With publish.hubs" in line)
    # Two lines are the comment.
    for number in range(start + 2, len(lines)):
        if "#" not in lines[number]:
            break
        lines[number] = re.sub(r"# ?", "", lines[number], count=1)
    return "\n".join(lines) + "\n"


@contextmanager
def running(command: list[str], home: Path, port: int):
    environment = os.environ | {
        name: str(home) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.05)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def compared(headers) -> dict[str, str]:
    return {
        name: ", ".join(headers.get_all(name)).replace("UTF-8", "utf-8")
        for name in COMPARED
        if name in headers
    }


@pytest.mark.parametrize("name", ["", *FILES])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_document_is_delivered_as_we_do(ours, other, name, coding):
    expected = ask(ours, f"/{name}", Accept_Encoding=coding)

    status, headers, body = ask(other, f"/{name}", Accept_Encoding=coding)
    head = ask(other, f"/{name}", "HEAD", Accept_Encoding=coding)
    fresh = ask(
        other, f"/{name}", Accept_Encoding=coding, If_None_Match=headers["ETag"]
    )
    dated = ask(other, f"/{name}", If_Modified_Since=headers["Last-Modified"])
    changed = ask(other, f"/{name}", If_None_Match='"old"')

    assert status == expected[0] == 200
    assert compared(headers) == compared(expected[1])
    if "Content-Encoding" in headers:
        body = gzip.decompress(body)
    assert body == FILES[name or "index.html"]
    assert (head[0], head[2]) == (200, b"")
    assert compared(head[1]) == compared(headers)
    assert (fresh[0], dated[0], changed[0]) == (304, 304, 200)
    assert fresh[2] == dated[2] == b""
    # RFC 9110, 8.8.3.2: nginx leaves out in a 304 that the tag is a weak one.
    assert fresh[1]["ETag"].removeprefix("W/") == headers["ETag"].removeprefix("W/")
    for header in ("Cache-Control", "Vary", "Access-Control-Allow-Origin"):
        assert fresh[1][header] == headers[header]


@pytest.mark.parametrize("name", ["feed.atom", "index.html", "site.css", "status.json"])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "DELETE"])
def test_other_methods_are_answered_as_we_do(ours, other, name, method):
    expected = ask(ours, f"/{name}", method)

    status, headers, _ = ask(other, f"/{name}", method)

    without = {"content-type"}  # of an error page
    assert status == expected[0]
    assert {k: v for k, v in compared(headers).items() if k not in without} == {
        k: v for k, v in compared(expected[1]).items() if k not in without
    }


@pytest.mark.parametrize(
    "path",
    [
        "/missing.atom",
        "/.aggregator-feed.atom-0123456789abcdef.tmp",
        "/inner/secret.atom",
        "/inner",
        "/inner/",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
    ],
)
def test_what_is_no_document_is_not_given(ours, other, path):
    assert ask(ours, path)[0] == 404

    status, _, body = ask(other, path)

    assert status in (400, 404)
    assert b"secret" not in body


def test_what_only_run_can_answer_is_passed_on(ours, other):
    assert ask(other, "/healthz")[::2] == (200, b"ok\n")
    assert ask(other, "/websub/token")[::2] == (404, b"Not Found\n")
