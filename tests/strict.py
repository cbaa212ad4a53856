"""What the strictest feed validator, the W3C's, objects to: its rules, one by one.

``objections`` gives the names of that validator's messages, so that what it says of a
document can be compared. Written from its rules, for what our documents use of Atom 1.0
and RSS 2.0: an element or attribute that they do not use is an objection, too.
"""

import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html.entities import name2codepoint
from urllib.parse import quote, unquote

from html5lib.html5parser import HTMLParser, ParseError
from lxml import etree

from aggregator.language import known_language

#: It reads no further.
MAX_BYTES = 5_000_000

ATOM = "{http://www.w3.org/2005/Atom}"
XML = "{http://www.w3.org/XML/1998/namespace}"
#: Namespaces that it knows, each with the one prefix that it wants.
PREFIXES = {
    "http://purl.org/rss/1.0/modules/event/": "ev",
    "http://purl.org/syndication/history/1.0": "fh",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://search.yahoo.com/mrss/": "media",
    "http://www.w3.org/2005/Atom": "atom",
}
#: The one remark that is accepted: it does not know RFC 6721.
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"

RELATIONS = {
    *("alternate", "self", "related", "enclosure", "via"),
    *("hub", "current", "prev-archive", "next-archive"),
}
MEDIA_TYPE = re.compile(r"""[^\s()<>,;:\\"/[\]?=]+/[^\s()<>,;:\\"/[\]?=]+$""")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
EVENT_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?$")
RFC_2822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d\d[03]0$"
)
URI = re.compile(r"[a-zA-Z][0-9a-zA-Z+.-]*:(//)?[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,#]+$")
TAG = re.compile(
    r"tag:([a-z0-9\-._]+?@)?[a-z0-9.-]+?,\d{4}(-\d{2}(-\d{2})?)?:"
    r"[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,]*(#[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,]*)?$"
)
URN = re.compile(
    r"urn:[a-zA-Z0-9][a-zA-Z0-9-]{1,31}:([a-zA-Z0-9()+,.:=@;$_!*'-]|%[0-9A-Fa-f]{2})+$",
    re.IGNORECASE,
)
UUID = re.compile(r"urn:uuid:[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}$", re.IGNORECASE)
ENCLOSURE = re.compile(
    r"https?://((\d{1,3}\.){3}|([A-Z0-9-]+\.)+)[A-Z0-9][-A-Z0-9]*(:\d+)?(/|$)",
    re.IGNORECASE,
)
MAILBOX = re.compile(
    r"<[A-Z0-9_+.'-]+@([A-Z0-9-]+\.)+[A-Z0-9][-A-Z0-9]*>", re.IGNORECASE
)

#: Found in text and attributes, too: it looks for them without a parser.
_REFERENCES = re.compile(
    r"""<(?:a\s+href|img\s+[^>]*src)=(?:"(.*?)"|'(.*?)'|([\w-]+))[\s>]""", re.IGNORECASE
)

_HTML_TAGS = """
    a abbr acronym address applet area article aside audio b base basefont bdi bdo
    big blockquote body br button canvas caption center cite code col colgroup
    command data datagrid datalist dd del details dfn dialog dir div dl dt em
    eventsource fieldset figcaption figure font footer form frame frameset h1 h2 h3
    h4 h5 h6 head header hgroup hr html i iframe img input ins isindex kbd label
    legend li link m main mark map menu meta meter nav noframes noscript object ol
    optgroup option output p param picture pre progress q rp rt ruby s samp script
    section select slot small source span strike strong style sub summary sup table
    tbody td template textarea tfoot th thead time title tr track tt u ul var xmp
    plaintext embed comment listing video wbr
"""
HTML_TAGS = set(_HTML_TAGS.split())
#: Of those that it takes for safe, what a sanitiser may reasonably leave.
_UNSAFE_TAGS = """
    applet base basefont body bdo comment embed frame frameset head html iframe
    isindex link listing meta noframes object param plaintext script slot style
    title xmp
"""
SAFE_TAGS = HTML_TAGS - set(_UNSAFE_TAGS.split())
_SAFE_ATTRIBUTES = """
    abbr align alt border cite class clear color cols colspan datetime dir headers
    height href hreflang id lang name rel reversed rowspan rows scope span src start
    summary title type valign value width
"""
SAFE_ATTRIBUTES = set(_SAFE_ATTRIBUTES.split())


def objections(data):
    """A message's name, with where and what, for each fault of an Atom or RSS document."""
    return list(_objections(data))


def _objections(data):
    if len(data) > MAX_BYTES:
        yield f"ValidatorLimit {len(data)}"
    text = data.decode("utf-8")  # NotUTF8
    root = etree.fromstring(data)
    lines = ["&#x" in line for line in text.split("\n")]
    yield from _namespaces(root)
    for element in root.iter():
        yield from _characters(element)
        if (language := element.get(f"{XML}lang")) is not None and not known_language(
            language
        ):
            yield f"InvalidLanguage {language}"
    judge = _Atom(lines) if root.tag == f"{ATOM}feed" else _Rss(lines)
    yield from judge.document(root)


def _namespaces(root):
    for prefix, uri in root.nsmap.items():
        if uri == TOMBSTONES:
            # Declared only while a document holds one.
            if root.find(f"{{{TOMBSTONES}}}deleted-entry") is None:
                yield "UnknownNamespace without use"
        elif uri not in PREFIXES:
            yield f"UnknownNamespace {uri}"
        elif prefix is None or root.tag == f"{ATOM}feed":
            if (uri == ATOM[1:-1]) != (prefix is None):
                yield f"AvoidNamespacePrefix {prefix}"
        elif prefix != PREFIXES[uri]:
            yield f"NonstdPrefix {prefix}"


def _characters(element):
    for value in (element.text or "", element.tail or "", *element.attrib.values()):
        if re.search("[\x80-\x9f\ufffd]", value):
            yield f"BadCharacters {element.tag}"
        for chunk in re.split("[&<>\n]", value):
            if re.search("[\xc2\xc3][\x80-\xbf]", chunk):
                yield f"BadCharacters twice {element.tag} {chunk!r}"


class _Judge:
    def __init__(self, lines):
        self.excused = lines

    def spans_reference(self, element):
        """Whether a line of the element has a hexadecimal reference: the RSS profile's way."""
        last = element.sourceline + (element.text or "").count("\n")
        return any(self.excused[element.sourceline - 1 : last])

    def plain(self, element, value, message="ContainsHTML", *, rss=False):
        if tags := [
            t for t in re.findall(r"</(\w+)>", value) if t.lower() in HTML_TAGS
        ]:
            yield f"{message} {element.tag} {tags[0]}"
        elif entities := re.findall(r"&(#?\w+)", value):
            for name in entities:
                known = name in name2codepoint or name == "apos" or not name.isalpha()
                if known and not self.spans_reference(element):
                    yield f"{message} {element.tag} &{name}"
        elif (
            rss
            and re.search("&#[x0-9]|<[/a-zA-Z]", value)
            and not self.spans_reference(element)
        ):
            yield f"CharacterData {element.tag} {value}"

    def html(self, element, value):
        if "<?import " in value.lower():
            yield f"SecurityRisk ?import {element.tag}"
        try:
            tree = HTMLParser(strict=True).parseFragment(value)
        except ParseError as error:
            yield f"NotHtml {element.tag} {error}"
            return
        for node in tree.iter():
            if callable(node.tag) or node.tag == "DOCUMENT_FRAGMENT":
                continue
            tag = node.tag.rpartition("}")[2].lower()
            if tag not in HTML_TAGS:
                yield f"NotHtml {tag}"
            elif tag not in SAFE_TAGS:
                yield f"SecurityRisk {tag}"
            for name in node.attrib:
                if name.lower() not in SAFE_ATTRIBUTES:
                    yield f"SecurityRiskAttr {name}"
        for found in _REFERENCES.findall(value):
            if not re.match(r"\w+:", "".join(found).strip()):
                yield f"ContainsRelRef {found}"

    def one_each(self, element, names):
        counts = Counter(child.tag for child in element)
        for name in names:
            if counts[name] > 1:
                yield f"DuplicateElement {name}"

    def required(self, element, names):
        for name in names:
            if element.find(name) is None:
                yield f"MissingElement {element.tag} {name}"

    def known(self, element, names, attributes=()):
        for child in element:
            if child.tag not in names:
                yield f"UndefinedElement {element.tag} {child.tag}"
        for name in element.attrib:
            if name not in attributes and name != f"{XML}lang":
                yield f"UnexpectedAttribute {element.tag} {name}"

    def link(self, element):
        yield from self.known(element, (), ("rel", "href", "type", "length", "title"))
        relation, kind = element.get("rel", "alternate"), element.get("type")
        if relation not in RELATIONS:
            yield f"UnregisteredAtomLinkRel {relation}"
        if kind is not None and not MEDIA_TYPE.match(kind):
            yield f"InvalidMIMEType {kind}"
        if relation == "self" and kind not in (
            None,
            "application/atom+xml",
            "application/rss+xml",
        ):
            yield f"SelfNotAtom {kind}"
        if (title := element.get("title")) is not None:
            if not title:
                yield "AttrNotBlank title"
            yield from self.plain(element, title)
        if (length := element.get("length")) is not None and not length.isdecimal():
            yield f"InvalidNonNegativeInteger {length}"
        if element.get("href") is None:
            yield "MissingHref"
        yield from self.uri(element, element.get("href") or "")
        if element.text or len(element):
            yield "AtomLinkNotEmpty"

    def uri(self, element, value):
        scheme = value.partition(":")[0].lower()
        if scheme == "tag":
            if not TAG.match(value):
                yield f"InvalidTAG {value}"
        elif scheme == "urn":
            if value.lower().startswith("urn:uuid:") and not UUID.match(value):
                yield f"InvalidUUID {value}"
            elif not URN.match(value):
                yield f"InvalidURN {value}"
        elif not URI.match(value):
            yield f"InvalidFullLink {element.tag} {value}"
        elif scheme not in ("http", "https"):
            yield f"SchemeNotIANARegistered {scheme}"
        elif not re.match(r"\w+://[^/].*", value):
            yield f"InvalidLink {value}"

    def canonical(self, element, value):
        yield from self.uri(element, value)
        if value != canonical(value):
            yield f"NonCanonicalURI {value} {canonical(value)}"
        yield from self.no_space(element)

    def no_space(self, element):
        if (element.text or "") != (element.text or "").strip():
            yield f"UnexpectedWhitespace {element.tag}"

    def timestamp(self, element):
        yield from self.no_space(element)
        value = element.text or ""
        if not RFC_3339.match(value):
            yield f"InvalidRFC3339Date {value}"
        else:
            yield from self.plausible(datetime.fromisoformat(value))

    def plausible(self, moment):
        # Sample stories are of 2026: what counts is no year 1, no next century.
        if moment.year < 1990 or moment > datetime.now(UTC) + timedelta(days=3650):
            yield f"ImplausibleDate {moment}"

    def event(self, element):
        for name in ("startdate", "enddate"):
            for date in element.findall(f"{{{_EVENT}}}{name}"):
                if not EVENT_DATE.match(date.text or ""):
                    yield f"InvalidISO8601DateTime {date.text}"
        yield from self.one_each(
            element, (f"{{{_EVENT}}}startdate", f"{{{_EVENT}}}enddate")
        )


_EVENT, _HISTORY, _DC, _CONTENT, _MEDIA = list(PREFIXES)[:5]
_EVENT_NAMES = {f"{{{_EVENT}}}{n}" for n in ("startdate", "enddate", "location")}


class _Atom(_Judge):
    TEXTS = tuple(
        f"{ATOM}{n}" for n in ("title", "subtitle", "rights", "summary", "content")
    )

    def document(self, feed):
        names = (
            *("id", "title", "updated", "author", "link", "category", "generator"),
            *("subtitle", "rights", "entry", "icon", "logo"),
        )
        yield from self.known(
            feed,
            {
                *(f"{ATOM}{name}" for name in names),
                f"{{{_HISTORY}}}archive",
                f"{{{TOMBSTONES}}}deleted-entry",
            },
        )
        if not feed.get(f"{XML}lang"):
            yield "MissingDCLanguage"
        entries = feed.findall(f"{ATOM}entry")
        if entries and feed.index(entries[0]) + len(entries) != len(feed):
            yield "MisplacedMetadata"
        yield from self.container(feed)
        rels = [link.get("rel") for link in feed.findall(f"{ATOM}link")]
        if "self" not in rels:
            yield "MissingSelf"
        if feed.find(f"{{{_HISTORY}}}archive") is not None:
            if not {"prev-archive", "next-archive"} & set(rels):
                yield "ArchiveIncomplete"
            if "current" not in rels:
                yield "MissingCurrentInArchive"
        yield from self.required(feed, [f"{ATOM}author"])
        for name, message in (
            ("id", "DuplicateEntries"),
            ("updated", "DuplicateUpdated"),
        ):
            for value, count in Counter(
                entry.findtext(f"{ATOM}{name}") for entry in entries
            ).items():
                if count > 1:
                    yield f"{message} {value}"
        for entry in entries:
            yield from self.entry(entry)

    def entry(self, entry):
        names = (
            *("id", "title", "updated", "published", "author", "link", "category"),
            *("rights", "summary", "content", "source"),
        )
        yield from self.known(
            entry, {*(f"{ATOM}{name}" for name in names), *_EVENT_NAMES}
        )
        yield from self.container(entry)
        yield from self.required(entry, [f"{ATOM}author"])
        yield from self.event(entry)
        if (
            entry.find(f"{ATOM}summary") is None
            and entry.find(f"{ATOM}content") is None
        ):
            yield "MissingTextualContent"
        if (source := entry.find(f"{ATOM}source")) is not None:
            yield from self.known(
                source,
                {f"{ATOM}{n}" for n in ("id", "title", "updated", "link", "rights")},
            )
            yield from self.container(source)

    def container(self, element):
        singles = [f"{ATOM}{n}" for n in ("id", "title", "updated", "published")]
        yield from self.required(element, singles[:3])
        yield from self.one_each(
            element, [*singles, *self.TEXTS, f"{ATOM}source", f"{ATOM}generator"]
        )
        yield from self.canonical(
            element.find(f"{ATOM}id"), element.findtext(f"{ATOM}id") or ""
        )
        for date in (*element.findall(singles[2]), *element.findall(singles[3])):
            yield from self.timestamp(date)
        for name in self.TEXTS:
            for text in element.findall(name):
                yield from self.text(text)
        for author in element.findall(f"{ATOM}author"):
            yield from self.known(author, {f"{ATOM}name"})
            yield from self.one_each(author, [f"{ATOM}name"])
            name = author.find(f"{ATOM}name")
            if name is None or not (name.text or "").strip():
                yield "NotBlank name"
            else:
                yield from self.plain(name, name.text)
                if MAILBOX.search(name.text):
                    yield f"ContainsEmail {name.text}"
        for category in element.findall(f"{ATOM}category"):
            yield from self.known(category, (), ("term", "scheme", "label"))
            if not category.get("term"):
                yield "AttrNotBlank term"
            if category.text or len(category):
                yield "UndefinedElement category"
            yield from self.uri(category, category.get("scheme"))
            yield from self.plain(category, category.get("label"))
        links = element.findall(f"{ATOM}link")
        for link in links:
            yield from self.link(link)
        alternates = Counter(
            link.get("type") for link in links if link.get("rel") == "alternate"
        )
        if any(count > 1 for count in alternates.values()):
            yield "DuplicateAtomLink"

    def text(self, element):
        yield from self.known(element, (), ("type",))
        value = element.text or ""
        if not value.strip():
            yield f"NotBlank {element.tag}"
        if element.get("type", "text") == "html":
            yield from self.html(element, value)
        elif element.get("type", "text") == "text":
            yield from self.plain(element, value, "ContainsUndeclaredHTML")
        else:
            yield f"InvalidTextType {element.get('type')}"


class _Rss(_Judge):
    def document(self, rss):
        if rss.get("version") != "2.0":
            yield "InvalidRSSVersion"
        (channel,) = rss
        names = (
            *(
                "title",
                "link",
                "description",
                "language",
                "docs",
                "generator",
                "copyright",
            ),
            *("lastBuildDate", "pubDate", "item", f"{ATOM}link"),
        )
        yield from self.known(channel, names)
        yield from self.required(channel, ["title", "link", "description", "language"])
        yield from self.one_each(channel, names[:8])
        for name in ("title", "description", "copyright"):
            for element in channel.findall(name):
                yield from self.blank(element)
                yield from self.plain(element, element.text or "", rss=True)
        for element in (channel.find("link"), channel.find("docs")):
            yield from self.uri(element, element.text or "")
        if not known_language(channel.findtext("language")):
            yield "InvalidLanguage"
        for date in (*channel.findall("lastBuildDate"), *channel.findall("pubDate")):
            yield from self.date(date)
        links = channel.findall(f"{ATOM}link")
        for link in links:
            yield from self.link(link)
        if "self" not in [link.get("rel") for link in links]:
            yield "MissingAtomSelfLink"
        items = channel.findall("item")
        if items and channel.index(items[0]) + len(items) != len(channel):
            yield "MisplacedItem"
        for value, count in Counter(item.findtext("guid") for item in items).items():
            if count > 1:
                yield f"DuplicateValue {value}"
        for item in items:
            yield from self.item(item)

    def item(self, item):
        singles = (
            *("title", "link", "description", "guid", "pubDate", "source", "enclosure"),
            *(f"{{{_CONTENT}}}encoded", f"{{{_DC}}}language", f"{{{_DC}}}rights"),
            f"{ATOM}updated",
        )
        repeated = {
            f"{ATOM}link",
            f"{{{_DC}}}creator",
            f"{{{_MEDIA}}}content",
            "category",
        }
        yield from self.known(item, {*singles, *repeated, *_EVENT_NAMES})
        yield from self.one_each(item, singles)
        yield from self.required(
            item, ["title", "description", "guid", "link", "pubDate"]
        )
        for name in ("title", "source", "category", f"{{{_DC}}}rights"):
            for element in item.findall(name):
                yield from self.blank(element)
                yield from self.plain(element, element.text or "", rss=True)
        for name in ("description", f"{{{_CONTENT}}}encoded"):
            for element in item.findall(name):
                yield from self.blank(element)
                yield from self.html(element, element.text or "")
        tags = [child.tag for child in item]
        if f"{{{_CONTENT}}}encoded" in tags and tags.index("description") > tags.index(
            f"{{{_CONTENT}}}encoded"
        ):
            yield "NeedDescriptionBeforeContent"
        yield from self.uri(item.find("link"), item.findtext("link") or "")
        guid = item.find("guid")
        if guid.get("isPermaLink") != "false" or (guid.text or "").isdigit():
            yield f"InvalidHttpGUID {guid.text}"
        for date in item.findall("pubDate"):
            yield from self.date(date)
        for date in item.findall(f"{ATOM}updated"):
            yield from self.timestamp(date)
        for source in item.findall("source"):
            yield from self.uri(source, source.get("url") or "")
        for language in item.findall(f"{{{_DC}}}language"):
            if not known_language(language.text):
                yield f"InvalidLanguage {language.text}"
        for link in item.findall(f"{ATOM}link"):
            yield from self.link(link)
        for enclosure in item.findall("enclosure"):
            yield from self.enclosure(enclosure)
        for content in item.findall(f"{{{_MEDIA}}}content"):
            yield from self.media(content)
        yield from self.event(item)

    def enclosure(self, enclosure):
        if set(enclosure.attrib) != {"url", "length", "type"}:
            yield "MissingAttribute enclosure"
        if not (enclosure.get("length") or "").isdecimal():
            yield "UseZeroForUnknown"
        if not MEDIA_TYPE.match(enclosure.get("type") or ""):
            yield "InvalidMIMEAttribute"
        url = enclosure.get("url") or ""
        if not ENCLOSURE.match(url) or not URI.match(url):
            yield f"InvalidURLAttribute {url}"

    def media(self, content):
        yield from self.known(content, (), ("url", "type", "medium", "fileSize"))
        yield from self.uri(content, content.get("url") or "")
        if (kind := content.get("type")) is not None and not MEDIA_TYPE.match(kind):
            yield f"InvalidMIMEAttribute {kind}"
        if content.get("medium", "image") not in (
            "image",
            "audio",
            "video",
            "document",
        ):
            yield f"InvalidMediaMedium {content.get('medium')}"
        if (size := content.get("fileSize")) is not None and int(size) <= 0:
            yield f"InvalidPositiveInteger {size}"

    def blank(self, element):
        if not (element.text or "").strip():
            yield f"NotBlank {element.tag}"

    def date(self, element):
        if not RFC_2822.match(element.text or ""):
            yield f"ProblematicalRFC822Date {element.text}"
            return
        moment = parsedate_to_datetime(element.text)
        if not element.text.startswith(
            ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
        ):
            yield f"IncorrectDOW {element.text}"
        yield from self.plausible(moment)


def canonical(uri):
    """The spelling that it compares: None when it cannot tell."""
    match = re.match(r"^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?$", uri)
    scheme, authority, path = match[2].lower(), match[4], match[5]
    segment = "-._~!$&'()*+,;=:@"
    try:
        if authority is not None:
            host, _, port = authority.lower().partition(":")
            if host.endswith(".") and "." in host[:-2]:
                host = host[:-1]
            default = {"http": "80", "https": "443"}.get(scheme)
            if port and str(int(port)) != default:
                host = f"{host}:{int(port)}"
            parts = (path or "/").split("/")
            if "." in parts or ".." in parts:
                return None
            path = "/".join(_normal(part, segment) for part in parts)
            path = f"//{host}{path}"
        else:
            path = _normal(path, f"{segment}/")
        query = "" if match[7] is None else f"?{_normal(match[7], f'{segment}/?')}"
        fragment = "" if match[9] is None else f"#{_normal(match[9], f'{segment}/?')}"
    except UnicodeDecodeError:
        return None
    return f"{scheme}:{path}{query}{fragment}"


def _normal(part, safe):
    """Reserved characters stay encoded or not, as they were; of others, what must be."""
    normal = ""
    for piece in re.split(r"((?:%[0-9a-fA-F]{2})|[:/?#\[\]@!$&'()*+,;=])", part):
        if piece and piece in safe and len(piece) == 1:
            normal += f"\0{piece}"
        elif re.fullmatch("%[0-9a-fA-F]{2}", piece) and chr(int(piece[1:], 16)) in (
            set(":/?#[]@!$&'()*+,;=") & set(safe)
        ):
            normal += "\0" + piece.upper().replace("%", "\1")
        else:
            normal += piece
    out = ""
    for run in re.split("(\0\1..|\0.)", normal):
        if run.startswith("\0"):
            out += run[1:].replace("\1", "%")
        else:
            decoded = unquote(run, errors="strict")
            out += quote(unicodedata.normalize("NFC", unquote(decoded)), safe)
    return out
