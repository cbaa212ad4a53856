"""What the elements of well-formed feeds mean, as feedparser understands them.

``FEED`` and ``ENTRY`` say what is done with which element. Each rule leads to the very
values that feedparser leaves behind (``found``); where that would take its whole
machinery, the rule raises ``Unusual`` and feedparser reads the document.

Names are feedparser's: lower case, with its prefix for the namespace (``dc:creator``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, NoReturn
from xml.etree.ElementTree import Element

from aggregator.parse.found import FULL_TEXT, HTML_TYPES, MAX_TAGS, Found
from aggregator.parse.namespaces import Unusual

#: Levels below an element that is passed over; beyond stands nothing honest.
_MAX_PASSED_LEVELS = 20
#: media:group, media:content and what they hold.
_MAX_MEDIA_LEVELS = 3

# URLs written as http:///example.org (feedparser mends them).
_slashes = re.compile(r"([A-Za-z][A-Za-z0-9+-.]*://)/+").match
_reference = re.compile(r"&([A-Za-z0-9_]+);")
_c1 = re.compile("[\x80-\x9f]").search
# Characters of windows-1252 written as if their bytes were Unicode.
_windows_1252 = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


class Traits(NamedTuple):
    """What holds for a whole document."""

    names: Mapping[str, str]
    atom: bool
    #: It may hold characters from U+0080 to U+009F.
    has_c1: bool


class Context:
    """A feed or an entry while its elements are read."""

    __slots__ = (
        "atom",
        "author",
        "depths",
        "found",
        "handlers",
        "has_c1",
        "has_content",
        "level",
        "names",
        "titled",
    )

    def __init__(self, traits: Traits, handlers: Mapping[str, Handler]) -> None:
        self.names, self.atom, self.has_c1 = traits
        self.handlers = handlers
        self.found: Found = {}
        #: A title was found, and later ones in the same place do not count.
        self.titled = False
        #: A content was found: descriptions are no longer taken for one.
        self.has_content = False
        #: The last author's name that stood in the element itself.
        self.author = ""
        #: How deep an element stands below the entry, and those kept from media groups.
        self.level = 0
        self.depths: dict[str, int] = {}

    def read(self, parent: Element) -> None:
        handlers = self.handlers
        for element in parent:
            handlers[element.tag](self, element)

    def attributes(self, element: Element) -> dict[str, str]:
        """Attributes under feedparser's names."""
        if not element.keys():
            return {}
        attributes = {}
        for name, value in element.items():
            name = self.names[name] if " " in name else name.lower()
            attributes[name] = value.lower() if name in ("rel", "type") else value
        return attributes


Handler = Callable[[Context, Element], None]


# --- values -----------------------------------------------------------------------


def _stripped(element: Element) -> str:
    """The text of an element that holds nothing else."""
    if len(element):
        raise Unusual("elements inside a value")
    return (element.text or "").strip()


def _value(context: Context, element: Element) -> str:
    return _unmangled(context, _stripped(element))


def _unmangled(context: Context, text: str) -> str:
    """windows-1252 that was taken for Unicode, put right."""
    if not context.has_c1 or text.isascii():
        return text
    return text.translate(_windows_1252) if _c1(text) else text


def _address(text: str) -> str:
    match = _slashes(text)
    return match[1] + text[match.end() :] if match else text


def _kind(context: Context, element: Element, default: str) -> str:
    """The media type of an element's text."""
    attributes = context.attributes(element)
    if not attributes:
        return default
    kind = attributes.get("type", default)
    if kind in ("text", "plain"):
        kind = "text/plain"
    elif kind == "html":
        kind = "text/html"
    if kind not in ("text/plain", "text/html") or attributes.get("mode") == "base64":
        raise Unusual("type of a text")
    return kind


def _guessed(context: Context, kind: str, text: str) -> str:
    """``kind``, or HTML where a dialect without types says "plain" of what is HTML."""
    if context.atom or kind == "text/html" or not ("</" in text or "&" in text):
        return kind
    from aggregator.parse.feed import looks_like_html  # feedparser: 0.1 s to import

    return "text/html" if looks_like_html(text) else kind


# --- what is done with an element -------------------------------------------------


def passed(context: Context, element: Element) -> None:
    """Pass over an element that none of our fields can come from."""
    context.attributes(element)
    inside = list(element)
    for _ in range(_MAX_PASSED_LEVELS):
        if not inside:
            return
        for each in inside:
            if context.handlers[each.tag] is not passed:
                raise Unusual("a known element inside an unknown one")
            if "xml:lang" in context.attributes(each):
                raise Unusual("language")
        inside = [child for each in inside for child in each]
    raise Unusual("depth")


def _refused(context: Context, element: Element) -> NoReturn:
    raise Unusual(element.tag)


def _passed_text(context: Context, element: Element) -> None:
    _kind(context, element, "text/plain")
    _stripped(element)


def _store(name: str) -> Handler:
    """The last one counts."""

    def store(context: Context, element: Element) -> None:
        context.attributes(element)
        context.found[name] = _value(context, element)

    return store


def _store_bare(name: str) -> Handler:
    """Like ``_store``; with attributes, feedparser keeps those and not the text."""
    store = _store(name)

    def store_bare(context: Context, element: Element) -> None:
        if element.keys():
            raise Unusual("attributes")
        store(context, element)

    return store_bare


def _title(context: Context, element: Element) -> None:
    kind = _kind(context, element, "text/plain")
    value = _value(context, element)
    if not context.titled:
        context.found["title"] = value
        # That RSS titles may be HTML is settled in ``found``.
        context.found["title_detail"] = {"type": kind}
        context.titled = bool(value)


def _rights(context: Context, element: Element) -> None:
    kind = _kind(context, element, "text/plain")
    value = context.found["rights"] = _value(context, element)
    context.found["rights_detail"] = {"type": _guessed(context, kind, value)}


def _feed_summary(context: Context, element: Element) -> None:
    _feed_description(context, element)
    context.found["summary"] = ""


def _feed_description(context: Context, element: Element) -> None:
    """After a summary feedparser takes it for a content, the next entry's too."""
    context.has_content |= "summary" in context.found
    _passed_text(context, element)


def _link(context: Context, element: Element, *, in_entry: bool = False) -> None:
    link = context.attributes(element)
    if "url" in link or "uri" in link:
        raise Unusual("link")
    value = _stripped(element)
    link.setdefault("rel", "alternate")
    link.setdefault("type", _LINK_TYPES.get(link["rel"], "text/html"))
    context.found.setdefault("links", []).append(link)
    if "href" in link:
        link["href"] = _address(link["href"])
        if link["rel"] == "alternate" and link["type"] in _LINK_HTML:
            context.found["link"] = link["href"]
        return
    value = _unmangled(context, _address(value))
    if "&" in value:
        if in_entry:
            value = value.replace("&amp;", "&")
        value = _reference.sub(r"&\1", value)
    context.found["link"] = value
    if value:
        link["href"] = value


_LINK_TYPES = {"self": "application/atom+xml"}
_LINK_HTML = HTML_TYPES | {"html", "xhtml"}


def _guid(context: Context, element: Element) -> None:
    found = context.found
    permanent = context.attributes(element).get("ispermalink", "true") == "true"
    value = _stripped(element)
    value = found["id"] = _unmangled(context, _address(value) if permanent else value)
    found.setdefault("guidislink", permanent and "link" not in found)
    if permanent:
        found.setdefault("link", value)


def _description(context: Context, element: Element, *, kind: str) -> None:
    """A summary; the content, when there is a summary and no content yet."""
    found = context.found
    if "summary" in found and not context.has_content:
        _content(context, element, kind="text/plain")
        return
    kind = _kind(context, element, kind)
    value = found["summary"] = _value(context, element)
    found["summary_detail"] = {"type": _guessed(context, kind, value)}


def _content(context: Context, element: Element, *, kind: str) -> None:
    kind = _kind(context, element, kind)
    value = _value(context, element)
    content = {"type": _guessed(context, kind, value), "value": value}
    context.found.setdefault("content", []).append(content)
    context.found.setdefault("summary", value)
    context.has_content = True


def _author(context: Context, element: Element) -> None:
    context.attributes(element)
    person: dict[str, str] = {}
    if len(element):
        _person(context, element, person)
    else:
        context.author = _value(context, element)
        if context.author:
            person["name"] = context.author
    context.found.setdefault("authors", []).append(person)


def _person(context: Context, element: Element, person: dict[str, str]) -> None:
    """Atom's: ``name``, ``email``, ``uri``."""
    if context.author or (element.text or "").strip():
        raise Unusual("an author's text")
    for each in element:
        context.attributes(each)
        text = _stripped(each)
        if (each.tail or "").strip():
            raise Unusual("an author's text")
        match context.names[each.tag]:
            case "name":
                person["name"] = text
            case "email" | "uri" | "url":
                pass
            case key if text or ":" not in key or key.startswith("itunes:"):
                raise Unusual("an author's element")


def _category(context: Context, element: Element) -> None:
    attributes = context.attributes(element)
    scheme = attributes.get("scheme", attributes.get("domain"))
    _tagged(context, element, attributes.get("term"), scheme, attributes.get("label"))


def _itunes_category(context: Context, element: Element) -> None:
    term = context.attributes(element).get("text")
    _tagged(context, element, term, "http://www.itunes.com/", None)


def _media_category(context: Context, element: Element) -> None:
    get = context.attributes(element).get
    scheme = get("scheme", "http://search.yahoo.com/mrss/category_schema")
    _tagged(context, element, get("term"), scheme, get("label"))


def _tagged(
    context: Context,
    element: Element,
    term: str | None,
    scheme: str | None,
    label: str | None,
) -> None:
    """A category of attributes, and the one of the text that may complete it."""
    value = _value(context, element)
    tags = _add_tag(context, term, scheme, label)
    if value and tags and not tags[-1]["term"]:
        tags[-1]["term"] = value
    elif value:
        _add_tag(context, value, None, None)


def _keywords(context: Context, element: Element, *, scheme: str | None) -> None:
    if element.keys():
        raise Unusual("attributes")
    for term in _value(context, element).split(","):
        if term := term.strip():
            _add_tag(context, term, scheme, None)


def _add_tag(
    context: Context, term: str | None, scheme: str | None, label: str | None
) -> list[dict[str, str | None]]:
    tags: list[dict[str, str | None]] = context.found.setdefault("tags", [])
    tag = {"term": term, "scheme": scheme, "label": label}
    if (term or scheme or label) and tag not in tags:
        tags.append(tag)
    if len(tags) >= MAX_TAGS:
        raise Unusual("number of categories")
    return tags


def _enclosure(context: Context, element: Element) -> None:
    link = context.attributes(element)
    if "uri" in link or "href" in link or len(element):
        raise Unusual("enclosure")
    link["rel"] = "enclosure"
    if "url" in link:
        link["href"] = link.pop("url")
    context.found.setdefault("links", []).append(link)


def _source(context: Context, element: Element) -> None:
    """Where the entry is from, with a title and links of its own."""
    traits = Traits(context.names, context.atom, context.has_c1)
    source = Context(traits, context.handlers)
    for each in element.iter():
        attributes = context.attributes(each)
        key = context.names[each.tag]
        if each is element:
            if "url" in attributes:
                source.found["href"] = attributes["url"]
            continue
        if key not in _IN_SOURCE or (len(each) and key not in _HOLDERS):
            raise Unusual("source")
        match key:
            case "title":
                _title(source, each)
            case "link":
                _link(source, each)
            case "subtitle" | "rights":
                _kind(context, each, "text/plain")
            case "uri" if not context.atom:
                raise Unusual("the page of a source's author")
    if name := _unmangled(context, _text_between(element)):
        source.found["title"] = name
    context.found["source"] = source.found
    context.titled = False


def _text_between(element: Element) -> str:
    """The text of an element, and of it alone."""
    texts = (element.text, *(each.tail for each in element))
    return "".join(text or "" for text in texts).strip()


_HOLDERS = frozenset({"author", "contributor"})
_IN_SOURCE = _HOLDERS | {
    *("title", "subtitle", "rights", "id", "link", "updated", "published", "icon"),
    *("logo", "generator", "category", "name", "email", "uri"),
}


def _image(context: Context, element: Element) -> None:
    """A feed's picture, with a title and a link of its own."""
    _aside(context, element, _IN_IMAGE)


def _textinput(context: Context, element: Element) -> None:
    _aside(context, element, _IN_TEXTINPUT)


def _entry_image(context: Context, element: Element) -> None:
    _aside(context, element, frozenset())


def _aside(context: Context, element: Element, inside: frozenset[str]) -> None:
    context.attributes(element)
    for each in element:
        key = context.names[each.tag]
        if key not in inside or len(each):
            raise Unusual("image")
        _kind(context, each, "text/plain")
    context.titled = False


_IN_IMAGE = frozenset({"title", "link", "description", "url", "width", "height"})
_IN_TEXTINPUT = frozenset({"title", "link", "description", "name"})


def _media_content(context: Context, element: Element) -> None:
    attributes = context.attributes(element)
    context.found.setdefault("media_content", []).append(attributes)
    _media_group(context, element)


def _media_group(context: Context, element: Element) -> None:
    if element.keys():
        context.attributes(element)
    context.level += 1
    for each in element:
        if context.handlers[each.tag] not in _IN_MEDIA:
            raise Unusual("media")
    if context.level > _MAX_MEDIA_LEVELS:
        raise Unusual("depth")
    context.read(element)
    context.level -= 1


def _media_text(name: str) -> Handler:
    """The last of those that stand least deep."""

    def media_text(context: Context, element: Element) -> None:
        context.attributes(element)
        value = _value(context, element)
        if context.level <= context.depths.setdefault(name, context.level):
            context.depths[name] = context.level
            context.found[name] = value

    return media_text


def _skipped(context: Context, element: Element) -> None:
    """Yandex lists other articles here."""
    for each in element.iter():
        if each.tag.rpartition(" ")[2].lower() in ("item", "entry"):
            raise Unusual("an entry inside a list of others")


def _list(context: Context, element: Element, *, name: str, item: str) -> None:
    """A feed's list of plain values; feedparser keeps the last one alone."""
    values = context.found.setdefault(name, [])
    for each in element:
        if context.names[each.tag] != item or element.keys() or each.keys():
            raise Unusual("something else in a list")
        values.append(_stripped(each))


# --- tables -----------------------------------------------------------------------

_html = partial(_content, kind="text/html")
_published, _updated, _created = map(_store, ("published", "updated", "created"))
_media_title = _media_text("mediatext_title")
_media_description = _media_text("mediatext_description")
_media_keywords = partial(_keywords, scheme=None)
_IN_MEDIA = frozenset(
    {
        passed,
        _media_category,
        _media_content,
        _media_description,
        _media_group,
        _media_keywords,
        _media_title,
    }
)

_BOTH: dict[str, Handler] = {
    "title": _title,
    "dc:title": _title,
    "guid": _guid,
    "id": _guid,
    "published": _published,
    "issued": _published,
    "pubdate": _published,
    "dcterms:issued": _published,
    "updated": _updated,
    "modified": _updated,
    "lastbuilddate": _updated,
    "dc:date": _updated,
    "dcterms:modified": _updated,
    "subtitle": _passed_text,
    "tagline": _passed_text,
    "itunes:subtitle": _passed_text,
    "info": _passed_text,
    "feedburner:browserfriendly": _passed_text,
} | dict.fromkeys(
    (
        # Roots and their parts, in places where they are none.
        *("rss", "feed", "rdf:rdf", "channel", "item", "entry"),
        # Names that feedparser uses for its own ends, or treats in a way of its own.
        *("_lang", "_base", "authors", "contributors", "date", "guidislink", "links"),
        *("publishers", "abstract", "body", "tags", "where", "georss:where"),
        *("georssgeom", "geom", "newlocation", "expirationdate", "dcterms:valid"),
    ),
    _refused,
)

FEED: dict[str, Handler] = _BOTH | {
    "link": _link,
    "rights": _rights,
    "copyright": _rights,
    "dc:rights": _rights,
    "language": _store("language"),
    "dc:language": _store("language"),
    "ttl": _store_bare("ttl"),
    "sy:updateperiod": _store_bare("sy_updateperiod"),
    "sy:updatefrequency": _store_bare("sy_updatefrequency"),
    "skiphours": partial(_list, name="skip_hours", item="hour"),
    "skipdays": partial(_list, name="skip_days", item="day"),
    "image": _image,
    "textinput": _textinput,
    "description": _feed_description,
    "dc:description": _feed_description,
    "summary": _feed_summary,
    "itunes:summary": _feed_summary,
    "content": _refused,
    "content:encoded": _refused,
    "fullitem": _refused,
    "source": _refused,
    "media:title": _refused,
    "media:description": _refused,
}

ENTRY: dict[str, Handler] = _BOTH | {
    "link": partial(_link, in_entry=True),
    "rights": _passed_text,
    "copyright": _passed_text,
    "dc:rights": _passed_text,
    "description": partial(_description, kind="text/html"),
    "dc:description": partial(_description, kind="text/html"),
    "summary": partial(_description, kind="text/plain"),
    "itunes:summary": partial(_description, kind="text/plain"),
    "content": partial(_content, kind="text/plain"),
    "content:encoded": _html,
    "fullitem": _html,
    "created": _created,
    "dcterms:created": _created,
    "author": _author,
    "managingeditor": _author,
    "dc:author": _author,
    "dc:creator": _author,
    "itunes:author": _author,
    "itunes:owner": _refused,
    "category": _category,
    "keywords": _category,
    "dc:subject": _category,
    "itunes:category": _itunes_category,
    "itunes:keywords": partial(_keywords, scheme="http://www.itunes.com/"),
    "enclosure": _enclosure,
    "source": _source,
    "image": _entry_image,
    "textinput": _refused,
    "media:group": _media_group,
    "media:content": _media_content,
    "media:category": _media_category,
    "media:keywords": _media_keywords,
    "media:title": _media_title,
    "media:description": _media_description,
}

#: Their elements pass through code of feedparser's that keeps states.
_REFUSED_PREFIXES = ("gml", "psc", "xhtml")


def feed_handler(key: str) -> Handler:
    return FEED.get(key) or _unknown(key)


def entry_handler(key: str) -> Handler:
    if handler := ENTRY.get(key):
        return handler
    prefix, _, name = key.rpartition(":")
    if name in FULL_TEXT:
        return _html
    if name == "related" and prefix and prefix != "media":
        return _skipped
    return _unknown(key)


def _unknown(key: str) -> Handler:
    prefix, _, name = key.rpartition(":")
    # feedparser joins both by "_": an element may be called like what another becomes.
    alike = not prefix and "_" in name
    return _refused if alike or prefix in _REFUSED_PREFIXES else passed
