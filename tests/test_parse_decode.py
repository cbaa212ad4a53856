"""Bytes to text: field-notes 0.5 and the encoding rows of security.md."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.parse.cyrillic import CANDIDATES, guess_cyrillic
from aggregator.parse.decode import _is_damaged_utf8, _may_be_utf8, decode

RUSSIAN = (
    "<rss><channel><title>Новости «Кубани»</title><item><title>В краевом музее открылась "
    "выставка художников</title><description>Посетить её можно ежедневно, кроме понедельника. "
    "ВХОД СВОБОДНЫЙ — №5.</description></item></channel></rss>"
)
SHOWN = {"cp1251": "windows-1251", "iso8859-5": "iso-8859-5"}
ENCODINGS = ["cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"]


def writable(encoding):
    """The Russian sample, without the punctuation that an encoding lacks."""
    return RUSSIAN.encode(encoding, "ignore").decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_undeclared_cyrillic_reads_as_russian(encoding):
    found = decode(writable(encoding).encode(encoding), None, None)

    assert found.text == writable(encoding)
    assert found.encoding == encoding
    assert "does not say how it is encoded" in found.complaint
    assert SHOWN.get(encoding, encoding) in found.complaint


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "declared", ["windows-1251", "iso-8859-1", "utf-8", "koi8-r", "nonsense"]
)
def test_a_wrong_declaration_is_seen_through(encoding, declared):
    xml = f'<?xml version="1.0" encoding="{declared}"?>' + writable(encoding)

    found = decode(xml.encode(encoding), f"text/xml; charset={declared}", None)

    assert found.text == xml
    assert found.encoding == encoding


@pytest.mark.parametrize("declared", ["windows-1251", "koi8-r", "iso-8859-1", "utf-16"])
def test_valid_utf8_beats_every_declaration(declared):
    found = decode(RUSSIAN.encode(), f"text/html; charset={declared}", None)

    assert found.text == RUSSIAN
    assert found.complaint.startswith("The Content-Type header says")


def test_a_true_declaration_is_no_matter_for_complaint():
    xml = '<?xml version="1.0" encoding="windows-1251"?>' + RUSSIAN

    found = decode(xml.encode("cp1251"), "text/xml; charset=Windows-1251", None)

    assert (found.text, found.complaint) == (xml, None)


def test_broken_bytes_are_told_of():
    body = RUSSIAN.replace("музее", "м#зее").encode().replace(b"#", b"\xff")

    found = decode(body, "text/xml; charset=utf-8", None)

    assert "м\ufffdзее" in found.text
    assert (
        found.complaint
        == "Not all of the document is utf-8: 1 character(s) are unreadable"
    )


@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1", "windows-1251"])
def test_broken_bytes_in_utf8_make_it_no_other_encoding(declared):
    body = RUSSIAN.encode().replace("в".encode(), b"\xd0", 1)
    content_type = f"text/xml; charset={declared}" if declared else None

    assert decode(body, content_type, None).encoding == "utf-8"


@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1"])
def test_a_few_western_letters_are_no_broken_utf8(declared):
    """Read as UTF-8, three feeds from the web had a hundred unreadable letters each."""
    text = (
        f"<rss><title>{'Much plain text, and then ' * 20}a café, for £5</title></rss>"
    )
    content_type = f"text/xml; charset={declared}" if declared else None

    found = decode(text.encode("cp1252"), content_type, None)

    assert found.text == text
    assert (found.complaint is None) == (declared == "iso-8859-1")


def test_replacement_characters_of_the_source_are_its_own():
    assert decode("<a>м\ufffdзей</a>".encode(), None, None).complaint is None


def test_plain_ascii_fits_any_declaration():
    assert decode(b"<rss/>", "text/xml; charset=windows-1251", None).complaint is None


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("marked", [True, False])
def test_unicode_with_and_without_mark(encoding, marked):
    mark = "\ufeff" if marked else ""

    found = decode(
        (mark + RUSSIAN).encode(encoding), "text/xml; charset=windows-1251", None
    )

    assert found.text == RUSSIAN
    assert found.encoding == encoding


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
def test_unicode_without_mark_behind_white_space(encoding):
    found = decode(f"\r\n  {RUSSIAN}".encode(encoding), None, None)

    assert found.text.strip() == RUSSIAN


def test_a_header_makes_no_utf16_of_broken_bytes():
    body = b"<rss><title>caf\xe9</title></rss>"

    assert decode(body, "text/xml; charset=utf-16", None).encoding == "cp1252"


def test_the_mark_beats_the_header():
    body = codecs.BOM_UTF8 + RUSSIAN.encode()

    assert decode(body, "text/xml; charset=koi8-r", None).text == RUSSIAN


def test_a_utf8_mark_before_windows_1251():
    found = decode(codecs.BOM_UTF8 + RUSSIAN.encode("cp1251"), None, None)

    assert found.text == RUSSIAN


def test_the_operator_beats_everything():
    body = codecs.BOM_UTF8 + b"<a/>"

    assert decode(body, None, "cp1251").text == "п»ї<a/>"
    assert (
        decode(
            writable("koi8-r").encode("koi8-r"), "text/xml; charset=utf-8", "koi8-r"
        ).encoding
        == "koi8-r"
    )
    assert decode(RUSSIAN.encode("cp1251"), None, "utf-8") is None


@pytest.mark.parametrize("at", [1, 2, 40])
def test_utf8_cut_inside_a_letter_stays_utf8(at):
    body = ("<a>" + "Привет, " * 30).encode()[:-1] + b"\xd0"

    found = decode(body[:-at] + b"\xd0", None, None)

    assert found.encoding == "utf-8"
    assert found.complaint is None


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("<rss><title>Überraschung für Köln, größer</title></rss>", "cp1252"),
        ("<rss><title>Déjà vu à la fête, où l'été s'achève</title></rss>", "cp1252"),
    ],
)
def test_western_text_is_not_taken_for_russian(text, encoding):
    undeclared = decode(text.encode(encoding), None, None)
    declared = decode(text.encode(encoding), "text/xml; charset=iso-8859-1", None)

    assert undeclared.text == declared.text == text


@pytest.mark.parametrize(
    "name",
    [
        *("base64", "rot13", "punycode", "idna", "zlib", "unicode_escape"),
        *("undefined", "", "x" * 99),
    ],
)
def test_codecs_that_are_no_charsets_are_ignored(name):
    xml = f'<?xml version="1.0" encoding="{name}"?>' + RUSSIAN

    assert decode(xml.encode(), f"text/xml; charset={name}", name).text == xml


@pytest.mark.parametrize("alias", ["win-1251", "CP1251", "x-cp1251", "windows1251"])
def test_charset_names_as_sources_write_them(alias):
    assert (
        decode(RUSSIAN.encode("cp1251"), f"text/xml; charset={alias}", None).complaint
        is None
    )


@given(
    st.text(alphabet="абвгдежзийклмнопрстуфхцчшщъыьэюя ", min_size=1),
    st.sampled_from(CANDIDATES),
)
def test_the_guess_never_raises(text, encoding):
    guess_cyrillic(text.encode(encoding))


@given(
    st.binary(max_size=200),
    st.none() | st.text(max_size=30),
    st.none() | st.text(max_size=30),
)
def test_decode_never_raises(body, content_type, encoding):
    decode(body, content_type, encoding)


@given(
    st.lists(
        st.sampled_from([*"аЁ—😀\ufffd a".encode(), 0xEF, 0xF0, 0x90, 0xED, 0xA0, 0xFF])
        | st.integers(0, 255),
        max_size=60,
    ).map(bytes)
)
def test_no_damaged_utf8_is_taken_for_another_encoding_unread(body):
    assert _may_be_utf8(body) or not _is_damaged_utf8(
        body, body.decode("utf-8", "replace")
    )
