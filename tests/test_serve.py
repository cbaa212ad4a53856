"""The output folder over HTTP, as readers, caches and attackers ask for it."""

import asyncio
import contextlib
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from aggregator.errors import AggregatorError
from aggregator.serve.files import CACHED_BYTES
from aggregator.serve.server import serving

ATOM = b"<feed>" + b"<entry/>" * 500 + b"</feed>"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A real server on loopback; gives its folder and its (host, port)."""
    output = tmp_path_factory.mktemp("site") / "output"
    output.mkdir()
    (output / "index.html").write_text("<h1>Новости</h1>", encoding="utf-8")
    (output / "feed.atom").write_bytes(ATOM)
    (output.parent / "secret.txt").write_text("secret")
    with background(output) as address:
        yield output, address


@contextlib.contextmanager
def background(output):
    ready, stop, found = threading.Event(), None, {}

    async def main():
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with serving(output, host="127.0.0.1", port=0) as address:
            found["address"] = address
            ready.set()
            await found["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(10)
    try:
        parts = urlsplit(found["address"])
        yield parts.hostname, parts.port
    finally:
        stop = found["stop"]
        found["loop"].call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive()


def ask(site, path, method="GET", **headers):
    """(status, headers, body); header names with underscores for hyphens."""
    connection = http.client.HTTPConnection(*site[1], timeout=10)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_root_is_the_index(site):
    status, headers, body = ask(site, "/")

    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert body.decode() == "<h1>Новости</h1>"
    assert ask(site, "/index.html")[2] == body


def test_a_document_says_all_that_a_cache_needs(site):
    status, headers, body = ask(site, "/feed.atom")

    assert (status, body) == (200, ATOM)
    assert headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert headers["Content-Length"] == str(len(ATOM))
    assert headers["ETag"].startswith('"')
    assert headers["Cache-Control"] == "public, max-age=60"
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["X-Content-Type-Options"] == "nosniff"
    modified = int((site[0] / "feed.atom").stat().st_mtime)
    assert headers["Last-Modified"] == formatdate(modified, usegmt=True)
    assert "Server" not in headers


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("x.rss", "application/rss+xml; charset=utf-8"),
        ("x.json", "application/json; charset=utf-8"),
        ("x.css", "text/css; charset=utf-8"),
        ("x.js", "text/javascript; charset=utf-8"),
        ("x.xml", "application/xml; charset=utf-8"),
        ("x.ics", "text/calendar; charset=utf-8"),
        ("x.opml", "text/x-opml; charset=utf-8"),
        ("x.txt", "text/plain; charset=utf-8"),
        ("X.PNG", "image/png"),
        ("CNAME", "application/octet-stream"),
        ("страница.html", "text/html; charset=utf-8"),
    ],
)
def test_media_types(site, name, media_type):
    (site[0] / name).write_bytes(b"x")

    quoted = name.encode().decode("latin-1")
    path = "/" + "".join(c if c.isascii() else f"%{ord(c):02X}" for c in quoted)
    status, headers, _ = ask(site, path)

    assert (status, headers["Content-Type"]) == (200, media_type)


class TestConditional:
    def test_known_tag(self, site):
        _, first, _ = ask(site, "/feed.atom")

        status, headers, body = ask(site, "/feed.atom", If_None_Match=first["ETag"])

        assert (status, body) == (304, b"")
        for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):
            assert headers[name] == first[name]
        assert "Content-Type" not in headers

    @pytest.mark.parametrize("form", ["*", "W/{}", '"a", {} , "b"', '"x,y",W/{}'])
    def test_forms_of_if_none_match(self, site, form):
        tag = ask(site, "/feed.atom")[1]["ETag"]

        assert ask(site, "/feed.atom", If_None_Match=form.format(tag))[0] == 304

    @pytest.mark.parametrize("value", ['"old"', "", "garbage"])
    def test_other_tag(self, site, value):
        assert ask(site, "/feed.atom", If_None_Match=value)[0] == 200

    def test_if_modified_since(self, site):
        last = ask(site, "/feed.atom")[1]["Last-Modified"]
        earlier = formatdate(0, usegmt=True)

        assert ask(site, "/feed.atom", If_Modified_Since=last)[0] == 304
        assert ask(site, "/feed.atom", If_Modified_Since=earlier)[0] == 200
        assert ask(site, "/feed.atom", If_Modified_Since="yesterday")[0] == 200

    def test_tag_decides_before_the_date(self, site):
        last = ask(site, "/feed.atom")[1]["Last-Modified"]

        status, _, _ = ask(
            site, "/feed.atom", If_None_Match='"old"', If_Modified_Since=last
        )

        assert status == 200

    def test_same_bytes_have_the_same_tag(self, site):
        """Also after a restart or on another machine."""
        path = site[0] / "same.atom"
        path.write_bytes(ATOM)
        tag = ask(site, "/same.atom")[1]["ETag"]
        path.unlink()
        path.write_bytes(ATOM)

        assert ask(site, "/same.atom")[1]["ETag"] == tag

    @pytest.mark.parametrize("age", [0, 3600])
    def test_a_changed_document_is_never_taken_for_the_old_one(self, site, age):
        """Neither when written twice in one second nor when dated back."""
        path = site[0] / "changing.atom"
        path.write_bytes(b"one")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        _, first, _ = ask(site, "/changing.atom")
        path.write_bytes(b"two")
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))

        status, second, body = ask(
            site, "/changing.atom", If_Modified_Since=first["Last-Modified"]
        )

        assert (status, body) == (200, b"two")
        assert second["ETag"] != first["ETag"]


class TestCompression:
    def test_text_is_compressed_when_asked(self, site):
        status, headers, body = ask(site, "/feed.atom", Accept_Encoding="gzip, br")

        assert status == 200
        assert headers["Content-Encoding"] == "gzip"
        assert headers["Content-Length"] == str(len(body))
        assert headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(body) == ATOM

    def test_each_coding_has_its_own_strong_tag(self, site):
        plain = ask(site, "/feed.atom")[1]["ETag"]
        packed = ask(site, "/feed.atom", Accept_Encoding="gzip")[1]["ETag"]

        assert plain != packed
        assert not packed.startswith("W/")
        for coding, tag, status in (
            ("gzip", packed, 304),
            ("gzip", plain, 200),
            ("identity", plain, 304),
            ("identity", packed, 200),
        ):
            answer = ask(site, "/feed.atom", Accept_Encoding=coding, If_None_Match=tag)
            assert answer[0] == status

    @pytest.mark.parametrize(
        ("accepted", "packed"),
        [
            ("gzip", True),
            ("GZIP;q=0.5", True),
            ("*", True),
            ("br, *;q=0.1", True),
            ("gzip;q=0", False),
            ("gzip; q=0.000, *", False),
            ("*;q=0", False),
            ("identity", False),
            ("", False),
            ("gzip;q=x", False),
            ("gzipped", False),
        ],
    )
    def test_accept_encoding(self, site, accepted, packed):
        headers = ask(site, "/feed.atom", Accept_Encoding=accepted)[1]

        assert (headers["Content-Encoding"] == "gzip") is packed

    def test_what_gains_nothing_is_sent_as_it_is(self, site):
        (site[0] / "tiny.json").write_bytes(b"{}")
        (site[0] / "picture.png").write_bytes(b"\0" * 1000)

        for path in ("/tiny.json", "/picture.png"):
            assert "Content-Encoding" not in ask(site, path, Accept_Encoding="gzip")[1]


def test_head_is_get_without_the_body(site):
    for accepted in ("identity", "gzip"):
        get = ask(site, "/feed.atom", Accept_Encoding=accepted)
        head = ask(site, "/feed.atom", "HEAD", Accept_Encoding=accepted)

        assert head[2] == b""
        del get[1]["Date"], head[1]["Date"]
        assert head[:2] == (200, head[1])
        assert head[1].items() == get[1].items()


@pytest.mark.parametrize(
    "path",
    [
        "/missing.atom",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/folder",
        "/folder/",
        "/folder/inside.txt",
        "/.hidden",
        "/.aggregator-feed.atom-0123456789abcdef.tmp",
        "/link.txt",
        "/pipe",
        "/feed.atom/",
        "/feed.atom%00.html",
        "/%ff",
        "/" + "x" * 5000,
    ],
)
def test_there_is_nothing_else(site, path):
    output = site[0]
    (output / "folder").mkdir(exist_ok=True)
    (output / "folder" / "inside.txt").write_text("secret")
    (output / ".hidden").write_text("secret")
    (output / ".aggregator-feed.atom-0123456789abcdef.tmp").write_text("secret")
    if not (output / "pipe").exists():
        (output / "link.txt").symlink_to(output.parent / "secret.txt")
        os.mkfifo(output / "pipe")

    status, headers, body = ask(site, path)

    assert (status, body) == (404, b"Not Found\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_reading_only(site, method):
    status, headers, body = ask(site, "/feed.atom", method, Content_Length="0")

    assert status == 405
    assert set(headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}
    assert body == b"Method Not Allowed\n"


def test_a_file_too_large_to_keep_is_streamed(site):
    with (site[0] / "film.bin").open("wb") as film:
        film.truncate(CACHED_BYTES + 1)

    status, headers, body = ask(site, "/film.bin")

    assert (status, len(body)) == (200, CACHED_BYTES + 1)
    assert headers["Content-Type"] == "application/octet-stream"


def test_old_versions_and_many_files_do_not_fill_the_memory(site):
    for number in range(5):
        (site[0] / f"big-{number}.atom").write_bytes(b"%d" % number * 10_000_000)

    for number in (*range(5), *range(5)):
        body = ask(site, f"/big-{number}.atom")[2]
        assert body[:1] == b"%d" % number


def test_a_missing_folder_is_not_found_until_it_is_there(tmp_path):
    output = tmp_path / "output"
    with background(output) as address:
        assert ask((output, address), "/")[0] == 404
        output.mkdir()
        (output / "index.html").write_text("hello")
        assert ask((output, address), "/")[2] == b"hello"


def test_a_port_in_use_is_named():
    async def main(port):
        async with serving(Path("output"), host="127.0.0.1", port=port):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AggregatorError, match=rf"port {port}: Address already"):
            asyncio.run(main(port))


def test_an_unknown_host_is_named():
    async def main():
        async with serving(Path("output"), host="203.0.113.1", port=0):
            pass

    with pytest.raises(AggregatorError, match=r"203\.0\.113\.1"):
        asyncio.run(main())


def test_stops_at_once_although_a_client_lingers(tmp_path):
    """An idle connection and half a request must not hold up SIGTERM."""

    async def main():
        async with serving(tmp_path, host="127.0.0.1", port=0) as address:
            port = urlsplit(address).port
            idle = await asyncio.open_connection("127.0.0.1", port)
            idle[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await idle[0].readline()
            half = await asyncio.open_connection("127.0.0.1", port)
            half[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n")
            await half[1].drain()
        for _, write in (idle, half):
            write.close()

    asyncio.run(asyncio.wait_for(main(), timeout=8))


def test_signals_stay_those_of_the_loop(tmp_path):
    async def main():
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, heard.set)
        async with serving(tmp_path, host="127.0.0.1", port=0):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.wait_for(heard.wait(), 5)

    asyncio.run(main())


SERVE = """
import json, sys
from pathlib import Path
from aggregator.serve.server import serve
serve(Path(sys.argv[1]), host="127.0.0.1", port=0,
      ready=lambda address: print(json.dumps(address), flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_blocks_until_a_signal_and_ends_quietly(tmp_path, number):
    (tmp_path / "index.html").write_text("hello")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    parts = urlsplit(json.loads(process.stdout.readline()))

    body = ask((tmp_path, (parts.hostname, parts.port)), "/")[2]
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)

    assert body == b"hello"
    assert (process.returncode, errors) == (0, b"")
