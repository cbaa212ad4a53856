"""Documents in an object store, over real HTTP: obstore on one side, S3 on the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from aggregator import app, documents
from aggregator.config import load_config
from aggregator.errors import ConfigError, PublishError, StoreError
from aggregator.model import Bucket
from aggregator.publish.bucket import OutputBucket
from aggregator.store import Store
from tests import hub as hubs
from tests import s3 as stores
from tests.hub import ask
from tests.s3 import KEY_ID, SECRET, Stored
from tests.test_subscriber import BRIDGE, SCHOOL, FixedClock, free_port, rss

HOUR = timedelta(hours=1)
#: Time passes in them; they are not counted.
IN_TIME = {"status.json", "status.html"}


@pytest.fixture
def s3(monkeypatch):
    s3, server = stores.start()
    s3.buckets["news"] = {}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    yield s3
    s3.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def portal():
    """The source's server."""
    portal, server = hubs.start()
    portal.say("/feed", rss(BRIDGE))
    yield portal
    server.shutdown()
    server.server_close()


@pytest.fixture
def config(tmp_path, portal, s3):
    return configure(tmp_path, portal)


def configure(folder, portal, *, output="s3://news/kuban", more=""):
    path = folder / "feeds.yaml"
    path.write_text(
        "site: {title: Новости, url: https://news.example.org/}\n"
        f"output: {output}\n"
        "fetch: {gap: 0s, allow_private: [127.0.0.1/32]}\n"
        "publish: {interval: 5m}\n"
        "topics: {bridges: {title: Мосты, threshold: 1, words: [мост]}}\n"
        f"{more}"
        f"sources:\n  - {{url: '{portal.site}/feed', id: portal}}\n",
        encoding="utf-8",
    )
    return load_config(path)


def published(s3, prefix="kuban/"):
    return {
        key.removeprefix(prefix): found
        for key, found in s3.buckets["news"].items()
        if key.startswith(prefix)
    }


def test_a_bucket_holds_what_a_folder_would(tmp_path, portal, config, s3):
    clock = FixedClock()
    report = app.once(config, clock=clock)
    in_folder = configure(tmp_path, portal, output="output")
    app.publish(in_folder, clock=clock)

    found = published(s3)
    files = {path.name: path.read_bytes() for path in in_folder.output.iterdir()}
    assert {name: each.body for name, each in found.items()} == files
    assert report.documents_written == len(files.keys() - IN_TIME)
    assert {each.headers["Cache-Control"] for each in found.values()} == {
        "public, max-age=300"
    }
    types = {name: each.headers["Content-Type"] for name, each in found.items()}
    assert types["feed.atom"] == "application/atom+xml; charset=utf-8"
    assert types["index.html"] == "text/html; charset=utf-8"
    assert types["status.json"] == "application/json; charset=utf-8"
    order = [key.removeprefix("kuban/") for key in s3.keys("PUT")]
    assert order[-3:] == ["index.html", "status.json", "status.html"]
    assert s3.keys("GET") == [""]


def test_the_whole_of_a_bucket_may_be_ours(tmp_path, portal, s3):
    app.once(configure(tmp_path, portal, output="s3://news"), clock=FixedClock())

    assert "feed.atom" in s3.buckets["news"]


def test_news_put_what_they_change(config, portal, s3):
    clock = FixedClock()
    app.once(config, clock=clock)
    s3.requests.clear()
    portal.say("/feed", rss(BRIDGE, SCHOOL))
    clock.moment += HOUR

    app.once(config, clock=clock)

    put = {key.removeprefix("kuban/") for key in s3.keys("PUT")}
    assert {"feed.atom", "index.html"} <= put
    assert "bridges.atom" not in put
    assert SCHOOL.encode() in published(s3)["feed.atom"].body


def test_fifty_publishes_without_news_put_nothing_and_list_once(config, s3):
    clock = FixedClock()
    app.once(config, clock=clock)
    s3.requests.clear()
    output = documents.opened(config)
    with app.open_store(config, writing=True, clock=clock) as store, store.lock():
        states = store.states()
        for _ in range(50):
            clock.moment += timedelta(minutes=5)
            now = clock.now()
            assert not documents.publish(store, config, now, states, output=output)

    assert s3.requests == [("GET", "")] * len(s3.requests)
    assert len(s3.requests) <= 1 + len(published(s3)) // stores.PAGE

    # Rendered anew by another process, the bytes are the same.
    s3.requests.clear()
    assert app.publish(config, clock=clock) == set()
    assert {key.removeprefix("kuban/") for key in s3.keys("PUT")} <= IN_TIME


def test_what_others_did_to_objects_is_noticed_at_the_next_start(config, s3):
    clock = FixedClock()
    app.once(config, clock=clock)
    before = {name: each.body for name, each in published(s3).items()}
    objects = s3.buckets["news"]
    del objects["kuban/bridges.atom"]
    objects["kuban/feed.atom"] = Stored(b"spoilt")
    objects["kuban/theirs.html"] = Stored(b"theirs")
    objects["kuban/deeper/feed.atom"] = Stored(b"theirs")
    s3.requests.clear()

    app.once(config, clock=clock)

    put = {key.removeprefix("kuban/") for key in s3.keys("PUT")}
    assert put - IN_TIME == {"bridges.atom", "feed.atom"}
    assert published(s3)["feed.atom"].body == before["feed.atom"]
    assert objects["kuban/theirs.html"].body == b"theirs"
    assert objects["kuban/deeper/feed.atom"].body == b"theirs"


@pytest.mark.parametrize("ours", [True, False])
def test_a_document_that_is_no_longer_wanted_is_removed_when_it_is_ours(
    config, s3, ours
):
    clock = FixedClock()
    app.once(config, clock=clock)
    if not ours:
        s3.buckets["news"]["kuban/bridges.atom"] = Stored(b"theirs")
    text = config.path.read_text("utf-8")
    text = text.replace("bridges: {title: Мосты", "roads: {title: Дороги")
    config.path.write_text(text, encoding="utf-8")

    app.publish(load_config(config.path), clock=clock)

    assert ("bridges.atom" in published(s3)) is not ours
    assert "roads.atom" in published(s3)


def test_another_bucket_gets_everything(tmp_path, portal, config, s3):
    clock = FixedClock()
    app.once(config, clock=clock)
    s3.buckets["other"] = {}

    app.once(configure(tmp_path, portal, output="s3://other"), clock=clock)

    assert s3.buckets["other"].keys() == published(s3).keys()


# --- what goes wrong ------------------------------------------------------------


@pytest.mark.parametrize("good", [0, 1, 3])
@pytest.mark.parametrize("failure", [403, 503])
def test_a_bucket_that_fails_loses_nothing(config, s3, good, failure):
    """Before the list, before the first document, after the second."""
    clock = FixedClock()
    s3.good, s3.failure = good, failure
    with pytest.raises(PublishError) as caught:
        app.once(config, clock=clock)
    assert str(caught.value).startswith("cannot write s3://news/kuban")
    with app.open_store(config, writing=False) as store:
        assert store.summary(clock.now()).sources["portal"].entries == 1
    # One that failed is not asked for the others.
    assert len(s3.requests) <= good + 2 * 3

    s3.good = None
    s3.requests.clear()
    app.once(config, clock=clock)

    assert BRIDGE.encode() in published(s3)["feed.atom"].body
    assert len(s3.keys("PUT")) == len(published(s3)) - max(0, good - 1)


def test_a_bucket_that_hangs_is_given_up_soon(config, s3, monkeypatch):
    monkeypatch.setattr("aggregator.publish.bucket.REQUEST", timedelta(seconds=0.3))
    monkeypatch.setattr("aggregator.publish.bucket.ATTEMPTS", timedelta(seconds=0.3))
    s3.good = s3.failure = 0
    started = time.monotonic()

    with pytest.raises(PublishError, match="the object store does not answer"):
        app.once(config, clock=FixedClock())

    assert time.monotonic() - started < 10


def test_what_a_crash_left_undone_is_completed(config, s3, monkeypatch):
    """Objects were put, and the manifest knows nothing of it."""
    clock = FixedClock()
    with monkeypatch.context() as patch:

        def fail(*arguments, **named):
            raise StoreError("killed")

        patch.setattr(Store, "save_documents", fail)
        with pytest.raises(StoreError):
            app.once(config, clock=clock)
    there = published(s3)
    assert "feed.atom" in there
    s3.requests.clear()

    app.once(config, clock=clock)

    assert {key.removeprefix("kuban/") for key in s3.keys("PUT")} == IN_TIME
    s3.requests.clear()
    app.once(config, clock=clock)
    assert s3.keys("PUT") == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "access denied (SignatureDoesNotMatch)"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", "does not answer"),
    ],
)
def test_a_command_says_what_is_wrong_and_no_secret(
    config, s3, monkeypatch, variable, value, said
):
    monkeypatch.setenv(variable, value)
    command = [sys.executable, "-m", "aggregator", "once", "-c", str(config.path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "cannot write s3://news/kuban: " in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    for secret in (KEY_ID, SECRET, "wrong;"):
        assert secret not in done.stderr + done.stdout


def test_a_bucket_that_is_not_there(tmp_path, portal, s3):
    with pytest.raises(PublishError, match="no such bucket there"):
        app.once(
            configure(tmp_path, portal, output="s3://elsewhere"), clock=FixedClock()
        )


def test_more_objects_than_one_answer_lists(s3):
    place = Bucket(name="news", prefix="many")
    output = OutputBucket(place, max_age=HOUR)
    for number in range(11):
        assert output.put(f"{number}.atom", str(number).encode())
    again = OutputBucket(place, max_age=HOUR)

    assert not any(again.put(f"{n}.atom", str(n).encode()) for n in range(11))
    assert again.put("3.atom", b"other")


# --- commands and configuration -----------------------------------------------


def test_serve_has_nothing_to_serve(config):
    command = [sys.executable, "-m", "aggregator", "serve", "-c", str(config.path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "nothing to serve: documents go to s3://news/kuban" in done.stderr


def test_run_publishes_to_a_bucket_through_a_kill_and_goes_on(tmp_path, portal, s3):
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    serve = f"serve: {{port: {port}}}\n"
    config = configure(tmp_path, portal, more=serve)
    portal.say("/feed", rss(BRIDGE, when=datetime.now(UTC)))
    command = [sys.executable, "-m", "aggregator", "run", "-c", str(config.path)]

    def until(condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)

    def running():
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    def ended(process, number):
        process.send_signal(number)
        return process.communicate(timeout=20)[1].decode()

    # Killed in the middle of its first documents.
    s3.good, s3.failure = 3, 0
    with running() as process:
        try:
            until(lambda: len(s3.requests) > 3)
        finally:
            ended(process, signal.SIGKILL)
    s3.good = None
    s3.released.set()

    with running() as process:
        try:
            until(lambda: "index.html" in published(s3))
            until(lambda: BRIDGE.encode() in published(s3)["feed.atom"].body)
            until(lambda: ask(f"{address}feed.atom")[0] == 404)
        finally:
            log = ended(process, signal.SIGTERM)

    assert process.returncode == 0, log
    assert "documents are not served from here" in log
    assert "Traceback" not in log
    assert SECRET not in log
    assert {"feed.atom", "bridges.atom", "index.html"} <= published(s3).keys()


@pytest.mark.parametrize(
    ("output", "bucket"),
    [
        ("s3://news", Bucket(name="news")),
        ("s3://news/", Bucket(name="news")),
        ("s3://news.kuban-1/a/b_c.d/", Bucket(name="news.kuban-1", prefix="a/b_c.d")),
    ],
)
def test_output_names_a_bucket(tmp_path, portal, output, bucket):
    config = configure(tmp_path, portal, output=output)

    assert config.output == bucket
    assert str(config.output) == output.rstrip("/")


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("gs://news/kuban", "found gs://news/kuban"),
        ("s3://N/kuban", "found s3://N/kuban"),
        ("s3://news/../other", "found s3://news/../other"),
        (
            "s3://AKID:geheim@news/kuban",
            "credentials and endpoint come from the environment, found s3://***@news/kuban",
        ),
        (
            "'s3://news?secret=geheim'",
            "credentials and endpoint come from the environment, found s3://news",
        ),
    ],
)
def test_output_that_names_no_bucket(tmp_path, portal, output, found):
    with pytest.raises(ConfigError) as caught:
        configure(tmp_path, portal, output=output)

    (fault,) = caught.value.faults
    assert (fault.line, fault.column, fault.key) == (2, 9, "output")
    assert fault.message.startswith("expected a folder, or s3://bucket/prefix")
    assert found in fault.message
    assert "geheim" not in str(fault)


def test_output_that_needs_a_library(tmp_path, portal, monkeypatch):
    monkeypatch.setattr("aggregator.config.checks.find_spec", lambda name: None)

    with pytest.raises(ConfigError, match=r"output: needs obstore: pip install"):
        configure(tmp_path, portal)


def test_a_folder_needs_no_object_store(tmp_path, portal):
    config = configure(tmp_path, portal, output="output")
    code = (
        "import sys; from pathlib import Path\n"
        "from aggregator import app; from aggregator.config import load_config\n"
        f"app.once(load_config(Path({str(config.path)!r})))\n"
        "assert 'obstore' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
