"""The words and dates that we add to what sources wrote, in the site's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, tzinfo

from aggregator.language import primary
from aggregator.model import Event, When
from aggregator.publish.typography import typeset


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """What pages say beside the stories; typeset when made."""

    #: Facebook's ``language_TERRITORY``, of a bare language.
    locale: str
    skip: str
    sections: str
    home: str
    #: Of ``{title}``, the site's, and ``{section}``.
    description: str
    section_description: str
    no_stories: str
    older: str
    updated: str
    events: str
    events_description: str
    no_events: str
    under_way: str
    later_events: str
    calendar: str
    how_to_use_the_calendar: str
    #: On the link that opens a calendar program, and before the plain address.
    subscribe_to_calendar: str
    calendar_address: str
    subscribe: str
    feeds: str
    what_a_feed_is: str
    subscribe_description: str
    every_feed: str
    opml: str
    opml_feeds: str
    opml_sources: str
    block: str
    how_to_use_the_block: str
    without_script: str
    block_topics: str
    sources: str
    sources_description: str
    #: Of ``{ok}`` and ``{of}``, numbers.
    answering: str
    last_success: str
    never: str
    #: `publish.status.State` -> what readers are told.
    states: Mapping[str, str]

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):
                object.__setattr__(self, each.name, typeset(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Every sentence and word that documents print of their own."""

    also_reported: str
    advertisement: str
    untitled: str
    source: str
    until: str
    cancelled: str
    places: str
    topics: str
    #: What a feed holds; of a topic's or a place's ``{title}``.
    all_stories: str
    stories_on: str
    stories_that_mention: str
    pages: PageWords
    months: tuple[str, ...]
    #: From Monday.
    weekdays: tuple[str, ...]
    #: Of ``{day}``, ``{month}``, ``{year}``, ``{weekday}``.
    day_pattern: str

    def day(self, moment: date) -> str:
        """The day of a local time: «воскресенье, 22 ноября 2026»."""
        return self.day_pattern.format(
            day=moment.day,
            month=self.months[moment.month - 1],
            year=moment.year,
            weekday=self.weekdays[moment.weekday()],
        )

    def moment(self, moment: datetime) -> str:
        """A local time: «22 ноября, 18:40»."""
        return f"{self.date(moment)}, {moment:%H:%M}"

    def date(self, day: date) -> str:
        """A day of the present year: «22 ноября»."""
        return f"{day.day} {self.months[day.month - 1]}"

    def when(self, event: Event, year: int) -> str:
        """The days and hours of an event; ``year``: the one that need not be said.

        «13 сентября, 18:00–20:00», «5–8 сентября», «до 3 октября 2027».
        """
        start, end = event.start, event.end
        if start is None:
            return f"{self.until} {self._when(end, year)}" if end else ""
        if end is None or end == start:
            return self._when(start, year)
        if end.day == start.day and start.time and end.time:
            return f"{self._when(start, year)}–{end.time:%H:%M}"
        days_alone = start.time is None and end.time is None
        if days_alone and (start.day.year, start.day.month) == (
            end.day.year,
            end.day.month,
        ):
            return f"{start.day.day}–{self._when(end, year)}"
        return f"{self._when(start, year)} – {self._when(end, year)}"

    def _when(self, when: When, year: int) -> str:
        said = self.date(when.day)
        if when.day.year != year:
            said = f"{said} {when.day.year}"
        return said if when.time is None else f"{said}, {when.time:%H:%M}"


RUSSIAN = Wording(
    also_reported="Также сообщили",
    advertisement="Реклама",
    untitled="Без заголовка",
    source="Источник",
    until="до",
    cancelled="отменено",
    pages=PageWords(
        locale="ru_RU",
        skip="Перейти к содержанию",
        sections="Разделы",
        home="Все новости",
        description="{title}: новости разных изданий по дням, темам и местам — каждая один раз.",
        section_description="{section}: новости разных изданий — каждая один раз.",
        no_stories="Новостей пока нет.",
        older="Здесь только самое новое, остальное — в лентах.",
        updated="Обновлено",
        events="Календарь событий",
        events_description="Что, где и когда: концерты, выставки, спектакли и встречи по датам.",
        no_events="Ближайших событий пока нет.",
        under_way="Уже идут",
        later_events="Здесь только ближайшие события, остальные — в календаре.",
        calendar="События в вашем календаре",
        how_to_use_the_calendar=(
            "Подпишитесь — и события сами появятся в календаре телефона или компьютера, а "
            "переносы и отмены отразятся в нём."
        ),
        subscribe_to_calendar="Подписаться в календаре",
        calendar_address="Если ссылка не открылась, скопируйте адрес:",
        subscribe="Подписаться",
        feeds="Ленты",
        what_a_feed_is=(
            "Лента — это адрес, с которого программа для чтения новостей сама забирает всё "
            "новое. Скопируйте его в программу — больше ничего не нужно."
        ),
        subscribe_description="Адреса лент Atom, RSS и JSON Feed, календарь и блок новостей для сайта.",
        every_feed="Все новости",
        opml="Всё одним файлом",
        opml_feeds="Все ленты этого сайта для программы чтения новостей (OPML)",
        opml_sources="Источники, которые мы читаем (OPML)",
        block="Новости на вашем сайте",
        how_to_use_the_block=(
            "Вставьте эту строку туда, где должен появиться блок; data-count — сколько "
            "новостей показать, от 1 до 20."
        ),
        without_script="То же без скрипта:",
        block_topics="Значения data-topic:",
        sources="Источники",
        sources_description="Какие издания мы читаем и когда каждое отвечало в последний раз.",
        answering="Отвечают: {ok} из {of}.",
        last_success="последний ответ",
        never="ещё не получен",
        states={
            "new": "ещё не опрошен",
            "ok": "отвечает",
            "failing": "сейчас не отвечает",
            "paused": "приостановлен",
            "offline": "у нас нет связи",
        },
    ),
    places="Города и районы",
    topics="Темы",
    all_stories="Все сообщения одной лентой",
    stories_on="Сообщения на тему «{title}»",
    stories_that_mention="Сообщения, в которых упоминается {title}",
    months=(
        *("января", "февраля", "марта", "апреля", "мая", "июня"),
        *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
    ),
    weekdays=(
        *("понедельник", "вторник", "среда", "четверг"),
        *("пятница", "суббота", "воскресенье"),
    ),
    day_pattern="{weekday}, {day} {month} {year}",
)

ENGLISH = Wording(
    also_reported="Also reported by",
    advertisement="Advertisement",
    untitled="Untitled",
    source="Source",
    until="until",
    cancelled="cancelled",
    pages=PageWords(
        locale="en_GB",
        skip="Skip to content",
        sections="Sections",
        home="All news",
        description="{title}: news of many publishers by day, topic and place, every story once.",
        section_description="{section}: news of many publishers, every story once.",
        no_stories="No stories yet.",
        older="Only the newest is here; the rest is in the feeds.",
        updated="Updated",
        events="Coming events",
        events_description="What, where and when: concerts, exhibitions, plays and meetings by date.",
        no_events="No events ahead yet.",
        under_way="Under way",
        later_events="Only the nearest events are here; the rest are in the calendar.",
        calendar="Events in your calendar",
        how_to_use_the_calendar=(
            "Subscribe, and events will appear and change in your phone's or computer's "
            "calendar by themselves."
        ),
        subscribe_to_calendar="Subscribe in a calendar",
        calendar_address="If the link does not open, copy the address:",
        subscribe="Subscribe",
        feeds="Feeds",
        what_a_feed_is=(
            "A feed is an address from which a reading program fetches what is new by "
            "itself: copy it into the program, and that is all."
        ),
        subscribe_description="Addresses of Atom, RSS and JSON feeds, the calendar, and a news block for sites.",
        every_feed="All news",
        opml="Everything in one file",
        opml_feeds="All feeds of this site for a reading program (OPML)",
        opml_sources="The sources that we read (OPML)",
        block="The news on your site",
        how_to_use_the_block=(
            "Put this line where the block is to appear; data-count says how many "
            "stories to show, from 1 to 20."
        ),
        without_script="The same without a script:",
        block_topics="Values of data-topic:",
        sources="Sources",
        sources_description="Which publishers we read, and when each answered last.",
        answering="Answering: {ok} of {of}.",
        last_success="last answer",
        never="not yet",
        states={
            "new": "not asked yet",
            "ok": "answers",
            "failing": "does not answer now",
            "paused": "paused",
            "offline": "we are offline",
        },
    ),
    places="Towns and districts",
    topics="Topics",
    all_stories="All stories in one feed",
    stories_on="Stories on {title}",
    stories_that_mention="Stories that mention {title}",
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    weekdays=(
        *("Monday", "Tuesday", "Wednesday", "Thursday"),
        *("Friday", "Saturday", "Sunday"),
    ),
    day_pattern="{weekday}, {day} {month} {year}",
)


def wording(language: str) -> Wording:
    """For a BCP 47 tag: Russian for ``ru``, English for any other language."""
    return RUSSIAN if primary(language) == "ru" else ENGLISH


def iso_moment(when: When, zone: tzinfo) -> str:
    """``2026-09-13``, or ``2026-09-13T18:00:00+03:00``: W3C's profile of ISO 8601."""
    if when.time is None:
        return when.day.isoformat()
    return datetime.combine(when.day, when.time, zone).isoformat()
