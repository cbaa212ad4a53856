"""The event frame: a public happening and a date in one sentence of the beginning.

A sum of weights punishes short texts: «Концерт — 13 сентября в 18:00» says all there
is to say in six words. Of one-sentence announcements a sum found 58 of 92, the frame
all but the oddest; its price is paid by the topic's ``not:`` terms, any of which voids
the frame in its sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aggregator.model import Term

#: Sentences of the text, from its first, in which a frame counts.
FRAME_SENTENCES = 4
#: ... and words: four sentences are rarely longer.
FRAME_WORDS = 110
#: Characters before and after a noun in which its date may stand: a long sentence.
FRAME_REACH = 400

#: What people go to. Written as rules are; the frame looks for one of them.
EVENT_FRAME = Term(
    written="event_frame",
    members=(
        # music, stage, screen
        *("концерт", "спектакль", "мюзикл", "балет", "опера", "оперетта", "гастроль"),
        # not the lemma: its stem is that of «премьер», a prime minister
        *(
            "=премьера",
            "=Премьера",
            "=премьеру",
            "=Премьеру",
            "=премьеры",
            "=премьерой",
        ),
        *(
            "премьерный показ",
            "кинопоказ",
            "показ фильма",
            "киносеанс",
            "творческий вечер",
            "вечер памяти",
        ),
        *("джазовый вечер", "литературный вечер", "музыкальный вечер", "кинофестиваль"),
        *("представление", "шоу", "дискотека", "вечеринка", "квартирник", "цирк"),
        # museums, books, talks
        *("выставка", "фотовыставка", "вернисаж", "экскурсия", "лекция", "лекторий"),
        *("мастер-класс", "презентация книги", "встреча с писателем", "диктант"),
        *("встреча с читателями", "ночь музеев", "ночь искусств", "библионочь"),
        *("квест", "викторина", "конференция", "симпозиум", "семинар", "форум"),
        *("день открытых дверей", "открытый урок", "вебинар", "круглый стол"),
        # feasts of towns
        *("фестиваль", "праздник", "ярмарка", "карнавал", "парад", "шествие"),
        *("гулянье", "гуляние", "салют", "фейерверк", "день города", "день станицы"),
        *("день села", "день района", "флешмоб", "масленица", "елка", "маркет"),
        *("барахолка", "распродажа книг", "концертная программа", "дегустация"),
        *("праздничная программа", "торжество", "реконструкция сражения"),
        # to take part in
        *("забег", "марафон", "полумарафон", "велопробег", "регата", "турнир"),
        *("соревнование", "спартакиада", "субботник", "слет", "заплыв", "велозаезд"),
        *("прощание", "панихида", "линейка ко дню знаний", "торжественная линейка"),
        *("волонтерская акция", "экологическая акция", "донорская акция"),
    ),
)

_MONTH = (
    r"(?:янв(?:аря)?|фев(?:раля)?|мар(?:та)?|апр(?:еля)?|мая|июня|июля|авг(?:уста)?|"
    r"сен(?:т(?:ября)?)?|окт(?:ября)?|нояб?(?:ря)?|дек(?:абря)?)"
)
#: A day that may be ahead or just gone; a year before 2000 makes it history.
_DATE = re.compile(
    rf"\b(?:[12]?\d|3[01])(?:-?(?:го|е))?\s+{_MONTH}\b(?!\s+1\d{{3}}\b)"
    r"|\b(?:0?[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.(?:20)?\d\d\b"
    r"|\b(?:понедельник|вторник|сред[уы]|четверг|пятниц[уы]|суббот[уы]|воскресенье)\b"
    r"|\b(?:сегодня|завтра|послезавтра)\b"
    r"|\b(?:эти|эту|ближайш\w+|предстоящ\w+|в)\s+выходные\b|\bна\s+выходных\b"
    r"|\bв\s+(?:[01]?\d|2[0-3])[:.][0-5]\d\b",
    re.IGNORECASE,
)


#: Words of which every date without a number has one.
_DAYS = frozenset(
    """
    понедельник вторник среду среды четверг пятницу пятницы субботу субботы
    воскресенье сегодня завтра послезавтра выходные выходных
    """.split()
)


def may_have_date(tokens: Iterable[str]) -> bool:
    """Whether ``date_in`` could find one; takes a tenth of its time."""
    return any(token in _DAYS or token[0].isdigit() for token in tokens)


def date_in(sentence: str) -> re.Match[str] | None:
    """The first day or hour that a sentence names."""
    return _DATE.search(sentence)
