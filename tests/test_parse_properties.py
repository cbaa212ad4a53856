"""Laws that hold for any bytes at all."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import ParsedFeed, SourceError
from aggregator.parse import parse_document
from tests.examples import examples

DATA = Path(__file__).parent / "data" / "parse"
FEEDS = [path.read_bytes() for path in sorted(DATA.iterdir())]
ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
CODES = re.compile(r"(not_a_feed|parse|empty|decode|limit)(:[a-z]+)?")

fragments = st.sampled_from(
    [
        *(
            b"<",
            b">",
            b"&",
            b"]]>",
            b"<![CDATA[",
            b"<!--",
            b"&#xD800;",
            b"&#0;",
            b"\0",
            b"\xff",
        ),
        *(
            b"<item>",
            b"</item>",
            b"<entry>",
            b"</rss>",
            b"<a:b>",
            b"&nbsp;",
            b"\xef\xbb\xbf",
            b'"',
        ),
        *(
            b"<yandex:related>",
            b"<full-text>",
            b"</full-text>",
            b"<image>",
            b"<source>",
            b"{",
            b"]",
        ),
    ]
)


@st.composite
def mutated_feeds(draw):
    """A good document with pieces cut out, doubled, replaced and put in."""
    body = draw(st.sampled_from(FEEDS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 40)))
        piece = draw(fragments | st.binary(max_size=4) | st.just(body[start:end] * 2))
        body = body[:start] + piece + body[end:]
    return body


def check(body, content_type=None):
    found = parse_document(
        body, url="https://example.ru/rss", content_type=content_type
    )

    if isinstance(found, SourceError):
        assert CODES.fullmatch(found.code)
        # What no branch foresaw would be said in these words.
        assert not found.message.startswith("The document cannot be read:")
        return
    assert isinstance(found, ParsedFeed)
    assert len({entry.key for entry in found.entries}) == len(found.entries)
    for entry in found.entries:
        published = (
            entry.key,
            entry.title,
            entry.link,
            entry.summary,
            entry.content,
            entry.text,
        )
        names = (
            *entry.authors,
            *entry.categories,
            *(each.url for each in entry.enclosures),
        )
        for field in (*published, *names):
            assert not ILLEGAL_IN_XML.search(field or "")
        assert entry.title
        assert len(entry.key) <= 1000
        for moment in (entry.published, entry.updated):
            assert moment is None or moment.utcoffset().total_seconds() == 0


@examples(150)
@given(st.binary(max_size=300))
def test_any_bytes(body):
    check(body)


@examples(150)
@given(st.text(max_size=200), st.none() | st.text(max_size=40))
def test_any_item_text(text, content_type):
    item = f"<rss><channel><item><title>{text}</title><link>{text}</link>"
    check((item + text).encode("utf-8", "surrogatepass"), content_type)


@examples(400)
@given(mutated_feeds())
def test_mutated_feeds(body):
    check(body)
