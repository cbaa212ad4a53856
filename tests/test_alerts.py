"""When an alert opens and closes, and how the webhook hears of it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.alerts import deliver
from aggregator.alerts.judge import judge, watch_at
from aggregator.alerts.silence import (
    first_sight_sources,
    quiet_sources,
    silence_of,
    usual_gap,
)
from aggregator.alerts.webhook import GIVEN_UP_AFTER, LONGEST_WAIT
from aggregator.alerts.wording import ENGLISH, PROPOSES, RUSSIAN, AlertWords
from aggregator.http import Client
from aggregator.model import (
    Alert,
    AlertBook,
    Moved,
    Notice,
    RecordedError,
    RecordedWarning,
    Silence,
    Source,
    SourceError,
    SourceState,
    Watch,
)
from aggregator.parse.sniff import not_a_feed
from aggregator.scheduler import after_failure
from aggregator.store import Store

NOW = datetime(2026, 9, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
AFTER = DAY

SOURCE = Source(
    id="kub",
    url="https://kub.example/rss",
    name="Кубань",
    order=0,
    interval=15 * MINUTE,
    timezone="Europe/Moscow",
    content="summary",
    max_bytes=1_000_000,
)


def failing(since: datetime, *, code="http_404", count=5, last_poll=None, **more):
    return SourceState(
        id="kub",
        error=RecordedError(code=code, message="No.", since=since, count=count),
        **{
            "first_success": NOW - 30 * DAY,
            "last_success": since - HOUR,
            "last_new_entry": since - HOUR,
            "last_poll": last_poll or NOW - HOUR,
            "next_poll": NOW + HOUR,
        }
        | more,
    )


def good(at: datetime = NOW, **more) -> SourceState:
    return SourceState(
        id="kub",
        **{
            "first_success": NOW - 30 * DAY,
            "last_success": at,
            "last_new_entry": at,
            "last_poll": at,
            "next_poll": at + 15 * MINUTE,
        }
        | more,
    )


def judged(
    state: SourceState,
    *,
    silence: Silence | None = None,
    book: AlertBook = AlertBook(),  # noqa: B008 - frozen
    now: datetime = NOW,
    source: Source = SOURCE,
    offline: bool = False,
    language: str = "ru",
) -> list[Alert]:
    found = judge(
        [source],
        {state.id: state},
        {"kub": silence} if silence else {},
        book,
        now,
        after=AFTER,
        words=AlertWords(language, "Europe/Moscow"),
        offline=offline,
    )
    return list(found.values())


def codes(state: SourceState, **more) -> list[str]:
    return [alert.code for alert in judged(state, **more)]


def open_book(*alerts: Alert, watch: Watch = Watch()) -> AlertBook:  # noqa: B008
    return AlertBook(open={alert.key: alert for alert in alerts}, watch=watch)


# --- failing --------------------------------------------------------------------------


def test_an_alert_opens_when_a_source_has_failed_for_long():
    assert codes(failing(NOW - DAY + MINUTE)) == []
    (alert,) = judged(failing(NOW - DAY))

    assert (alert.source, alert.code, alert.since) == ("kub", "failing", NOW - DAY)
    assert alert.message == (
        "Источник «Кубань» не читается с 9 сентября 2026, 15:00: страницы нет (http_404)."
    )
    assert "https://kub.example/rss" in alert.fix


def test_only_a_good_poll_closes_it():
    state = failing(NOW - 2 * DAY)
    book = open_book(*judged(state))
    other = replace(state, error=replace(state.error, code="timeout"))

    assert codes(other, book=book) == ["failing"]
    assert judged(other, book=book)[0].id == book.open["kub", "failing"].id
    assert codes(good(), book=book) == []


@pytest.mark.parametrize("code", ["http_429", "http_503"])
def test_rest_that_a_server_asks_for_is_no_failure(code):
    rest = failing(NOW - 5 * DAY, code=code, retry_at=NOW + HOUR)

    assert codes(rest) == []
    # Nor is it the end of one.
    assert codes(rest, book=open_book(*judged(failing(NOW - 5 * DAY)))) == ["failing"]


def test_failures_count_from_the_first_that_is_one():
    """Three days of 429 and then a timeout are a minute of failure."""
    refused = SourceError(code="http_429", message="No.", retry_at=NOW - 3 * DAY + HOUR)
    late = SourceError(code="timeout", message="No.")

    state = after_failure(good(), SOURCE, refused, now=NOW - 3 * DAY, jitter=0)
    state = after_failure(state, SOURCE, late, now=NOW, jitter=0)

    assert (state.error.since, state.error.count) == (NOW, 1)
    assert codes(state, now=NOW + MINUTE) == []


def test_time_without_polls_is_no_failure():
    """The machine was off: one failure, and then nobody asked for days."""
    state = failing(
        NOW - 5 * DAY, last_poll=NOW - 5 * DAY, next_poll=NOW - 5 * DAY + HOUR, count=1
    )

    assert codes(state) == []


def test_removed_and_disabled_sources_close_theirs():
    state = failing(NOW - 2 * DAY)
    book = open_book(*judged(state))

    assert codes(state, book=book, source=replace(SOURCE, enabled=False)) == []
    assert codes(state, book=book, source=replace(SOURCE, id="new")) == []


def test_nothing_opens_while_the_machine_is_offline():
    state = failing(NOW - 2 * DAY)

    assert codes(state, offline=True) == []
    assert codes(state, offline=True, book=open_book(*judged(state))) == ["failing"]
    assert codes(good(), offline=True, book=open_book(*judged(state))) == []


# --- the clock ------------------------------------------------------------------------

DAILY = [NOW - day * DAY for day in range(1, 20)]


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_a_clock_that_jumps_silences_nobody_at_one_look(jump):
    """The first look after it comes with polls that cannot have brought much."""
    watch = watch_at(watch_at(Watch(), NOW), NOW + jump)
    quiet = good(NOW + jump, last_new_entry=NOW - HOUR)

    assert silence_of(quiet, DAILY, watch, NOW + jump) is None
    later = NOW + jump + 15 * MINUTE
    watch, quiet = watch_at(watch, later), replace(quiet, last_success=later)
    assert bool(silence_of(quiet, DAILY, watch, later)) is (jump > DAY)


def test_a_clock_set_back_opens_and_closes_nothing():
    book = open_book(*judged(failing(NOW - 2 * DAY)))
    now = NOW - YEAR
    state = failing(NOW - HOUR, count=2, last_poll=now, next_poll=now + HOUR)

    assert codes(state, now=now) == []
    assert codes(state, book=book, now=now) == ["failing"]


@pytest.mark.parametrize("apart", [25 * HOUR, 2 * DAY, 30 * DAY])
def test_two_failures_are_evidence_however_far_apart(apart):
    """As when cron starts `once` every two days."""
    refused, state = SourceError(code="http_404", message="No."), good(NOW - 3 * YEAR)
    state = after_failure(state, SOURCE, refused, now=NOW - apart, jitter=0)
    assert codes(state, now=NOW - MINUTE) == []
    state = after_failure(state, SOURCE, refused, now=NOW, jitter=0)

    watch = watch_at(watch_at(Watch(), NOW - apart), NOW)
    assert codes(state, book=AlertBook(watch=watch)) == ["failing"]


@pytest.mark.parametrize("apart", [DAY, 25 * HOUR, 2 * DAY])
def test_a_source_polled_well_every_two_days_is_found_silent(apart):
    watch, now = Watch(), NOW
    while now < NOW + 4 * DAY:
        now += apart
        watch = watch_at(watch, now)

    assert silence_of(good(now, last_new_entry=NOW), DAILY, watch, now)


def test_time_without_a_network_is_no_failure():
    """One failure, then an outage at our side; back again, before the next poll."""
    watch, begin = Watch(looked_at=NOW - 2 * DAY), NOW - 2 * DAY + MINUTE
    for hours in range(1, 48):
        watch = watch_at(watch, begin + hours * HOUR, begin)
    state = failing(NOW - 2 * DAY, count=1, last_poll=NOW)

    assert codes(state, book=AlertBook(watch=watch_at(watch, NOW))) == []


def test_a_short_outage_changes_nothing():
    assert watch_at(Watch(), NOW, NOW - 10 * MINUTE).trusted_since is None


# --- silent ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moments", "gap"),
    [
        ([], None),
        ([NOW, NOW], None),
        ([NOW, NOW - DAY], None),
        ([NOW - day * DAY for day in range(20)], DAY),
        ([NOW - day * 2 * DAY for day in range(20)], 2 * DAY),
        # ten entries each week, within an hour
        (
            [
                NOW - week * 7 * DAY - n * 5 * MINUTE
                for week in range(5)
                for n in range(10)
            ],
            7 * DAY,
        ),
        # one that was pinned for years
        ([*(NOW - day * DAY for day in range(5)), NOW - 9 * YEAR], DAY),
        # known for one day only
        ([NOW - hour * HOUR for hour in range(5)], HOUR),
    ],
)
def test_the_usual_gap(moments, gap):
    assert usual_gap(moments) == gap


def test_a_source_is_silent_after_three_usual_gaps():
    every_other_day = [NOW - 2 * DAY * n for n in range(3, 20)]
    state = good(last_new_entry=NOW - 6 * DAY)
    early = replace(state, last_success=NOW - MINUTE)

    assert silence_of(early, every_other_day, Watch(), NOW) is None
    assert silence_of(state, every_other_day, Watch(), NOW) == Silence(
        since=NOW - 6 * DAY, usual_gap=2 * DAY
    )


def test_a_source_is_silent_after_three_days_at_least():
    hourly = [NOW - 3 * DAY - n * HOUR for n in range(200)]

    assert silence_of(good(last_new_entry=NOW - 3 * DAY), hourly, Watch(), NOW)
    recent = good(last_new_entry=NOW - 3 * DAY + MINUTE)
    assert quiet_sources([SOURCE], {"kub": recent}, {}) == []


def test_a_source_that_was_dead_when_it_was_added_is_silent_since_its_last_entry():
    state = good(first_success=NOW, last_new_entry=NOW)
    entries = [NOW - 100 * DAY - n * DAY for n in range(10)]

    states = {"kub": state}
    assert first_sight_sources([SOURCE], states) == ["kub"]
    assert quiet_sources([SOURCE], states, {"kub": NOW - DAY}) == []
    assert quiet_sources([SOURCE], states, {"kub": entries[0]}) == ["kub"]
    found = silence_of(state, entries, Watch(), NOW)
    assert found == Silence(since=NOW - 100 * DAY, usual_gap=DAY)


def test_failed_polls_are_no_silence():
    state = failing(NOW - 10 * DAY)

    assert silence_of(state, DAILY, Watch(), NOW) is None


def test_silence_ends_with_something_new_whatever_the_clock_says():
    silence = Silence(since=NOW - 6 * DAY, usual_gap=DAY)
    quiet = good(last_new_entry=NOW - 6 * DAY)
    (alert,) = judged(quiet, silence=silence)
    book = open_book(alert)

    assert alert.message == (
        "Источник «Кубань» молчит с 4 сентября 2026, 15:00; "
        "обычный перерыв между новыми записями: 24 часа."
    )
    assert codes(replace(quiet, last_success=NOW - YEAR), book=book) == ["silent"]
    assert codes(good(NOW - YEAR), book=book) == []


# --- moved, mojibake --------------------------------------------------------------------


def test_a_confirmed_move_comes_with_the_line_for_feeds_yaml():
    def moved(sightings):
        return Moved(
            url="https://new.example/rss",
            first_seen=NOW - 4 * DAY,
            last_seen=NOW,
            sightings=sightings,
        )

    assert codes(good(moved=moved(4))) == []
    (alert,) = judged(good(moved=moved(5)))
    assert (alert.code, alert.since) == ("moved", NOW - 4 * DAY)
    assert alert.fix.endswith('feeds.yaml: url: "https://new.example/rss"')
    assert codes(good(), book=open_book(alert)) == []


def test_mojibake_is_told():
    warning = RecordedWarning(code="mojibake", message="…", since=NOW - HOUR)

    (alert,) = judged(good(warnings=(warning,)))

    assert (alert.code, alert.since) == ("mojibake", NOW - HOUR)
    assert "encoding: windows-1251" in alert.fix


def test_the_feed_that_a_page_names_is_proposed():
    page = (
        "<html><head><link rel=alternate type=application/rss+xml href='/a,b.xml'>"
        "<link rel=alternate type=application/atom+xml href=/c.xml></head></html>"
    )
    error = not_a_feed(page, SOURCE.url)
    assert PROPOSES in error.message
    state = failing(NOW - 2 * DAY, code=error.code)
    state = replace(state, error=replace(state.error, message=error.message))

    (alert,) = judged(state)

    assert alert.fix.endswith('feeds.yaml: url: "https://kub.example/a,b.xml"')


def test_english_is_for_other_languages():
    (alert,) = judged(failing(NOW - 2 * DAY, code="http_502"), language="de")

    assert alert.message == (
        "The source “Кубань” cannot be read since 8 September 2026, 15:00: "
        "the server has an error (http_502)."
    )


@pytest.mark.parametrize(
    "code",
    [
        "dns",
        "connect",
        "tls",
        "timeout",
        "http_404",
        "http_429",
        "http_502",
        "http_403:challenge",
        "protocol",
        "redirect:loop",
        "redirect:limit",
        "redirect:target",
        "blocked",
        "decode",
        "truncated",
        "too_large",
        "empty",
        "not_a_feed:html",
        "not_a_feed:challenge",
        "not_a_feed:json",
        "not_a_feed:binary",
        "parse:xml",
        "parse:cpu",
        "parse:memory",
        "parse:crash",
        "limit:depth",
    ],
)
def test_every_code_has_a_sentence_of_its_own(code):
    error = RecordedError(code=code, message="No.", since=NOW, count=2)
    for language, unknown in (("ru", RUSSIAN.errors[""]), ("en", ENGLISH.errors[""])):
        message, fix = AlertWords(language, "Europe/Moscow").failing(SOURCE, error)

        assert unknown[0] not in message
        assert fix


def test_both_languages_know_the_same_codes():
    assert RUSSIAN.errors.keys() == ENGLISH.errors.keys()
    assert RUSSIAN.closed.keys() == ENGLISH.closed.keys()


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (1, "1 час"),
        (3, "3 часа"),
        (21, "21 час"),
        (47, "47 часов"),
        (48, "2 дня"),
        (11 * 24, "11 дней"),
        (21 * 24, "21 день"),
        (0.1, "1 час"),
    ],
)
def test_gaps_in_russian(hours, words):
    silence = Silence(since=NOW, usual_gap=timedelta(hours=hours))

    message, _ = AlertWords("ru", "Europe/Moscow").silent(SOURCE, silence)

    assert message.endswith(f": {words}.")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_and_code_make_a_sentence(name, code):
    state = failing(NOW - 2 * DAY, code=code)

    (alert,) = judged(state, source=replace(SOURCE, name=name))

    assert name in alert.message


# --- the store --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty_sqlite(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "empty.db"
    Store.open(f"sqlite:///{path}", writing=True).close()
    return path


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def store(request, tmp_path):
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path)
        url = f"sqlite:///{tmp_path}/empty.db"
    else:
        url = request.getfixturevalue("postgres_url")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    opened = Store.open(url, writing=True)
    yield opened
    opened.close()


def notice(id_="a-opened", **more) -> Notice:
    return Notice(
        id=id_,
        **{
            "alert": id_.partition("-")[0],
            "body": '{"слово": 1}',
            "created": NOW,
            "next_attempt": NOW,
        }
        | more,
    )


def test_what_is_open_is_remembered(store):
    (alert,) = judged(failing(NOW - 2 * DAY))
    watch = Watch(trusted_since=None, looked_at=NOW)

    for _ in range(2):
        store.save_alerts([alert], [], [notice()], watch)

    assert store.alert_book() == open_book(alert, watch=watch)
    assert store.notices() == [notice()]
    later = Watch(trusted_since=NOW, looked_at=NOW + HOUR)
    store.save_alerts([], [alert], [notice("a-closed")], later)
    assert store.alert_book() == AlertBook(watch=later)
    assert store.notices() == [notice(), notice("a-closed")]


def test_settled_notices_are_forgotten_and_others_wait(store):
    store.save_alerts([], [], [notice(), notice("b-opened")], Watch(looked_at=NOW))
    waits = notice("b-opened", attempts=1, next_attempt=NOW + HOUR)

    store.settle_notices([notice()], [waits])

    assert store.notices() == [waits]


# --- the webhook --------------------------------------------------------------------------


@dataclass
class Clock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class Receiver:
    """A server on loopback that gives each request the next of its answers."""

    url: str = ""
    answers: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def listening():
    receiver = Receiver()
    listener = socket.create_server(("127.0.0.1", 0))
    receiver.url = f"http://127.0.0.1:{listener.getsockname()[1]}/hooks/s3cret"

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                data = b""
                while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                    data += connection.recv(65_536)
                receiver.requests.append(data)
                answer = receiver.answers.pop(0) if receiver.answers else OK
                connection.sendall(answer)
                if answer == b"":
                    connection.recv(1)  # silent until the client gives up

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield receiver
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def receiver():
    with listening() as found:
        yield found


OK = b"HTTP/1.1 204 No Content\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
LOOPBACK = (ip_network("127.0.0.0/8"),)


def delivered(notices, url, *, allow_private=LOOPBACK, clock=None):
    async def run():
        async with Client(user_agent="t", allow_private=allow_private) as client:
            found = deliver(notices, url, client, clock or Clock())
            return [each async for each in found]

    return asyncio.run(run())


def test_an_accepted_notice_is_settled(receiver):
    assert delivered([notice()], receiver.url) == [(notice(), True)]

    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hooks/s3cret HTTP/1.1\r\n")
    assert b"content-type: application/json; charset=utf-8" in head.lower()
    assert body.decode() == notice().body


def test_a_refused_one_is_put_off_longer_each_time(receiver):
    receiver.answers = [BROKEN] * 9
    clock, each, waits = Clock(), notice(), []
    for _ in range(9):
        ((each, settled),) = delivered([each], receiver.url, clock=clock)
        assert not settled
        waits.append(each.next_attempt - clock.moment)
        assert delivered([each], receiver.url, clock=clock) == []  # not yet due
        clock.moment = each.next_attempt

    assert waits[:3] == [timedelta(seconds=s) for s in (15, 30, 60)]
    assert waits[-1] == LONGEST_WAIT
    assert delivered([each], receiver.url, clock=clock) == [(each, True)]
    assert len(receiver.requests) == 10
    assert (
        len({request.partition(b"\r\n\r\n")[2] for request in receiver.requests}) == 1
    )


def test_after_a_day_it_is_given_up(receiver):
    receiver.answers = [BROKEN] * 2
    old = notice(created=NOW - GIVEN_UP_AFTER)

    ((_, settled),) = delivered([old], receiver.url)

    assert settled


def test_a_closing_waits_for_its_opening_and_for_no_other(receiver):
    receiver.answers = [BROKEN]

    tried = delivered([notice(), notice("b-opened"), notice("a-closed")], receiver.url)

    assert [(each.id, settled) for each, settled in tried] == [
        ("a-opened", False),
        ("b-opened", True),
    ]


def test_a_redirect_is_not_followed(receiver):
    with listening() as elsewhere:
        receiver.answers = [
            f"HTTP/1.1 307 No\r\nLocation: {elsewhere.url}\r\n\r\n".encode()
        ]

        ((_, settled),) = delivered([notice()], receiver.url)

    assert (settled, elsewhere.requests) == (False, [])


def test_a_body_that_never_ends_is_not_read(receiver):
    receiver.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx"]

    assert delivered([notice()], receiver.url) == [(notice(), True)]


def test_a_silent_receiver_costs_one_deadline_for_all(receiver, monkeypatch):
    monkeypatch.setattr(
        "aggregator.alerts.webhook.DEADLINE", timedelta(milliseconds=100)
    )
    receiver.answers = [b""]

    tried = delivered([notice(), notice("b-opened")], receiver.url)

    assert [(each.id, each.attempts, settled) for each, settled in tried] == [
        ("a-opened", 1, False)
    ]


def test_a_private_receiver_needs_allow_private_and_no_text_names_the_secret(
    receiver, caplog
):
    with caplog.at_level(logging.DEBUG):
        ((_, settled),) = delivered([notice()], receiver.url, allow_private=())
        receiver.answers = [BROKEN]
        delivered([notice()], receiver.url)

    assert not settled
    assert len(receiver.requests) == 1
    assert "error=blocked" not in caplog.text  # fields, not text
    assert {record.error for record in caplog.records if hasattr(record, "error")} == {
        "blocked",
        "http_500",
    }
    assert "s3cret" not in caplog.text + repr([vars(each) for each in caplog.records])


def test_a_clock_set_back_holds_no_notice(receiver):
    waits = notice(next_attempt=NOW + YEAR)

    assert delivered([waits], receiver.url) == [(waits, True)]
