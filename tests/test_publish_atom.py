"""Atom documents are valid per RFC 4287, whatever the sources wrote."""

import os
import runpy
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Enclosure, FeedInfo, PublishedMember
from aggregator.publish import atom
from aggregator.publish.feed import Tombstone
from aggregator.publish.item import items
from tests.examples import examples
from tests.rfc4287 import NS, check
from tests.strict import objections

DATA = Path(__file__).parent / "data" / "publish"
sample = runpy.run_path(str(DATA / "sample.py"))
STORIES = sample["STORIES"]
HERALD, HARBOUR = sample["HERALD"], sample["HARBOUR"]
atom_document, story, entry = sample["atom_document"], sample["story"], sample["entry"]


def render_atom(document, stories):
    return atom.render_atom(document, items(document, stories))


def first(**changes):
    """The first sample story with ``changes`` of the story and of its ``lead``."""
    lead = replace(STORIES[0].lead, **changes.pop("lead", {}))
    return replace(STORIES[0], lead=lead, **changes)


def only_entry(story, **document):
    return feedparser.parse(render_atom(atom_document(**document), [story])).entries[0]


def links(element, rel):
    return [link.get("href") for link in element.findall(f"{NS}link[@rel='{rel}']")]


def test_golden_bytes():
    """A change here is a change for every subscriber: make it knowingly."""
    data = render_atom(atom_document(), STORIES)

    assert data.decode() == (DATA / "small.atom").read_text(encoding="utf-8")
    check(data)


def test_same_bytes_in_every_process():
    def run(seed):
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"}
        command = [sys.executable, "-W", "error", str(DATA / "sample.py")]
        root = str(Path(__file__).parents[1])
        environment["PYTHONPATH"] = root
        return subprocess.run(
            command, env=environment, check=True, capture_output=True
        ).stdout

    first_run, second_run = run("1"), run("2")

    assert first_run == second_run
    assert render_atom(atom_document(), STORIES) in first_run


def test_feedparser_finds_every_field():
    parsed = feedparser.parse(render_atom(atom_document(), STORIES))

    assert not parsed.bozo
    assert parsed.feed.id == parsed.feed.links[0].href
    assert parsed.feed.title == "Новости степи"
    assert parsed.feed.link == "https://news.example.org/"
    assert parsed.feed.language == "ru"
    assert parsed.feed.generator == "aggregator"
    assert parsed.feed.updated == STORIES[0].updated.astimezone(
        datetime.fromisoformat(parsed.feed.updated).tzinfo
    ).isoformat(timespec="microseconds")
    item = parsed.entries[0]
    assert item.id == STORIES[0].id
    assert item.title == "В музее открылась выставка"
    assert item.link == "https://herald.example/1"
    assert item.published == "2026-09-01T07:00:00+03:00"
    assert item.updated == "2026-09-01T07:00:00.100001+03:00"
    assert [author.name for author in item.authors] == ["Анна Петрова", "Олег Ким"]
    assert [(tag.term, tag.scheme, tag.label) for tag in item.tags] == [
        ("culture", "https://news.example.org/topics", "Культура"),
        ("health", "https://news.example.org/topics", "Здоровье"),
    ]
    (enclosure,) = item.enclosures
    assert enclosure.href == "https://herald.example/a%20b.jpg"
    assert (enclosure.type, enclosure.length) == ("image/jpeg", "1200")
    (related,) = (link for link in item.links if link.rel == "related")
    assert related.href == "https://harbour.example/77?a%5B%5D=1"
    assert related.title == "Гавань: Музей показал новое"
    assert item.rights == "© Степной вестник"


def test_source_is_named_in_full():
    feed = check(render_atom(atom_document(), STORIES))
    herald, harbour, bulletin = feed.findall(f"{NS}entry/{NS}source")[:3]

    assert herald.findtext(f"{NS}id") == HERALD.info.id
    assert herald.findtext(f"{NS}title") == "Степной вестник"
    assert links(herald, "alternate") == ["https://herald.example/"]
    assert links(herald, "self") == ["https://herald.example/rss/"]
    assert herald.findtext(f"{NS}rights") == "© Степной вестник"
    assert harbour.findtext(f"{NS}id") == "https://harbour.example/feed"
    assert harbour.findtext(f"{NS}rights") == "Перепечатка со ссылкой"
    assert links(bulletin, "self") == ["http://bulletin.example/a.xml"]


def test_a_poll_that_brought_no_news_changes_no_byte():
    """Many feeds date themselves now, at every request."""
    later = replace(
        HERALD, info=replace(HERALD.info, updated=datetime(2026, 9, 2, tzinfo=UTC))
    )

    assert render_atom(atom_document(), [first(source=later)]) == render_atom(
        atom_document(), [first()]
    )


def test_no_password_of_a_source_is_published():
    assert b"secret" not in render_atom(atom_document(), STORIES)


def test_order_is_as_given():
    parsed = feedparser.parse(render_atom(atom_document(), STORIES))

    assert [item.id for item in parsed.entries] == [story.id for story in STORIES]


def test_empty_document_is_valid_and_dated():
    feed = check(render_atom(atom_document(subtitle="О степи", rights="©"), []))

    assert feed.findtext(f"{NS}updated") == "2026-01-01T03:00:00+03:00"
    assert feed.findtext(f"{NS}subtitle") == "О степи"


def test_document_is_as_new_as_its_newest_story():
    newest = replace(STORIES[2], updated=STORIES[0].updated + timedelta(days=1))

    feed = check(render_atom(atom_document(), [STORIES[0], newest]))

    assert feed.findtext(f"{NS}updated") == "2026-09-02T07:00:00.100001+03:00"


class TestText:
    def test_summary_is_plain_text_cut_at_a_sentence(self):
        item = only_entry(STORIES[3])

        assert item.summary == "Первое предложение здесь. …"
        assert item.summary_detail.type == "text/plain"

    def test_summary_comes_before_the_text(self):
        alone = first(members=())

        assert only_entry(alone).summary == "Выставка работает до конца месяца."

    def test_without_a_summary_the_text_serves(self):
        alone = first(members=(), lead={"summary": None})

        assert only_entry(alone).summary == "Длинный рассказ."

    def test_what_could_only_repeat_the_title_names_the_source(self):
        """The strictest validator wants some text in every entry."""
        alone = first(
            members=(),
            lead={"summary": None, "content": None, "text": STORIES[0].lead.title},
        )

        assert only_entry(alone).summary == "Источник: Степной вестник"

    def test_reports_are_named_and_linked_under_it_and_copies_hide(self):
        item = only_entry(first())

        assert item.summary_detail.type == "text/html"
        assert item.summary == (
            "<p>Выставка работает до конца месяца.</p><p>Также сообщили: "
            '<a href="https://harbour.example/77?a%5B%5D=1">Гавань</a>.</p>'
        )

    def test_each_source_is_named_once_and_the_lead_not_at_all(self):
        twice = PublishedMember(
            source=HARBOUR,
            title="Ещё",
            link="https://harbour.example/78",
            relation="copy",
        )
        own = replace(twice, source=HERALD, link="https://herald.example/9")
        item = only_entry(first(members=(*STORIES[0].members, twice, own)))

        assert item.summary.count("Гавань") == 1
        assert "Степной вестник" not in item.summary
        assert len([link for link in item.links if link.rel == "related"]) == 3

    def test_full_content_is_the_sources_markup(self):
        item = only_entry(STORIES[1])

        assert item.content[0].type == "text/html"
        assert item.content[0].value == STORIES[1].lead.content

    def test_title_policy_shows_nothing_else(self):
        titled = replace(HERALD, content="title")
        data = render_atom(atom_document(), [first(source=titled)]).decode()

        assert "до конца месяца" not in data
        assert "Длинный рассказ" not in data
        assert "Также сообщили" in data

    def test_title_is_made_from_the_text_when_there_is_none(self):
        assert only_entry(STORIES[2]).title == "Только текст без заголовка."
        nothing = first(lead={"title": " \x00 ", "text": ""})
        assert only_entry(nothing).title == "Без заголовка"

    def test_markup_in_a_title_is_text(self):
        feed = check(render_atom(atom_document(), [STORIES[1]]))

        title = feed.find(f"{NS}entry/{NS}title")
        assert title.get("type") == "text"
        assert title.text == "Поликлиника <принимает> & «лечит»"

    @pytest.mark.parametrize(
        ("title", "shown"),
        [
            ("Театр &amp;amp;quot;Мы&amp;amp;quot; &amp; Ко", 'Театр "Мы" & Ко'),
            (
                "&amp;amp;lt;b&amp;amp;gt;Важно&amp;amp;lt;/b&amp;amp;gt;",
                "<b>Важно</b>",
            ),
            ("Q&A2024: AT&amp;T", "Q&A2024: AT&T"),
            ("Адрес /?a=1&copy=2", "Адрес /?a=1&copy=2"),
        ],
    )
    def test_a_title_is_decoded_until_nothing_is_left_to_decode(self, title, shown):
        data = render_atom(atom_document(), [first(lead={"title": title})])

        element = check(data).find(f"{NS}entry/{NS}title")
        is_markup = element.get("type") == "html"
        assert (unescape(element.text) if is_markup else element.text) == shown
        assert is_markup == ("<b>" in shown or "&A" in shown or "&c" in shown)

    def test_advertising_is_labelled_once(self):
        assert only_entry(STORIES[3]).title == "Реклама. Скидки на билеты"
        labelled = first(ad=True, lead={"title": "РЕКЛАМА Скидки"})
        assert only_entry(labelled).title == "РЕКЛАМА Скидки"

    def test_english_words_in_an_english_document(self):
        item = only_entry(first(ad=True), language="en-GB")

        assert item.title.startswith("Advertisement. ")
        assert "Also reported by: " in item.summary


class TestLinks:
    def test_entry_without_link_leads_to_its_source_then_to_the_site(self):
        assert only_entry(first(lead={"link": None})).link == "https://herald.example/"
        assert only_entry(STORIES[2]).link == "https://news.example.org/"

    def test_only_http_is_linked(self):
        member = replace(STORIES[0].members[0], link="javascript:alert(1)")
        hostile = first(lead={"link": "javascript:alert(1)"}, members=(member,))

        assert b"javascript" not in render_atom(atom_document(), [hostile])

    def test_a_members_link_that_is_the_leads_is_not_repeated(self):
        member = replace(STORIES[0].members[0], link=STORIES[0].lead.link)
        feed = check(render_atom(atom_document(), [first(members=(member,))]))

        assert links(feed.find(f"{NS}entry"), "related") == []

    def test_author_is_the_source_when_nobody_signed(self):
        assert only_entry(STORIES[1]).author == "Гавань"


def test_one_bad_story_never_costs_the_others(monkeypatch, caplog):
    original = atom._add_source

    def explode(entry, item):
        if item.id == STORIES[1].id:
            raise ValueError("All strings must be XML compatible")
        original(entry, item)

    monkeypatch.setattr(atom, "_add_source", explode)
    unreadable = replace(STORIES[3], published=None)

    feed = check(render_atom(atom_document(), [*STORIES[:3], unreadable]))

    ids = [element.findtext(f"{NS}id") for element in feed.findall(f"{NS}entry")]
    assert ids == [STORIES[0].id, STORIES[2].id]
    assert STORIES[1].id in caplog.text
    assert STORIES[3].id in caplog.text


def test_a_zone_offset_with_seconds_is_never_written():
    old = first(published=datetime(1900, 1, 1, tzinfo=UTC))

    check(render_atom(atom_document(), [old]))


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=25)
ANY_LINK = st.none() | ANY_TEXT | ANY_TEXT.map("https://a.example/{}".format)
ANY_SOURCE = st.builds(
    replace,
    st.just(HERALD),
    name=ANY_TEXT,
    rights=st.none() | ANY_TEXT,
    content=st.sampled_from(["title", "summary", "full"]),
    info=st.builds(FeedInfo, link=ANY_LINK, id=ANY_LINK, rights=st.none() | ANY_TEXT),
)
ANY_LEAD = st.fixed_dictionaries(
    {
        "title": ANY_TEXT,
        "link": ANY_LINK,
        "summary": st.none() | ANY_TEXT,
        "content": st.none() | ANY_TEXT,
        "text": ANY_TEXT,
        "authors": st.lists(ANY_TEXT, max_size=2).map(tuple),
        "enclosures": st.lists(
            st.builds(
                Enclosure,
                url=ANY_LINK.map(str),
                type=st.none() | ANY_TEXT,
                length=st.none() | st.integers(),
            ),
            max_size=2,
        ).map(tuple),
    }
)
ANY_MEMBERS = st.lists(
    st.builds(
        PublishedMember,
        source=ANY_SOURCE.map(lambda source: replace(source, id="other")),
        title=ANY_TEXT,
        link=ANY_LINK,
        relation=st.sampled_from(["copy", "report"]),
    ),
    max_size=2,
).map(tuple)


@examples(100)
@given(ANY_LEAD, ANY_SOURCE, ANY_MEMBERS, ANY_TEXT, st.booleans())
def test_any_text_makes_a_valid_document(lead, source, members, title, ad):
    """Whatever we publish, feedparser reads without bozo, and all of it."""
    hostile = story(7, entry(7, **lead), source, members=members, ad=ad)
    document = atom_document(title=title, topics={"culture": title})

    data = render_atom(document, [hostile, *STORIES])

    feed = check(data)
    parsed = feedparser.parse(data)
    assert not parsed.bozo
    assert len(feed.findall(f"{NS}entry")) == len(parsed.entries) == len(STORIES) + 1
    assert render_atom(document, [hostile, *STORIES]) == data


def test_a_hundred_stories_take_milliseconds():
    """Some 10 ms on the machine it was written on; every topic pays it again."""
    many = [
        replace(STORIES[n % 4], id=f"tag:news.example.org,2026:{n}") for n in range(100)
    ]
    render_atom(atom_document(), many[:4])
    started = time.process_time()

    render_atom(atom_document(), many)

    assert time.process_time() - started < 0.25


def test_an_archive_names_its_neighbours_and_its_feed():
    data = render_atom(
        atom_document(
            current="https://news.example.org/feed.atom",
            prev_archive="https://news.example.org/feed-archive-1.atom",
            next_archive="https://news.example.org/feed-archive-3.atom",
            hubs=("https://hub.example.org/",),
        ),
        STORIES,
    )

    root = check(data)
    assert links(root, "current") == ["https://news.example.org/feed.atom"]
    assert links(root, "prev-archive") == [
        "https://news.example.org/feed-archive-1.atom"
    ]
    assert links(root, "next-archive") == [
        "https://news.example.org/feed-archive-3.atom"
    ]
    assert links(root, "hub") == ["https://hub.example.org/"]
    assert root.find("{http://purl.org/syndication/history/1.0}archive") is not None


def test_an_archive_without_neighbours_is_not_marked_as_one():
    """The strictest validator would take it for incomplete."""
    data = render_atom(
        atom_document(current="https://news.example.org/feed.atom"), STORIES
    )

    assert b"history" not in data
    assert objections(data) == []


def test_a_tombstone_says_what_was_taken_back_and_when():
    when = datetime(2026, 9, 1, 7, 30, tzinfo=UTC)
    gone = Tombstone(id="tag:news.example.org,2026:gone", when=when)
    data = render_atom(atom_document(tombstones=(gone,)), STORIES)

    root = check(data)
    (deleted,) = root.findall("{http://purl.org/atompub/tombstones/1.0}deleted-entry")
    assert deleted.get("ref") == gone.id
    assert datetime.fromisoformat(deleted.get("when")) == when
    assert b"tombstones" not in render_atom(atom_document(), STORIES)
