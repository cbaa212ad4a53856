"""Clients that mean harm, or stand still: others are answered all the same."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.serve import server
from aggregator.serve.folder import KEPT_BYTES, LARGEST_KEPT, Folder
from aggregator.serve.headers import DEFAULT
from tests.served import ask, background, send

PAGE = b"<h1>news</h1>"
PLAIN = ("identity",)


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "index.html").write_bytes(PAGE)
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return folder


def request(path: str = "/", *lines: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: x", *lines, "", "")).encode()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /%2e%2e/secret.txt HTTP/1.0\r\n\r\n", 404),
        (b"GET /../secret.txt HTTP/1.0\r\n\r\n", 404),
        (b"GET /..%5csecret.txt HTTP/1.0\r\n\r\n", 404),
        (b"GET /%00index.html HTTP/1.0\r\n\r\n", 404),
        (b"GET http://other.example/index.html HTTP/1.0\r\n\r\n", 200),
        (b"GET /?%2e%2e/secret.txt HTTP/1.0\r\n\r\n", 200),
        (b"GET /" + b"a" * 60_000 + b" HTTP/1.0\r\n\r\n", 404),
        (b"GET / HTTP/1.0\r\nAccept-Encoding: " + b"a," * 20_000 + b"\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\nIf-None-Match: " + b'"a",' * 10_000 + b"\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\nIf-None-Match: " + b'"' * 50_000 + b"\r\n\r\n", 200),
        (b"OPTIONS * HTTP/1.0\r\n\r\n", 204),
        (b"GET index.html HTTP/1.0\r\n\r\n", 400),
        (b"GET /\0 HTTP/1.0\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.0\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nx: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"{}\r\n\r\n", 400),
    ],
)
def test_what_is_no_honest_request(output, raw, status):
    with background(output) as address:
        answer = send(address, raw)

        assert int(answer.split(b" ")[1]) == status
        assert b"secret" not in answer
        assert ask(address, "/")[2] == PAGE


def test_headers_without_end_are_given_up(output):
    with background(output) as address, socket.create_connection(address) as client:
        client.settimeout(10)
        client.sendall(b"GET / HTTP/1.1\r\n")
        until_hung_up(client, b"x: " + b"y" * 1000 + b"\r\n", times=10_000)

        assert ask(address, "/")[2] == PAGE


def test_a_large_body_is_no_large_head(output):
    post = request("/", f"Content-Length: {len(PAGE) * 50_000}") + PAGE * 50_000
    with background(output) as address:
        answers = send(address, post + request("/", "Connection: close"))

        assert answers.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_who_does_not_go_on_is_hung_up_on(output, monkeypatch, begun):
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    with background(output) as address, socket.create_connection(address) as client:
        client.settimeout(10)
        client.sendall(begun)

        assert closed(client)
        assert ask(address, "/")[2] == PAGE


def test_who_drips_a_request_after_a_good_one_is_hung_up_on(output, monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    with background(output) as address, socket.create_connection(address) as client:
        client.settimeout(10)
        client.sendall(request())
        answer = b""
        while not answer.endswith(PAGE):
            answer += client.recv(65536)
        client.sendall(b"GET /")

        assert closed(client)


def test_who_does_not_fetch_the_answer_is_hung_up_on(output, monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    (output / "film.bin").write_bytes(bytes(LARGEST_KEPT - 1))
    with background(output) as address, closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(address)
        client.sendall(request("/film.bin"))
        client.recv(1)
        until_hung_up(client, b"\r\n", times=100, pause=0.1)

        assert ask(address, "/")[2] == PAGE


def test_who_fetches_slowly_gets_all_of_it(output, monkeypatch):
    monkeypatch.setattr(server, "PATIENCE", 0.5)
    (output / "film.bin").write_bytes(bytes(LARGEST_KEPT - 1))
    with background(output) as address, closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.settimeout(10)
        client.connect(address)
        client.sendall(request("/film.bin", "Connection: close"))
        size = 0
        pause = threading.Event()
        while piece := client.recv(200_000):
            size += len(piece)
            pause.wait(0.005)

        assert size > LARGEST_KEPT


def test_more_connections_than_files_allow_are_hung_up_on(output, monkeypatch):
    monkeypatch.setattr(server, "_most_connections", lambda: 20)
    with background(output) as address:
        idle = [socket.create_connection(address, timeout=10) for _ in range(30)]
        try:
            assert closed(idle[0])
            assert ask(address, "/")[2] == PAGE
        finally:
            for client in idle:
                client.close()


def closed(client: socket.socket) -> bool:
    """Waits until the server has hung up; whatever it said before is read."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return True


def until_hung_up(client: socket.socket, data: bytes, *, times: int, pause=0.0):
    """Sends the same again and again, and reads nothing."""
    waiting = threading.Event()
    for _ in range(times):
        try:
            client.sendall(data)
        except OSError:  # reset, or a broken pipe
            return
        waiting.wait(pause)
    pytest.fail("the server reads on and on")


def test_who_hangs_up_on_a_large_file_costs_no_more(output):
    with (output / "film.bin").open("wb") as film:
        film.truncate(10 * LARGEST_KEPT)
    with background(output) as address:
        for _ in range(3):
            with socket.create_connection(address, timeout=10) as client:
                client.sendall(request("/film.bin"))
                client.recv(1)

        assert ask(address, "/")[2] == PAGE


# --- an ETag stands for its bytes ---------------------------------------------------------


def test_what_was_written_is_what_is_served_next(output):
    """However it was written, as fast as it goes, and under dates that do not change."""
    path = output / "feed.atom"
    seen: dict[str, bytes] = {}
    with background(output) as address:
        for number in range(300):
            data = b"<feed>%06d</feed>" % number
            if number % 3:
                path.write_bytes(data)
            else:
                (output / ".new").write_bytes(data)
                (output / ".new").replace(path)
            if number % 2:
                os.utime(path, (1_700_000_000, 1_700_000_000))
            coding = ("identity", "gzip", "br")[number % 3]
            _, headers, body = ask(address, "/feed.atom", Accept_Encoding=coding)

            if "Content-Encoding" not in headers:
                assert body == data
            assert seen.setdefault(headers["ETag"], body) == body


def test_a_tag_names_the_same_bytes_while_they_change(output):
    """Ten readers, a writer: no body under another's tag, no half of a document."""
    path, stop = output / "feed.atom", threading.Event()
    seen: list[tuple[str, bytes]] = []
    path.write_bytes(b"0" * 50_000)

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (output / ".new").write_bytes(b"%d" % (number % 10) * 50_000)
            (output / ".new").replace(path)

    def read(address) -> None:
        for _ in range(100):
            _, headers, body = ask(address, "/feed.atom")
            seen.append((headers["ETag"], body))

    with background(output) as address:
        writer = threading.Thread(target=write)
        readers = [threading.Thread(target=read, args=(address,)) for _ in range(10)]
        for thread in (writer, *readers):
            thread.start()
        for thread in readers:
            thread.join()
        stop.set()
        writer.join()

    assert len(seen) == 1000
    assert all(len(body) == 50_000 and len(set(body)) == 1 for _, body in seen)
    assert len(set(seen)) == len({tag for tag, _ in seen}) <= 10


def test_memory_is_bounded_whatever_is_asked_for(output):
    folder = Folder(output)
    for number in range(8):
        name = f"{number}.atom"
        (output / name).write_bytes(b"%d" % number * LARGEST_KEPT)
        answer = folder.prepare(name, DEFAULT, PLAIN)

        assert answer is not None
        assert sum(version.size for version in folder._kept.values()) <= KEPT_BYTES


# --- without httptools --------------------------------------------------------------------

WITHOUT = """
import json, sys
sys.modules["httptools"] = None
from pathlib import Path
from aggregator.serve.server import serve
serve(Path(sys.argv[1]), host="127.0.0.1", port=0,
      ready=lambda address: print(json.dumps(address), flush=True))
"""


def test_serves_where_there_is_no_httptools(output):
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WITHOUT, str(output)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
    ) as process:
        port = int(json.loads(process.stdout.readline()).strip("/").rpartition(":")[2])
        _, first, body = ask(("127.0.0.1", port), "/")
        again = ask(("127.0.0.1", port), "/", If_None_Match=first["ETag"])
        process.terminate()

    assert body == PAGE
    assert (again[0], again[2]) == (304, b"")
    assert process.returncode == 0
