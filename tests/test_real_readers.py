"""Programs that people read feeds and calendars with find everything in our documents.

Each subscribes over HTTP to documents on loopback, as its user would, and is asked for
what it keeps.
"""

import mailbox
import os
import re
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import feedparser
import pytest
import vobject
from icalendar import Calendar
from reader import make_reader

from aggregator.text import plain_text
from tests.forms import from_json, render_forms
from tests.test_publish_calendar import DOCUMENT, event, render_calendar
from tests.test_publish_forms import STORIES, document, first

MEDIA_TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}
HOSTILE = first(
    lead={
        "title": "Театр &amp;quot;Мы&amp;quot; <b>открылся</b> & Q&A2024",
        "link": "https://новости.рф/статья?я=1&ё=<2>",
        "authors": ("О’Генри & сыновья",),
        "summary": "<p>Первое &lt;b&gt; и второе.</p>",
    },
    members=(),
)
ALL = [
    *STORIES,
    replace(
        HOSTILE,
        id="tag:news.example.org,2026:hostile",
        published=HOSTILE.published - timedelta(days=2),
        updated=HOSTILE.updated - timedelta(days=2),
    ),
]


@dataclass(frozen=True)
class Read:
    """What a reader keeps of an entry."""

    id: str
    link: str
    published: datetime
    #: One of them, or all with commas.
    author: str
    #: HTML: words are compared.
    content: str


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        form = self.path.rpartition(".")[2]
        body = self.server.documents[form]
        self.send_response(200)
        self.send_header("Content-Type", MEDIA_TYPES[form])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def documents():
    return render_forms(document(), ALL)


@pytest.fixture(scope="module")
def site(documents):
    """The address, without its ending, at which the documents are served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.documents = documents
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/feed"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*command, home, **options):
    """Run a client that must be there; its files stay in `home`."""
    if shutil.which(command[0]) is None:
        reason = f"no {command[0]}: apt-get install newsboat sfeed rss2email"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    return subprocess.run(
        command, env=environment, check=True, timeout=60, capture_output=True, **options
    )


def words(html):
    """The words that a person reads, whatever the markup around them."""
    return re.findall(r"\w+", plain_text(html))


def check(found, documents):
    """A reader has every entry with its id, link, date, author and content."""
    told = from_json(documents["json"])
    by_id = {read.id: read for read in found}
    assert len(found) == len(told)
    for one in told:
        read = by_id[one["id"]]
        assert read.link == one["link"]
        assert read.published == one["published"].astimezone(UTC)
        assert set(read.author.split(", ")) <= set(one["authors"])
        assert words(read.content) == words(one["html"])


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_feedparser(form, site, documents):
    parsed = feedparser.parse(f"{site}.{form}")

    assert not parsed.bozo
    check(
        [
            Read(
                id=entry.id,
                link=entry.link,
                published=datetime(*entry.published_parsed[:6], tzinfo=UTC),
                author=entry.author,
                content=entry.content[0].value if "content" in entry else entry.summary,
            )
            for entry in parsed.entries
        ],
        documents,
    )


@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_lemon24_reader(form, site, documents):
    with closing(make_reader(":memory:")) as reader:
        reader.add_feed(f"{site}.{form}")
        reader.update_feeds()
        (feed,) = reader.get_feeds()
        entries = list(reader.get_entries())

    assert feed.last_exception is None
    assert feed.title == "Новости степи"
    check(
        [
            Read(
                id=entry.id,
                link=entry.link,
                published=entry.published,
                author=entry.authors[-1].name,
                content=escape(content.value)
                if (content := entry.get_content()).type == "text/plain"
                else content.value,
            )
            for entry in entries
        ],
        documents,
    )


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_newsboat(form, site, documents, tmp_path):
    urls, settings, cache = (tmp_path / name for name in ("urls", "config", "cache.db"))
    urls.write_text(f"{site}.{form}\n", encoding="utf-8")
    settings.touch()

    run(
        *("newsboat", "-C", str(settings), "-u", str(urls), "-c", str(cache)),
        *("-x", "reload"),
        home=tmp_path,
    )

    with closing(sqlite3.connect(cache)) as connection:
        rows = connection.execute(
            "SELECT guid, url, pubDate, author, content FROM rss_item"
        ).fetchall()
    check(
        [
            Read(
                id=guid,
                link=url,
                published=datetime.fromtimestamp(date, UTC),
                author=author,
                content=content,
            )
            for guid, url, date, author, content in rows
        ],
        documents,
    )


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_sfeed(form, site, documents, tmp_path):
    settings = tmp_path / "sfeedrc"
    settings.write_text(
        f'sfeedpath="{tmp_path}/feeds"\nfeeds() {{\n  feed ours {site}.{form}\n}}\n',
        encoding="utf-8",
    )

    run("sfeed_update", str(settings), home=tmp_path)

    lines = (tmp_path / "feeds" / "ours").read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        date, _, link, content, _, guid, author, *_ = line.split("\t")
        found.append(
            Read(
                id=guid,
                link=link,
                published=datetime.fromtimestamp(int(date), UTC),
                author=author,
                content=content.replace("\\n", "\n"),
            )
        )
    check(found, documents)


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_rss2email(form, site, documents, tmp_path):
    settings, data = tmp_path / "rss2email.cfg", tmp_path / "rss2email.json"
    r2e = ("r2e", "-c", str(settings), "-d", str(data))
    run(*r2e, "new", "me@example.org", home=tmp_path)
    text = settings.read_text(encoding="utf-8")
    for key, value in {
        "email-protocol": "maildir",
        "maildir-path": str(tmp_path / "mail"),
        "date-header": "True",
        "html-mail": "True",
        "name-format": "{author}",
    }.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    settings.write_text(text, encoding="utf-8")
    (tmp_path / "mail").mkdir()

    run(*r2e, "add", "ours", f"{site}.{form}", home=tmp_path)
    run(*r2e, "run", home=tmp_path)

    with closing(mailbox.Maildir(tmp_path / "mail" / "INBOX")) as box:
        found = [as_read(message) for message in box]
    check(found, documents)


def as_read(message):
    html = message.get_payload(decode=True).decode()
    body = re.search(
        r'<div id="body">(.*?)</div>\s*<div class="footer">', html, re.DOTALL
    )
    name = str(make_header(decode_header(message["From"])))
    return Read(
        id=message["X-RSS-ID"],
        link=message["X-RSS-URL"],
        published=parsedate_to_datetime(message["Date"]).replace(tzinfo=UTC),
        author=name.partition(" <")[0].strip('"'),
        content=body[1],
    )


def test_two_calendars_agree():
    """icalendar wrote it; vobject is another implementation of RFC 5545."""
    data = render_calendar(
        DOCUMENT,
        [
            event("2026-09-13T18:00", "2026-09-13T20:00", place="Зал №1; сцена, вход"),
            event("2026-09-05", "2026-09-08", number=2, sequence=3, cancelled=True),
            event(None, "2026-10-01", number=3),
        ],
    )

    first_reading = {
        str(found["UID"]): (
            str(found["SUMMARY"]),
            found["DTSTART"].dt,
            found["DTEND"].dt if "DTEND" in found else None,
            int(found["SEQUENCE"]),
            str(found["STATUS"]),
            str(found["DESCRIPTION"]),
            str(found.get("LOCATION", "")),
        )
        for found in Calendar.from_ical(data).walk("VEVENT")
    }
    second_reading = {
        found.uid.value: (
            found.summary.value,
            found.dtstart.value,
            found.dtend.value if hasattr(found, "dtend") else None,
            int(found.sequence.value),
            found.status.value,
            found.description.value,
            found.location.value if hasattr(found, "location") else "",
        )
        for found in vobject.readOne(data.decode()).vevent_list
    }
    assert len(first_reading) == 3
    assert second_reading == first_reading
