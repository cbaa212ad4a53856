"""Words that tell what a date beside them is the date of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, auto

from aggregator.russian import FormCache, lemma_of, tense_of


class Cue(IntEnum):  # hashed in C, as an Enum is not
    HAPPEN = auto()  #: «состоится», «откроется», «приглашает»
    VERB = auto()  #: any other verb of present or future
    PLANNED = auto()  #: «намечен», «запланирована»: a date ahead
    PAST = auto()  #: «прошла», «открылась»
    WAS_PLANNED = (
        auto()
    )  #: «планировалось», «назначенный»: no longer, if something moved
    END = auto()  #: «продлится», «завершится»
    CANCEL = auto()
    MOVE = auto()
    BOOKING = auto()  #: «заявки», «билеты», «регистрация»
    TRAFFIC = auto()  #: «движение перекроют»
    OTHER = auto()  #: what nobody attends: tariffs, courts, repairs
    HOLIDAY = auto()  #: «отмечается»: a day of the calendar
    FINALE = auto()  #: «салют»: beside a time that is not the start
    START = auto()  #: «начало», «старт»: beside a time
    GATHER = auto()  #: «сбор», «двери»: a time before the start
    SERVICE = auto()  #: «касса», «режим работы»: opening hours
    EVENT = auto()  #: «концерт», «выставка»
    LASTING = auto()  #: EVENT that goes on for days: «ярмарка», «гастроли»


#: Of these, the nearest decides what a date is; the others support it.
DECIDING = frozenset(
    {
        Cue.HAPPEN,
        Cue.VERB,
        Cue.PLANNED,
        Cue.PAST,
        Cue.WAS_PLANNED,
        Cue.END,
        Cue.CANCEL,
        Cue.MOVE,
        Cue.HOLIDAY,
    }
)
#: These decide for the whole clause that they stand in.
FORBIDDING = frozenset({Cue.BOOKING, Cue.TRAFFIC, Cue.OTHER})


def _lemmas(cue: Cue, words: str) -> dict[str, Cue]:
    return dict.fromkeys(words.split(), cue)


#: Lemmas of verbs that announce; in the past they report.
_HAPPENING = frozenset(
    """
    пройти проходить состояться открыться открываться открыть открывать начаться
    начинаться начать стартовать провести проводить проводиться показать показывать
    представить представлять выступить выступать исполнить сыграть прозвучать
    пригласить приглашать ждать ожидать зажечь зажечься отметить отмечать праздновать
    отпраздновать развернуться развернуть заработать работать принять принимать
    встретить встречать встретиться встречаться устроить устраивать организовать дать давать увидеть посетить
    вернуться приехать прибыть собрать собраться собираться сойтись звать позвать
    поставить сходить прийти приходить присоединиться выйти познакомить познакомиться
    услышать угостить поделиться рассказать почтить чествовать посвятить экспонироваться
    распахнуть выступать играть петь спеть станцевать соревноваться сразиться
    финишировать поучаствовать участвовать побывать сделать проверить обследоваться
    проконсультировать бежать побежать пробежать проехать вручить наградить объявить
    гастролировать транслировать демонстрироваться запустить развлечь провожать
    проводить стать
    """.split()
)
#: Verbs of telling: what they tell of is another verb's.
_TELLING = frozenset(
    """
    сообщить сообщать рассказать рассказывать отметить заявить добавить уточнить
    напомнить напоминать пояснить объяснить сказать говорить писать написать
    опубликовать анонсировать объявить поделиться обещать пообещать подчеркнуть
    передавать передать утвердить решить принять подготовить разработать называть
    назвать являться быть стать мочь считать узнать знать известить пригласить
    приурочить посвятить просить попросить предложить
    предлагать рекомендовать советовать создать написать зарегистрировать
    """.split()
)
_NOUNS: Mapping[str, Cue] = {
    **_lemmas(
        Cue.EVENT,
        """
        концерт спектакль лекция экскурсия показ кинопоказ премьера встреча вечер
        мастер класс балет опера мюзикл представление шоу забег марафон полумарафон
        велопарад велопробег велозаезд пробег парад шествие митинг салют фейерверк
        праздник празднование гуляние гулянье диктант квест викторин викторина акция концертный
        программа дискотека бал карнавал субботник церемония открытие закрытие торжество
        прощание линейка чтение презентация семинар вебинар круглый дебаты консультация
        диспансеризация обследование осмотр прием донор турнир соревнование состязание
        гонка заплыв заплыть регата первенство кубок елка хоровод розыгрыш
        кастинг читка выступление занятие тренировка зарядка студия клуб панихида
        молебен литургия крестный маевка пикник дегустация рейв вечеринка стендап квиз квиза
        автограф сессия творческий литературный музыкальный джазовый киноклуб
        лекторий мероприятие событие ночь фримаркет конкурс фотоконкурс смотр
        флешмоб маркет барахолка реконструкция оперетта беседа дискуссия ночь урок маммограф флюорограф скрининг
        вакцинация сеанс
        """,
    ),
    **_lemmas(
        Cue.LASTING,
        """
        выставка экспозиция фестиваль ярмарка гастроль распродажа конференция форум
        съезд симпозиум конгресс неделя декада чемпионат спартакиада олимпиада
        универсиада турнир слет смена лагерь карнавал салон биеннале школа
        выставочный кинофестиваль марафон сезон аукцион хакатон праздник каток
        этнофестиваль гастрофестиваль рождественский фотовыставка вернисаж
        """,
    ),
    **_lemmas(
        Cue.BOOKING,
        """
        заявка регистрация зарегистрироваться регистрироваться запись записаться
        записываться билет продажа купить приобрести заявление анкета аккредитация
        бронирование бронь касса возврат вернуть скидка подать подача отправить
        прислать документ проголосовать предзаказ абонемент
        предварительный дедлайн заявиться оплатить
        """,
    ),
    **_lemmas(
        Cue.TRAFFIC,
        """
        движение перекрыть перекрывать перекрытие ограничить ограничивать ограничение
        объезд парковка парковаться маршрут автобус трамвай троллейбус транспорт
        электричка пробка автомобилист водитель проезд перекрываться ограничиться
        """,
    ),
    **_lemmas(
        Cue.OTHER,
        """
        суд судебный заседание сессия приговор приговорить задержать дтп авария отключение
        отключить тариф плата подорожать вырасти налог штраф закон законопроект
        постановление ремонт отремонтировать подрядчик сдать срок пособие выплата пенсия
        дождь гроза ливень осадка градус циклон гороскоп температура релиз пресс
        голосование прогноз погода мчс землетрясение пожар
        происшествие преступление карантин каникулы учебный кампания отпуск голос выборы
        вакансия зарплата цена строительство построить возвести ввести эксплуатация
        родиться умереть скончаться похоронить депутат бюджет повестка режим
        """,
    ),
    **_lemmas(
        Cue.START,
        "начало старт стартовать начаться начинаться начать открыться открываться",
    ),
    **_lemmas(Cue.FINALE, "салют фейерверк"),
    **_lemmas(Cue.GATHER, "сбор собираться вход гость дверь заезд встреча посадка"),
    **_lemmas(
        Cue.SERVICE,
        "график ежедневно справка телефон звонить понедельник будни перерыв",
    ),
}
_ENDING = frozenset(
    """
    продлиться длиться продолжиться продолжаться завершиться завершаться закрыться
    закрываться закончиться заканчиваться завершить закончить продлить продолжить
    финишировать продлеваться
    """.split()
)
_CANCELLING = re.compile(r"отмен(?:ит|ен|яет|яют|ил|а$|ы$|у$|е$)")
_MOVING = re.compile(r"перен(?:ес|ос)|перенос|сдвин")
_PLANNED = re.compile(
    r"намечен|запланирован|назначен|состоит|приурочен|ожидает|планирует"
)
_WAS_PLANNED = re.compile(
    r"планировал|намечал|намеченн|запланированн|назначенн|намеревал|собирал(?:ся|ась|ись)"
    r"|должен|должна|должно|должны|планировавш|прежн|ранее|первоначальн"
)
#: Short participles that tell of what is, not of what was done: «открыта с 3 марта».
_LASTING_STATE = re.compile(
    r"открыт|посвящен|приурочен|представлен|рассчитан|предназначен|готов|ограничен"
    r"|приглашен|организован|доступ"
)
_CLOSED = re.compile(r"закрыт[аоы]?")
_HOLIDAY = re.compile(r"отмечается|отмечают|празднуется|празднуют|отмечаем|празднуем")
#: «проходивший», «родившегося»
_PAST_PARTICIPLE = re.compile(r"(?:вш|ш)(?:ий|его|ему|им|ем|ая|ей|ую|ее|ие|их)(?:ся)?$")


@dataclass(frozen=True, slots=True)
class Sign:
    """What one word says; a verb's tense besides."""

    cue: Cue
    lemma: str


def _find_signs(form: str) -> tuple[Sign, ...]:
    if form.isascii() or len(form) < 3:
        return ()
    lemma, tense = lemma_of(form), tense_of(form)
    signs: list[Cue] = []
    if _CANCELLING.match(form):
        signs.append(Cue.CANCEL)
    elif _MOVING.match(form):
        signs.append(Cue.MOVE)
    elif _WAS_PLANNED.match(form):
        signs.append(Cue.WAS_PLANNED)
    elif _PLANNED.match(form) and tense in ("short", "pres", "futr"):
        signs.append(Cue.HAPPEN if tense == "futr" else Cue.PLANNED)
    elif _HOLIDAY.fullmatch(form):
        signs.append(Cue.HOLIDAY)
    elif _CLOSED.fullmatch(form):
        signs.append(Cue.OTHER)
    elif form in ("будет", "будут"):
        signs.append(Cue.VERB)
    elif tense == "short":
        if not _LASTING_STATE.match(form):
            signs.append(Cue.PAST)
    elif lemma in _ENDING and tense != "full":
        signs.append(Cue.PAST if tense == "past" else Cue.END)
    elif tense in ("pres", "futr"):
        if lemma in _HAPPENING:
            signs.append(Cue.HAPPEN)
        elif lemma not in _TELLING:
            signs.append(Cue.VERB)
    elif (tense == "past" and lemma not in _TELLING) or (
        tense == "full" and _PAST_PARTICIPLE.search(form)
    ):
        signs.append(Cue.PAST)
    elif tense == "inf" and lemma in _HAPPENING:
        signs.append(Cue.HAPPEN)
    noun = _NOUNS.get(lemma)
    if noun:
        signs.append(noun)
    return tuple(Sign(cue, lemma) for cue in signs)


#: What a folded word form says.
signs_of: FormCache[tuple[Sign, ...]] = FormCache(_find_signs)
