"""The XML around a feed, as text: what stands before the root, and what can be mended.

The DOCTYPE is taken out here, so that no parser behind ever sees a declaration:
nothing can expand, and nothing outside can be named (XML 1.0, 4.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html.entities import html5
from typing import NamedTuple
from xml.parsers import expat

from aggregator.parse.raw import MAX_ENTRIES
from aggregator.text import clean_text

# An honest internal subset names a few characters; a bomb needs more.
MAX_ENTITIES = 100
MAX_ENTITY_CHARS = 1000
#: What all references to declared entities may add to a document.
MAX_EXPANSION = 1_000_000
DOCTYPE_DROPPED = "its DOCTYPE declares more than a few short texts, which was left out"

_space = re.compile(r"\s*").match
_root = re.compile(r"<([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)(?=[\s/>])").match
_doctype = re.compile(r"<!DOCTYPE", re.IGNORECASE).match
_doctype_token = re.compile(r"""["'\[\]>]|<!(?:--)?|%[^;\s"'<>\[\]]*""")
# Drupal names HTML's entities in every feed, and they are known anyway.
_html_entities = re.compile(
    r"<!ENTITY\s+%\s+\w+\s+PUBLIC\s+[\"']-//W3C//ENTITIES [\w ]+ for X?HTML//EN"
    r"|%HTML(?:lat1|symbol|special)\Z"
).match
_entity = re.compile(
    r"""<!ENTITY\s+([A-Za-z_][\w.-]*)\s+(?:"([^"<%]*)"|'([^'<%]*)')\s*>"""
).match
_entity_name = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]*)\s").match
_reference = re.compile(r"&(?!#\d{1,7};|#x[0-9a-fA-F]{1,6};)").search

_mendable = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
    r"|&(?:\#\d{1,10};|\#[xX][0-9a-fA-F]{1,8};|[A-Za-z][\w.-]{0,40};)?|<(?![A-Za-z_/!?])",
    re.DOTALL,
)
_prefixes = re.compile(
    r"</?([A-Za-z_][\w-]*):[A-Za-z_]|\s([A-Za-z_][\w-]*):[A-Za-z_][\w-]*\s*="
)
_root_tag = re.compile(r"<[^<>]*>").match
_entry_edges = re.compile(
    r"<(/?)((?:[A-Za-z_][\w.-]{0,40}:)?(?:item|entry))(?=[\s>])", re.IGNORECASE
).finditer
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
    #: Entities that the document declares; those that were dropped are empty.
    entities: dict[str, str]
    #: The DOCTYPE declares what is not resolved.
    dropped: bool = False


def xml_text(text: str) -> XmlText | None:
    """The document without its prologue; None when no element comes first."""
    position = 0
    entities: dict[str, str] = {}
    dropped = False
    while True:
        position = _space(text, position).end()  # type: ignore[union-attr]  # matches ""
        if match := _root(text, position):
            return XmlText(match[1], text[position:], entities, dropped)
        if text.startswith("<?", position):
            end = text.find("?>", position) + 2
        elif text.startswith("<!--", position):
            end = text.find("-->", position) + 3
        elif _doctype(text, position):
            end, declarations = _doctype_end(text, position)
            dropped |= _resolved(declarations, entities)
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


def holds_entries(text: str) -> bool:
    return any(edge[1] for edge in _entry_edges(text))


class Slice(NamedTuple):
    """An entry's element in an ill-formed document."""

    text: str
    well_formed: bool


def entry_slices(text: str) -> list[Slice]:
    """The entries of ill-formed ``text``, MAX_ENTRIES and one at most.

    One that nothing closes ends where the next begins; the last one is then cut, and
    left out.
    """
    found: list[Slice] = []
    start: re.Match[str] | None = None
    for edge in _entry_edges(text):
        if start is not None:
            slice_ = text[start.start() : edge.start()] + f"</{start[2]}>"
            found.append(Slice(slice_, _is_well_formed(slice_)))
        start = None if edge[1] else edge
        if len(found) > MAX_ENTRIES:
            break
    return found


def in_root_of(text: str, slices: Iterable[str]) -> str:
    """A document of ``slices`` alone, in the namespaces of the root of ``text``."""
    root = _root_tag(text)
    opening = root[0].removesuffix(">").removesuffix("/") if root else "<rss"
    name = opening[1:].split(maxsplit=1)[0]
    return _with_namespaces(f"{opening}>{''.join(slices)}</{name}>")


def _is_well_formed(text: str) -> bool:
    try:
        # Without namespaces: prefixes are declared where the entries are put together.
        expat.ParserCreate("utf-8").Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError:
        return False
    return True


def ill_formed(fault: Exception) -> str:
    return f"its XML is ill-formed ({fault})"


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


def _doctype_end(text: str, start: int) -> tuple[int, list[str]]:
    """(position behind the DOCTYPE, the declarations of its internal subset).

    A reference to a parameter entity, ``%name``, stands among the declarations.
    """
    position, declarations = start + len("<!DOCTYPE"), []
    inside, begun = False, None
    while match := _doctype_token.search(text, position):
        mark, position = match[0], match.end()
        if mark == "[":
            inside = True
        elif mark == "]":
            declarations += ["<!"] * (begun is not None)
            inside, begun = False, None
        elif mark == "<!":
            begun = match.start() if inside else None
        elif mark[0] == "%":
            if inside and begun is None:
                declarations.append(mark)
        elif mark == ">":
            if not inside:
                return position, declarations
            if begun is not None:
                declarations.append(text[begun:position])
            begun = None
        else:
            closing = "-->" if mark == "<!--" else mark
            end = text.find(closing, position)
            if end < 0:
                break
            position = end + len(closing)
    # It never ends: its first ">" is as good as any other.
    return text.find(">", start) + 1, ["<!"]


def _resolved(declarations: list[str], entities: dict[str, str]) -> bool:
    """Adds to ``entities`` the first 100 that are plain text, 1 kB in all.

    The others stand for nothing, but for those that HTML knows. True when there is a
    declaration that was dropped.
    """
    room, plain, dropped = MAX_ENTITY_CHARS, 0, False
    for declaration in declarations:
        match = _entity(declaration[: 2 * MAX_ENTITY_CHARS])
        value = (match[2] if match[2] is not None else match[3]) if match else ""
        name = match[1] if match else ""
        # XML 1.0, 4.6: the predefined may be declared, and mean what they mean.
        if name in _PREDEFINED or _html_entities(declaration):
            continue
        if not match or plain == MAX_ENTITIES or len(value) > room or _reference(value):
            dropped = True
            named = _entity_name(declaration[:MAX_ENTITY_CHARS])
            if named and f"{named[1]};" not in html5:
                entities.setdefault(named[1], "")
        elif name not in entities:  # XML 1.0, 4.2: the first binds
            plain += 1
            room -= len(value)
            entities[name] = value
    return dropped
