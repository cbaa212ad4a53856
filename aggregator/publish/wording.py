"""The words and dates that we add to what sources wrote, in the site's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Every sentence and word that documents print of their own."""

    also_reported: str
    advertisement: str
    untitled: str
    #: Index page.
    latest: str
    no_stories: str
    updated: str
    also: str
    subscribe: str
    how_to_subscribe: str
    all_stories: str
    months: tuple[str, ...]
    #: From Monday.
    weekdays: tuple[str, ...]
    #: Of ``{day}``, ``{month}``, ``{year}``, ``{weekday}``.
    day_pattern: str

    def day(self, moment: datetime) -> str:
        """The day of a local time: «воскресенье, 22 ноября 2026»."""
        return self.day_pattern.format(
            day=moment.day,
            month=self.months[moment.month - 1],
            year=moment.year,
            weekday=self.weekdays[moment.weekday()],
        )

    def moment(self, moment: datetime) -> str:
        """A local time: «22 ноября, 18:40»."""
        return f"{moment.day} {self.months[moment.month - 1]}, {moment:%H:%M}"


RUSSIAN = Wording(
    also_reported="Также сообщили",
    advertisement="Реклама",
    untitled="Без заголовка",
    latest="Последние новости",
    no_stories="Новостей пока нет.",
    updated="Обновлено",
    also="также",
    subscribe="Подписка",
    how_to_subscribe=(
        "Скопируйте адрес ленты и добавьте его в программу для чтения лент "
        "(RSS и Atom): новые сообщения будут приходить сами."
    ),
    all_stories="Все новости",
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
    latest="Latest news",
    no_stories="No stories yet.",
    updated="Updated",
    also="also",
    subscribe="Subscribe",
    how_to_subscribe=(
        "Copy a feed's address into your feed reader (RSS and Atom): "
        "new stories will then come to you."
    ),
    all_stories="All stories",
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
