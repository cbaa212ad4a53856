"""The output folder over HTTP, as readers, caches and attackers ask for it."""

import asyncio
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest

from aggregator.errors import AggregatorError
from aggregator.serve.folder import LARGEST_KEPT
from aggregator.serve.headers import Delivery
from aggregator.serve.server import serving
from tests import served

JSON_FEED = b'{"version": "https://jsonfeed.org/version/1.1", "items": []}'
ATOM = b"<feed>" + b"<entry/>" * 500 + b"</feed>"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A real server on loopback; gives its folder and its (host, port)."""
    output = tmp_path_factory.mktemp("site") / "output"
    output.mkdir()
    (output / "index.html").write_text("<h1>Новости</h1>", encoding="utf-8")
    (output / "feed.atom").write_bytes(ATOM)
    (output.parent / "secret.txt").write_text("secret")
    with served.background(output) as address:
        yield output, address


def ask(site, *arguments, **headers):
    return served.ask(site[1], *arguments, **headers)


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


@pytest.mark.parametrize("name", ["feed.atom", "x.rss", "x.json", "x.ics", "x.opml"])
def test_scripts_of_other_sites_may_read_feeds_and_data(site, name):
    (site[0] / name).write_bytes(ATOM)

    _, first, _ = ask(site, f"/{name}", Origin="https://portal.example")
    _, fresh, _ = ask(site, f"/{name}", If_None_Match=first["ETag"])
    _, asked, body = ask(site, f"/{name}", "OPTIONS", Origin="https://portal.example")

    for headers in (first, fresh, asked, ask(site, f"/no-{name}")[1]):
        assert headers["Access-Control-Allow-Origin"] == "*"
        exposed = headers["Access-Control-Expose-Headers"].split(", ")
        assert {"ETag", "Link", "Last-Modified"} <= set(exposed)
    assert asked["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert asked["Access-Control-Allow-Headers"] == "*"
    assert body == b""


def test_pages_are_not_read_by_scripts_of_other_sites(site):
    for method in ("GET", "OPTIONS"):
        headers = ask(site, "/index.html", method)[1]
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Referrer-Policy"] == "no-referrer"


def content_policy(site, path):
    return dict(
        part.strip().split(" ", 1)
        for part in ask(site, path)[1]["Content-Security-Policy"].split(";")
    )


def test_a_page_runs_and_shows_nothing_foreign(site):
    assert content_policy(site, "/") == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


def test_embeddable_pages_may_be_framed(site):
    (site[0] / "embed-culture.html").write_text("x")

    assert content_policy(site, "/embed-culture.html")["frame-ancestors"] == "*"


def test_delivery_follows_the_configuration_while_the_server_runs(tmp_path):
    """A document's headers change with feeds.yaml although its bytes do not."""
    for name in ("feed.atom", "culture.rss", "index.html", "site.css", "other.json"):
        (tmp_path / name).write_bytes(ATOM)
    (tmp_path / "feed.json").write_bytes(JSON_FEED)
    delivery = Delivery()
    with served.background(tmp_path, delivery=lambda: delivery) as address:
        before = {
            path.name: served.ask(address, f"/{path.name}")
            for path in tmp_path.iterdir()
        }
        delivery = Delivery(
            max_age=900,
            url="https://news.example.org/",
            hubs=("https://a.example/hub", "https://b.example/?x=1"),
            delivered=frozenset(("feed.atom", "culture.rss", "feed.json")),
            page_images=True,
        )
        after = {name: served.ask(address, f"/{name}") for name in before}
        page = content_policy((tmp_path, address), "/")

    for name, (_, headers, body) in after.items():
        assert body == before[name][2]
        assert headers["ETag"] == before[name][1]["ETag"]
        assert headers["Last-Modified"] == before[name][1]["Last-Modified"]
        assert headers["Cache-Control"] == "public, max-age=900"
        assert before[name][1]["Link"] is None
        link = (
            '<https://a.example/hub>; rel="hub", <https://b.example/?x=1>; rel="hub", '
            f'<https://news.example.org/{name}>; rel="self"'
        )
        assert headers["Link"] == (link if name in delivery.delivered else None)
    assert page["img-src"] == "'self' https:"


class TestHealth:
    def test_ok_while_documents_can_be_read(self, site):
        status, headers, body = ask(site, "/healthz")

        assert (status, body) == (200, b"ok\n")
        assert headers["Cache-Control"] == "no-store"
        assert ask(site, "/healthz", "HEAD")[0] == 200

    def test_503_without_a_folder(self, tmp_path):
        with served.background(tmp_path / "output") as address:
            assert served.ask(address, "/healthz")[0] == 503
            (tmp_path / "output").mkdir()
            assert served.ask(address, "/healthz")[0] == 200


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
        ("sitemap.xml", "application/xml; charset=utf-8"),
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


def test_a_json_feed_is_told_from_other_json(site):
    (site[0] / "feed.json").write_bytes(JSON_FEED)

    media_type = ask(site, "/feed.json")[1]["Content-Type"]

    assert media_type == "application/feed+json; charset=utf-8"


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

    @pytest.mark.parametrize("tag", ['"old"', "W/{}", '"a", W/{}'])
    def test_if_match_compares_strongly(self, site, tag):
        known = ask(site, "/feed.atom")[1]["ETag"]

        status, _, body = ask(site, "/feed.atom", If_Match=tag.format(known))

        assert (status, body) == (412, b"Precondition Failed\n")
        for tag in ("*", known, f'"a", {known}'):
            assert ask(site, "/feed.atom", If_Match=tag)[0] == 200

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
        for accepted, coding, unpack in (
            ("gzip", "gzip", gzip.decompress),
            ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ):
            status, headers, body = ask(site, "/feed.atom", Accept_Encoding=accepted)

            assert status == 200
            assert headers["Content-Encoding"] == coding
            assert headers["Content-Length"] == str(len(body))
            assert headers["Vary"] == "Accept-Encoding"
            assert unpack(body) == ATOM

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
        ("accepted", "coding"),
        [("gzip", "gzip"), ("*", "br"), ("gzip;q=0", None), ("", None)],
    )
    def test_accept_encoding(self, site, accepted, coding):
        headers = ask(site, "/feed.atom", Accept_Encoding=accepted)[1]

        assert headers["Content-Encoding"] == coding

    def test_who_refuses_every_coding_is_told_so(self, site):
        status, _, body = ask(site, "/feed.atom", Accept_Encoding="*;q=0")

        assert (status, body) == (406, b"Not Acceptable\n")

    def test_who_refuses_what_is_not_packed_gets_it_packed(self, site):
        (site[0] / "tiny.json").write_bytes(b"{}")

        _, headers, body = ask(site, "/tiny.json", Accept_Encoding="gzip, identity;q=0")

        assert headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body) == b"{}"

    def test_what_gains_nothing_is_sent_as_it_is(self, site):
        (site[0] / "tiny.json").write_bytes(b"{}")
        (site[0] / "picture.png").write_bytes(b"\0" * 1000)

        for path in ("/tiny.json", "/picture.png"):
            assert "Content-Encoding" not in ask(site, path, Accept_Encoding="gzip")[1]


def test_head_is_get_without_the_body(site):
    for accepted in ("identity", "gzip", "br"):
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


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_reading_only(site, method):
    status, headers, body = ask(site, "/feed.atom", method, Content_Length="0")

    assert status == 405
    assert set(headers["Allow"].replace(" ", "").split(",")) == {
        "GET",
        "HEAD",
        "OPTIONS",
    }
    assert body == b"Method Not Allowed\n"


def test_a_file_too_large_to_keep_is_streamed(site):
    with (site[0] / "film.bin").open("wb") as film:
        film.truncate(LARGEST_KEPT + 1)

    status, headers, body = ask(site, "/film.bin")

    assert (status, len(body)) == (200, LARGEST_KEPT + 1)
    assert headers["Content-Type"] == "application/octet-stream"


def test_old_versions_and_many_files_do_not_fill_the_memory(site):
    for number in range(5):
        (site[0] / f"big-{number}.atom").write_bytes(b"%d" % number * 15_000_000)

    for number in (*range(5), *range(5)):
        body = ask(site, f"/big-{number}.atom")[2]
        assert body[:1] == b"%d" % number


def test_a_missing_folder_is_not_found_until_it_is_there(tmp_path):
    output = tmp_path / "output"
    with served.background(output) as address:
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
