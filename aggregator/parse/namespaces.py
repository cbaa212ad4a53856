"""Namespaces, and the names that feedparser gives to what stands in them."""

from __future__ import annotations

from collections.abc import Sequence

#: (prefix, URI) in the order of the document; both None where ``xmlns=""`` ends one.
Declared = Sequence[tuple[str | None, str | None]]

#: feedparser's prefixes by URI, both in lower case; of older RSS and Atom, none.
PREFIXES = {
    "http://backend.userland.com/rss": "",
    "http://blogs.law.harvard.edu/tech/rss": "",
    "http://example.com/necho": "",
    "http://example.com/newformat#": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://purl.org/atom/ns#": "",
    "http://purl.org/echo/": "",
    "http://purl.org/pie/": "",
    "http://purl.org/rss/1.0/": "",
    "http://purl.org/rss/1.0/modules/rss091#": "",
    "http://www.w3.org/2005/atom": "",
    "uri/of/echo/namespace#": "",
    "http://webns.net/mvcb/": "admin",
    "http://purl.org/rss/1.0/modules/aggregation/": "ag",
    "http://purl.org/rss/1.0/modules/annotate/": "annotate",
    "http://media.tangent.org/rss/1.0/": "audio",
    "http://backend.userland.com/blogchannelmodule": "blogchannel",
    "http://creativecommons.org/ns#license": "cc",
    "http://web.resource.org/cc/": "cc",
    "http://purl.org/rss/1.0/modules/company": "co",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://my.theinfo.org/changed/1.0/rss/": "cp",
    "http://backend.userland.com/creativecommonsrssmodule": "creativecommons",
    "http://cyber.law.harvard.edu/rss/creativecommonsrssmodule.html": "creativecommons",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/email/": "email",
    "http://purl.org/rss/1.0/modules/event/": "ev",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://freshmeat.net/rss/fm/": "fm",
    "http://xmlns.com/foaf/0.1/": "foaf",
    "http://www.w3.org/2003/01/geo/wgs84_pos#": "geo",
    "http://www.georss.org/georss": "georss",
    "http://www.opengis.net/gml": "gml",
    "http://postneo.com/icbm/": "icbm",
    "http://purl.org/rss/1.0/modules/image/": "image",
    "http://example.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://purl.org/rss/1.0/modules/link/": "l",
    "http://search.yahoo.com/mrss": "media",
    "http://search.yahoo.com/mrss/": "media",
    "http://madskills.com/public/xml/rss/module/pingback/": "pingback",
    "http://prismstandard.org/namespaces/1.2/basic/": "prism",
    "http://podlove.org/simple-chapters": "psc",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://www.w3.org/2000/01/rdf-schema#": "rdfs",
    "http://purl.org/rss/1.0/modules/reference/": "ref",
    "http://purl.org/rss/1.0/modules/richequiv/": "reqv",
    "http://purl.org/rss/1.0/modules/search/": "search",
    "http://purl.org/rss/1.0/modules/slash/": "slash",
    "http://schemas.xmlsoap.org/soap/envelope/": "soap",
    "http://purl.org/rss/1.0/modules/servicestatus/": "ss",
    "http://hacks.benhammersley.com/rss/streaming/": "str",
    "http://purl.org/rss/1.0/modules/subscription/": "sub",
    "http://purl.org/rss/1.0/modules/syndication/": "sy",
    "http://schemas.pocketsoap.com/rss/mydescmodule/": "szf",
    "http://purl.org/rss/1.0/modules/taxonomy/": "taxo",
    "http://purl.org/rss/1.0/modules/threading/": "thr",
    "http://purl.org/rss/1.0/modules/textinput/": "ti",
    "http://madskills.com/public/xml/rss/module/trackback/": "trackback",
    "http://wellformedweb.org/commentapi/": "wfw",
    "http://purl.org/rss/1.0/modules/wiki/": "wiki",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://www.w3.org/1999/xlink": "xlink",
    "http://www.w3.org/xml/1998/namespace": "xml",
}

#: Prefixes that make one of feedparser's own keys of an element: ``title_detail``.
_RESERVED = frozenset(
    {
        *("author", "contributor", "copyright", "description", "generator", "guid"),
        *("mediatext", "publisher", "rights", "subtitle", "summary", "tagline"),
        *("textinput", "title"),
    }
)

#: A namespace whose declaration, the first of these, gives a document its version.
_VERSIONS = {
    "http://purl.org/rss/1.0/": "rss10",
    "http://www.w3.org/2005/atom": "atom10",
}
_RSS090 = "http://my.netscape.com/rdf/simple/0.9/"


class Unusual(Exception):
    """Something of which feedparser had better be the judge."""


class Names(dict[str, str]):
    """Names of elements and attributes as feedparser writes them, by expat's.

    ``http://purl.org/dc/elements/1.1/ Creator`` is ``dc:creator``, whatever prefix the
    document uses; in a namespace that nobody knows, the document's prefix stands.
    """

    def __init__(self, declared: Declared) -> None:
        super().__init__()
        self._prefixes: dict[str, str] = {}
        bound: dict[str, str] = {}
        for prefix, uri in declared:
            if not uri:
                continue
            prefix = (prefix or "").lower()
            if prefix and bound.setdefault(prefix, uri) != uri:
                raise Unusual("one prefix for two namespaces")
            known = _known_prefix(uri)
            if known is None and prefix.partition("_")[0] in _RESERVED:
                raise Unusual("a prefix that is a key")
            self._prefixes.setdefault(uri, prefix if known is None else known)
        # feedparser looks its own prefix up among the document's once more, and those
        # by which it, or ``feed``, asks for a name.
        used = {"content", "mediatext", "rdf", *self._prefixes.values()}
        for prefix, uri in bound.items():
            if prefix in used and prefix != self._prefixes[uri]:
                raise Unusual("a known prefix for another namespace")

    def __missing__(self, name: str) -> str:
        uri, _, local = name.rpartition(" ")
        prefix = (_known_prefix(uri) or self._prefixes.get(uri, "")) if uri else ""
        key = f"{prefix}:{local.lower()}" if prefix else local.lower()
        if ":" in local:
            raise Unusual("a colon in a name")
        self[name] = key
        return key


def _known_prefix(uri: str) -> str | None:
    lower = uri.lower()
    if "backend.userland.com/rss" in lower:
        return ""
    return PREFIXES.get(lower)


def version_declared(declared: Declared) -> str | None:
    """feedparser's name of the version that a namespace stands for, if one does."""
    for prefix, uri in declared:
        if not uri:
            continue
        if (prefix, uri.lower()) == (None, _RSS090):
            return "rss090"
        if version := _VERSIONS.get(uri.lower()):
            return version
    return None
