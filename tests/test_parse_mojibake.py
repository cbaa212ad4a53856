"""Text that was decoded wrongly before it was sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.parse import parse_document
from aggregator.parse.cyrillic import CANDIDATES
from aggregator.parse.mojibake import damage, mended

RUSSIAN = "В краевом музее открылась выставка «Иней»: графика, живопись — и ещё чучела"
CAPITALS = "РЕКА ВЫШЛА ИЗ БЕРЕГОВ"


def twice(text, codec):
    """``text``, its UTF-8 taken for ``codec``; the holes as decoders fill them."""
    return "".join(
        bytes([byte]).decode(codec, "ignore") or chr(byte) for byte in text.encode()
    )


def parse(*titles):
    items = "".join(
        f"<item><title>{title}</title><link>https://a.ru/{n}</link>"
        f"<description>{title}</description><category>{title}</category></item>"
        for n, title in enumerate(titles)
    )
    body = f"<rss><channel><title>{titles[0]}</title>{items}</channel></rss>"
    return parse_document(body.encode(), url="https://a.ru/rss", content_type=None)


def codes(found):
    return [warning.code for warning in found.warnings]


@pytest.mark.parametrize("codec", ["cp1251", "cp1252", "latin-1"])
@pytest.mark.parametrize("text", [RUSSIAN, CAPITALS, "Её рассказ"])
def test_utf8_taken_for_letters_is_put_right_and_told_of(text, codec):
    found = parse(twice(text, codec))

    (entry,) = found.entries
    assert entry.title == entry.summary == found.info.title == text
    assert "".join(entry.categories).replace(" ", "") == text.replace(" ", "").replace(
        ",", ""
    )
    assert codes(found) == ["mojibake"]


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("CataluÃ±a", "Cataluña"),
        ("Razerâ€™s laptop", "Razer’s laptop"),
        ("touch Ã\xa0 Las Vegas", "touch à Las Vegas"),
    ],
)
def test_western_text_is_put_right_too(sent, text):
    assert parse(sent).entries[0].title == text


def test_a_json_feed_is_put_right():
    title = twice(RUSSIAN, "cp1251")
    body = f'{{"version": "https://jsonfeed.org/version/1.1", "items": [{{"title": "{title}"}}]}}'

    found = parse_document(body.encode(), url="https://a.ru/", content_type=None)

    assert found.entries[0].title == RUSSIAN
    assert codes(found) == ["mojibake"]


@pytest.mark.parametrize(
    "title",
    [
        RUSSIAN.encode("cp1251").decode("cp1252"),
        RUSSIAN.encode("koi8-r", "ignore").decode("cp1252", "ignore"),
        "?????? ?????, ? ????",
        "\ufffd\ufffd\ufffd\ufffd\ufffd \ufffd\ufffd\ufffd",
        *(
            RUSSIAN.encode(real, "ignore").decode(taken, "ignore")
            for real, taken in (
                ("cp1251", "koi8-r"),
                ("koi8-r", "cp1251"),
                ("cp866", "cp1251"),
                ("iso8859-5", "cp1251"),
                ("cp866", "koi8-r"),
            )
        ),
    ],
)
def test_what_cannot_be_proved_is_told_of_and_left(title):
    found = parse(title)

    assert codes(found) == ["mojibake"]
    assert found.entries[0].title == " ".join(title.split())


@pytest.mark.parametrize("real", CANDIDATES)
@pytest.mark.parametrize("taken", ["cp1251", "koi8-r"])
def test_the_operator_hears_what_was_taken_for_what(real, taken):
    close = {"cp1251", "mac-cyrillic"}  # they share nearly all small letters
    if real == taken or {real, taken} <= close:
        return
    heads = [RUSSIAN.encode(real, "ignore").decode(taken, "ignore")] * 3

    complaint = damage(heads, 0)

    assert complaint is not None
    assert f"taken for {taken}" in complaint


@pytest.mark.parametrize(
    "title",
    [
        RUSSIAN,
        CAPITALS,
        "Кто виноват?? Что делать???",
        "«Кто?» и «Где???»",
        "???",
        "Эталон Р° и С° — обозначения прибора",
        "Überraschung für Köln, größer, öööö",
        "À l’été déçu, où ça? SÃO PAULO",
        "Þæð er gott, ÞÆÖÐ",
        "Новини: їжак, ґанок, ім’я",
        "Қазақстан жаңалықтары: үкімет өңірлерге қаржы бөлді",
        "ООО «ТНС энерго Кубань» — МУП ВКХ",
    ],
)
def test_honest_text_stays_and_is_not_complained_of(title):
    found = parse(title)

    assert found.entries[0].title == title
    assert codes(found) == []


def test_one_entry_that_quotes_such_text_is_no_matter():
    titles = [f"{RUSSIAN} {n}" for n in range(20)]

    assert codes(parse(*titles, twice(RUSSIAN, "cp1251"))) == []


@given(
    st.text(alphabet="абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕРСёЁ «»—№.,!", min_size=1)
)
def test_no_russian_text_is_mended(text):
    assert mended(text) == text


@given(st.text())
def test_mending_is_idempotent_and_never_raises(text):
    assert mended(mended(text)) == mended(mended(mended(text)))
