"""The sentences of alerts: for the operator, in the site's language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aggregator.language import primary
from aggregator.model import (
    Alert,
    AlertCode,
    Moved,
    RecordedError,
    Silence,
    Source,
)
from aggregator.publish.iri import without_credentials
from aggregator.publish.wording import wording

#: How the sentence of ``not_a_feed:html`` goes on when a page names feeds.
PROPOSES = "; the page names: "

#: Sentence and proposed fix.
Texts = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Language:
    failing: str
    silent: str
    moved: str
    mojibake: str
    closed: Mapping[AlertCode, str]
    no_longer_polled: str
    #: By error code, the longest beginning counts: what is wrong, and what to do.
    errors: Mapping[str, Texts]
    use_address: str
    look_at_site: str
    tell_the_site: str
    #: One, two to four, five and more; English has the same word in the last two.
    hours: tuple[str, str, str]
    days: tuple[str, str, str]


_RUSSIAN_LOOK = "Проверьте адрес {url}: откройте его и найдите ленту на сайте."
_RUSSIAN_ASK = "Попросите редакцию сайта пропускать запросы нашей программы."
_RUSSIAN_BROKEN = (
    "Откройте {url}; подробнее скажет aggregator check --probe. "
    "Если лента испорчена, сообщите редакции сайта."
)

RUSSIAN = _Language(
    failing="Источник «{name}» не читается с {moment}: {why} ({code}).",
    silent=(
        "Источник «{name}» молчит с {moment}; "
        "обычный перерыв между новыми записями: {gap}."
    ),
    moved="Источник «{name}» навсегда переехал на {url}.",
    mojibake="Тексты источника «{name}» приходят в испорченной кодировке с {moment}.",
    closed={
        "failing": "Источник «{name}» снова читается.",
        "silent": "В источнике «{name}» снова появились новые записи.",
        "moved": "Источник «{name}» больше не перенаправляет на другой адрес.",
        "mojibake": "Тексты источника «{name}» снова читаются.",
    },
    no_longer_polled="Источник «{name}» больше не опрашивается.",
    errors={
        "dns": ("у сервера нет адреса", "Проверьте адрес {url}: есть ли ещё сайт?"),
        "connect": (
            "сервер не принимает соединений",
            "Проверьте адрес {url}: работает ли сайт?",
        ),
        "tls": (
            "сертификат сервера не годится",
            "Проверьте адрес {url}; если он верен, сообщите редакции сайта.",
        ),
        "timeout": (
            "сервер не отвечает вовремя",
            "Проверьте адрес {url}; если сайт медленный, увеличьте fetch.timeout.",
        ),
        "http_401": ("сервер требует пароль", _RUSSIAN_LOOK),
        "http_403": ("сервер не пускает", _RUSSIAN_ASK),
        "http_404": ("страницы нет", _RUSSIAN_LOOK),
        "http_410": ("страница убрана навсегда", _RUSSIAN_LOOK),
        "http_5": (
            "на сервере ошибка",
            "Подождите; если сайт открывается, сообщите его редакции: {url}",
        ),
        "http_403:challenge": ("отвечает защита от роботов", _RUSSIAN_ASK),
        "http_503:challenge": ("отвечает защита от роботов", _RUSSIAN_ASK),
        "http_": ("неожиданный ответ сервера", _RUSSIAN_LOOK),
        "redirect": ("перенаправления никуда не ведут", _RUSSIAN_LOOK),
        "blocked": (
            "адрес ведёт в закрытую сеть",
            "Проверьте адрес {url}; если он верен, внесите сеть в fetch.allow_private.",
        ),
        "too_large": (
            "документ больше разрешённого",
            "Увеличьте max_bytes у источника: {url}",
        ),
        "not_a_feed": ("по адресу не лента", _RUSSIAN_LOOK),
        "not_a_feed:html": ("вместо ленты отвечает страница", _RUSSIAN_LOOK),
        "not_a_feed:challenge": ("отвечает защита от роботов", _RUSSIAN_ASK),
        "http_429": ("сервер просит спрашивать реже", _RUSSIAN_ASK),
        "protocol": ("ответ сервера нарушает правила HTTP", _RUSSIAN_BROKEN),
        "decode": ("сжатие документа испорчено или неизвестно", _RUSSIAN_BROKEN),
        "truncated": ("документ приходит не целиком", _RUSSIAN_BROKEN),
        "empty": ("вместо документа приходит пустота", _RUSSIAN_BROKEN),
        "parse": ("ленту не удалось разобрать", _RUSSIAN_BROKEN),
        "limit": ("лента выходит за пределы разумного", _RUSSIAN_BROKEN),
        "": ("документ не удалось прочесть", _RUSSIAN_BROKEN),
    },
    use_address="Замените адрес источника в feeds.yaml: {line}",
    look_at_site=(
        "Проверьте, обновляется ли сайт и тот ли это адрес: {url} "
        "Если источник закрыт, напишите у него enabled: false."
    ),
    tell_the_site=(
        "Сообщите редакции сайта, что лента {url} испорчена; если при верной "
        "кодировке она читается, задайте её источнику: encoding: windows-1251"
    ),
    hours=("час", "часа", "часов"),
    days=("день", "дня", "дней"),
)

_LOOK = "Check the address {url}: open it and look for the feed on the site."
_ASK = "Ask the site's editors to admit this program's requests."
_BROKEN = (
    "Open {url}; aggregator check --probe says more. "
    "If the feed is broken, tell the site's editors."
)

ENGLISH = _Language(
    failing="The source “{name}” cannot be read since {moment}: {why} ({code}).",
    silent=(
        "The source “{name}” is silent since {moment}; "
        "its usual gap between new entries: {gap}."
    ),
    moved="The source “{name}” has moved for good to {url}.",
    mojibake="The texts of the source “{name}” come in a broken encoding since {moment}.",
    closed={
        "failing": "The source “{name}” can be read again.",
        "silent": "The source “{name}” has new entries again.",
        "moved": "The source “{name}” no longer redirects to another address.",
        "mojibake": "The texts of the source “{name}” can be read again.",
    },
    no_longer_polled="The source “{name}” is no longer polled.",
    errors={
        "dns": (
            "the server has no address",
            "Check the address {url}: is the site still there?",
        ),
        "connect": (
            "the server takes no connections",
            "Check the address {url}: does the site work?",
        ),
        "tls": (
            "the server's certificate is not valid",
            "Check the address {url}; if it is right, tell the site's editors.",
        ),
        "timeout": (
            "the server does not answer in time",
            "Check the address {url}; if the site is slow, raise fetch.timeout.",
        ),
        "http_401": ("the server wants a password", _LOOK),
        "http_403": ("the server refuses us", _ASK),
        "http_404": ("there is no such page", _LOOK),
        "http_410": ("the page is gone for good", _LOOK),
        "http_5": (
            "the server has an error",
            "Wait; if the site opens, tell its editors: {url}",
        ),
        "http_403:challenge": ("a bot wall answers", _ASK),
        "http_503:challenge": ("a bot wall answers", _ASK),
        "http_": ("the server's answer is unexpected", _LOOK),
        "redirect": ("the redirects lead nowhere", _LOOK),
        "blocked": (
            "the address leads into a private network",
            "Check the address {url}; if it is right, list the network in fetch.allow_private.",
        ),
        "too_large": (
            "the document is larger than allowed",
            "Raise max_bytes of the source: {url}",
        ),
        "not_a_feed": ("there is no feed at the address", _LOOK),
        "not_a_feed:html": ("a web page answers instead of a feed", _LOOK),
        "not_a_feed:challenge": ("a bot wall answers", _ASK),
        "http_429": ("the server wants fewer requests", _ASK),
        "protocol": ("the server's answer breaks the rules of HTTP", _BROKEN),
        "decode": ("the document's compression is broken or unknown", _BROKEN),
        "truncated": ("the document does not come whole", _BROKEN),
        "empty": ("nothing comes instead of a document", _BROKEN),
        "parse": ("the feed could not be parsed", _BROKEN),
        "limit": ("the feed goes beyond all limits", _BROKEN),
        "": ("the document could not be read", _BROKEN),
    },
    use_address="Replace the source's address in feeds.yaml: {line}",
    look_at_site=(
        "Check whether the site is still updated and this is its address: {url} "
        "If the source is closed, write enabled: false."
    ),
    tell_the_site=(
        "Tell the site's editors that the feed {url} is broken; if it reads well in "
        "another encoding, set it on the source: encoding: windows-1251"
    ),
    hours=("hour", "hours", "hours"),
    days=("day", "days", "days"),
)


class AlertWords:
    """Sentences and proposals in one language; times in the site's zone."""

    def __init__(self, language: str, timezone: str) -> None:
        self._is_russian = primary(language) == "ru"
        self._words = RUSSIAN if self._is_russian else ENGLISH
        self._months = wording(language)
        self._zone = ZoneInfo(timezone)

    def failing(self, source: Source, error: RecordedError) -> Texts:
        why, fix = _of_code(self._words.errors, error.code)
        message = self._words.failing.format(
            name=source.name,
            moment=self._moment(error.since),
            why=why,
            code=error.code,
        )
        if proposed := _proposed_address(error):
            return message, self._address(proposed)
        return message, fix.format(url=without_credentials(source.url))

    def silent(self, source: Source, silence: Silence) -> Texts:
        message = self._words.silent.format(
            name=source.name,
            moment=self._moment(silence.since),
            gap=self._span(silence.usual_gap),
        )
        url = without_credentials(source.url)
        return message, self._words.look_at_site.format(url=url)

    def moved(self, source: Source, moved: Moved) -> Texts:
        url = without_credentials(moved.url)
        return self._words.moved.format(name=source.name, url=url), self._address(url)

    def mojibake(self, source: Source, since: datetime) -> Texts:
        message = self._words.mojibake.format(
            name=source.name, moment=self._moment(since)
        )
        url = without_credentials(source.url)
        return message, self._words.tell_the_site.format(url=url)

    def closed(self, alert: Alert, *, polled: bool) -> str:
        """`polled`: the source still is."""
        words = self._words
        sentence = words.closed[alert.code] if polled else words.no_longer_polled
        return sentence.format(name=alert.name)

    def _address(self, url: str) -> str:
        # Quoted, it is good YAML whatever the address.
        line = f"url: {json.dumps(url, ensure_ascii=False)}"
        return self._words.use_address.format(line=line)

    def _moment(self, moment: datetime) -> str:
        local = moment.astimezone(self._zone)
        return f"{local.day} {self._months.months[local.month - 1]} {local:%Y, %H:%M}"

    def _span(self, span: timedelta) -> str:
        hours = max(round(span / timedelta(hours=1)), 1)
        number, words = hours, self._words.hours
        if hours >= 48:
            number, words = round(hours / 24), self._words.days
        return f"{number} {words[self._plural(number)]}"

    def _plural(self, number: int) -> int:
        if not self._is_russian:
            return 0 if number == 1 else 2
        if number % 10 == 1 and number % 100 != 11:
            return 0
        return 1 if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else 2


def _of_code(errors: Mapping[str, Texts], code: str) -> Texts:
    return errors[max((key for key in errors if code.startswith(key)), key=len)]


def _proposed_address(error: RecordedError) -> str | None:
    """The feed that a web page names, as parsing found it."""
    _, names, addresses = error.message.partition(PROPOSES)
    return addresses.split(", ")[0] if names else None
