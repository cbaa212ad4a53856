"""feeds.yaml becomes a frozen Config, or every fault in it is named at its place."""

import dataclasses
import itertools
import json
import os
import re
import string
import unicodedata
from contextlib import suppress
from datetime import timedelta
from fractions import Fraction
from ipaddress import ip_network
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import FetchSettings, json_schema, load_config
from aggregator.config.keys import (
    AlertKeys,
    ExcludedTermKeys,
    FetchKeys,
    FileKeys,
    KeepKeys,
    PageKeys,
    PlaceKeys,
    PlacesKeys,
    PublishKeys,
    ServeKeys,
    SiteKeys,
    SourceKeys,
    TopicKeys,
)
from aggregator.config.yaml_nodes import plain_value, read_yaml
from aggregator.errors import ConfigError
from aggregator.links import source_address
from aggregator.model import PageSelectors, Place, Source, Term

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data" / "config"
PAGE = (ROOT / "docs" / "feeds-yaml.md").read_text("utf-8")

SITE = "site: {title: Новости, url: https://news.example.org/}\n"
SOURCES = "sources: [https://kubnews.ru/rss/]\n"
SMALLEST = SITE + SOURCES


@pytest.fixture
def load(tmp_path):
    """Loads a text or bytes as feeds.yaml."""

    def load(content):
        raw = content if isinstance(content, bytes) else content.encode()
        path = tmp_path / "feeds.yaml"
        path.write_bytes(raw)
        return load_config(path)

    return load


@pytest.fixture
def faults(load):
    """The faults of a text, as ``line:column: key: message; did you mean``."""

    def faults(content):
        with pytest.raises(ConfigError) as caught:
            load(content)
        return [
            str(dataclasses.replace(fault, file="f")).removeprefix("f:").strip()
            for fault in caught.value.faults
        ]

    return faults


# --- what is read ----------------------------------------------------------------


def test_smallest_file_has_every_default(load, tmp_path):
    config = load(SMALLEST)

    assert config.path == tmp_path / "feeds.yaml"
    assert config.folder == tmp_path
    assert config.site.language == "ru"
    assert config.site.timezone == "Europe/Moscow"
    assert config.site.host == "news.example.org"
    assert config.storage == f"sqlite:///{tmp_path}/var/aggregator.db"
    assert config.output == tmp_path / "output"
    assert config.keep.unpublished == timedelta(days=90)
    assert config.keep.published is None
    assert config.fetch == FetchSettings(
        interval=timedelta(minutes=15),
        min_interval=timedelta(minutes=5),
        max_interval=timedelta(hours=6),
        timeout=timedelta(seconds=30),
        max_bytes=10_000_000,
        concurrency=64,
        per_host=2,
        gap=timedelta(seconds=1),
        allow_private=(),
    )
    assert config.publish.first_sight == timedelta(hours=48)
    assert config.publish.source_share == Fraction(1, 3)
    assert config.serve is None
    assert config.topics == ()
    assert config.sources == (
        Source(
            id="kubnews.ru/rss",
            url="https://kubnews.ru/rss/",
            name="kubnews.ru",
            order=0,
            interval=timedelta(minutes=15),
            min_interval=timedelta(minutes=5),
            max_interval=timedelta(hours=6),
            timezone="Europe/Moscow",
            content="summary",
            max_bytes=10_000_000,
        ),
    )


def test_loading_makes_nothing(load, tmp_path):
    load(SMALLEST + "output: deep/er/out\nstorage: sqlite:///deep/a.db\n")

    assert os.listdir(tmp_path) == ["feeds.yaml"]


def test_relative_path_of_the_file_gives_absolute_folders(tmp_path, monkeypatch):
    (tmp_path / "feeds.yaml").write_text(SMALLEST, "utf-8")
    monkeypatch.chdir(tmp_path)

    config = load_config(Path("feeds.yaml"))

    assert config.path == Path("feeds.yaml")
    assert config.output == tmp_path / "output"


def test_a_source_takes_what_it_lacks_from_the_sections(load):
    config = load("""
site: {title: Новости, url: https://news.example.org/, timezone: Asia/Omsk}
fetch: {interval: 30m, max_bytes: 5MB}
publish: {content: full}
sources:
  - https://www.yuga.ru/rss/
  - {url: https://93.ru/rss/, interval: 2h, timezone: UTC, content: title, max_bytes: 1kB}
""")
    plain, own = config.sources

    assert (plain.interval, plain.max_bytes) == (timedelta(minutes=30), 5_000_000)
    assert (plain.timezone, plain.content, plain.name) == (
        "Asia/Omsk",
        "full",
        "yuga.ru",
    )
    assert (own.interval, own.max_bytes) == (timedelta(hours=2), 1_000)
    assert (plain.min_interval, plain.max_interval) == (
        timedelta(minutes=5),
        timedelta(hours=6),
    )
    assert own.min_interval == own.max_interval == own.interval
    assert (own.timezone, own.content, own.order) == ("UTC", "title", 1)


def test_a_profile_names_its_sources_by_id_or_address(load):
    config = load("""
site: {title: Новости, url: https://news.example.org/}
publish:
  max_age: 20d
  profiles:
    a: {dialect: atom, sources: [https://www.yuga.ru/rss/, own]}
    b: {dialect: yandex, not_sources: ['http://yuga.ru/rss'], genre: interview}
    c: {dialect: rss}
sources: [https://yuga.ru/rss, {url: https://93.ru/rss/, id: own}, https://kubnews.ru/]
""")
    a, b, c = config.publish.profiles

    assert (a.key, a.sources, a.content, a.title) == (
        "a",
        ("yuga.ru/rss", "own"),
        None,
        None,
    )
    assert (b.sources, b.genre) == (("own", "kubnews.ru"), "interview")
    assert (a.max_age, b.max_age) == (timedelta(days=20), timedelta(days=8))
    assert (len(c.sources), c.max_entries) == (3, 50)


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        ("interval: 1m", (1, 1, 360)),
        ("interval: 12h", (5, 720, 720)),
        ("min_interval: 30m", (30, 30, 360)),
        ("min_interval: 8h", (480, 480, 480)),
        ("max_interval: 10m", (5, 10, 10)),
        ("max_interval: 2m", (2, 2, 2)),
        ("min_interval: 10m, interval: 10m, max_interval: 10m", (10, 10, 10)),
    ],
)
def test_intervals_that_nobody_wrote_make_room_for_those_that_somebody_did(
    load, written, minutes
):
    fetch = load(SMALLEST + f"fetch: {{{written}}}").fetch

    found = (fetch.min_interval, fetch.interval, fetch.max_interval)
    assert found == tuple(timedelta(minutes=each) for each in minutes)


def test_topics_hold_terms_as_written(load):
    (topic,) = load(
        SMALLEST
        + """
topics:
  culture:
    title: Культура
    words: [театр, выстав*, =МХАТ, премьера  спектакля, рок-концерт*, {term: хор, weight: 2.5, field: title, gap: 0}]
    not: [{term: некролог, veto: true}, реклама]
    categories: [Афиша*]
    positions: [1, 0.5, 0]
    title_gate: false
"""
    ).topics

    assert (topic.key, topic.threshold, topic.title_gate) == ("culture", 3.0, False)
    assert [term.written for term in topic.words][:5] == [
        "театр",
        "выстав*",
        "=МХАТ",
        "премьера спектакля",
        "рок-концерт*",
    ]
    assert topic.words[5] == Term(written="хор", weight=2.5, field="title", gap=0)
    assert topic.excluded == (
        Term(written="некролог", veto=True),
        Term(written="реклама"),
    )
    assert topic.categories == ("Афиша*",)
    assert topic.positions == (1.0, 0.5, 0.0)


def test_groups_of_terms(load):
    (topic,) = load(
        SMALLEST
        + """
topics:
  culture:
    title: Культура
    event_frame: true
    words:
      - {all: [фестиваль, казачий], weight: 2}
      - {any: [хор, дом культуры], gap: 0, none: [суд]}
    not:
      - {any: [некролог], veto: true}
"""
    ).topics

    assert topic.event_frame
    assert topic.words == (
        Term(
            written="{all: [фестиваль, казачий]}",
            kind="all",
            members=("фестиваль", "казачий"),
            weight=2.0,
        ),
        Term(
            written="{any: [хор, дом культуры]}",
            kind="any",
            members=("хор", "дом культуры"),
            none=("суд",),
            gap=0,
        ),
    )
    assert topic.excluded == (
        Term(written="{any: [некролог]}", kind="any", members=("некролог",), veto=True),
    )


def test_terms_are_composed(load):
    """Editors on some systems write «й» as two characters; texts do not."""
    decomposed = unicodedata.normalize("NFD", "музей")

    (topic,) = load(
        SMALLEST + f"topics: {{a: {{title: А, words: [{decomposed}]}}}}"
    ).topics

    assert topic.words == (Term(written="музей"),)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1/3", Fraction(1, 3)),
        ("0.33", Fraction(33, 100)),
        ("1", Fraction(1)),
        ('"0.5"', Fraction(1, 2)),
    ],
)
def test_source_share_is_exact(load, written, value):
    config = load(SMALLEST + f"publish: {{source_share: {written}}}")

    assert config.publish.source_share == value


@pytest.mark.parametrize(
    ("written", "value"),
    [("all", "all"), ("none", "none"), ("0s", timedelta(0)), ("2d", timedelta(days=2))],
)
def test_first_sight(load, written, value):
    assert (
        load(SMALLEST + f"publish: {{first_sight: {written}}}").publish.first_sight
        == value
    )


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("sqlite:///news.db", "{folder}/news.db"),
        ("sqlite:////srv/news.db", "/srv/news.db"),
    ],
)
def test_sqlite_paths_become_absolute(load, tmp_path, written, file):
    storage = load(SMALLEST + f"storage: {written}").storage

    assert storage == "sqlite:///" + file.format(folder=tmp_path)


def test_postgresql_addresses_stay(load):
    storage = "postgresql://user:secret@127.0.0.1:5432/news?sslmode=disable"

    assert load(SMALLEST + f"storage: {storage}").storage == storage


def test_allowed_networks_admit_literal_addresses(load):
    config = load(
        SITE
        + """
fetch: {allow_private: [127.0.0.0/8, "::1/128"]}
sources: ["http://127.0.0.1:8000/a", "http://127.1/b", "http://[::1]/c", "http://8.8.8.8/d"]
"""
    )

    assert config.fetch.allow_private == (ip_network("127.0.0.0/8"), ip_network("::1"))
    assert len(config.sources) == 4


def test_an_international_site_becomes_a_uri(load):
    site = load("site: {title: Н, url: https://новости.рф/лента/}\n" + SOURCES).site

    assert site.url == "https://xn--b1amnebsh.xn--p1ai/%D0%BB%D0%B5%D0%BD%D1%82%D0%B0/"
    assert site.host == "xn--b1amnebsh.xn--p1ai"


@pytest.mark.parametrize(
    "url",
    [
        "https://новости.рф/rss",
        "http://EXAMPLE.org:65535/?a=1&b=2#x",
        '"  https://example.org/rss  "',
        "HTTPS://a_b.example.org",
        "http://localhost/rss",
    ],
)
def test_addresses_that_are_read(load, url):
    (source,) = load(SITE + f"sources:\n  - url: {url}\n").sources

    assert source.url == source.url.strip()
    assert source.id == source_address(source.url)


def test_sections_with_nothing_below_count_as_absent(load):
    assert load(
        SMALLEST + "fetch:\npublish:\nkeep:\nserve:\ntopics:\n"
    ) == dataclasses.replace(load(SMALLEST))


def test_hubs_are_uris_none_twice(load):
    """They go into headers and documents."""
    hubs = '[https://хаб.рф/a">b, https://b.example/?x, https://b.example/?x]'

    assert load(SMALLEST + f"publish: {{hubs: {hubs}}}").publish.hubs == (
        "https://xn--80ac2d.xn--p1ai/a%22%3Eb",
        "https://b.example/?x",
    )


def test_serve_has_defaults(load):
    serve = load(SMALLEST + "serve: {}").serve

    assert (serve.host, serve.port) == ("127.0.0.1", 8080)
    assert (serve.metrics, serve.public_url) == (None, None)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("'[::1]:9100'", ("::1", 9100)),
        ("metrics.example.org:1", ("metrics.example.org", 1)),
    ],
)
def test_metrics_have_an_address_of_their_own(load, written, address):
    assert load(SMALLEST + f"serve: {{metrics: {written}}}").serve.metrics == address


def test_alerts_have_defaults(load):
    alerts = load(SMALLEST).alerts

    assert (alerts.after, alerts.webhook) == (timedelta(hours=24), None)


@pytest.mark.parametrize(
    "webhook",
    [
        "chat.example.org/s3cret",
        "https://user:s3cret@example.org/",
        "https://exa mple.org/s3cret",
        "https://example.org:0/s3cret",
        "'https://example.org/" + "s3cret" * 400 + "'",
    ],
)
def test_no_fault_shows_the_webhook(faults, webhook):
    (found,) = faults(SMALLEST + f"alerts: {{webhook: {webhook}}}")

    assert "alerts.webhook: expected an address" in found
    assert "s3cret" not in found


def test_no_listing_of_the_configuration_shows_the_webhook(load):
    config = load(SMALLEST + "alerts: {webhook: https://example.org/s3cret}")

    assert config.alerts.webhook == "https://example.org/s3cret"
    assert "s3cret" not in repr(config)


def test_a_byte_order_mark_is_no_fault(load):
    assert load(b"\xef\xbb\xbf" + SMALLEST.encode()).site.title == "Новости"


def test_aliases_may_be_used(load):
    config = load(
        SITE
        + "topics: {a: {title: А}}\nsources: [{url: https://a.ru/, topics: &t [a]}, {url: https://b.ru/, topics: *t}]"
    )

    assert [source.topics for source in config.sources] == [("a",), ("a",)]


def test_a_source_without_name_is_called_by_its_host(load):
    config = load(SITE + "sources: [https://WWW.yuga.ru:8443/rss, https://новости.рф]")

    assert [source.name for source in config.sources] == ["yuga.ru", "новости.рф"]


def test_spaces_in_paths_are_kept(load, tmp_path):
    assert load(SMALLEST + "output: a  b").output == tmp_path / "a  b"


def test_the_shipped_file(load):
    """Sources are the operator's own; three topics are ready."""
    shipped = (ROOT / "feeds.yaml").read_text("utf-8")

    assert {"culture", "health", "events"} <= {
        topic.key for topic in load(shipped).topics
    }
    jsonschema.validate(yaml.safe_load(shipped), json_schema())


def test_ten_thousand_sources(load):
    lines = [f"- https://s{number}.example.org/rss" for number in range(10_000)]

    assert len(load(SITE + "sources:\n" + "\n".join(lines)).sources) == 10_000


# --- plain scalars ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),
        ("no", "no"),
        ("On", "On"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        (".5", ".5"),
        ("1e3", "1e3"),
        ("1" * 5000, "1" * 5000),
        ("true", True),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-3", -3),
        ("0.50", 0.5),
    ],
)
def test_plain_scalars_surprise_nobody(text, value):
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


@given(st.text(string.ascii_letters + string.digits + "-_:/. ", max_size=20))
def test_plain_scalars_are_the_text_or_what_python_prints(text):
    value = plain_value(text)

    assert value == text or value is None or isinstance(value, bool | int | float)
    if isinstance(value, int) and not isinstance(value, bool):
        assert int(text) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_data_or_faults(raw):
    with suppress(ConfigError):
        assert read_yaml(raw, "f").values[()] >= (1, 1)


# --- places ----------------------------------------------------------------------


def test_the_shipped_gazetteer_has_every_municipality(load):
    config = load(SMALLEST)

    assert len(config.gazetteer) == 44
    assert config.places == ()


@pytest.mark.parametrize(
    "places", ["[tuapsinsky, sochi, sochi]", "{documents: [tuapsinsky, sochi]}"]
)
def test_places_with_documents_in_the_order_written(load, places):
    config = load(SMALLEST + f"places: {places}\n")

    assert [place.title for place in config.places] == ["Туапсинский район", "Сочи"]


def test_an_operators_own_gazetteer(load, tmp_path):
    (tmp_path / "places.yaml").write_text(
        "sarov: {title: Саров, names: [Саров], unsure: [Балыково], "
        "adjectives: [саровский], district: Саровский}",
        "utf-8",
    )

    config = load(SMALLEST + "places: {gazetteer: places.yaml, documents: [sarov]}\n")

    assert config.gazetteer == (
        Place(
            key="sarov",
            title="Саров",
            names=("Саров",),
            unsure=("Балыково",),
            adjectives=("саровский",),
            district="Саровский",
        ),
    )
    assert config.places == config.gazetteer


@pytest.mark.parametrize(
    ("places", "fault"),
    [
        (
            "[krasnodarr]",
            "expected a place of the gazetteer, found krasnodarr; did you",
        ),
        ("[Анапа]", "found Анапа; did you mean 'anapa'?"),
        (
            "{documents: [Сочи]}",
            "places.documents.0: expected a place of the gazetteer",
        ),
        ("{gazeteer: a}", "unknown key; did you mean 'gazetteer'?"),
        ("{gazetteer: 5}", "expected a folder, found 5"),
        ("5", "expected keys with values, found 5"),
    ],
)
def test_faults_of_places(faults, places, fault):
    found = faults(SMALLEST + f"places: {places}\n")

    assert [line for line in found if fault in line], found


def test_a_topic_is_not_called_as_a_place(faults):
    assert faults(SMALLEST + "topics: {sochi: {title: А}}") == [
        "3:10: topics.sochi: expected another key, sochi is the place Сочи"
    ]


@pytest.mark.parametrize(
    ("gazetteer", "fault"),
    [
        ("a: {titel: А}", "1:5: a.titel: unknown key; did you mean 'title'?"),
        ("Сочи: {title: А}", "1:1: Сочи: expected a key of a topic"),
        (
            "a: {title: А, names: [«Сочи»]}",
            "1:23: a.names.0: expected a name of letters",
        ),
        ("a: {title: А, adjectives: [сочинск]}", "expected an adjective in -ий or -ой"),
        ("feed: {title: А}", "1:1: feed: expected another key, feed names a file"),
        (
            "a: {title: А, names: [Лоо]}\nb: {title: Б, unsure: [Лоо]}",
            "2:24: b.unsure.0: Лоо is already a name of a",
        ),
        ("[a]", "expected keys with values, found a list"),
    ],
)
def test_faults_of_a_gazetteer_stand_in_its_own_file(load, tmp_path, gazetteer, fault):
    path = tmp_path / "places.yaml"
    path.write_text(gazetteer, "utf-8")

    with pytest.raises(ConfigError) as caught:
        load(SMALLEST + "places: {gazetteer: places.yaml}\n")

    said = [str(one).removeprefix(f"{path}:") for one in caught.value.faults]
    assert any(fault in line for line in said), said


def test_a_gazetteer_that_is_not_there(faults):
    (fault,) = faults(SMALLEST + "places: {gazetteer: none.yaml}\n")

    assert "No such file" in fault


# --- faults: the file as a whole -------------------------------------------------


def test_all_faults_at_once_in_order():
    with pytest.raises(ConfigError) as caught:
        load_config(DATA / "broken.yaml")

    said = [
        str(dataclasses.replace(fault, file="broken.yaml"))
        for fault in caught.value.faults
    ]
    assert said == [
        "broken.yaml:2:3: site.titel: unknown key; did you mean 'title'?",
        "broken.yaml:2:3: site.title: required key is missing",
        "broken.yaml:3:8: site.url: expected an address that ends in \"/\", found https://news.example.org; did you mean 'https://news.example.org/'?",
        "broken.yaml:4:13: site.timezone: expected a time zone such as Europe/Moscow, found Europe/Moskow; did you mean 'Europe/Moscow'?",
        "broken.yaml:5:10: storage: expected sqlite:///FILE or postgresql://USER@HOST/DATABASE, found postgres://***@db.example.org/news",
        "broken.yaml:7:13: fetch.interval: expected a duration such as 15m, found 12:30",
        "broken.yaml:8:14: fetch.max_bytes: expected a size such as 10MB, found 10485760",
        "broken.yaml:9:19: fetch.allow_private.0: expected a network such as 127.0.0.0/8, found 10.0.0.1/8; did you mean '10.0.0.0/8'?",
        "broken.yaml:10:20: publish.content: expected title, summary or full, found ful; did you mean 'full'?",
        "broken.yaml:10:38: publish.max_entries: expected a whole number from 1 to 10,000, found no",
        "broken.yaml:15:9: topics.culture.words.0: expected a word or a phrase; * works only at the end of a single word, found премьера спект*",
        "broken.yaml:16:23: topics.culture.words.1.veto: unknown key; known here: term, all, any, none, weight, field, gap",
        "broken.yaml:17:3: topics.index: expected another key, index names a file of the output folder",
        "broken.yaml:18:1: interval: unknown key; it belongs under fetch or publish",
        "broken.yaml:20:5: sources.0: expected an address that begins with http:// or https://, found kubnews.ru/rss; did you mean 'https://kubnews.ru/rss'?",
        "broken.yaml:21:41: sources.1.nmae: unknown key; did you mean 'name'?",
        "broken.yaml:22:11: sources.2.url: the address example.org/rss is already that of sources.1 on line 21",
        "broken.yaml:22:44: sources.2.topics.0: expected a key of topics, found cultura; did you mean 'culture'?",
        "broken.yaml:23:10: sources.3.url: expected an address without user name and password, found https://***@example.com/feed",
        "broken.yaml:25:5: sources.3.interval: duplicate key; the first one is on line 24",
    ]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "1:1: the file is empty: no site and no sources"),
        ("# nothing\n", "1:1: the file is empty: no site and no sources"),
        (
            "- https://a.ru/",
            "1:1: expected the keys site, sources and others, found a list",
        ),
        ("привет", "1:1: expected the keys site, sources and others, found text"),
        (
            SMALLEST.encode("utf-16"),
            "1:1: expected UTF-8, found UTF-16; save the file as UTF-8",
        ),
        (
            SMALLEST.encode("cp1251"),
            "1:15: expected UTF-8, found the byte 0xCD; save the file as UTF-8",
        ),
        (
            b"\xef\xbb\xbf\xd0\xb0\xff",
            "1:2: expected UTF-8, found the byte 0xFF; save the file as UTF-8",
        ),
        (
            SMALLEST + "output: a\0b",
            "3:10: expected text, found the control character U+0000",
        ),
        (
            SMALLEST + 'output: "a\\0b"',
            "3:9: output: expected text without control characters",
        ),
        (
            "site:\n\ttitle: a",
            "2:1: cannot be read as YAML: found character that cannot start any token; indent with spaces, not with tabs",
        ),
        (
            "site: a: b",
            "1:8: cannot be read as YAML: mapping values are not allowed in this context; text that holds ': ' needs quotes",
        ),
        (
            "a: 1\nb: 'x\n",
            "2:4: cannot be read as YAML: found unexpected end of stream",
        ),
        (
            "words: [*театр]",
            "1:10: cannot be read as YAML: did not find expected alphabetic or numeric character; text that begins with * & ! % @ or ` needs quotes",
        ),
        (
            "a: *b",
            "1:4: a: the alias *b names nothing; text that begins with * needs quotes",
        ),
        ("a: &a [*a]", "1:8: a.0: the alias *a stands inside of what it names"),
        (SMALLEST + "---\n" + SMALLEST, "3:1: expected one YAML document"),
        ("? [a]\n: b", "1:3: expected a key of plain text"),
        ("{{ title }}: b", "1:1: expected a key of plain text"),
        ("[" * 3_000, "1:31: nested more than 30 deep"),
        ("{a: " * 200_000, "1:121: nested more than 30 deep"),
        ("- " * 300_000, "1:61: nested more than 30 deep"),
    ],
)
def test_unreadable_files(faults, content, fault):
    found = faults(content)

    assert any(line.startswith(fault) for line in found), found


def test_exploding_aliases(faults):
    names = "abcdefghi"
    levels = [
        f"{name}: &{name} [{', '.join(['*' + before] * 10)}]"
        for before, name in itertools.pairwise(names)
    ]

    (fault,) = faults("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(levels))

    assert "more than 100,000 values, aliases counted" in fault


def test_python_tags(faults):
    found = faults(SMALLEST + "output: !!python/object/apply:os.system [id]")

    assert (
        found[0]
        == "3:9: output: expected a value without a tag, found !!python/object/apply:os.system"
    )


def test_duplicate_keys_name_both_lines(faults):
    (fault,) = faults(SMALLEST + "output: a\nstorage: sqlite:///a\noutput: b\n")

    assert fault == "5:1: output: duplicate key; the first one is on line 3"


def test_files_over_one_megabyte(faults):
    (fault,) = faults(SMALLEST + "#" * 1_000_000)

    assert fault.endswith("expected a file of at most 1,000,000 bytes")


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_files_that_cannot_be_read(tmp_path, name):
    with pytest.raises(ConfigError, match=r"cannot be read: [A-Z]") as caught:
        load_config(tmp_path / name)

    assert caught.value.faults[0].line == 0


# --- faults: values --------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("fetch: {interval: 15}", "fetch.interval: expected a duration such as 15m"),
        ("fetch: {interval: }", "found nothing"),
        ("fetch: {interval: [15m]}", "found a list"),
        ("fetch: {interval: 0s}", "expected a duration from 1s to 36500d, found 0s"),
        ("fetch: {interval: 999999999d}", "expected a duration from 1s to 36500d"),
        ("publish: {interval: 0s}", "expected a duration from 1s to 36500d, found 0s"),
        ("fetch: {interval: 15 min}", "found 15 min; did you mean '15m'?"),
        ("fetch: {interval: 2 weeks}", "did you mean '14d'?"),
        (
            "fetch: {min_interval: 2h, max_interval: 1h}",
            "3:23: fetch.min_interval: expected at most max_interval, 1h, found 2h",
        ),
        (
            "fetch: {interval: 12h, max_interval: 6h}",
            "fetch.interval: expected at most max_interval, 6h, found 12h",
        ),
        (
            "fetch: {interval: 1m, min_interval: 5m}",
            "fetch.min_interval: expected at most interval, 1m, found 5m",
        ),
        ("fetch: {max_interval: 0s}", "fetch.max_interval: expected a duration from"),
        ("fetch: {max_bytes: 10 mb}", "did you mean '10MB'?"),
        ("fetch: {max_bytes: 0MB}", "expected a size such as 10MB, found 0MB"),
        ("fetch: {per_host: 2.0}", "expected a whole number from 1 to 100, found 2.0"),
        ("fetch: {per_host: true}", "found true"),
        ("fetch: {concurrency: 0}", "expected a whole number from 1 to 1,000, found 0"),
        (
            "fetch: {allow_private: 127.0.0.0/8}",
            "expected a list, found 127.0.0.0/8",
        ),
        ("fetch: [15m]", "fetch: expected keys with values, found a list"),
        ("keep: {published: never}", "expected a duration such as 30d, or forever"),
        (
            "publish: {first_sight: some}",
            "expected a duration such as 30d, all or none, found some",
        ),
        ("publish: {source_share: 1/0}", "expected a share above 0 and up to 1"),
        ("publish: {source_share: 4/3}", "expected a share above 0 and up to 1"),
        ("publish: {source_share: 0}", "expected a share above 0 and up to 1"),
        ("publish: {ads: lable}", "found lable; did you mean 'label'?"),
        ("publish: {hubs: https://hub.example.org/}", "publish.hubs: expected a list"),
        ("publish: {hubs: [hub.example.org]}", "publish.hubs.0: expected an address"),
        (
            "publish: {hubs: [https://a.ru/, 'http://10.0.0.1/hub']}",
            "publish.hubs.1: 10.0.0.1 is no public address, nor in fetch.allow_private",
        ),
        ("publish: {page_images: 1}", "publish.page_images: expected true or false"),
        (
            "topics: {a: {title: А}, a-archive-12: {title: Б}}",
            "topics.a-archive-12: expected another key, a-archive-12 names an archive of a",
        ),
        (
            "publish: {profiles: {feed-archive-1: {dialect: atom}}}",
            "publish.profiles.feed-archive-1: expected another key, feed-archive-1 names",
        ),
        (
            "publish: {profiles: {feed: {dialect: rss}}}",
            "publish.profiles.feed: expected another key, feed names a file",
        ),
        (
            "publish: {profiles: {sochi: {dialect: rss}}}",
            "publish.profiles.sochi: expected another key, sochi is the place Сочи",
        ),
        (
            "publish: {profiles: {P: {dialect: rss}}}",
            "expected a key of a profile: 1 to 40 of a-z, 0-9 and -, found P",
        ),
        (
            "publish: {profiles: {p: {}}}",
            "publish.profiles.p.dialect: required key is missing",
        ),
        (
            "publish: {profiles: {p: {dialect: yndex}}}",
            "expected atom, rss, json or yandex, found yndex; did you mean 'yandex'?",
        ),
        (
            "publish: {profiles: {p: {dialect: rss, topic: [a]}}}",
            "publish.profiles.p.topic: unknown key; did you mean 'topics'?",
        ),
        (
            "publish: {profiles: {p: {dialect: rss, topics: [culture]}}}",
            "publish.profiles.p.topics.0: expected a key of topics, found culture",
        ),
        (
            "publish: {profiles: {p: {dialect: rss, places: [sochy]}}}",
            "expected a place of the gazetteer, found sochy; did you mean 'sochi'?",
        ),
        (
            "publish: {profiles: {p: {dialect: rss, sources: [kubnews.ru/rs]}}}",
            "found kubnews.ru/rs; did you mean 'kubnews.ru/rss'?",
        ),
        (
            'publish: {profiles: {p: {dialect: rss, not_sources: ["https://93.ru/"]}}}',
            "expected the id or the address of a source, found https://93.ru/",
        ),
        (
            "publish: {profiles: {p: {dialect: yandex, content: summary}}}",
            "publish.profiles.p.content: expected full, its rules ask for texts",
        ),
        (
            "publish: {profiles: {p: {dialect: yandex, max_age: 9d}}}",
            "publish.profiles.p.max_age: expected at most 8d, found 9d",
        ),
        (
            "publish: {profiles: {p: {dialect: rss, genre: article}}}",
            "publish.profiles.p.genre: only dialect: yandex has genres",
        ),
        ("serve: {port: 0}", "expected a whole number from 1 to 65,535, found 0"),
        ("serve: {host: a b}", "expected a host name or an address"),
        ("serve: {metrics: 9100}", "did you mean '127.0.0.1:9100'?"),
        ("serve: {metrics: 'a:0'}", "expected HOST:PORT such as 127.0.0.1:9100"),
        ("serve: {metrics: 'a:65536'}", "expected HOST:PORT such as"),
        ("serve: {metrics: '::1:9100'}", "expected HOST:PORT such as"),
        (
            "serve: {metrics: '0.0.0.0:8080'}",
            "serve.metrics: expected another port than that of the documents",
        ),
        ("serve: {public_url: 'https://a.ru/x'}", "did you mean 'https://a.ru/x/'?"),
        ("alerts: {after: 0s}", "alerts.after: expected a duration from 1s"),
        (
            "alerts: {webhook: 'http://127.0.0.1:99/x'}",
            "alerts.webhook: 127.0.0.1 is no public address, nor in fetch.allow_private",
        ),
        ("storage: sqlite://var/a.db", "did you mean 'sqlite:///var/a.db'?"),
        ("storage: 'sqlite:///:memory:'", "expected sqlite:///FILE"),
        ("storage: mysql://h/db", "expected sqlite:///FILE"),
        ("output: ''", "expected a folder, found an empty text"),
        ("plugins: {after: 24h}", "plugins: unknown key; known here: site, storage"),
        ("hubs: []", "hubs: unknown key; it belongs under publish"),
        ("Fetch: {}", "did you mean 'fetch'?"),
        ("<<: {a: 1}", "<<: unknown key"),
    ],
)
def test_faults_in_sections(faults, more, fault):
    (found,) = faults(SMALLEST + more)

    assert fault in found
    assert found.startswith("3:")


@pytest.mark.parametrize(
    ("site", "fault"),
    [
        ("title: 2026, url: https://a.ru/", "expected text, found 2026; did you mean"),
        ("title: true, url: https://a.ru/", "expected text, found true"),
        ("title: a, url: https://a.ru/?x=/", 'expected an address that ends in "/"'),
        ("title: a, url: https://a.ru/, language: русский", "a language such as ru"),
        ("title: a, url: https://a.ru/, timezone: MSK+3", "expected a time zone"),
        ("title: a, url: https://a.ru/, timezone: localtime", "expected a time zone"),
        ("title: a, url: https://a.ru/, timezone: ../passwd", "expected a time zone"),
        ("title: a, url: https://a.ru/, timezone: Europe", "expected a time zone"),
        ("title: a, url: https://a.ru/, contact: редакция", "an e-mail or web address"),
        ("title: a", "site.url: required key is missing"),
    ],
)
def test_faults_of_the_site(faults, site, fault):
    (found,) = faults(f"site: {{{site}}}\n{SOURCES}")

    assert fault in found
    assert found.startswith("1:")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("kubnews.ru/rss", "did you mean 'https://kubnews.ru/rss'?"),
        ("file:///etc/passwd", "begins with http:// or https://, found file:///etc"),
        ("javascript:alert(1)", "begins with http:// or https://"),
        ("https://u:p@a.ru/", "without user name and password, found https://***@a.ru"),
        ("https:///rss", "with a host"),
        ("https://a.ru:0/", "a port from 1 to 65535"),
        ("https://a.ru:65536/", "a port from 1 to 65535"),
        ("https://a.ru:http/", "a port from 1 to 65535"),
        ('"https://[::1/"', "with a host"),
        ("https://a..ru/", "with a host"),
        ("https://a.ru/a b", "without spaces"),
        ("http://127.0.0.1/", "127.0.0.1 is no public address"),
        ("http://2130706433/", "127.0.0.1 is no public address"),
        ("http://0x7f.1/", "127.0.0.1 is no public address"),
        ('"http://[::ffff:10.0.0.1]/"', "is no public address"),
        ("http://169.254.169.254/", "169.254.169.254 is no public address"),
        ("5", "expected keys with values, found 5"),
        ("{name: x}", "url: required key is missing"),
        ("{url: https://a.ru/, kind: html}", "expected feed, sitemap or page, found"),
        ("{url: https://a.ru/, kind: site}", "did you mean 'sitemap'?"),
        ("{url: https://a.ru/, kind: page}", "needs page with item and title"),
        ("{url: https://a.ru/, kind: page, page: }", "needs page with item and title"),
        (
            "{url: https://a.ru/, page: {item: a, title: b}}",
            "3:26: sources.0.page: only kind: page has selectors, this is kind: feed",
        ),
        (
            "{url: https://a.ru/, kind: sitemap, page: {item: a, title: b}}",
            "only kind: page has selectors, this is kind: sitemap",
        ),
        ("{url: https://a.ru/, id: a b}", "expected an id"),
        ("{url: https://a.ru/, id: 93}", "expected an id"),
        ("{url: https://a.ru/, enabled: yes}", "expected true or false, found yes"),
        (
            "{url: https://a.ru/, withdrawals: no}",
            "expected follow or ignore, found no",
        ),
        ("{url: https://a.ru/, encoding: zlib}", "the name of a character encoding"),
        ("{url: https://a.ru/, encoding: cp-1251x}", "name of a character encoding"),
        ("{url: https://a.ru/, topics: culture}", "expected a list, found culture"),
        ("{url: https://a.ru/, topics: [nature]}", "expected a key of topics"),
    ],
)
def test_faults_of_a_source(faults, source, fault):
    (found,) = faults(SITE + f"sources:\n  - {source}\n")

    assert fault in found
    assert found.startswith("3:")


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("{item: li}", "page.title: required key is missing"),
        ("{title: h3}", "page.item: required key is missing"),
        ("li", "page: expected keys with values, found li"),
        (
            "{item: li, title: h3, text: p}",
            "page.text: unknown key; known here: item, title, link",
        ),
        (
            "{item: 'div..a', title: h3}",
            "3:51: sources.0.page.item: expected a CSS selector such as div.news > h3,"
            " found div..a",
        ),
        ("{item: li, title: ''}", "expected a CSS selector"),
        ("{item: li, title: '//h3/a'}", "expected a CSS selector"),
        ("{item: li, title: 'a::text'}", "expected a CSS selector"),
        ("{item: li, title: 3}", "expected a CSS selector"),
        ("{item: li, title: h3, image: 'img['}", "page.image: expected a CSS selector"),
        (
            "{item: li, title: h3, date: i, date_format: dd.mm.yyyy}",
            "expected a format with day, month and year such as %d.%m.%Y",
        ),
        ("{item: li, title: h3, date: i, date_format: '%d %B'}", "with day, month"),
        (
            "{item: li, title: h3, date_format: '%d.%m.%Y'}",
            "page.date_format: date_format needs date",
        ),
    ],
)
def test_faults_of_a_page(faults, page, fault):
    source = f"{{url: https://a.ru/, kind: page, page: {page}}}"
    (found,) = faults(SITE + f"sources:\n  - {source}\n")

    assert fault in found
    assert found.startswith("3:")


def test_a_page_has_its_selectors(load):
    page = '{item: li, title: "h3 > a", date: .when, date_format: "%d.%m.%Y"}'
    (source,) = load(
        SITE + f"sources: [{{url: https://a.ru/, kind: page, page: {page}}}]"
    ).sources

    assert source.kind == "page"
    assert source.page == PageSelectors(
        item="li", title="h3 > a", date=".when", date_format="%d.%m.%Y"
    )


def test_a_source_is_a_feed_unless_it_says(load):
    sources = "sources: [https://a.ru/, {url: https://b.ru/, kind: sitemap}]"

    assert [(s.kind, s.page) for s in load(SITE + sources).sources] == [
        ("feed", None),
        ("sitemap", None),
    ]


def test_an_id_belongs_to_one_source(faults):
    sources = "sources: [https://a.ru/rss, {url: https://b.ru/, id: a.ru/rss}]"

    assert faults(SITE + sources) == [
        "2:54: sources.1.id: the id a.ru/rss is already that of sources.0 on line 2"
    ]


def test_no_sources_at_all(faults):
    assert faults(SITE + "sources: []") == [
        "2:10: sources: expected at least one source, found none"
    ]
    assert faults(SITE) == ["1:1: sources: required key is missing"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ('""', "expected a word, found an empty text"),
        ('"*"', "expected letters before one *"),
        ('"*театр"', "expected letters before one *"),
        ("те*атр", "expected letters before one *"),
        ("т*", "expected at least two letters before the *"),
        ("премьера спект*", "* works only at the end of a single word"),
        ("=МХАТ*", "expected either = before a word or * after it"),
        ("премьера =МХАТ", "expected = only before the first word"),
        ('"="', "expected = only before the first word"),
        ('"театр, опера"', "expected words of letters and digits"),
        ("—", "expected words of letters and digits"),
        ("{term: a, weight: 0}", "expected a number above 0, at most 1,000, found 0"),
        ("{term: a, weight: true}", "expected a number above 0"),
        ("{term: a, field: titel}", "did you mean 'title'?"),
        ("{term: a, gap: -1}", "expected a whole number from 0 to 20, found -1"),
        ("{word: a}", "word: unknown key"),
        ("{weight: 2}", "expected one of term, all and any, found none of them"),
        ("{all: []}", "expected one of term, all and any, found none of them"),
        (
            "{term: a, any: [b]}",
            "expected one of term, all and any, found term and any",
        ),
        ("{all: [a, =МХАТ*]}", "all.1: expected either = before a word or * after"),
        ("{any: хор}", "any: expected a list, found хор"),
        ("{any: [хор, {term: хор}]}", "any.1: expected a word, found keys with values"),
        ("{term: a, none: [т*]}", "none.0: expected at least two letters before the *"),
        ("[a]", "expected keys with values, found a list"),
        ("5", "expected keys with values, found 5"),
    ],
)
def test_faults_of_a_term(faults, words, fault):
    found = faults(
        SMALLEST + f"topics:\n  a:\n    title: А\n    words:\n      - {words}\n"
    )

    assert any(fault in line for line in found), found
    assert all(line.startswith("7:") for line in found)


@pytest.mark.parametrize(
    ("topic", "fault"),
    [
        ("Culture: {title: a}", "4:3: topics.Culture: expected a key of a topic"),
        ("культура: {title: a}", "4:3: topics.культура: expected a key of a topic"),
        ("feed: {title: a}", "4:3: topics.feed: expected another key"),
        ("a:", "4:5: topics.a: expected keys with values, found nothing"),
        ("a: {}", "4:6: topics.a.title: required key is missing"),
        ("a: {title: a, positions: [1, 2]}", "expected 3 numbers, found 2"),
        ("a: {title: a, categories: ['*']}", "expected a category, or its beginning"),
        ("a: {title: a, event_frame: 1}", "event_frame: expected true or false"),
        ("a: {title: a, no: [b]}", "no: unknown key; did you mean 'not'?"),
    ],
)
def test_faults_of_a_topic(faults, topic, fault):
    (found,) = faults(SMALLEST + f"topics:\n  {topic}\n")

    assert fault in found


# --- faults: the machine ---------------------------------------------------------


def test_output_below_a_file(faults, tmp_path):
    (tmp_path / "taken").touch()

    (found,) = faults(SMALLEST + "output: taken/out")

    assert found == f"3:9: output: expected a folder, {tmp_path}/taken is none"


def test_output_that_dangles(faults, tmp_path):
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")

    (found,) = faults(SMALLEST + "output: out")

    assert "is none" in found


def test_output_that_is_not_writable(faults, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir(mode=0o500)
    if os.geteuid() == 0:  # who may write everywhere
        monkeypatch.setattr(os, "access", lambda place, mode: place.name != "out")

    (found,) = faults(SMALLEST + "output: out/deeper")

    message = f"expected a folder that can be written to, {tmp_path}/out cannot"
    assert found == f"3:9: output: {message}"


# --- the page and the schema -----------------------------------------------------

EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

DOCUMENTED = [
    ("The file", FileKeys),
    ("site", SiteKeys),
    ("keep", KeepKeys),
    ("fetch", FetchKeys),
    ("publish", PublishKeys),
    ("serve", ServeKeys),
    ("alerts", AlertKeys),
    ("topics", TopicKeys),
    ("Terms", ExcludedTermKeys),
    ("places", PlacesKeys),
    ("A gazetteer", PlaceKeys),
    ("sources", SourceKeys),
    ("page", PageKeys),
]


def default_in_page(field):
    if field.is_required():
        return "required"
    value = field.default
    if value is None:
        return "none"
    return f"`{json.dumps(value) if not isinstance(value, str) else value}`"


@pytest.mark.parametrize(("heading", "keys"), DOCUMENTED)
def test_page_has_every_key_with_its_default(heading, keys):
    section = re.search(rf"^##+ {heading}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.M)[1]
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", section, re.M)

    assert rows == [
        (field.alias or name, default_in_page(field))
        for name, field in keys.model_fields.items()
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_page_load_and_fit_the_schema(load, example, tmp_path):
    (tmp_path / "places.yaml").write_text("sochi: {title: Сочи}", "utf-8")

    load(example)

    jsonschema.validate(yaml.safe_load(example), json_schema())


def test_the_big_example_has_every_key():
    everything = yaml.safe_load(EXAMPLES[-1])
    topic = everything["topics"]["culture"]
    terms = [term for term in topic["words"] + topic["not"] if isinstance(term, dict)]
    shown = [
        (FileKeys, everything),
        (SiteKeys, everything["site"]),
        (KeepKeys, everything["keep"]),
        (FetchKeys, everything["fetch"]),
        (PublishKeys, everything["publish"]),
        (ServeKeys, everything["serve"]),
        (AlertKeys, everything["alerts"]),
        (TopicKeys, topic),
        (ExcludedTermKeys, {key for term in terms for key in term}),
        (PlacesKeys, everything["places"]),
        (SourceKeys, everything["sources"][1]),
        (PageKeys, everything["sources"][1]["page"]),
    ]

    for keys, mapping in shown:
        assert {f.alias or name for name, f in keys.model_fields.items()} == set(
            mapping
        )


def test_schema_in_docs_is_current():
    """``aggregator check --schema > docs/feeds.schema.json`` makes it so."""
    written = (ROOT / "docs" / "feeds.schema.json").read_text("utf-8")

    assert json.loads(written) == json_schema()


def test_schema_is_a_schema_and_describes_every_key():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    mappings = [schema, *schema["$defs"].values()]

    for mapping in mappings:
        for key, value in mapping["properties"].items():
            # pydantic leaves out a description that the mapping itself has.
            assert value.get("description") or "$ref" in value, key


@pytest.mark.parametrize(
    "more",
    [
        "fetch: {interval: 15}",
        "fetch: {intervall: 15m}",
        "fetch: {concurrency: 0}",
        "publish: {content: ful}",
        "publish: {source_share: 2}",
        "keep: {published: never}",
        "serve: {port: 99999}",
        "storage: mysql://h/db",
        "hubs: []",
        "topics: {feed: {title: a}}",
        "topics: {Culture: {title: a}}",
        "topics: {a: {words: [b]}}",
        "topics: {a: {title: a, words: [{trem: b}]}}",
        "topics: {a: {title: a, words: [{term: b, veto: true}]}}",
        "topics: {a: {title: a, positions: [1]}}",
    ],
)
def test_schema_refuses_what_the_program_refuses(faults, more):
    assert faults(SMALLEST + more)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(SMALLEST + more), json_schema())
