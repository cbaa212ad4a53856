"""Every sample source is what it claims to be."""

import gzip
import json
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import feedparser
import pytest
import yaml

from aggregator.demo import SampleServer, sample_config, shipped_topics
from aggregator.demo.formats import render
from aggregator.demo.samples import ZONE, load_samples, topics_block

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
SAMPLES = {sample.id: sample for sample in load_samples(NOW)}
FEEDS = [sample for sample in SAMPLES.values() if sample.answer == "feed"]
NAMED = {"ids": lambda sample: sample.id}


@pytest.fixture(scope="module")
def server():
    with SampleServer(port=0, now=NOW) as running:
        yield running


def get(url, **headers):
    """Status, headers and body, whatever the status."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


def parse(sample, body, url="http://127.0.0.1/"):
    """(title, link, text) of each entry, read by what others use."""
    if sample.format == "json":
        items = json.loads(body)["items"]
        return [(item["title"], item["url"], item["content_html"]) for item in items]
    headers = {"content-type": f"application/xml; charset={sample.encoding}"}
    feed = feedparser.parse(body, response_headers=headers, sanitize_html=False)
    assert not feed.bozo
    return [(e.title, e.link, entry_text(e)) for e in feed.entries]


def entry_text(entry):
    if "yandex_full-text" in entry:
        return entry["yandex_full-text"]
    return entry.content[0].value if "content" in entry else entry.summary


def test_there_are_enough_sources_of_every_kind():
    assert len(SAMPLES) >= 12
    assert {sample.format for sample in FEEDS} == {"rss", "atom", "rdf", "json"}
    assert {sample.encoding for sample in FEEDS} == {"utf-8", "windows-1251", "koi8-r"}
    assert [sample.id for sample in FEEDS if not sample.declared] == ["bolnica"]
    assert [s.answer for s in SAMPLES.values() if s.answer != "feed"] == [
        "broken",
        "page",
    ]


@pytest.mark.parametrize("sample", FEEDS, **NAMED)
def test_has_three_to_eight_entries_of_some_sentences(sample):
    assert 3 <= len(sample.entries) <= 8
    for entry in sample.entries:
        assert len(re.findall(r"[.!?»](?:\s|$)", " ".join(entry.paragraphs))) >= 2
        assert "{" not in entry.title + "".join(entry.paragraphs)


@pytest.mark.parametrize("sample", FEEDS, **NAMED)
def test_feed_parses_to_what_it_was_made_from(sample, server):
    status, headers, body = get(server.url + sample.path)

    entries = parse(
        sample, body if not headers["Content-Encoding"] else gzip.decompress(body)
    )

    assert status == 200
    assert [title for title, _, _ in entries] == [
        entry.title for entry in sample.entries
    ]
    for (_, link, text), entry in zip(entries, sample.entries, strict=True):
        assert urljoin(server.url, link) == server.url + entry.path
        assert entry.paragraphs[-1].split("»")[0][:40] in text


@pytest.mark.parametrize("sample", FEEDS, **NAMED)
def test_encoding_is_declared_as_claimed(sample, server):
    _, headers, body = get(server.url + sample.path)
    head = body[:100]

    assert ("charset" in headers["Content-Type"]) == sample.declared
    if sample.format != "json" and not sample.gzip:
        assert (b"encoding=" in head) == sample.declared
    if sample.encoding != "utf-8":
        with pytest.raises(UnicodeDecodeError):
            body.decode("utf-8")


def test_entries_lie_in_the_last_two_days_but_for_one():
    ages = [NOW - entry.published for sample in FEEDS for entry in sample.entries]
    old = [age for age in ages if age > timedelta(hours=48)]

    assert min(ages) > timedelta(0)
    assert len(old) == 1
    assert old[0].days == 40


def test_announcements_are_ahead_of_the_moment_of_the_demo():
    texts = " ".join(
        text for entry in SAMPLES["krai-info"].entries for text in entry.paragraphs
    )
    later = {s.id: s for s in load_samples(NOW + timedelta(days=10))}["krai-info"]

    assert "в четверг, 26 ноября," in texts
    assert "в воскресенье, 6 декабря," in " ".join(
        p for e in later.entries for p in e.paragraphs
    )


def test_one_story_is_told_by_three_sources():
    told = [
        (sample.id, entry)
        for sample in FEEDS
        for entry in sample.entries
        if entry.title == "В Приреченске открыли обновлённую набережную"
    ]
    paths = {source: entry.path for source, entry in told}

    assert set(paths) == {"krai-info", "vechernie-vesti", "step-tv"}
    assert len({entry.paragraphs[0] for _, entry in told}) == 1
    assert len(set(paths.values())) == 3
    assert paths["step-tv"] == paths["krai-info"] + "?utm_source=step-tv&utm_medium=rss"


def test_oddities_are_there():
    text = {
        sample.id: render(sample, "http://x").decode(sample.encoding)
        for sample in FEEDS
    }

    assert "erid=" in text["port-novosti"]
    assert "&lt;script&gt;" in text["morskoj-chas"]
    assert "onclick=" in text["morskoj-chas"]
    assert "<yandex:full-text>" in text["step-tv"]
    assert "<link>/rajon/dorogi</link>" in text["rajon"]
    assert " MSK</pubDate>" in text["teatr"]


def test_one_source_is_broken_and_one_is_a_page_that_names_its_feed(server):
    broken = get(server.url + SAMPLES["selskie-vesti"].polled_path)
    page = get(server.url + SAMPLES["rassvet"].polled_path)
    link = re.search(r'<link rel="alternate"[^>]*href="([^"]+)"', page[2].decode())

    assert broken[0] == 500
    assert page[0] == 200
    assert page[1]["Content-Type"].startswith("text/html")
    assert feedparser.parse(get(server.url + link[1])[2]).entries


@pytest.mark.parametrize("sample", FEEDS, **NAMED)
def test_unchanged_feed_is_not_sent_again(sample, server):
    _, headers, body = get(server.url + sample.path)

    by_etag = get(server.url + sample.path, **{"If-None-Match": headers["ETag"]})
    by_date = get(
        server.url + sample.path, **{"If-Modified-Since": headers["Last-Modified"]}
    )
    other = get(server.url + sample.path, **{"If-None-Match": '"another"'})

    assert (by_etag[0], by_etag[2]) == (304, b"")
    assert (by_date[0], by_date[2]) == (304, b"")
    assert by_etag[1]["ETag"] == headers["ETag"]
    assert other[0] == 200
    assert other[2] == body
    assert (
        parsedate_to_datetime(headers["Last-Modified"]) == sample.entries[0].published
    )


@pytest.mark.parametrize("since", ["yesterday", "Sun, 22 Nov 2026 23:00:00 -0000"])
def test_date_that_says_nothing_gets_the_feed(since, server):
    assert get(server.url + "/teatr/rss.xml", **{"If-Modified-Since": since})[0] == 200


def test_one_source_is_compressed_for_those_who_can_read_it(server):
    url = server.url + SAMPLES["poliklinika"].path
    _, headers, packed = get(url, **{"Accept-Encoding": "gzip, deflate"})
    _, plain_headers, plain = get(url)

    assert headers["Content-Encoding"] == "gzip"
    assert plain_headers["Content-Encoding"] is None
    assert gzip.decompress(packed) == plain


def test_every_link_leads_to_a_page(server):
    for sample in SAMPLES.values():
        assert get(f"{server.url}/{sample.id}/")[0] == 200
        for entry in sample.entries:
            status, headers, body = get(server.url + entry.path)
            assert status == 200
            assert headers["Content-Type"] == "text/html; charset=utf-8"
            assert f"<h1>{entry.title}</h1>" in body.decode()
            assert b"<script" not in body
    assert get(server.url + "/")[0] == 200
    assert get(server.url + "/nowhere")[0] == 404


def test_same_moment_and_port_give_the_same_bytes():
    with SampleServer(port=0, now=NOW) as server:
        port = urlsplit(server.url).port
        first = get(server.url + "/muzej/feed.json")
    with SampleServer(port=port, now=NOW.astimezone(ZONE)) as server:
        second = get(server.url + "/muzej/feed.json")

    assert first[2] == second[2]
    assert first[1]["ETag"] == second[1]["ETag"]


def test_taken_port_is_told(server):
    with pytest.raises(OSError, match="in use"):
        SampleServer(port=urlsplit(server.url).port, now=NOW)


def test_configuration_names_every_source_by_an_id_of_its_own():
    text = sample_config(
        sources_url="http://127.0.0.1:9/", port=8081, topics_yaml=shipped_topics()
    )
    config = yaml.safe_load(text)

    assert config["site"] == {
        "title": "Новости Кубани — пример",
        "url": "http://127.0.0.1:8081/",
    }
    assert config["storage"] == "sqlite:///aggregator.db"
    assert config["output"] == "../../output"
    assert config["fetch"] == {"gap": "0s", "allow_private": ["127.0.0.0/8"]}
    assert config["serve"] == {"port": 8081}
    assert [source["id"] for source in config["sources"]] == list(SAMPLES)
    assert all(s["url"].startswith("http://127.0.0.1:9/") for s in config["sources"])
    assert {"culture", "health", "events"} <= set(config["topics"])


def test_topics_in_the_package_are_the_shipped_ones():
    shipped = Path(__file__).parents[1] / "feeds.yaml"

    assert shipped_topics() == topics_block(shipped.read_text("utf-8")), (
        "feeds.yaml has other topics than aggregator/demo/topics.yaml; copy the block there"
    )


def test_topics_block_ends_where_the_next_key_begins():
    text = "site: {}\n\n# above\ntopics:\n  a: {}   # x\n\n# in it\n  b: {}\n\n# of sources\nsources: []\n"

    assert topics_block(text) == "topics:\n  a: {}   # x\n\n# in it\n  b: {}\n"
    assert topics_block("topics:\n  a: 1\n") == "topics:\n  a: 1\n"
    with pytest.raises(ValueError, match="no topics"):
        topics_block("site: {}\n")
