"""HTML that the sanitiser would give back as it is.

Most short news are paragraphs of plain text, and half of what reading them cost was
nh3 building a tree of that. A test compares both.
"""

from __future__ import annotations

#: Elements that need no look: no attributes, and each closed where it was opened.
_INLINE = frozenset({"b", "em", "i", "strong", "u"})


def is_tidy(html: str) -> bool:
    """Whether ``html``, stripped, is text in paragraphs, with breaks and emphasis.

    Text that prints has none of what the sanitiser escapes, removes or replaces but
    "&" and ">", which are left to it.
    """
    if "&" in html or not html.replace("\n", " ").isprintable():
        return False
    text, *pieces = html.split("<")
    if ">" in text:
        return False
    inside: list[str] = []
    for piece in pieces:
        tag, end, text = piece.partition(">")
        if not end or ">" in text:
            return False
        if tag == "br":
            continue
        if tag[:1] == "/":
            if not inside or inside.pop() != tag[1:]:
                return False
        elif tag in inside or not (tag in _INLINE or (tag == "p" and not inside)):
            return False
        else:
            inside.append(tag)
    return not inside
