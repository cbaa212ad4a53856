"""HTML that the sanitiser would give back as it is.

Most short news are paragraphs of plain text, and half of what reading them cost was
nh3 building a tree of that. A test compares both.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Elements that need no look: no attributes, and each closed where it was opened.
_INLINE = frozenset({"b", "em", "i", "strong", "u"})
_INLINE_TAGS = _INLINE | {f"/{name}" for name in _INLINE}


def tidy_text(html: str) -> str | None:
    """What ``text.plain_text`` makes of ``html``, a stripped one; None if it is not tidy.

    Tidy is text in paragraphs, with breaks and emphasis. Text that prints has none of
    what the sanitiser escapes, removes or replaces but "&" and ">", which are left to it.
    """
    line, *pieces = html.split("<")
    if "&" in html or ">" in line:
        return None
    lines: list[str] = []
    inside: list[str] = []
    for piece in pieces:
        tag, end, text = piece.partition(">")
        if not end or ">" in text:
            return None
        if tag[:1] == "/":
            if not inside or inside.pop() != tag[1:]:
                return None
        elif tag in _INLINE or (tag == "p" and not inside):
            if tag in inside:
                return None
            inside.append(tag)
        elif tag != "br":
            return None
        if tag in _INLINE_TAGS:
            line += text
        else:
            lines.append(line)
            line = text
    lines.append(line)
    return None if inside else _joined(lines)


def _joined(lines: Iterable[str]) -> str | None:
    """The lines that are not empty, white space collapsed; None if one does not print."""
    found = []
    for line in lines:
        if not line.isprintable():
            line = line.replace("\n", " ")
            if not line.isprintable():
                return None
        line = " ".join(line.split()) if "  " in line else line.strip(" ")
        if line:
            found.append(line)
    return "\n".join(found)
