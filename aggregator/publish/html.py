"""Sanitised HTML, made shorter and still well nested."""

from __future__ import annotations

import re
from html import escape

# As the sanitiser writes them: names in lower case, attribute values in quotes.
_tag = re.compile(r'<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)(?:[^"<>]*+(?:"[^"]*+")?)*+>')
_VOID = frozenset({"br", "hr", "img"})
#: A document's cost of a tag's "<", ">" and quotes, beyond themselves.
_ESCAPES = 16


def shortened(html: str, limit: int) -> str:
    """``html``, or so much of its start as takes ``limit`` bytes in a document, and "…".

    Counted is the escaped form. It ends behind a tag, every element closed; text that
    goes on for longer than the limit ends between two words.
    """
    if len(html) * 6 <= limit or _cost(html) <= limit:
        return html
    open_elements: list[str] = []
    spent = end = 0
    for match in _tag.finditer(html):
        text, tag = html[end : match.start()], match[0]
        cost = _cost(text) + _cost(tag) + _ESCAPES
        if spent + cost > limit:
            break
        spent, end = spent + cost, match.end()
        if match["end"]:
            if open_elements and open_elements[-1] == match["name"]:
                open_elements.pop()
        elif match["name"] not in _VOID:
            open_elements.append(match["name"])
    else:
        text = html[end:]
    # Six bytes at most for a character. What ends at a space ends in no entity.
    words = text[: (limit - spent) // 6].rpartition(" ")[0]
    kept = html[:end] + words
    closing = "".join(f"</{name}>" for name in reversed(open_elements))
    return f"{kept}{closing}<p>…</p>"


def _cost(html: str) -> int:
    return len(escape(html, quote=False).encode())
