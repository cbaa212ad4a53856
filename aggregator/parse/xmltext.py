"""The XML around a feed, as text: what stands before the root, and what can be mended.

The DOCTYPE is taken out here, so that no parser behind ever sees a declaration:
nothing can expand, and nothing outside can be named (XML 1.0, 4.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.entities import html5
from itertools import islice

from aggregator.text import clean_text

# An honest internal subset names a few characters; a bomb needs more.
MAX_ENTITIES = 100
MAX_ENTITY_CHARS = 1000
#: What all references to declared entities may add to a document.
MAX_EXPANSION = 1_000_000

_space = re.compile(r"\s*").match
_root = re.compile(r"<([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)(?=[\s/>])").match
_doctype = re.compile(r"<!DOCTYPE", re.IGNORECASE).match
_doctype_token = re.compile(r"""["'\[\]>]|<!--""")
_entity = re.compile(
    r"""<!ENTITY\s+([A-Za-z_][\w.-]*)\s+(?:"([^"<%]*)"|'([^'<%]*)')\s*>"""
)
_entity_name = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]*)\s")
_reference = re.compile(r"&(?!#\d{1,7};|#x[0-9a-fA-F]{1,6};)")

_mendable = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
    r"|&(?:\#\d{1,10};|\#[xX][0-9a-fA-F]{1,8};|[A-Za-z][\w.-]{0,40};)?|<(?![A-Za-z_/!?])",
    re.DOTALL,
)
_prefixes = re.compile(
    r"</?([A-Za-z_][\w-]*):[A-Za-z_]|\s([A-Za-z_][\w-]*):[A-Za-z_][\w-]*\s*="
)
_root_tag = re.compile(r"<[^<>]*>").match
_PREDEFINED = {"amp", "lt", "gt", "quot", "apos"}
# Feeds leave these undeclared most often; without their meaning their text is lost.
_NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}


@dataclass(frozen=True, slots=True)
class XmlText:
    #: Name of the root element as written, with its prefix.
    root: str
    #: From the root element on; no declaration, no DOCTYPE.
    text: str
    #: Entities that the document declares; those that are no plain text are empty.
    entities: dict[str, str]


def xml_text(text: str) -> XmlText | None:
    """The document without its prologue; None when no element comes first."""
    position = 0
    entities: dict[str, str] = {}
    while True:
        position = _space(text, position).end()  # type: ignore[union-attr]  # matches ""
        if match := _root(text, position):
            return XmlText(match[1], text[position:], entities)
        if text.startswith("<?", position):
            end = text.find("?>", position) + 2
        elif text.startswith("<!--", position):
            end = text.find("-->", position) + 3
        elif _doctype(text, position):
            end, subset = _doctype_end(text, position)
            entities |= _plain_entities(subset)
        else:
            return None
        if end <= position + 2:
            return None
        position = end


def expand(document: XmlText) -> str:
    """The text with references to its own entities resolved; bounded."""
    if not document.entities:
        return document.text
    return _Mender(document.entities, only_declared=True).mend(document.text)


def mended(document: XmlText) -> str:
    """The text with its usual faults repaired, as a strict parser might take it.

    Characters that XML forbids are removed, HTML's entities resolved, bare ``&`` and
    ``<`` escaped, comments dropped, a CDATA section closed, prefixes declared.
    """
    text = _Mender(document.entities).mend(clean_text(document.text))
    return _with_namespaces(text)


class _Mender:
    def __init__(
        self, entities: dict[str, str], *, only_declared: bool = False
    ) -> None:
        self._entities = entities
        self._only_declared = only_declared
        self._room = MAX_EXPANSION

    def mend(self, text: str) -> str:
        return _mendable.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        found = match[0]
        name = found[1:-1] if found.endswith(";") else ""
        if name in self._entities and found[0] == "&":
            value = self._entities[name]
            self._room -= len(value)
            return value if self._room >= 0 else ""
        if self._only_declared:
            return found
        if found[0] == "<":
            return self._mended_section(found)
        if name.startswith("#"):
            return found if _is_legal(name) else ""
        if name in _PREDEFINED:
            return found
        known = html5.get(f"{name};") if name else None
        return _escaped(known) if known else f"&amp;{found[1:]}"

    def _mended_section(self, found: str) -> str:
        if found.startswith("<![CDATA["):
            return found if found.endswith("]]>") else found + "]]>"
        if not found.startswith("<!--"):
            return "&lt;"
        # One that never ends is a slip; entries may follow it.
        return (
            "" if found.endswith("-->") else self.mend(found.replace("<!--", "&lt;!--"))
        )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _is_legal(reference: str) -> bool:
    """Whether ``#1234`` or ``#x4d2`` names a character that XML allows."""
    code = int(reference[2:], 16) if reference[1] in "xX" else int(reference[1:])
    return code <= 0x10FFFF and clean_text(chr(code)) != ""


def _with_namespaces(text: str) -> str:
    root = _root_tag(text)
    if root is None:
        return text
    used = {match[1] or match[2] for match in _prefixes.finditer(text)}
    missing = [
        prefix
        for prefix in sorted(used - {"xml", "xmlns"})[:50]
        if f"xmlns:{prefix}=" not in root[0].replace(" =", "=")
    ]
    if not missing:
        return text
    declarations = "".join(
        f' xmlns:{prefix}="{_NAMESPACES.get(prefix, "urn:undeclared:" + prefix)}"'
        for prefix in missing
    )
    end = root.end() - (2 if root[0].endswith("/>") else 1)
    return text[:end] + declarations + text[end:]


def _doctype_end(text: str, start: int) -> tuple[int, str]:
    """(position behind the DOCTYPE, its internal subset)."""
    position, subset_start, subset = start, 0, ""
    while match := _doctype_token.search(text, position):
        mark, position = match[0], match.end()
        if mark == "[":
            subset_start = position
        elif mark == "]":
            subset = text[subset_start : position - 1] if subset_start else ""
            subset_start = 0
        elif mark == ">":
            if not subset_start:
                return position, subset
        else:
            closing = "-->" if mark == "<!--" else mark
            end = text.find(closing, position)
            if end < 0:
                break
            position = end + len(closing)
    return text.find(">", start) + 1, ""


def _plain_entities(subset: str) -> dict[str, str]:
    """Declared entities: the first 100 that are plain text; the others stand for nothing."""
    entities: dict[str, str] = {}
    room = MAX_ENTITY_CHARS
    for match in _entity.finditer(subset[: 100 * MAX_ENTITY_CHARS]):
        name, value = match[1], match[2] if match[2] is not None else match[3]
        room -= len(value)
        if len(entities) == MAX_ENTITIES or room < 0:
            break
        if not _reference.search(value):
            entities.setdefault(name, value)
    for match in islice(_entity_name.finditer(subset), MAX_ENTITIES):
        entities.setdefault(match[1], "")
    return entities
