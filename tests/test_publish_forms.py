"""Atom, RSS and JSON Feed are valid and tell the same, whatever the sources wrote."""

import csv
import runpy
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import (
    CalendarEvent,
    Enclosure,
    Event,
    FeedInfo,
    ParsedFeed,
    PublishedMember,
    SourceInfo,
    When,
)
from aggregator.parse import parse_document
from aggregator.parse.html import Sanitiser
from aggregator.publish.yandex import render_yandex
from tests import yandex_rss
from tests.examples import examples
from tests.forms import check_forms, render_forms
from tests.strict import MAX_BYTES

DATA = Path(__file__).parent / "data" / "publish"
WILD = Path(__file__).parents[2] / "shared" / "data" / "wildfeeds"
sample = runpy.run_path(str(DATA / "sample.py"))
STORIES, HERALD, HARBOUR = sample["STORIES"], sample["HERALD"], sample["HARBOUR"]
document, story, entry = sample["atom_document"], sample["story"], sample["entry"]

PIECES = st.sampled_from(
    [
        *("<b>", "</b>", "</p>", "<script>", "<a href=x>", "<!--", "<", ">", "]]>"),
        *(
            "&amp;",
            "&amp;amp;lt;b&amp;amp;gt;",
            "&lt;/i&gt;",
            "&nbsp;",
            "&copy",
            "&#0;",
        ),
        *("&", "&¼", "&²", "&٣", "&я", "&_", "&\u0301", "&#99999999;", "&#xD800;"),
        *("</а>", "</B>", "<?import ", "<![CDATA[", "<<", "@", "Ã", "Â", "«"),
        *("&#x41;", "&A1", "&bogus;", '"', "'", "\\", "%", "%zz", "#", "?a=1&b=2"),
        *(
            "\x00",
            "\x85",
            "\x9f",
            "\ud800",
            "\ufffe",
            "\ufffd",
            "\u202e",
            "\u2028",
            "\n",
            "\ufdd0",
            "\U0001fffe",
            "\u0300",
            "\u200d",
            "\r",
        ),
        *("Ã©", "Â«", "Ð¡", "שלום", "م", "😀", "я", "ё" * 300, " ", "\t", ""),
        *("<ivan@example.org>", "a@example.org", "x" * 1_200, "й"),
    ]
)
HOSTILE = st.lists(
    PIECES | st.text(st.characters(exclude_categories=()), max_size=8)
).map("".join)
ADDRESS = st.one_of(
    st.none(),
    HOSTILE,
    HOSTILE.map("https://a.example/{}".format),
    st.sampled_from(
        [
            "https://новости.рф/статья?я=ё#ж",
            "http://user:secret@a.example",
            "https://A.Example:443/a/../b/%7euser/%d0%b9",
            "http://[::1]/x",
            "http://my_host.example/x.jpg",
            "https://localhost/x.mp3",
            "https://a.example./x",
            "https://a.example:0443/%2541?a=[1]#b#c",
            "https://a.example/caf%65%CC%81/%C3%28",
            "https://½.example/",
            "https://a\u3002example/\ue000",
            f"https://{'x' * 64}.рф/",
            "javascript:alert(1)",
            "data:text/html,<b>",
            "urn:uuid:nonsense",
            "URN:ISBN:1",
            "tag:Example.org,2005:x",
            "tag:example.org,2005:x",
            "doi:10.1/2",
            "news",
        ]
    ),
)
SANITISER = Sanitiser()
HTML = HOSTILE.map(
    lambda text: SANITISER.clean(
        text.encode("utf-8", "replace").decode(), "https://a.example/"
    )
) | st.lists(
    st.sampled_from(
        [
            "<h1>",
            "<h2>",
            "<li>",
            "<ul>",
            "<dt>",
            "<dd>",
            "<table>",
            "<tr>",
            "<td>",
            "<section>",
            "<p>",
            "</p>",
            "<center>",
            "<a>",
            "</table>",
            "</h1>",
            "<object>",
            "<b>",
            "</b>",
            "слово",
            "<img/src=//a/b.png>",
            "<form>",
            "<option>",
        ]
    )
).map(lambda parts: SANITISER.clean("".join(parts), "https://a.example/"))
SOURCE = st.builds(
    SourceInfo,
    # An operator's, or made of the address: it prints, and has no spaces.
    id=st.sampled_from(["a.example/rss?x=%zz", "новости.рф/лента", "й", "<b>&</b>"]),
    name=HOSTILE,
    url=st.sampled_from(
        [
            "https://a.example/feed",
            "https://u:p@новости.рф?лента=1",
            "HTTP://A.example:80/%7ex/../%41|",
            "https://a.example/100%25",
        ]
    ),
    rights=st.none() | HOSTILE,
    content=st.sampled_from(["title", "summary", "full"]),
    info=st.builds(FeedInfo, link=ADDRESS, id=ADDRESS, rights=st.none() | HOSTILE),
)
LEAD = st.fixed_dictionaries(
    {
        "title": HOSTILE,
        "link": ADDRESS,
        "summary": st.none() | HTML,
        "content": st.none() | HTML,
        "text": HOSTILE,
        "authors": st.lists(HOSTILE, max_size=3).map(tuple),
        "language": st.none()
        | st.sampled_from(
            ["en", "EN-us", "ru_RU", "qq", "", "я", "x-klingon", "mul", "en-GB-oed"]
        ),
        "enclosures": st.lists(
            st.builds(
                Enclosure,
                url=ADDRESS.map(str),
                type=st.none() | HOSTILE | st.sampled_from(["image/png", "audio/mpeg"]),
                length=st.none() | st.integers(),
            ),
            max_size=3,
        ).map(tuple),
    }
)
MEMBERS = st.lists(
    st.builds(
        PublishedMember,
        source=SOURCE.map(lambda source: replace(source, id="other")),
        title=HOSTILE,
        link=ADDRESS,
        relation=st.sampled_from(["copy", "report"]),
    ),
    max_size=2,
).map(tuple)
EVENTS = st.lists(
    st.builds(
        lambda start, end, place, cancelled: CalendarEvent(
            uid="1",
            sequence=0,
            changed=datetime(2026, 1, 1, tzinfo=UTC),
            event=Event(
                start=start, end=end, place=place, cancelled=cancelled, confidence=1.0
            ),
            tellings=(),
        ),
        start=st.just(When(day=date(2026, 9, 13), time=time(18))),
        end=st.none() | st.just(When(day=date(2026, 9, 14))),
        place=st.none() | HOSTILE,
        cancelled=st.booleans(),
    ),
    max_size=2,
).map(tuple)


def first(**changes):
    """The first sample story with ``changes`` of the story and of its ``lead``."""
    lead = replace(STORIES[0].lead, **changes.pop("lead", {}))
    return replace(STORIES[0], lead=lead, **changes)


def test_sample_stories_are_valid_and_the_same_in_all_forms():
    hubs = ("https://hub.example.org/", "https://hub2.example.org/")
    feed = document(hubs=hubs, subtitle="О степи", rights="© Вестник")

    told = check_forms(render_forms(feed, STORIES))

    assert [one["id"] for one in told] == [story.id for story in STORIES]


def test_empty_documents_are_valid():
    assert check_forms(render_forms(document(), [])) == []


def test_an_ampersand_before_a_figure_that_is_not_ascii_is_no_entity():
    feed = document(
        title="&¼", subtitle="&¼", rights="&½", author="R&Ж&⅓", topics={"culture": "&²"}
    )

    check_forms(render_forms(feed, [first(), *STORIES[1:]]))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<<b></b>i@a.example>", "Степной вестник"),
        ("Иван <<i@a.example>j@a.example>", "Иван"),
        ("Ко&<i@a.example>amp;", "Ко&"),
        ("ÂÂ«Ко»", "«Ко»"),
        ("Â<b></b>«Ко»", "«Ко»"),
        ("Â\ufeff«Ко»\ufffd\ufeff", "«Ко»"),
    ],
)
def test_what_removing_brings_together_is_looked_at_again(name, shown):
    """Addresses of e-mail within others, letters read twice and once more."""
    told = check_forms(
        render_forms(document(), [first(lead={"authors": (name,), "title": name})])
    )

    assert told[0]["authors"] == [shown]


@examples(150)
@given(LEAD, SOURCE, MEMBERS, EVENTS, HOSTILE, st.booleans())
def test_any_text_makes_valid_documents_that_tell_the_same(
    lead, source, members, events, title, ad
):
    hostile = story(
        7,
        entry(7, **lead),
        source,
        members=members,
        events=events,
        topics=("culture", "health"),
        ad=ad,
    )
    feed = document(
        title=title,
        subtitle=title,
        rights=title,
        author=title,
        topics={"culture": title, "health": "Здоровье"},
    )

    told = check_forms(render_forms(feed, [hostile, *STORIES]))

    assert len(told) == len(STORIES) + 1


def test_a_story_without_a_date_is_as_old_in_every_form():
    """It is dated by when it was first seen, to the microsecond; RSS has whole seconds."""
    seen = datetime(2026, 9, 1, 7, 0, 0, 444_077, tzinfo=UTC)
    undated = first(published=seen, updated=seen)

    (told,) = check_forms(render_forms(document(), [undated]))

    assert told["published"] == seen.replace(microsecond=0)


@examples(150)
@given(LEAD, SOURCE, HOSTILE)
def test_any_text_makes_a_document_that_keeps_yandex_rules(lead, source, title):
    hostile = story(7, entry(7, **lead), replace(source, content="full"))

    data = render_yandex(
        document(title=title, subtitle=title), [hostile, *STORIES], "message"
    )

    assert yandex_rss.problems(data) == []


@pytest.mark.parametrize("policy", ["title", "summary", "full"])
def test_the_sources_policy_rules_every_form(policy):
    source = replace(HERALD, content=policy)

    documents = render_forms(document(), [first(source=source, members=())])

    for data in documents.values():
        assert ("Длинный рассказ" in data.decode()) == (policy == "full")
        if policy != "full":  # beside content, a summary is the form's own affair
            assert ("до конца месяца" in data.decode()) == (policy == "summary")
    check_forms(documents)


def test_the_largest_stories_leave_documents_that_every_reader_reads():
    long = "".join(f"<p>{'слово ' * 200}<b>&amp;</b></p>" for _ in range(330))
    solid = f"<p>{'слово ' * 80_000}</p>"
    tags = "<b>я</b>" * 60_000
    stories = [
        replace(
            story(
                n, entry(n, f"Новость {n}", content=(long, solid, tags)[n % 3]), HARBOUR
            ),
            published=STORIES[0].published,
        )
        for n in range(1, 101)
    ]

    documents = render_forms(document(), stories)

    check_forms(documents)
    assert all(1_000_000 < len(data) < MAX_BYTES for data in documents.values())
    assert all(data.count("…".encode()) >= 100 for data in documents.values())


def test_addresses_of_a_cyrillic_domain_are_written_in_ascii():
    cyrillic = first(lead={"link": "https://новости.рф/статья"})

    (told,) = check_forms(render_forms(document(), [cyrillic]))

    assert told["link"] == (
        "https://xn--b1amnebsh.xn--p1ai/%D1%81%D1%82%D0%B0%D1%82%D1%8C%D1%8F"
    )


@pytest.mark.parametrize(
    ("url", "own_id"),
    [
        ("https://portal.example.org/rss?token=hush", None),
        ("https://portal.example.org/rss?a=1", "https://portal.example.org/?key=hush"),
        ("https://portal.example.org/private/hush7e41c09b52aa61fd/rss", None),
    ],
)
def test_what_opens_a_private_feed_stands_in_no_form(url, own_id):
    """Partners give feeds whose address is the key; `atom:source` would hand it on."""
    secret = replace(
        HERALD,
        id=url.removeprefix("https://"),
        url=url,
        info=replace(HERALD.info, id=own_id),
    )

    documents = render_forms(document(), [first(source=secret)])

    check_forms(documents)
    assert not [form for form, data in documents.items() if b"hush" in data]
    assert all(secret.name in data.decode() for data in documents.values())


@pytest.mark.parametrize("title", ["\u200b", "&#8203;&shy;", "\ufeff \xad\u2060"])
def test_a_title_in_which_nothing_can_be_seen_is_none(title):
    invisible = first(lead={"title": title, "text": "Мост открыт."})

    (told,) = check_forms(render_forms(document(), [invisible]))

    assert told["title"] == "Мост открыт."


def test_a_foreign_language_is_said_and_nonsense_is_not():
    english, nonsense, same = (
        replace(first(lead={"language": language}), id=f"tag:a.example,2026:{n}")
        for n, language in enumerate(["en-GB", "qq", "ru-RU"])
    )
    stories = [
        replace(one, updated=one.updated.replace(microsecond=n))
        for n, one in enumerate([english, nonsense, same])
    ]

    told = check_forms(render_forms(document(), stories))

    assert [one["language"] for one in told] == ["en-GB", None, None]


@pytest.mark.skipif(not WILD.is_dir(), reason="shared/data/wildfeeds is absent")
def test_every_real_feed_comes_out_valid_in_every_form():
    count = 0
    with (WILD / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file, delimiter="\t")]
    for name in names:
        data = (WILD / name).read_bytes()
        found = parse_document(data, url="https://feed.example.org/", content_type=None)
        if not isinstance(found, ParsedFeed):
            continue
        source = replace(HARBOUR, info=found.info, name=found.info.title or name)
        stories = [
            story(n, read, source, topics=("culture",))
            for n, read in enumerate(found.entries[:100])
        ]
        check_forms(render_forms(document(), stories))
        count += len(stories)

    assert count > 4_000
