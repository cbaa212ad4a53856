"""Sources by command: `add` over real HTTP, lists from other readers, and back again."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.testing
from hypothesis import given
from hypothesis import strategies as st

from aggregator import adding, app, cli
from aggregator.adding import import_opml
from aggregator.config import load_config
from aggregator.errors import ConfigError
from aggregator.opml import MAX_OPML_BYTES, read_opml
from tests import opml20

FEED = b"""<rss version="2.0"><channel><title>\xd0\x9f\xd0\xbe\xd1\x80\xd1\x82: \xd0\xb2\xd1\x81\xd1\x91</title>
<item><guid>1</guid><title>Ship</title><link>https://p.example/1</link></item></channel></rss>"""
PAGE = b"""<!doctype html><html><head><title>x</title>
<link rel="alternate" type="application/rss+xml" href="/broken">
<link rel="alternate" type="application/rss+xml" href="/rss?a=1&amp;b=2"></head></html>"""
HEAD = """# ours
site: {title: Новости, url: https://news.example.org/}
fetch: {gap: 0s, allow_private: [127.0.0.0/8]}
topics:
  culture: {title: Культура и искусство, words: [театр]}
  health: {title: Здоровье, words: [врач]}
"""
OLD = "sources:\n  - https://old.example/rss  # the first\n"


@pytest.fixture
def portal():
    """Answers on loopback by path: a body, or an address to redirect to for good."""
    answers: dict[str, bytes | str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path)
            if isinstance(answer, str):
                self.send_response(301)
                self.send_header("Location", answer)
            else:
                self.send_response(200 if answer else 404)
            body = answer if isinstance(answer, bytes) else b""
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield SimpleNamespace(
        url=f"http://127.0.0.1:{server.server_address[1]}", answers=answers
    )
    server.shutdown()
    thread.join()
    server.server_close()


def config(folder: Path, sources: str = OLD) -> Path:
    path = folder / "feeds.yaml"
    path.write_text(HEAD + sources, "utf-8")
    return path


# --- add --------------------------------------------------------------------------------


def test_a_feed_is_looked_at_and_added_under_its_own_title(tmp_path: Path, portal):
    path = config(tmp_path)
    portal.answers["/rss"] = FEED

    found = app.add_source(path, f"{portal.url}/rss")

    assert found["title"] == "Порт: всё"
    assert (found["entries"], found["error"], found["page"]) == (1, None, None)
    address = f"{portal.url}/rss"
    line = f'  - {{url: {address}, name: "Порт: всё"}}\n'
    assert path.read_text("utf-8") == HEAD + OLD + line
    assert found["added"]["line"] == 9
    source = load_config(path).sources[-1]
    assert (source.url, source.name) == (address, "Порт: всё")


def test_a_page_leads_to_the_feed_that_it_names(tmp_path: Path, portal):
    path = config(tmp_path)
    portal.answers |= {"/": PAGE, "/rss?a=1&b=2": FEED}

    found = app.add_source(path, f"{portal.url}/", "Гавань")

    feed = f"{portal.url}/rss?a=1&b=2"
    assert (found["page"], found["added"]["url"]) == (f"{portal.url}/", feed)
    assert found["proposed"] == [f"{portal.url}/broken", feed]
    source = load_config(path).sources[-1]
    assert (source.url, source.name) == (feed, "Гавань")


def test_what_moved_for_good_is_added_where_it_lives(tmp_path: Path, portal):
    path = config(tmp_path)
    portal.answers |= {"/old": "/rss", "/rss": FEED}

    found = app.add_source(path, f"{portal.url}/old")

    assert found["added"]["url"] == f"{portal.url}/rss"
    again = app.add_source(path, f"{portal.url}/old")
    assert again["already"]["id"] == found["added"]["id"]
    assert again["added"] is None


@pytest.mark.parametrize("url", ["http://www.old.example/rss/?utm_source=x"])
def test_what_is_there_already_is_named_by_its_line(tmp_path: Path, url: str):
    path = config(tmp_path)
    before = path.read_bytes()

    found = app.add_source(path, url)

    assert found["already"] == {"url": url, "id": "old.example/rss", "line": 8}
    assert path.read_bytes() == before


def test_a_source_that_has_moved_for_good_is_the_same_there(tmp_path: Path):
    """Its polls have found out, and `status` has said so."""
    path = config(tmp_path)

    def no_poll(*arguments):
        raise AssertionError("nothing was to be polled")

    found = adding.add(
        path,
        "https://new.example/rss",
        None,
        probe=no_poll,
        moved_to=lambda config: {"old.example/rss": "http://www.new.example/rss/"},
    )

    assert found["already"]["id"] == "old.example/rss"


def test_a_page_whose_feed_is_there_already(tmp_path: Path, portal):
    path = config(tmp_path, f"sources: [{portal.url}/broken/]\n")
    portal.answers |= {"/": PAGE, "/rss?a=1&b=2": FEED}
    before = path.read_bytes()

    found = app.add_source(path, f"{portal.url}/")

    assert (found["already"]["line"], found["already"]["url"]) == (
        7,
        f"{portal.url}/broken",
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({}, "http_404"),
        ({"/x": b"<html><head><title>Page</title></head></html>"}, "not_a_feed"),
        ({"/x": PAGE}, "not_a_feed"),
    ],
)
def test_what_cannot_be_read_is_not_added(tmp_path: Path, portal, answers, code):
    path = config(tmp_path)
    before = path.read_bytes()
    portal.answers |= answers

    found = app.add_source(path, f"{portal.url}/x")

    assert found["error"]["code"].startswith(code)
    assert (found["added"], path.read_bytes()) == (None, before)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("p.example/rss", "did you mean 'https://p.example/rss'?"),
        ("https://u:secret@p.example/", "without user name and password"),
        ("http://10.0.0.1/rss", "no public address"),
        ("file:///etc/passwd", "http://"),
    ],
)
def test_an_address_that_no_source_may_have_is_a_fault(tmp_path, url, message):
    path = config(tmp_path)

    with pytest.raises(ConfigError) as caught:
        app.add_source(path, url)

    assert message in str(caught.value)
    assert "secret@" not in str(caught.value)


def test_faults_of_the_file_are_told_where_they_stand_in_it(tmp_path, portal):
    """Not where they would be behind the line that is to be added."""
    path = config(tmp_path)
    portal.answers["/rss"] = FEED
    before = path.read_text(encoding="utf-8") + "bogus: 1\n"
    path.write_text(before, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        app.add_source(path, f"{portal.url}/rss")

    (fault,) = caught.value.faults
    assert (fault.key, fault.line) == ("bogus", len(before.splitlines()))
    assert path.read_text(encoding="utf-8") == before


def test_a_name_that_no_file_may_hold_is_a_fault(tmp_path: Path, portal):
    path = config(tmp_path)
    before = path.read_bytes()
    portal.answers["/rss"] = FEED

    with pytest.raises(ConfigError, match="control characters"):
        app.add_source(path, f"{portal.url}/rss", "Порт\x07")

    assert path.read_bytes() == before


def test_the_first_source_needs_no_other(tmp_path: Path, portal):
    path = config(tmp_path, "")
    portal.answers["/rss"] = FEED

    app.add_source(path, f"{portal.url}/rss")

    assert load_config(path).sources[0].url == f"{portal.url}/rss"


# --- opml import ------------------------------------------------------------------------


def opml(folder: Path, body: str | bytes, *, version: str = "1.1") -> Path:
    file = folder / "list.opml"
    if isinstance(body, str):
        body = f'<opml version="{version}"><body>\n{body}\n</body></opml>'.encode()
    file.write_bytes(body)
    return file


def test_a_list_is_added_and_everything_else_is_told_by_line(tmp_path: Path):
    path = config(tmp_path)
    file = opml(
        tmp_path,
        """<outline text="Культура и Искусство">
  <outline text="Театр &amp; Ко" xmlUrl="https://a.example/rss?x=1&amp;y=2"/>
</outline>
<outline title="Разное"><outline title="health">
  <outline type="rss" title="Врач" xmlURL="feed://b.example/rss"/>
  <outline type="rss" title="Театр ещё раз" xmlUrl="http://www.a.example/rss/?x=1&amp;y=2"/>
</outline></outline>
<outline text="Старый" xmlUrl="http://old.example/rss/"/>
<outline text="Внутри" xmlUrl="http://192.168.0.1/rss"/>
<outline text="Пароль" xmlUrl="https://u:p@c.example/rss"/>
<outline type="link" text="Ссылка" url="https://d.example/"/>
<outline text="Выключено" isComment="true"><outline text="x" xmlUrl="https://e.example/"/></outline>
<outline text="Просто текст"/>""",
    )

    found = import_opml(path, file)

    assert path.read_text("utf-8") == HEAD + OLD + (
        '  - {url: "https://a.example/rss?x=1&y=2", name: "Театр & Ко", topics: [culture, health]}\n'
    ).replace('"https://a.example/rss?x=1&y=2"', "https://a.example/rss?x=1&y=2") + (
        "  - {url: http://b.example/rss, name: Врач, topics: [health]}\n"
    )
    assert [(row["url"], row["line"]) for row in found["added"]] == [
        ("https://a.example/rss?x=1&y=2", 9),
        ("http://b.example/rss", 10),
    ]
    assert found["already"] == [
        {"url": "http://old.example/rss/", "line": 9, "source_line": 8}
    ]
    reasons = {row["line"]: row["reason"] for row in found["refused"]}
    assert list(reasons) == [10, 11, 12]
    assert "no public address" in reasons[10]
    assert "without user name" in reasons[11]
    assert found["folders_ignored"] == [{"folder": "Разное", "line": 6}]
    assert len(load_config(path).sources) == 3


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
def test_every_version_and_encoding_of_opml(tmp_path: Path, version: str):
    text = (
        '<?xml version="1.0" encoding="windows-1251"?>\n'
        f'<opml version="{version}"><head><title>Мои</title></head><body>'
        '<outline text="Юг" xmlUrl="https://a.example/"/></body></opml>'
    )

    found = read_opml(opml(tmp_path, text.encode("windows-1251")))

    assert [(feed.title, feed.url) for feed in found.feeds] == [
        ("Юг", "https://a.example/")
    ]


@pytest.mark.parametrize(
    ("outline", "feed"),
    [
        (
            '<outline htmlUrl="https://a.example" text="А" title="А" type="rss" version="RSS"'
            ' xmlUrl="https://a.example/rss"/>',
            ("https://a.example/rss", "А"),
        ),
        (
            '<outline text="&#1040;" type="rss" xmlUrl="feed:https://a.example/rss" xmlns:x="x:"'
            ' x:cssFullContent="article" x:filters="a"/>',
            ("https://a.example/rss", "А"),
        ),
        (
            '<outline description="" text="А" title="" type="atom" xmlUrl=" https://a.example/rss "/>',
            ("https://a.example/rss", "А"),
        ),
        (
            '<OUTLINE TEXT="А" XMLURL="https://a.example/rss" TYPE="RSS"></OUTLINE>',
            ("https://a.example/rss", "А"),
        ),
        (
            "<outline xmlUrl='https://a.example/rss'/>",
            ("https://a.example/rss", ""),
        ),
    ],
)
def test_what_readers_make_of_the_format(tmp_path: Path, outline: str, feed):
    (found,) = read_opml(opml(tmp_path, outline)).feeds

    assert ((found.url, found.title), found.refused) == (feed, None)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><opml><body><outline text="&b;" xmlUrl="https://a.example/"/></body></opml>"""
OUTSIDE = b"""<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<opml><body><outline text="&x;" xmlUrl="https://a.example/"/></body></opml>"""
PARAMETER = b"""<!DOCTYPE opml [<!ENTITY % x SYSTEM "http://127.0.0.1/"> %x;]>
<opml><body><outline text="x" xmlUrl="https://a.example/"/></body></opml>"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (BOMB, ":1:"),
        (OUTSIDE, "the entity x"),
        (PARAMETER, "the entity x"),
        (b"<html><body/></html>", "expected an OPML file, found <html>"),
        (b"", "no element found"),
        (b"https://a.example/rss\n", "cannot be read as XML"),
        (b'<opml><outline xmlUrl="https://a.example/?a=1&b=2"/></opml>', "XML"),
        (b"<opml>" + b"<outline>" * 5_000, "nested more than 100 deep"),
        (b"<opml>" + b" " * MAX_OPML_BYTES + b"</opml>", "at most 10,000,000 bytes"),
        (b'<?xml version="1.0" encoding="nope"?><opml/>', "cannot be read as XML"),
        (b"<opml>\xff\xfe</opml>", "cannot be read as XML"),
    ],
)
def test_a_hostile_list_costs_a_fault_and_no_byte(tmp_path, body, message):
    path = config(tmp_path)
    before = path.read_bytes()

    with pytest.raises(ConfigError) as caught:
        import_opml(path, opml(tmp_path, body))

    assert message in str(caught.value)
    assert path.read_bytes() == before


def test_texts_of_a_list_stay_text_in_the_file(tmp_path: Path):
    path = config(tmp_path)
    file = opml(
        tmp_path,
        '<outline text="a]}, {url: https://evil.example/&#10;- x: &amp;a *b" '
        'xmlUrl="https://a.example/}, https://evil.example/"/>'
        '<outline text="null" xmlUrl="https://b.example/#c"/>',
    )

    found = import_opml(path, file)

    assert len(found["refused"]) == 1
    sources = load_config(path).sources
    assert [(source.url, source.name) for source in sources[1:]] == [
        ("https://b.example/#c", "null")
    ]


# --- there and back -----------------------------------------------------------------------

HOSTS = st.from_regex(r"[a-z]{3,8}\.example", fullmatch=True)
PATHS = st.text("abcЖ0-_~%.?&=/,:;@!$()+'[]{}# ", max_size=12)
NAMES = st.text(max_size=30)


@given(
    feeds=st.lists(
        st.tuples(HOSTS, PATHS, NAMES, st.sets(st.sampled_from(["culture", "health"]))),
        min_size=1,
        max_size=6,
        unique_by=lambda feed: feed[0],
    )
)
def test_what_is_exported_and_imported_is_the_same(tmp_path_factory, feeds):
    folder = tmp_path_factory.mktemp("there")
    lines = [
        json.dumps(
            {"url": f"https://{host}/{rest}", "topics": sorted(topics)}
            | ({"name": name} if name.strip() else {}),
        )
        for host, rest, name, topics in feeds
    ]
    path = config(folder, "sources:\n" + "".join(f"  - {line}\n" for line in lines))
    try:
        before = load_config(path)
    except ConfigError:
        return  # no address that a source may have
    exported, left_out = app.export_opml(before)
    assert (opml20.problems(exported), left_out) == ([], [])
    (empty := folder / "there.yaml").write_text(HEAD + "sources: []\n", "utf-8")
    (file := folder / "list.opml").write_bytes(exported)

    found = import_opml(empty, file)

    assert (found["refused"], found["already"]) == ([], [])
    after = load_config(empty)
    for old, new in zip(before.sources, after.sources, strict=True):
        assert (old.id, set(old.topics)) == (new.id, set(new.topics))
        assert new.name == " ".join(new.name.split())
    again, _ = app.export_opml(after)
    assert opml20.feeds(again).keys() == opml20.feeds(exported).keys()


# --- as commands --------------------------------------------------------------------------


def run(*arguments: str) -> typer.testing.Result:
    return typer.testing.CliRunner().invoke(
        cli.cli, [*arguments], standalone_mode=False
    )


def test_commands_print_for_people_and_for_programs(tmp_path: Path, portal):
    path = config(tmp_path)
    portal.answers["/rss"] = FEED
    file = opml(tmp_path, '<outline text="Юг [/b]" xmlUrl="https://a.example/rss"/>')

    added = run("add", f"{portal.url}/rss", "-c", str(path))
    again = run("add", f"{portal.url}/rss", "-c", str(path), "--json")
    listed = run("opml", "import", str(file), "-c", str(path))
    twice = run("opml", "import", str(file), "-c", str(path), "--json")
    exported = run("opml", "export", "-c", str(path))

    assert (added.return_value, again.return_value) == (0, 1)
    assert "feeds.yaml:9: added" in added.output
    assert json.loads(again.stdout)["already"]["line"] == 9
    assert (listed.return_value, twice.return_value) == (0, 0)
    assert "(Юг [/b])" in listed.output
    assert json.loads(twice.stdout)["already"][0]["source_line"] == 10
    assert set(opml20.feeds(exported.stdout_bytes)) == {
        "https://old.example/rss",
        f"{portal.url}/rss",
        "https://a.example/rss",
    }


def test_pages_and_sitemaps_are_told_of_and_left_out_of_a_list(tmp_path: Path):
    path = config(
        tmp_path,
        OLD + "  - {url: https://a.example/map.xml, kind: sitemap}\n"
        "  - {url: https://b.example/, kind: page, page: {item: div, title: h3}}\n",
    )

    exported = run("opml", "export", "-c", str(path))

    assert list(opml20.feeds(exported.stdout_bytes)) == ["https://old.example/rss"]
    assert exported.stderr.splitlines() == [
        "left out: a.example/map.xml is no feed, but kind: sitemap",
        "left out: b.example is no feed, but kind: page",
    ]


def test_an_import_of_which_nothing_can_be_taken_fails(tmp_path: Path):
    path = config(tmp_path)
    file = opml(tmp_path, '<outline text="x" xmlUrl="ftp://a.example/rss"/>')

    assert run("opml", "import", str(file), "-c", str(path)).return_value == 1
