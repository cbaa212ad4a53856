"""Foreign HTML, made safe for readers' pages and feeds. Only importer of nh3.

An allow-list of tags, attributes and schemes over a parsed tree: what is not named
here is gone, and every tag is closed. Links and images come out absolute.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import nh3

from aggregator import links
from aggregator.parse.tidy import tidy_text
from aggregator.text import clean_text, plain_text

#: contracts, Numbers: title 1,000, other fields 500,000 characters.
MAX_FIELD = 500_000
#: nh3 is quadratic in depth: 100,000 nested divs take 20 s, 250 no time. Honest
#: articles, newsletters made of tables included, stay below 60.
MAX_DEPTH = 250

_TAGS = {
    *(
        "a",
        "abbr",
        "b",
        "big",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "del",
        "dd",
    ),
    *(
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
    ),
    *(
        "h6",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
    ),
    *(
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
    ),
    *("thead", "time", "tr", "tt", "u", "ul", "var"),
}
#: They close one another, or are let out of tables.
_NEVER_ALONE = {
    *("caption", "dd", "dt", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr"),
}
# Their content is no text for readers, so it goes with the tag. The text of others
# (a form, an unknown tag) stays.
_DROPPED_WITH_CONTENT = {
    *(
        "script",
        "style",
        "iframe",
        "noscript",
        "noembed",
        "noframes",
        "template",
        "title",
    ),
    *(
        "svg",
        "math",
        "object",
        "select",
        "textarea",
        "button",
        "audio",
        "video",
        "canvas",
    ),
}
_ATTRIBUTES = {
    "a": {"href", "title", "hreflang"},
    "abbr": {"title"},
    "img": {"src", "alt", "title", "width", "height"},
    "li": {"value"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "time": {"datetime"},
    "*": {"lang"},
}

# Cleaning these away, or moving what stands in tables where it may not, can leave what
# no parser builds: a heading in a heading, a list's item in an item. Other tags never do.
_reshaping = re.compile(
    rf"<(?=[a-z])(?!(?:{'|'.join(sorted(_TAGS - _NEVER_ALONE))})[\s/>])", re.IGNORECASE
)

_image = re.compile(r"<img(?P<attributes>[^<>]*)>")
_has_web_source = re.compile(r'\ssrc="https?://').search
_is_pixel = re.compile(r'\s(?:width|height)="\s*[01](?:px)?\s*"').search
# Counters that Russian portals put into their feeds; what they count is the reader.
_is_counter = re.compile(
    r'\ssrc="https?://(?:mc\.yandex\.|counter\.|top-fwz1\.mail\.ru|[^/"]*\.?yadro\.ru|an\.yandex\.'
    r"|feeds\.feedburner\.com/~r|pixel\.|stats\.wordpress\.com|[^/\"]*doubleclick\.net)"
).search

_tag = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Void ones, and those whose next sibling closes them, so that forgetting their end
# tags (legal HTML) is no depth.
_NO_DEPTH = {
    *(
        "area",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
    ),
    *("wbr", "p", "li", "dt", "dd", "td", "th", "tr", "option"),
}

#: &CounterClockwiseContourIntegral; and some room.
_LONGEST_ENTITY = 40

_formatted_text = re.compile(r"[<&>]").search


class _Base:
    url: str | None = None


class Clean(NamedTuple):
    """Sanitised HTML; its text is made when it is asked for, or was met on the way."""

    html: str
    known_text: str | None = None

    @property
    def text(self) -> str:
        return plain_text(self.html) if self.known_text is None else self.known_text


class Sanitiser:
    """Cleans the HTML fields of one document.

    Not to be shared between threads: the base of relative links is state.
    """

    def __init__(self) -> None:
        # Not an attribute: nh3's objects are unknown to Python's collector, so that one
        # that led back to its owner would keep both for ever.
        self._base = base = _Base()
        self._cleaner = nh3.Cleaner(
            tags=_TAGS,
            clean_content_tags=_DROPPED_WITH_CONTENT,
            attributes=_ATTRIBUTES,
            url_schemes={"http", "https", "mailto"},
            url_relative=lambda link: links.resolve(base.url, link),
            link_rel="noopener noreferrer nofollow",
        )

    def clean(self, html: str, base: str | None) -> str:
        """Safe, well-nested HTML of at most MAX_FIELD characters; "" when none is left.

        ``base`` makes relative links absolute; a link that stays relative is dropped.
        """
        return self.read(html, base).html

    def read(self, html: str, base: str | None) -> Clean:
        """Like ``clean``, for who asks for the text too."""
        html = html.strip()
        if len(html) <= MAX_FIELD and (text := tidy_text(html)) is not None:
            return Clean(html, text)
        if not _formatted_text(html):
            return Clean(clean_text(html[:MAX_FIELD]))
        self._base.url = base
        clean = self._within_limits(html)
        if "<img" in clean:
            clean = _image.sub(_kept_image, clean)
        return Clean(clean_text(clean).strip())

    def _within_limits(self, html: str) -> str:
        """Cut by nodes: the source is cut, and what is then open gets closed."""
        html = before_depth(_cut(html, MAX_FIELD))
        clean = self._cleaner.clean(html)
        while len(clean) > MAX_FIELD:  # escaping and closing tags made it longer
            html = _cut(html, len(html) * MAX_FIELD // len(clean) * 9 // 10)
            clean = self._cleaner.clean(html)
        if _reshaping.search(html):
            # What is built again from what is left is what every reader builds.
            clean = self._cleaner.clean(clean)
        return clean


def text_as_html(text: str) -> str:
    """Plain text as HTML that reads the same, its paragraphs kept."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\s*\n\s*", "<br>", escaped.strip())


_strip_all = nh3.Cleaner(tags=set(), clean_content_tags=_DROPPED_WITH_CONTENT)


def without_markup(html: str) -> str:
    """``html`` with every tag removed, the content of scripts too; entities stay."""
    return _strip_all.clean(before_depth(html[:MAX_FIELD]))


def _kept_image(match: re.Match[str]) -> str:
    attributes = match["attributes"]
    if (
        not _has_web_source(attributes)
        or _is_pixel(attributes)
        or _is_counter(attributes)
    ):
        return ""
    return match[0]


def _cut(html: str, limit: int) -> str:
    """At most ``limit`` characters, not ending inside a tag or an entity."""
    if len(html) <= limit:
        return html
    html = html[:limit]
    tag = html.rfind("<")
    if tag > html.rfind(">"):
        html = html[:tag]
    entity = html.rfind("&", max(0, len(html) - _LONGEST_ENTITY))
    return html[:entity] if entity > html.rfind(";") else html


def before_depth(html: str, limit: int = MAX_DEPTH) -> str:
    """``html`` up to where it nests deeper than ``limit``."""
    if html.count("<") <= limit:
        return html
    depth = 0
    for match in _tag.finditer(html):
        if match[2].lower() in _NO_DEPTH:
            continue
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > limit:
            return html[: match.start()]
    return html
