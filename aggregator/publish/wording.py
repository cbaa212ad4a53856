"""The words and dates that we add to what sources wrote, in the site's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from aggregator.model import Event, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Every sentence and word that documents print of their own."""

    also_reported: str
    advertisement: str
    untitled: str
    source: str
    until: str
    cancelled: str
    #: Pages.
    coming: str
    no_events: str
    under_way: str
    calendar: str
    how_to_use_the_calendar: str
    latest: str
    no_stories: str
    updated: str
    also: str
    subscribe: str
    how_to_subscribe: str
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
    coming="Календарь событий",
    no_events="Ближайших событий пока нет.",
    under_way="Уже идут",
    calendar="Календарь",
    how_to_use_the_calendar=(
        "Скопируйте адрес и подпишитесь на него в календаре телефона или компьютера: "
        "события будут появляться и меняться сами."
    ),
    latest="Последние новости",
    no_stories="Новостей пока нет.",
    updated="Обновлено",
    also="также",
    subscribe="Подписка",
    how_to_subscribe=(
        "Скопируйте адрес ленты и добавьте его в программу для чтения лент "
        "(RSS и Atom): новые сообщения будут приходить сами."
    ),
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
    coming="Coming events",
    no_events="No events ahead yet.",
    under_way="Under way",
    calendar="Calendar",
    how_to_use_the_calendar=(
        "Copy the address and subscribe to it in your phone's or computer's calendar: "
        "events will then appear and change by themselves."
    ),
    latest="Latest news",
    no_stories="No stories yet.",
    updated="Updated",
    also="also",
    subscribe="Subscribe",
    how_to_subscribe=(
        "Copy a feed's address into your feed reader (RSS and Atom): "
        "new stories will then come to you."
    ),
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
    return RUSSIAN if language.lower().partition("-")[0] == "ru" else ENGLISH


def iso_moment(when: When, zone: tzinfo) -> str:
    """``2026-09-13``, or ``2026-09-13T18:00:00+03:00``: W3C's profile of ISO 8601."""
    if when.time is None:
        return when.day.isoformat()
    return datetime.combine(when.day, when.time, zone).isoformat()
