"""Text that other people wrote: made harmless, plain, short, and comparable.

What enters the program passes ``clean_text`` once, so that no character that XML 1.0
forbids, and none that hides or reverses what a reader sees, reaches store or output.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from html import unescape

# Tab, newline and carriage return stay. The rest: C0 and C1 controls (NEL, which XML
# allows and printers of text do not, among them), bidirectional embeddings, overrides
# and isolates (Unicode UAX 9), lone surrogates, and the noncharacters of every plane.
_UNWANTED = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    r"\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(1, 17))
)
# The complement inside the basic plane: 15 times faster to search for, because the
# engine keeps such a class as a bitmap. What it finds, emoji too, is looked at closely.
_suspicious = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]"
)

# Sanitised HTML has its names in lower case. Quoted attribute values may hold ">"; an unquoted "<" ends the attempt, so that the
# search stays linear on input that is no markup at all.
_INSIDE_TAG = r'[^"<>]*+(?:"[^"]*+"[^"<>]*+)*+>'
_BLOCKS = (
    "address|article|aside|blockquote|br|caption|center|dd|details|div|dl|dt|figcaption|figure|"
    "footer|h[1-6]|header|hr|li|main|nav|ol|p|pre|section|summary|table|tbody|tfoot|thead|tr|ul"
)
_block_tag = re.compile(rf"</?(?:{_BLOCKS})(?![a-z0-9-]){_INSIDE_TAG}")
_cell_tag = re.compile(rf"</?t[dh](?![a-z0-9-]){_INSIDE_TAG}")
_any_tag = re.compile(rf"</?[a-z]{_INSIDE_TAG}")

# A point after these does not end a sentence; initials (one capital letter) neither.
_ABBREVIATIONS = (
    " акад в вв г гг гл гор д др обл ул пер пл пос просп проф пр р руб рис св см ст стр с"
    " сл т тел тыс млн млрд им кв корп куб м мин мкр н о оз долл доц экз чел ч шт e g i mr"
    " mrs dr "
)
# It begins with a class, not with "[.!?…]+" or an alternative: what is searched for so is
# found five times faster.
_sentence_end = re.compile(
    r"[.!?…][.!?…]*[\"'»”)\]]*(?=\s+[\"'«„“(\[—–-]*\s*[A-ZА-ЯЁ0-9])"
)
_line_end = re.compile(r"\n(?<=\S\n)")
_last_word = re.compile(r"(\w+)\W*$")


def clean_text(value: str) -> str:
    """``value`` without characters that XML forbids or that deceive a reader.

    Removes NUL, C0 and C1 controls, lone surrogates, noncharacters and bidirectional
    overrides; white space and letters stay as they are. Idempotent.
    """
    # What prints (str.isprintable) holds no control, no override and no surrogate.
    if value.isprintable() or _suspicious.search(value) is None:
        return value
    return _unwanted().sub("", value)


@cache
def _unwanted() -> re.Pattern[str]:
    return re.compile(f"[{_UNWANTED}]+")  # 7 ms that most commands never need


def plain_text(html: str) -> str:
    """The text of sanitised HTML: one line per block, white space collapsed.

    A block's end becomes one newline, a table cell's a space, any other tag nothing;
    entities are resolved once.
    """
    if "<" in html:
        html = html.replace("\n", " ").replace("\r", " ")
        html = _block_tag.sub("\n", html)
        if "<t" in html:
            html = _cell_tag.sub(" ", html)
        html = _any_tag.sub("", html)
    else:
        html = html.replace("\n", " ")
    if "&" in html:
        html = unescape(html)
    lines = []
    prints = True
    for line in html.split("\n"):
        if (
            "  " in line or not line.isprintable()
        ):  # white space that is no single space
            prints = False
            line = " ".join(line.split())
        else:
            line = line.strip(" ")
        if line:
            lines.append(line)
    text = "\n".join(lines)
    return text if prints else clean_text(text)


def shorten(text: str, limit: int) -> str:
    """Whole sentences of plain ``text``, at most ``limit`` characters with the "…".

    Text that fits comes back unchanged. When not even the first sentence fits, the
    cut falls between words, and inside a word only when there is nothing else.
    """
    if len(text) <= limit:
        return text
    room = limit - 1  # for the ellipsis
    if room < 1:
        return "…"[:limit]
    end = _last_sentence_end(text, room - 1)  # " …"
    if end:
        return f"{text[:end]} …"
    head = text[:room]
    if not text[room].isspace():
        head = re.sub(r"\s+\S*$", "", head) or head
    return head.rstrip(" \t\n,;:—–-") + "…"


def hash64(*parts: str) -> int:
    """A signed 64-bit hash of the parts, the same in every process and version."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(joined, digest_size=8).digest(), "big", signed=True)


def _last_sentence_end(text: str, limit: int) -> int:
    """Where the last whole sentence within ``limit`` characters ends; 0: none does.

    A line ends one, too.
    """
    lines = [match.start() for match in _line_end.finditer(text, 0, limit + 1)]
    best = lines[-1] if lines else 0
    # What follows decides whether a point ends a sentence: look a little further.
    ends = list(_sentence_end.finditer(text, 0, min(len(text), limit + 16)))
    for match in reversed(ends):
        if match.end() <= best:
            break
        if match.end() > limit or (
            match[0].startswith(".") and _is_abbreviation(text[: match.start()])
        ):
            continue
        return match.end()
    return best


def _is_abbreviation(before: str) -> bool:
    word = _last_word.search(before[-24:])
    if word is None or not before.endswith(word[1]):
        return False
    letters = word[1]
    return (len(letters) == 1 and letters.isupper()) or f" {letters} " in _ABBREVIATIONS
