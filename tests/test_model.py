"""What passes from workers to the main process arrives as it was sent."""

import pickle
from datetime import UTC, datetime

import pytest

from aggregator.model import Entry, SourceError
from aggregator.parse import parse_document

FEED = """<?xml version="1.0"?><rss version="2.0"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Вестник</title>
<item><title>Хор вышел к морю</title><link>https://a.example/1</link>
 <pubDate>Tue, 12 May 2026 09:00:00 +0300</pubDate><category>Культура</category>
 <enclosure url="https://a.example/1.jpg" type="image/jpeg" length="5"/>
 <description>Коротко &lt;b&gt;о хоре&lt;/b&gt;</description>
 <content:encoded>&lt;p&gt;Хор спел.&lt;/p&gt;&lt;p&gt;Море слушало&amp;nbsp;его.&lt;/p&gt;</content:encoded></item>
<item><title>Одно описание</title><link>https://a.example/2</link><description>Строка</description></item>
<item><title>Ничего, кроме названия</title><link>https://a.example/3</link></item>
</channel></rss>"""


def parsed():
    feed = parse_document(
        FEED.encode(),
        url="https://a.example/rss",
        content_type="application/rss+xml",
        encoding=None,
        timezone="Europe/Moscow",
        now=datetime(2026, 5, 12, 9, tzinfo=UTC),
    )
    assert not isinstance(feed, SourceError)
    return feed.entries


def test_entries_arrive_as_they_were_sent_text_included():
    entries = parsed()

    arrived = pickle.loads(pickle.dumps(entries))

    assert [entry.text for entry in arrived] == [
        "Хор спел.\nМоре слушало его.",
        "Строка",
        "",
    ]
    assert arrived == entries
    assert [hash(entry) for entry in arrived] == [hash(entry) for entry in entries]


def test_the_text_is_not_sent_beside_what_it_is_made_of():
    # Less than half the bytes: what a first crawl sends most of.
    sent = pickle.dumps(parsed()[0])

    assert "Море слушало".encode() in sent
    assert sent.count("Море слушало".encode()) == 1


def test_an_entry_has_no_attribute_that_is_misspelt():
    entry: Entry = pickle.loads(pickle.dumps(parsed()[0]))

    with pytest.raises(AttributeError, match="titel"):
        _ = entry.titel  # type: ignore[attr-defined]
