"""The store's promises, each kept on SQLite and on PostgreSQL."""

import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from aggregator.errors import StoreError
from aggregator.links import canonical_link
from aggregator.model import (
    Admission,
    ChangedEntry,
    Edit,
    Enclosure,
    Entry,
    EntryRead,
    FeedInfo,
    Fingerprint,
    Grouping,
    Join,
    Member,
    Moved,
    NewEntry,
    PlaceMatch,
    PollOutcome,
    RecordedError,
    RecordedWarning,
    Source,
    SourceState,
    StoryMembers,
    TermMatch,
    TopicScore,
    Validators,
    Withheld,
    WordsRead,
)
from aggregator.store import (
    DocumentRecord,
    Recorded,
    Store,
    moments,
    record_stories,
    stories,
)
from aggregator.text import hash64, plain_text
from tests.examples import examples

NOW = datetime(2026, 1, 10, 12, 30, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FOREVER = timedelta(days=100_000)

KUB, KRAI, YUGA = "kubnews.ru/rss", "krai.example/feed", "yuga.example/rss"


# --- databases --------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty_sqlite(tmp_path_factory):
    """Copied where a test needs a database: that is ten times faster than migrating."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    Store.open(f"sqlite:///{path}", writing=True).close()
    return path


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def url(request, tmp_path):
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path)
        return f"sqlite:///{tmp_path}/empty.db"
    url = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            if name not in {"alembic_version", "birth"}
        ]
        if tables:
            connection.execute(f"TRUNCATE {', '.join(tables)}")
    return url


@pytest.fixture
def store(url):
    opened = Store.open(url, writing=True)
    opened.sync_sources(
        [source(KUB, 0), source(KRAI, 1), source(YUGA, 2)],
        topics=["health", "culture", "events"],
    )
    yield opened
    opened.close()


def contents(url):
    """Everything that is in the database, table by table."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        connection = psycopg.connect(url)
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    try:
        return {
            name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}")))
            for (name,) in connection.execute(names).fetchall()
        }
    finally:
        connection.close()


# --- things to store --------------------------------------------------------------


def source(source_id, order, **changes):
    values = {
        "id": source_id,
        "url": f"https://{source_id}",
        "name": f"Источник {order}",
        "order": order,
        "interval": timedelta(minutes=15),
        "timezone": "Europe/Moscow",
        "content": "summary",
        "max_bytes": 10_000_000,
    }
    return Source(**values | changes)


def topic(key, *, tagged=True):
    return TopicScore(topic=key, score=4.5, threshold=3.0, tagged=tagged)


def read(key, title="Выставка в музее", body="<p>Открылась выставка.</p>", **changes):
    """An entry as a worker gives it, with honest hashes."""
    topics = changes.pop("topics", ())
    link = changes.setdefault("link", f"https://kubnews.ru/{key}")
    entry = Entry(
        key=key,
        title=title,
        canonical_link=canonical_link(link) if link else None,
        summary=None,
        content=body,
        text=plain_text(body or ""),
        position=changes.pop("position", 0),
        **changes,
    )
    return EntryRead(
        entry=entry,
        fingerprint=Fingerprint(
            key=hash64(key),
            content=hash64(title, entry.text, repr(changes)),
            link=hash64(entry.canonical_link) if link else None,
            title=hash64(title),
            start=None,
        ),
        ad=False,
        topics=topics,
    )


def new(key, effective=NOW, withheld=None, **changes):
    return NewEntry(
        read=read(key, **changes),
        first_seen=NOW,
        admission=Admission(effective=effective, withheld=withheld),
    )


def outcome(source_id, *entries, seen=None, changed=()):
    keys = [each.read.fingerprint.key for each in (*entries, *changed)]
    return PollOutcome(
        state=SourceState(id=source_id, last_poll=NOW),
        seen=tuple(keys if seen is None else map(hash64, seen)),
        new=entries,
        changed=tuple(changed),
    )


def member(source_id, entry, **changes):
    found = entry.read.fingerprint
    values = {
        "ref": (source_id, found.key),
        "source_order": [KUB, KRAI, YUGA].index(source_id),
        "key": entry.read.entry.key,
        "fingerprint": found,
        "effective": entry.admission.effective,
        "position": entry.read.entry.position,
        "withheld": entry.admission.withheld,
        "own_site": True,
        "topics": frozenset(each.topic for each in entry.read.topics if each.tagged),
    }
    return Member(**values | changes)


def story(name, *members, lead=0, announced=False):
    return StoryMembers(
        id=f"tag:news.example.org,2026:{name}",
        lead=members[lead].ref,
        members=members,
        announced=announced,
    )


def grouping(*stories, joins=()):
    return Grouping(
        stories=stories, minted=frozenset(s.id for s in stories), joins=joins
    )


NO_STORIES = grouping()


def tell(store, name="one", source_id=KUB, **changes):
    """One entry, one story, announced; gives the story's id."""
    entry = new(name, **changes)
    made = story(name, member(source_id, entry))
    store.record([outcome(source_id, entry)], grouping(made))
    store.announce()
    return made.id


def edit(store, kind, key="one", seen_at=NOW + HOUR, source_id=KUB, **changes):
    changed = ChangedEntry(read=read(key, **changes), edit=kind, seen_at=seen_at)
    return store.record([outcome(source_id, changed=[changed])], NO_STORIES)


def shown(store, id_):
    (found,) = store.stories([id_])
    return found


# --- sources ----------------------------------------------------------------------


def test_a_source_that_was_never_polled_has_an_empty_state(store):
    assert store.states()[KUB] == SourceState(id=KUB)


NEW_URL = "https://new.example/rss"


def test_a_state_comes_back_as_it_was_recorded(store):
    state = SourceState(
        id=KUB,
        validators=Validators(etag='"\xe9-1"', last_modified="вчера"),
        body_hash=bytes(range(16)),
        info=FeedInfo(
            title="Новости",
            link="https://kubnews.ru/",
            id="urn:1",
            updated=NOW,
            rights="©",
            language="ru",
            fresh_for=timedelta(minutes=30),
        ),
        error=RecordedError(code="http_404", message="нет", since=NOW - DAY, count=3),
        warnings=(RecordedWarning(code="dates", message="без пояса", since=NOW),),
        first_success=NOW - DAY,
        last_success=NOW,
        last_poll=NOW + timedelta(microseconds=1),
        last_new_entry=NOW - HOUR,
        retry_at=NOW + DAY,
        fresh_for=timedelta(seconds=90),
        interval=timedelta(minutes=7, microseconds=1),
        last_full=NOW - timedelta(hours=2),
        moved=Moved(url=NEW_URL, first_seen=NOW - DAY, last_seen=NOW, sightings=4),
        next_poll=NOW + HOUR,
        next_poll_reason="backoff: 3 failures in a row",
    )
    store.record([PollOutcome(state=state)], NO_STORIES)

    assert store.states()[KUB] == state


@pytest.mark.parametrize(
    ("sightings", "days", "written", "same"),
    [
        (5, 3, NEW_URL, True),
        (5, 3, "http://www.new.example/rss/", True),
        (5, 3, "https://new.example/other", False),
        (4, 3, NEW_URL, False),
        (50, 2, NEW_URL, False),
    ],
)
def test_the_address_it_has_moved_to_names_the_same_source(
    store, sightings, days, written, same
):
    """Without an id in feeds.yaml, and only when the move is confirmed."""
    first = NOW - timedelta(days=days)
    moved = Moved(url=NEW_URL, first_seen=first, last_seen=NOW, sightings=sightings)
    polled = SourceState(
        id=KUB, first_success=first, moved=moved, validators=Validators(etag='"1"')
    )
    store.record([PollOutcome(state=polled)], NO_STORIES)
    store.sync_sources([source("new.example", 0, url=written)])

    state = store.states()["new.example"]
    assert state.first_success == (first if same else None)
    assert (state.moved, state.validators) == (None, Validators())
    assert (KUB in store.states()) is not same


def test_a_source_that_is_still_configured_is_not_taken_for_where_it_leads(store):
    first = NOW - 9 * DAY
    moved = Moved(url=NEW_URL, first_seen=first, last_seen=NOW, sightings=9)
    polled = SourceState(id=KUB, first_success=first, moved=moved)
    store.record([PollOutcome(state=polled)], NO_STORIES)
    store.sync_sources([source(KUB, 0), source("new.example", 1, url=NEW_URL)])

    assert store.states()[KUB] == polled
    assert store.states()["new.example"] == SourceState(id="new.example")


def test_a_source_keeps_state_and_first_url_when_feeds_yaml_changes(store, url):
    store.record([outcome(KUB, new("one"))], NO_STORIES)
    moved = source(KUB, 5, url="https://kubnews.ru/new.rss", name="Новое имя")
    store.sync_sources([moved])

    assert store.states()[KUB].last_poll == NOW
    assert len(store.known(KUB)) == 1
    rows = "\n".join(contents(url)["source"])
    assert "https://kubnews.ru/rss" in rows
    assert "https://kubnews.ru/new.rss" in rows


def test_a_source_taken_out_of_feeds_yaml_keeps_its_entries(store):
    id_ = tell(store)
    store.sync_sources([source(KRAI, 0)])

    assert shown(store, id_).source.id == KUB
    assert set(store.states()) == {KUB, KRAI, YUGA}


def test_a_renamed_source_changes_the_stories_that_name_it(store):
    one, two = tell(store, "one"), tell(store, "two", KRAI)
    store.sync_sources([source(KUB, 0, name="Кубань"), source(KRAI, 1)])

    assert shown(store, one).source.name == "Кубань"
    assert shown(store, one).revision == 2
    assert shown(store, two).revision == 1


def test_syncing_twice_changes_nothing(store, url):
    before = contents(url)
    store.sync_sources(
        [source(KUB, 0), source(KRAI, 1), source(YUGA, 2)],
        topics=["health", "culture", "events"],
    )

    assert contents(url) == before


# --- entries ----------------------------------------------------------------------


def full_entry():
    terms = (
        TermMatch(
            rule="выстав*",
            form="Выставка",
            lemma="выставка",
            field="title",
            position=0,
            weight=2.5,
        ),
    )
    return NewEntry(
        read=replace(
            read(
                "guid-1",
                "Выставка «Кубань» 🖼",
                "<p>Первая &amp; вторая.</p><p>Третья.</p>",
                authors=("А. Иванов", "Б. Петров"),
                categories=("Культура",),
                enclosures=(
                    Enclosure(url="https://kubnews.ru/1.jpg", type="image/jpeg"),
                    Enclosure(url="https://kubnews.ru/2.mp3", length=2**40),
                ),
                language="ru",
                published=NOW - HOUR,
                updated=NOW + timedelta(microseconds=7),
                position=3,
            ),
            topics=(
                TopicScore(
                    topic="culture",
                    score=4.25,
                    threshold=1.8,
                    tagged=True,
                    terms=terms,
                ),
                TopicScore(
                    topic="health",
                    score=0.5,
                    threshold=3.0,
                    tagged=False,
                    vetoes=("некролог",),
                ),
            ),
        ),
        first_seen=NOW,
        admission=Admission(
            effective=NOW - HOUR, withheld=Withheld.FIRST_SIGHT, ad=True
        ),
    )


def test_an_entry_comes_back_as_it_was_recorded(store):
    given = full_entry()
    recorded = store.record([outcome(KUB, given)], NO_STORIES)

    ref = (KUB, given.read.fingerprint.key)
    stored = store.entries([ref, (KUB, 1), ("nobody.example", 1)])

    assert recorded.entries_new == 1
    assert set(stored) == {ref}
    found = stored[ref]
    assert found.ref == ref
    assert found.entry == given.read.entry
    assert found.fingerprint == given.read.fingerprint
    assert found.topics == given.read.topics
    assert (found.first_seen, found.effective) == (NOW, NOW - HOUR)
    assert (found.withheld, found.ad) == (Withheld.FIRST_SIGHT, True)


def test_text_comes_back_from_content_from_summary_and_from_neither(store):
    bare = read("bare", body=None)
    entries = [
        replace(bare, entry=replace(bare.entry, text="Только текст.")),
        read("content"),
        replace(
            (short := read("summary")),
            entry=replace(
                short.entry, content=None, summary="<b>Кратко.</b>", text="Кратко."
            ),
        ),
    ]
    admission = Admission(effective=NOW)
    store.record(
        [
            outcome(
                KUB,
                *(
                    NewEntry(read=each, first_seen=NOW, admission=admission)
                    for each in entries
                ),
            )
        ],
        NO_STORIES,
    )

    stored = store.entries([(KUB, each.fingerprint.key) for each in entries])
    assert {found.entry.text for found in stored.values()} == {
        "Только текст.",
        "Открылась выставка.",
        "Кратко.",
    }


def test_known_gives_the_hashes_of_one_source(store):
    one, two = new("one"), new("two")
    store.record([outcome(KUB, one, two), outcome(KRAI, new("three"))], NO_STORIES)

    assert store.known(KUB) == {
        each.read.fingerprint.key: each.read.fingerprint.content for each in (one, two)
    }
    assert store.known("nobody.example") == {}


def test_recording_the_same_batch_again_is_a_no_op(store, url):
    lead, follower = new("one", topics=(topic("culture"),)), new("two", link=None)
    made = story("one", member(KUB, lead), member(KRAI, follower))
    batch = [outcome(KUB, lead), outcome(KRAI, follower)]
    first = store.record(batch, grouping(made))
    before = contents(url)

    again = store.record(batch, grouping(made))

    assert first == Recorded(entries_new=2, stories_new=1, stories_changed=True)
    assert again == Recorded()
    assert contents(url) == before


def test_a_batch_that_fails_leaves_nothing_behind(store, url):
    """One value that no database takes: a lone surrogate."""
    before = contents(url)
    good = new("good")
    made = story("good", member(KRAI, good))
    bad = new("bad", title="\ud800")

    with pytest.raises(StoreError) as caught:
        store.record([outcome(KRAI, good), outcome(KUB, bad)], grouping(made))

    assert caught.value.__cause__ is not None
    assert contents(url) == before
    store.record([outcome(KRAI, good)], grouping(made))
    assert len(store.known(KRAI)) == 1


def test_an_unknown_source_is_an_error(store, url):
    before = contents(url)

    with pytest.raises(StoreError, match=r"nobody\.example"):
        store.record([outcome(KUB, new("one")), outcome("nobody.example")], NO_STORIES)

    assert contents(url) == before


def test_thousands_of_entries_pass_every_limit_on_parameters(store):
    entries = [new(f"n{number}") for number in range(2_500)]
    members = [member(KUB, each) for each in entries]
    made = [story(each.key, each) for each in members]

    recorded = store.record([outcome(KUB, *entries)], grouping(*made))

    assert recorded.stories_new == 2_500
    assert len(store.entries([each.ref for each in members])) == 2_500
    found, loose = store.neighbours(
        links={each.fingerprint.link for each in members}, titles=set(), since=NOW
    )
    assert (len(found), len(loose)) == (2_500, 0)


# --- edits ------------------------------------------------------------------------


def test_noise_changes_the_content_hash_alone(store):
    id_ = tell(store)
    before = shown(store, id_)

    recorded = edit(store, Edit.NOISE, title="ВЫСТАВКА В МУЗЕЕ")

    assert recorded == Recorded()
    assert shown(store, id_) == before
    (content,) = store.known(KUB).values()
    assert content == read("one", "ВЫСТАВКА В МУЗЕЕ").fingerprint.content


def test_a_correction_replaces_content_and_leaves_updated(store):
    id_ = tell(store, topics=(topic("culture"),))
    before = shown(store, id_)

    recorded = edit(
        store, Edit.CORRECTION, title="Выставки в музее", topics=(topic("health"),)
    )

    after = shown(store, id_)
    assert recorded == Recorded(stories_changed=True)
    assert (after.lead.title, after.topics) == ("Выставки в музее", ("health",))
    assert (after.updated, after.published) == (before.updated, before.published)
    assert after.revision == before.revision + 1


def test_news_of_the_lead_moves_updated(store):
    id_ = tell(store)
    before = shown(store, id_)

    recorded = edit(store, Edit.NEWS, title="Выставка закрылась")

    after = shown(store, id_)
    assert recorded == Recorded(entries_updated=1, stories_changed=True)
    assert after.updated.replace(microsecond=0) == NOW + HOUR
    assert after.updated.microsecond == before.updated.microsecond
    assert after.published == before.published
    assert after.revision == before.revision + 1


def test_an_edit_recorded_twice_counts_once(store, url):
    tell(store)
    edit(store, Edit.NEWS, title="Выставка закрылась")
    before = contents(url)

    assert edit(store, Edit.NEWS, title="Выставка закрылась") == Recorded()
    assert contents(url) == before


def test_updated_goes_forward_when_the_clock_went_back(store):
    id_ = tell(store)
    before = shown(store, id_)

    edit(store, Edit.NEWS, title="Выставка закрылась", seen_at=NOW - DAY)

    assert shown(store, id_).updated == before.updated + timedelta(seconds=1)


def test_one_entry_moves_updated_ten_times_and_no_more(store):
    id_ = tell(store)
    for hour in range(1, 16):
        seen_at = NOW + hour * HOUR
        edit(store, Edit.NEWS, title=f"Счёт: {hour}", seen_at=seen_at)

    story_now = shown(store, id_)
    assert (
        story_now.updated.replace(microsecond=0)
        == NOW + record_stories.MAX_MOVES * HOUR
    )
    assert story_now.lead.title == "Счёт: 15"
    assert story_now.revision == 16


def test_news_of_a_story_that_nobody_saw_moves_nothing(store):
    entry = new("one")
    made = story("one", member(KUB, entry))
    store.record([outcome(KUB, entry)], grouping(made))

    assert edit(store, Edit.NEWS, title="Выставка закрылась").entries_updated == 1
    assert shown(store, made.id).updated.replace(microsecond=0) == NOW


def test_news_of_another_member_raises_the_revision_alone(store):
    lead, other = new("one"), new("two")
    made = story("one", member(KUB, lead), member(KRAI, other))
    store.record([outcome(KUB, lead), outcome(KRAI, other)], grouping(made))
    store.announce()
    before = shown(store, made.id)

    edit(
        store,
        Edit.NEWS,
        "two",
        source_id=KRAI,
        title="Другое",
        topics=(topic("events"),),
    )

    after = shown(store, made.id)
    assert after.updated == before.updated
    assert after.revision == before.revision + 1
    assert after.members[0].title == "Другое"
    assert after.topics == ("events",)


def test_an_edit_keeps_dates_and_place(store):
    id_ = tell(store, position=4)
    edit(store, Edit.NEWS, title="Иначе", position=40, published=NOW + DAY)

    (header,) = store.headers(None, NOW - DAY)
    assert (header.position, header.published) == (4, NOW)
    assert shown(store, id_).lead.position == 4


# --- stories ----------------------------------------------------------------------


def test_a_story_is_shown_with_its_members_and_topics(store):
    lead = new("one", topics=(topic("culture"), topic("events", tagged=False)))
    copy = new("two", effective=NOW + HOUR, title="Копия", topics=(topic("health"),))
    third = new("three", effective=NOW - HOUR, title="Третья", link=None)
    made = story(
        "one",
        member(KUB, lead),
        member(KRAI, copy, relation="copy"),
        member(YUGA, third),
    )
    join = Join(
        entry=(KRAI, copy.read.fingerprint.key),
        story=made.id,
        relation="copy",
        score=0.9,
        why=("same start",),
    )
    batch = [outcome(KUB, lead), outcome(KRAI, copy), outcome(YUGA, third)]
    store.record(batch, grouping(made, joins=(join,)))

    found = shown(store, made.id)

    assert found.lead == lead.read.entry
    assert (found.source.id, found.source.name) == (KUB, "Источник 0")
    assert [(m.source.id, m.title, m.link, m.relation) for m in found.members] == [
        (YUGA, "Третья", None, "report"),
        (KRAI, "Копия", "https://kubnews.ru/two", "copy"),
    ]
    assert found.topics == ("health", "culture")  # feeds.yaml's order
    assert (found.published, found.revision, found.ad) == (NOW, 1, False)


def test_entries_read_again_change_topics_and_no_date(store):
    lead = new("one", topics=(topic("culture"),))
    loose = new("two", topics=(topic("culture"),))
    made = story("one", member(KUB, lead))
    store.record([outcome(KUB, lead, loose)], grouping(made))
    before = shown(store, made.id)
    place = PlaceMatch(
        place="sochi", name="Сочи", form="Сочи", field="title", position=0
    )
    said = WordsRead(topics=(topic("health"),), events=(), places=(place,))
    refs = [(KUB, each.read.fingerprint.key) for each in (lead, loose)]

    (number,) = store.stories_since(NOW - DAY)
    assert store.loose_since(NOW - DAY) == [refs[1]]
    assert store.loose_since(NOW + DAY) == []
    assert store.stories_since(NOW + DAY) == []
    ((found,), entries) = store.story_entries([number])
    assert (found.id, set(entries)) == (made.id, {refs[0]})
    store.save_words(dict.fromkeys(refs, said), [made.id])

    after = shown(store, made.id)
    assert set(after.topics) == {"health", "sochi"}
    assert after.revision == before.revision + 1
    assert (after.id, after.published, after.updated) == (
        *(before.id, before.published, before.updated),
    )
    assert [one.topics for one in store.entries(refs).values()] == [said.topics] * 2
    assert store.entries(refs)[refs[0]].places == (place,)
    assert store.count_entries() == 2
    assert set(store.latest(5)) == set(refs)
    assert len(store.latest(1)) == 1


def test_stories_come_in_the_order_asked(store):
    ids = [tell(store, name) for name in ("one", "two", "three")]

    asked = [ids[2], "tag:nobody,2026:x", ids[0], ids[1]]
    assert [found.id for found in store.stories(asked)] == [ids[2], ids[0], ids[1]]
    assert store.stories([]) == []


def test_a_member_that_joins_raises_the_revision_and_leaves_updated(store):
    id_ = tell(store)
    before = shown(store, id_)
    ((known,), _) = store.neighbours(
        links={hash64("https://kubnews.ru/one")}, titles=set(), since=NOW
    )
    follower = new("two", title="Ещё об этом", effective=NOW + DAY)
    grown = replace(known, members=(*known.members, member(KRAI, follower)))

    recorded = store.record(
        [outcome(KRAI, follower)], replace(grouping(grown), minted=frozenset())
    )

    after = shown(store, id_)
    assert recorded == Recorded(entries_new=1, stories_changed=True)
    assert known.announced
    assert after.updated == before.updated
    assert after.revision == before.revision + 1
    assert [each.title for each in after.members] == ["Ещё об этом"]


def test_a_stored_entry_without_a_story_may_join_later(store):
    old = new("old", effective=NOW - DAY)
    store.record([outcome(KUB, old)], NO_STORIES)
    _, loose = store.neighbours(
        links={old.read.fingerprint.link}, titles=set(), since=NOW
    )
    fresh = new("fresh")
    made = story("one", *loose, member(KRAI, fresh))

    store.record([outcome(KRAI, fresh)], grouping(made))

    assert loose[0].own_site  # read from link and source when asked for
    found = shown(store, made.id)
    assert found.lead.key == "old"
    assert found.published == NOW - DAY


def test_lead_and_published_may_change_until_announced(store):
    first, second = new("one"), new("two", effective=NOW - HOUR)
    made = story("one", member(KUB, first))
    store.record([outcome(KUB, first)], grouping(made))
    grown = story("one", member(KUB, first), member(KRAI, second), lead=1)
    store.record([outcome(KRAI, second)], grouping(grown))

    found = shown(store, made.id)
    assert (found.lead.key, found.published) == ("two", NOW - HOUR)
    assert found.updated.replace(microsecond=0) == NOW - HOUR

    store.announce()
    store.record([], grouping(replace(grown, lead=made.lead)))
    assert shown(store, made.id) == found


def test_a_story_whose_lead_is_not_stored_is_refused(store, url):
    before = contents(url)

    with pytest.raises(StoreError, match="lead"):
        store.record([], grouping(story("one", member(KUB, new("one")))))

    assert contents(url) == before


def test_a_withheld_lead_waits_until_another_member_leads(store):
    hidden = new("one", withheld=Withheld.AD)
    made = story("one", member(KUB, hidden))
    store.record([outcome(KUB, hidden)], grouping(made))
    assert store.announce() == 0
    assert list(store.headers(None, NOW - DAY)) == []

    open_ = new("two")
    grown = story("one", member(KUB, hidden), member(KRAI, open_), lead=1)
    store.record([outcome(KRAI, open_)], grouping(grown))

    assert store.announce() == 1
    assert store.announce() == 0
    assert [each.source for each in store.headers(None, NOW - DAY)] == [KRAI]


# --- selection --------------------------------------------------------------------


def test_headers_come_newest_first_then_by_position_then_by_id(store, monkeypatch):
    monkeypatch.setattr(stories, "PAGE", 2)
    tell(store, "b", position=1)
    tell(store, "a", position=1)
    tell(store, "c", position=0)
    tell(store, "new", KRAI, effective=NOW + HOUR, topics=(topic("culture"),))
    tell(store, "old", effective=NOW - 2 * DAY, topics=(topic("culture"),))
    tell(store, "edge", effective=NOW - DAY, topics=(topic("culture"),))

    merged = [each.id.rpartition(":")[2] for each in store.headers(None, NOW - DAY)]
    culture = list(store.headers("culture", NOW - DAY))

    assert merged == ["new", "c", "a", "b", "edge"]
    assert [each.source for each in culture] == [KRAI, KUB]
    assert culture[0].published == NOW + HOUR
    assert list(store.headers("sport", NOW - DAY)) == []


@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=12))
def test_pages_put_together_are_all_headers_in_order(tmp_path, empty_sqlite, places):
    path = shutil.copy(empty_sqlite, tmp_path / f"{uuid4().hex}.db")
    opened = Store.open(f"sqlite:///{path}", writing=True)
    opened.sync_sources([source(KUB, 0)])
    entries = [
        new(f"n{number}", effective=NOW + hours * HOUR, position=position)
        for number, (hours, position) in enumerate(places)
    ]
    made = [story(each.read.entry.key, member(KUB, each)) for each in entries]
    opened.record([outcome(KUB, *entries)], grouping(*made))
    opened.announce()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stories, "PAGE", 3)
        found = list(opened.headers(None, NOW))
    opened.close()

    assert len(found) == len(places)
    assert found == sorted(
        found, key=lambda each: (-each.published.timestamp(), each.position, each.id)
    )


def test_no_two_stories_have_the_same_updated(store, monkeypatch):
    """Only three fractions: nearly every story clashes with another one."""
    monkeypatch.setattr(moments, "fraction", lambda story_id: hash64(story_id) % 3)
    entries = [new(f"n{number}") for number in range(60)]
    made = [story(each.read.entry.key, member(KUB, each)) for each in entries]
    store.record([outcome(KUB, *entries[:30])], grouping(*made[:30]))
    store.announce()
    store.record([outcome(KUB, *entries[30:])], grouping(*made[30:]))
    changes = [
        ChangedEntry(
            read=read(each.read.entry.key, title="Иначе"),
            edit=Edit.NEWS,
            # Some land on the others' second, some all on one later second.
            seen_at=NOW + (number % 2) * HOUR,
        )
        for number, each in enumerate(entries[:30])
    ]
    store.record([outcome(KUB, changed=changes)], NO_STORIES)

    found = [each.updated for each in store.stories([each.id for each in made])]
    assert len(set(found)) == 60


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(
        st.tuples(st.integers(0, 3_000_000), st.integers(999_995, 999_999)), max_size=30
    )
)
def test_moments_stay_in_their_second_and_apart(empty_sqlite, wanted):
    """Fractions at the second's end: the next free one is found round it."""
    opened = Store.open(f"sqlite:///{empty_sqlite}", writing=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "fraction", int)
        found = opened._read(
            lambda connection: moments.free_moments(
                connection, [(micros, str(fraction)) for micros, fraction in wanted]
            )
        )
    opened.close()

    assert len(set(found)) == len(wanted)
    assert [moment // 1_000_000 for moment in found] == [
        micros // 1_000_000 for micros, _ in wanted
    ]


# --- neighbours -------------------------------------------------------------------


def test_neighbours_are_found_by_link_at_any_age_and_by_title_in_the_window(store):
    tell(store, "old", effective=NOW - 100 * DAY, title="Старая новость о театре")
    fresh = new("fresh", KRAI and NOW, title="Свежая новость о музее")
    store.record([outcome(KRAI, fresh)], NO_STORIES)

    def ask(links=(), titles=(), since=NOW - DAY):
        return store.neighbours(
            links={hash64(link) for link in links},
            titles={hash64(title) for title in titles},
            since=since,
        )

    (by_link,), none = ask(links=["https://kubnews.ru/old"])
    assert by_link.id == "tag:news.example.org,2026:old"
    assert none == ()
    assert ask(titles=["Старая новость о театре"]) == ((), ())
    assert len(ask(titles=["Старая новость о театре"], since=NOW - 101 * DAY)[0]) == 1
    no_story, (loose,) = ask(titles=["Свежая новость о музее"])
    assert no_story == ()
    assert loose == replace(member(KRAI, fresh), own_site=False)
    assert ask() == ((), ())


def test_a_story_comes_whole_as_dedup_left_it(store):
    lead, other = new("one", topics=(topic("culture"),)), new("two", title="Другое")
    made = story(
        "one", member(KUB, lead), member(KRAI, other, own_site=False, relation="copy")
    )
    store.record([outcome(KUB, lead), outcome(KRAI, other)], grouping(made))

    found, _ = store.neighbours(
        links=set(), titles={other.read.fingerprint.title}, since=NOW
    )

    assert found == (made,)


# --- documents, status, explain ---------------------------------------------------


def test_the_manifest_keeps_the_newest_record_of_each_document(store):
    feed = DocumentRecord(name="feed.atom", fingerprint="a", digest="00")
    index = DocumentRecord(name="index.html", fingerprint="b", digest="01")
    store.save_documents([feed, index])
    store.save_documents([replace(feed, fingerprint="c")])

    assert store.documents() == {
        "feed.atom": replace(feed, fingerprint="c"),
        "index.html": index,
    }


def test_a_summary_counts_entries_and_stories(store):
    assert store.summary(NOW).updated is None
    id_ = tell(store)
    unseen = new("two", effective=NOW + DAY, withheld=Withheld.AD)
    made = story("two", member(KRAI, unseen))
    store.record(
        [
            outcome(KRAI, unseen, new("old", effective=NOW - 31 * DAY)),
            outcome(YUGA),
        ],
        grouping(made),
    )

    found = store.summary(NOW)

    assert found.stories == 2
    assert found.updated == shown(store, id_).updated
    assert {key: each.entries for key, each in found.sources.items()} == {
        KUB: 1,
        KRAI: 2,
    }
    assert found.sources[KRAI].entries_a_day == pytest.approx(1 / 30, abs=0.01)


def test_an_entry_is_found_by_link_by_guid_and_by_its_storys_id(store):
    lead = new("guid-1", link="https://www.kubnews.ru/a/?utm_source=x")
    other = new("guid-2", effective=NOW - HOUR, title="Другое")
    made = story("one", member(KRAI, lead), member(KUB, other))
    store.record([outcome(KRAI, lead), outcome(KUB, other)], grouping(made))
    lead_ref, other_ref = (each.ref for each in made.members)

    assert store.find("https://www.kubnews.ru/a/?utm_source=x") == (lead_ref,)
    assert store.find("http://kubnews.ru/a") == (lead_ref,)
    assert store.find(" guid-2 ") == (other_ref,)
    assert store.find(made.id) == (lead_ref, other_ref)
    assert store.find("https://kubnews.ru/b") == ()
    assert store.find("\ud800\0") == ()


def test_history_tells_an_entrys_whole_way(store):
    lead, other = new("one"), new("two", effective=NOW - HOUR, title="Другое")
    made = story("one", member(KUB, lead), member(KRAI, other))
    ref = (KRAI, other.read.fingerprint.key)
    join = Join(
        entry=ref, story=made.id, relation="report", score=1.0, why=("same link",)
    )
    store.record(
        [outcome(KUB, lead), outcome(KRAI, other)], grouping(made, joins=(join,))
    )

    found = store.history(ref)

    assert found.stored == store.entries([ref])[ref]
    assert (found.story.id, found.story.lead) == (made.id, made.lead)
    assert (found.announced, found.published, found.revision) == (False, NOW, 1)
    assert found.updated == shown(store, made.id).updated
    assert list(found.members) == [made.lead, ref]
    told = found.members[ref]
    assert (told.key, told.source, told.title) == ("two", KRAI, "Другое")
    assert (told.relation, told.score, told.why) == ("report", 1.0, ("same link",))
    assert found.members[made.lead].score is None


def test_history_of_an_entry_in_no_story_and_of_none(store):
    alone = new("one")
    store.record([outcome(KUB, alone)], NO_STORIES)

    found = store.history((KUB, alone.read.fingerprint.key))

    assert found.story is None
    assert found.members == {}
    assert store.history((KUB, 1)) is None


# --- retention --------------------------------------------------------------------


def test_expired_entries_that_are_still_listed_are_not_new_again(store):
    old = new("old", effective=NOW - 91 * DAY)
    gone = new("gone", effective=NOW - 91 * DAY)
    young = new("young", effective=NOW - 89 * DAY)
    store.record([outcome(KUB, old, gone, young)], NO_STORIES)
    store.record([outcome(KUB, seen=["old", "young"])], NO_STORIES)

    assert store.expire(NOW, 90 * DAY, None) == 2
    assert set(store.known(KUB)) == {hash64("old"), hash64("young")}
    assert store.entries([(KUB, hash64("old"))]) == {}

    again = store.record([outcome(KUB, old, young)], NO_STORIES)
    assert again.entries_new == 0
    edit(store, Edit.NEWS, "old", title="Иначе")
    assert store.known(KUB)[hash64("old")] == read("old", "Иначе").fingerprint.content
    assert store.entries([(KUB, hash64("old"))]) == {}


def test_a_tombstone_goes_when_the_source_no_longer_lists_the_entry(store):
    old = new("old", effective=NOW - 91 * DAY)
    store.record([outcome(KUB, old)], NO_STORIES)
    store.expire(NOW, 90 * DAY, None)

    store.record([PollOutcome(state=SourceState(id=KUB))], NO_STORIES)
    assert len(store.known(KUB)) == 1, "a document that was not read lists nothing"
    store.record([outcome(KUB, seen=["other"])], NO_STORIES)
    assert store.known(KUB) == {}


def test_published_stories_stay_unless_told_otherwise(store):
    long_ago = NOW - 400 * DAY
    id_ = tell(store, effective=long_ago, topics=(topic("culture"),))
    tell(store, "young", effective=NOW - DAY)

    assert store.expire(NOW, 90 * DAY, None) == 0
    assert store.expire(NOW, 90 * DAY, 500 * DAY) == 0
    assert store.expire(NOW, 90 * DAY, 365 * DAY) == 1
    assert store.stories([id_]) == []
    assert list(store.headers("culture", NOW - FOREVER)) == []
    assert store.summary(NOW).stories == 1


def test_a_story_never_announced_goes_with_its_youngest_member(store):
    old = new("old", effective=NOW - 100 * DAY, withheld=Withheld.FIRST_SIGHT)
    younger = new("younger", effective=NOW - 50 * DAY, withheld=Withheld.FIRST_SIGHT)
    made = story("one", member(KUB, old), member(KRAI, younger))
    store.record([outcome(KUB, old), outcome(KRAI, younger)], grouping(made))

    assert store.expire(NOW, 90 * DAY, None) == 0
    assert store.expire(NOW + 41 * DAY, 90 * DAY, None) == 2
    assert store.summary(NOW).stories == 0


# --- cost -------------------------------------------------------------------------


def test_frequent_questions_never_walk_through_a_table(tmp_path):
    """Their cost must not grow with the store: every step goes by an index."""
    from sqlalchemy import event

    opened = Store.open(f"sqlite:///{tmp_path}/a.db", writing=True)
    opened.sync_sources([source(KUB, 0)])
    id_ = tell(opened, topics=(topic("culture"),))
    asked = []
    engine = opened._database.engine

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) and not executemany:
            asked.append((statement, parameters))

    ref = opened.find(id_)[0]
    opened.find("https://kubnews.ru/one")
    opened.neighbours(links={1, 2}, titles={3}, since=NOW)
    opened.neighbours(links={hash64("https://kubnews.ru/one")}, titles=(), since=NOW)
    list(opened.headers(None, NOW))
    list(opened.headers("culture", NOW))
    opened.stories([id_])
    opened.entries([ref, (KUB, 1)])
    opened.effective_dates([ref, (KUB, 1)])
    opened.stories_of([ref, (KUB, 1)])
    opened.known(KUB)
    opened.history(ref)
    opened.announce()
    edit(opened, Edit.NEWS, title="Иначе")
    opened.expire(NOW, 90 * DAY, 300 * DAY)
    event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        plans = [
            (step[3], statement)
            for statement, parameters in asked
            for step in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", parameters
            )
        ]
    opened.close()

    walked = [
        (step, statement)
        for step, statement in plans
        if step.startswith(("SCAN entry", "SCAN story", "SCAN source"))
        and "INDEX" not in step
    ]
    assert walked == []
    assert len(plans) > 20
