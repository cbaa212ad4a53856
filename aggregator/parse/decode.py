"""Bytes to text, whatever was declared.

Order of trust: the operator, a byte order mark (RFC 7303, 3.3), valid UTF-8 (text in
another encoding is practically never valid UTF-8 by accident; Miniflux does the same),
the XML declaration, the HTTP charset; and where the declared charset yields nonsense,
or none is declared, the letters themselves say which Cyrillic encoding it is.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace

from aggregator.parse.cyrillic import guess_cyrillic, reads_as_cyrillic

# UTF-32's mark begins with UTF-16's, so it is looked for first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# "<" or "{" without a mark, white space before it: XML 1.0, appendix F.
_WIDE_STARTS = re.compile(
    rb"(?P<utf_32_be>(?:\0\0\0\s){0,50}\0\0\0[<{])|(?P<utf_32_le>(?:\s\0\0\0){0,50}[<{]\0\0\0)"
    rb"|(?P<utf_16_be>(?:\0\s){0,50}\0[<{]\0[^\0])|(?P<utf_16_le>(?:\s\0){0,50}[<{]\0[^\0]\0)"
)
# Names that sources use and Python does not know, and charsets whose supersets
# everybody means (WHATWG Encoding, 4.2).
_ALIASES = {
    "win-1251": "cp1251",
    "win1251": "cp1251",
    "windows1251": "cp1251",
    "cp-1251": "cp1251",
    "ansi-1251": "cp1251",
    "x-cp1251": "cp1251",
    "koi8": "koi8_r",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "ibm866": "cp866",
    "dos-866": "cp866",
    "x-mac-cyrillic": "mac_cyrillic",
    "mac-cyrillic": "mac_cyrillic",
    "utf8mb4": "utf_8",
    "unicode": "utf_8",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
}
_SINGLE_BYTE_CYRILLIC = frozenset(
    {"cp1251", "koi8-r", "koi8-u", "cp866", "iso8859-5", "mac-cyrillic"}
)
_NO_CHARSETS = frozenset(
    {"punycode", "idna", "utf_7", "unicode_escape", "raw_unicode_escape", "undefined"}
)
#: What a wrong default declares most often, whatever the bytes are.
_WESTERN = frozenset({"cp1252", "cp1250", "cp1254", "iso8859-15", "iso8859-2"})

_xml_encoding = re.compile(
    rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']\s*([A-Za-z0-9._:-]{1,40})"""
).match
_http_charset = re.compile(
    r"""charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE
).search

#: More unreadable characters than one in this many, and it is not that encoding.
_TOLERANCE = 50
#: Whole letters for each broken one in damaged UTF-8.
_TOLERABLE_SHARE = 4
_ASCII = bytes(range(0x80))
_HIGH_BYTES = bytes(range(0x80, 0x100))
#: Of letters in UTF-8 that have several.
_FIRST_BYTES = bytes(range(0xC0, 0x100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    #: Without byte order mark; may hold U+FFFD where bytes were unreadable.
    text: str
    #: Python's name of what was found.
    encoding: str
    #: What was declared and is not so, as a sentence; None when all is well.
    complaint: str | None = None
    #: The bytes of ``text`` where they were UTF-8 already.
    utf8: bytes | None = None

    def from_character(self, start: int) -> bytes:
        """What stands from there on, in UTF-8."""
        if self.utf8 is None:
            return self.text[start:].encode("utf-8", "replace")
        return self.utf8[len(self.text[:start].encode("utf-8")) :]


def decode(
    body: bytes, content_type: str | None, encoding: str | None
) -> Decoded | None:
    """The text in ``body``; None when no encoding makes text of it.

    ``content_type`` is the HTTP header, ``encoding`` the operator's word, which wins.
    """
    if encoding and (codec := _codec(encoding)):
        text = _decoded(body, codec)
        return Decoded(text=text, encoding=codec) if _is_readable(text) else None
    declared = _declared(body, content_type)
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return _marked(body[len(mark) :], codec, declared)
    if wide := _WIDE_STARTS.match(body):
        codec = str(wide.lastgroup).replace("_", "-")
        text = _decoded(body, codec)
        return (
            _judged(text, codec, declared, broken=True) if _is_readable(text) else None
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return _eight_bits(body, declared)
    judged = _judged(text, "utf-8", [] if text.isascii() else declared)
    return replace(judged, utf8=body)


def is_wide(body: bytes) -> bool:
    """Whether it begins as UTF-16 or UTF-32 do, half of whose bytes look like controls."""
    marked = next((codec for mark, codec in _MARKS if body.startswith(mark)), "utf-8")
    return marked != "utf-8" or _WIDE_STARTS.match(body) is not None


def _marked(body: bytes, codec: str, declared: list[tuple[str, str]]) -> Decoded | None:
    try:
        return _judged(body.decode(codec), codec, declared)
    except UnicodeDecodeError:
        pass
    if codec == "utf-8":
        return _eight_bits(body, declared)
    text = _decoded(body, codec)
    return _judged(text, codec, declared, broken=True) if _is_readable(text) else None


def _eight_bits(body: bytes, declared: list[tuple[str, str]]) -> Decoded | None:
    """Text that is not wholly UTF-8: that with a few broken bytes, the declared charset
    if it makes sense, else what does."""
    if _may_be_utf8(body) and _is_damaged_utf8(body, text := _decoded(body, "utf-8")):
        return _judged(text, "utf-8", declared, broken=True)
    for _, codec in declared:
        text = _decoded(body, codec)
        if codec != "utf-8" and _makes_sense(body, text, codec):
            return _judged(text, codec, declared, broken=True)
    codec = guess_cyrillic(body) or "cp1252"
    text = _decoded(body, codec)
    return _judged(text, codec, declared, broken=True) if _is_readable(text) else None


def _may_be_utf8(body: bytes) -> bool:
    """False where ``_is_damaged_utf8`` would say no; decoding to ask it is slow.

    A whole letter has one first byte and at least one that continues it, a broken one
    at most one first byte.
    """
    high = body.translate(None, _ASCII)
    continuing = len(high.translate(None, _FIRST_BYTES))
    first = len(high) - continuing
    return _TOLERABLE_SHARE * first < (_TOLERABLE_SHARE + 1) * continuing


def _is_damaged_utf8(body: bytes, text: str) -> bool:
    """Whether most letters of more than a byte are whole; of other encodings none is."""
    broken = text.count("\ufffd")
    ascii_bytes = len(body.translate(None, _HIGH_BYTES))
    return len(text) - ascii_bytes - broken > _TOLERABLE_SHARE * broken


def _makes_sense(body: bytes, text: str, codec: str) -> bool:
    if not _is_readable(text) or codec.startswith(("utf-16", "utf-32")):
        return False  # nearly all bytes make some letter of these, and none makes sense
    if codec in _SINGLE_BYTE_CYRILLIC:
        return reads_as_cyrillic(body, codec)
    if codec in _WESTERN:
        return guess_cyrillic(body) is None
    return True


def _judged(
    text: str, codec: str, declared: list[tuple[str, str]], *, broken: bool = False
) -> Decoded:
    """With a complaint where a declaration names another encoding than was found.

    ``broken``: U+FFFD may stand for bytes that were unreadable.
    """
    wrong = [
        f"{where} says {_shown(name)}"
        for where, name in declared
        if not _same(name, codec)
    ]
    complaint = None
    if wrong:
        said = " and ".join(wrong)
        complaint = f"{said[0].upper()}{said[1:]}, but the text is {_shown(codec)} and was read so"
    elif not declared and codec not in _UNDECLARED:
        complaint = (
            "The document does not say how it is encoded, and it is no UTF-8;"
            f" by its letters it was taken for {_shown(codec)}"
        )
    elif broken:
        complaint = _unreadable(text, codec)
    return Decoded(text=text, encoding=codec, complaint=complaint)


#: What needs no declaration: XML 1.0, 4.3.3.
_UNDECLARED = frozenset(
    {"utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"}
)  # fmt: skip


def _unreadable(text: str, codec: str) -> str | None:
    # A document that is cut may end inside a letter; that it is cut is said elsewhere.
    places = text.rstrip("\ufffd").count("\ufffd") if "\ufffd" in text else 0
    if not places:
        return None
    return f"Not all of the document is {_shown(codec)}: {places} character(s) are unreadable"


def _shown(codec: str) -> str:
    """The name under which people and ``encoding:`` know it."""
    return _SHOWN.get(codec, codec)


_SHOWN = {
    "cp1251": "windows-1251",
    "cp1252": "windows-1252",
    "cp1250": "windows-1250",
    "iso8859-5": "iso-8859-5",
    "utf-16-le": "utf-16",
    "utf-16-be": "utf-16",
    "utf-32-le": "utf-32",
    "utf-32-be": "utf-32",
}


def _same(declared: str, found: str) -> bool:
    """``utf-16`` covers both byte orders."""
    return found == declared or found.startswith(f"{declared}-")


def _declared(body: bytes, content_type: str | None) -> list[tuple[str, str]]:
    """(where, Python's codec name) for every declaration whose charset exists."""
    names = []
    if match := _xml_encoding(body[:1000].removeprefix(codecs.BOM_UTF8)):
        names.append(("the XML declaration", match[1].decode("ascii")))
    if header := _http_charset((content_type or "")[:1000]):
        names.append(("the Content-Type header", header[1]))
    return [(where, codec) for where, name in names if (codec := _codec(name))]


def _codec(name: str) -> str | None:
    """Python's canonical name of a text encoding; None when there is none."""
    lower = name.strip().lower()
    try:
        info = codecs.lookup(_ALIASES.get(lower.replace("_", "-"), lower))
    except (LookupError, ValueError):
        return None
    # base64 and rot13 are codecs too, and punycode is quadratic.
    unusable = not info._is_text_encoding or info.name.replace("-", "_") in _NO_CHARSETS
    return None if unusable else info.name


def _decoded(body: bytes, codec: str) -> str:
    return body.decode(codec, "replace").removeprefix("\ufeff")


def _is_readable(text: str) -> bool:
    return text.count("\ufffd") * _TOLERANCE <= len(text)
