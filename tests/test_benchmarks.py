"""The farm is what the benchmark says it is; nothing here measures time."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
import yaml

from benchmarks import farm as farms
from benchmarks import measure, serve, words

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SHAPE = farms.Shape(sources=20, entries=10)


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    return farms.build_farm(SHAPE, NOW, tmp_path_factory.mktemp("farm"))


def parsed(farm, source):
    return feedparser.parse((farm.www / source.file).read_bytes())


def test_farm_has_the_shares_that_the_issue_names():
    plan = farms.plan_farm(farms.Shape(sources=200, entries=50), NOW)
    entries = [entry for source in plan for entry in source.entries]
    ages = [NOW - entry.published for entry in entries]

    assert [len(source.entries) for source in plan] == [50] * 200
    assert sum(source.atom for source in plan) == 20
    assert Counter(source.encoding for source in plan) == {
        "utf-8": 180,
        "windows-1251": 20,
    }
    assert sum(entry.edit > 0 for entry in entries) == 2000
    assert 0.08 < sum(age < timedelta(hours=48) for age in ages) / len(ages) < 0.12
    assert timedelta(0) < min(ages)
    assert max(ages) < timedelta(days=30, hours=6)


def test_copies_stand_in_other_sources_near_their_originals():
    plan = farms.plan_farm(SHAPE, NOW)
    originals = {
        entry.article: (source.number, entry.published)
        for source in plan
        for entry in source.entries
        if not entry.edit
    }
    copies = [(s.number, e) for s in plan for e in s.entries if e.edit]

    assert copies
    for number, copy in copies:
        source, published = originals[copy.article]
        assert source != number
        assert abs(copy.published - published) <= farms.COPY_SPREAD


def test_copy_is_the_original_lightly_edited():
    entry = farms.PlannedEntry(article=7, published=NOW, about=NOW)
    original = farms.write_article(entry, 0)
    copies = [
        farms.write_article(farms.replace(entry, edit=edit), 0) for edit in range(1, 30)
    ]
    whole = " ".join(original.paragraphs).split()

    assert len({copy.title for copy in copies}) > 1
    assert original.title in {copy.title for copy in copies}
    for copy in copies:
        same = Counter(" ".join(copy.paragraphs).split()) & Counter(whole)
        assert same.total() > 0.6 * len(whole)


def test_every_document_parses_in_its_encoding(farm):
    for source in farm.sources:
        feed = parsed(farm, source)
        assert not feed.bozo
        assert feed.encoding == source.encoding
        assert feed.version == ("atom10" if source.atom else "rss20")
        assert len(feed.entries) == 10
        assert len({entry.id for entry in feed.entries}) == 10


def test_texts_are_russian_and_of_the_length_named(farm):
    lengths = []
    for source in farm.sources:
        for entry in parsed(farm, source).entries:
            html = entry.content[0].value if "content" in entry else entry.summary
            assert html.startswith("<p>")
            text = re.sub(r"<[^>]+>", "", html)
            assert len(re.findall(r"[а-яё]", text.lower())) > 0.7 * len(text)
            lengths.append(len(text))

    assert 1300 < sum(lengths) / len(lengths) < 1700


def test_topics_are_a_quarter():
    prose = farms.Prose(SHAPE.seed, pool=50)
    domains = Counter(prose.article(seed, NOW).domain for seed in range(600))

    share = sum(domains[topic] for topic in ("culture", "health", "events")) / 600
    assert 0.2 < share < 0.3


def test_same_day_gives_the_same_farm_from_the_cache(farm):
    again = farms.build_farm(SHAPE, NOW + timedelta(hours=3), farm.folder.parent)

    assert again == farm


def test_same_seed_gives_the_same_bytes(farm, tmp_path):
    again = farms.build_farm(SHAPE, NOW, tmp_path)

    for source in farm.sources:
        assert (again.www / source.file).read_bytes() == (
            farm.www / source.file
        ).read_bytes()


def test_yesterdays_farm_is_thrown_away(tmp_path):
    shape = farms.Shape(sources=2, entries=2)
    old = farms.build_farm(shape, NOW - timedelta(days=1), tmp_path)
    new = farms.build_farm(shape, NOW, tmp_path)

    assert new.folder.is_dir()
    assert not old.folder.exists()


def test_news_change_the_view_and_not_the_farm(farm, tmp_path):
    before = {
        source.file: (farm.www / source.file).read_bytes() for source in farm.sources
    }
    view = farm.view(tmp_path / "view")
    changed = view.publish_news(0.05, 2, NOW + timedelta(hours=1))
    source = next(source for source in farm.sources if source.file == changed[0].name)
    old, new = parsed(farm, source), parsed(view, source)

    assert len(changed) == 1
    assert [entry.id for entry in new.entries[2:]] == [
        entry.id for entry in old.entries[:-2]
    ]
    assert {entry.id for entry in new.entries[:2]}.isdisjoint(
        entry.id for entry in old.entries
    )
    assert {s.file: (farm.www / s.file).read_bytes() for s in farm.sources} == before


def test_configuration_polls_every_source_with_the_shipped_topics(farm):
    config = yaml.safe_load(farms.feeds_yaml(farm, 8500))

    assert len(set(config["sources"])) == 20
    assert config["sources"][1].startswith("http://127.0.0.2:8500/1.")
    assert {"culture", "health", "events"} <= set(config["topics"])


@pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/bin") is None,
    reason="nginx is not installed: apt-get install nginx-light",
)
def test_nginx_serves_the_farm_and_answers_304(farm, tmp_path):
    from benchmarks.crawl import _conditional_request, _exchange

    view = farm.view(tmp_path)
    port = farms.free_port()
    requests = [_conditional_request(view, source, port) for source in view.sources]
    with farms.serve(view, tmp_path, port) as nginx:
        answers = [_exchange(host, port, request) for host, request in requests]
        assert measure.cpu_seconds(nginx) >= 0

    assert all(answer.startswith(b"HTTP/1.1 304") for answer in answers)


def run_serve(*arguments: str, path: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.serve", *arguments],
        cwd=farms.HERE.parent,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(
    not (shutil.which("wrk") and shutil.which("nginx", path="/usr/sbin:/usr/bin")),
    reason="wrk or nginx is not installed: apt-get install wrk nginx-light",
)
def test_answers_are_counted_beside_nginx():
    done = run_serve("--rounds=1", "--seconds=1", path=os.environ["PATH"])

    assert done.returncode == 0, done.stderr
    assert "feed.atom: 100 entries" in done.stdout
    for case in ("304", "200 gzip", "200 identity"):
        line = next(line for line in done.stdout.splitlines() if line.startswith(case))
        assert re.search(
            r"aggregator +[\d,]+/s .* nginx +[\d,]+/s .* ratio [\d.]+", line
        )


def test_who_lacks_wrk_is_told_so(tmp_path):
    done = run_serve(path=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert "wrk is missing: apt-get install wrk" in done.stderr


def test_a_run_with_errors_is_no_measurement():
    said = "  120 requests in 1.00s, 1.0MB read\nRequests/sec:    119.50\n"

    assert serve.rate_of(said, cpu=0.5) == serve.Rate(a_second=119.5, a_cpu_second=240)
    with pytest.raises(SystemExit, match="Non-2xx"):
        serve.rate_of(said + "  Non-2xx or 3xx responses: 3\n", cpu=0.5)


@pytest.mark.parametrize(
    ("noun", "forms"),
    [
        (
            "выставка",
            "выставка выставки выставке выставку выставкой выставке выставки выставок",
        ),
        (
            "премьера",
            "премьера премьеры премьере премьеру премьерой премьере премьеры премьер",
        ),
        (
            "учитель*+",
            "учитель учителя учителю учителя учителем учителе учители учителей",
        ),
        ("музей", "музей музея музею музей музеем музее музеи музеев"),
        ("врач+", "врач врача врачу врача врачом враче врачи врачей"),
        ("лечение", "лечение лечения лечению лечение лечением лечении лечения лечений"),
        (
            "площадь",
            "площадь площади площади площадь площадью площади площади площадей",
        ),
    ],
)
def test_nouns_inflect(noun, forms):
    _, declined = words.decline(noun)

    assert declined[:8] == forms.split()


def test_verbs_agree():
    assert words.past("открыть") == {
        "m": "открыл",
        "f": "открыла",
        "n": "открыло",
        "p": "открыли",
    }
    assert words.past("начаться")["f"] == "началась"
    assert words.adjective("казачий")["m"][0] == "казачий"


def test_cost_counts_the_whole_tree(tmp_path):
    """CPU and memory of a child of the child are in the sum."""
    grandchild = (
        "x = bytearray(50_000_000); sum(range(2_000_000)); import time; time.sleep(0.3)"
    )
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"

    cost = measure.run([sys.executable, "-c", program], log=tmp_path / "log")

    assert cost.exit_code == 0
    assert cost.peak_memory > 50_000_000
    assert cost.cpu > 0.02


def test_sampler_books_every_process(tmp_path):
    work = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    environment = {
        "CRAWL_SAMPLES": str(tmp_path),
        "PYTHONPATH": str(farms.HERE / "sampler"),
    }

    subprocess.run(
        [sys.executable, "-c", work], env=environment, check=True, timeout=60
    )

    booked = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert booked["worker"] is False
    assert 0.05 < sum(booked["seconds"].values()) < 5
