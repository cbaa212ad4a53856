"""Links: what is published, what is compared, whose domain it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.links import (
    MAX_LINK_LENGTH,
    canonical_link,
    has_ad_token,
    registrable_domain,
    resolve,
    source_address,
)

BASE = "https://www.kubnews.ru/rss/index.xml"

# --- strategies: links that are nearly right, and anything at all ---------------

PIECES = """
    http https HTTP : / // :// ? # & = . .. /./ /../ % %2e %2E %41 %zz %25 @ \\ ; + ~
    www. m. amp. amp /amp/ /amp index.html index.php kubnews.ru KubNews.RU кубань.рф
    xn--80aab. 127.0.0.1 [::1] [ ] :80 :443 :8080 :0 :99999 :x utm_source=rss from=1
    from=rss from=٣ erid=2Vt ref=a.ru source=rss &amp; amp=1 id=5 p= ;jsessionid=1
    news новости 1 . a b
"""
_pieces = st.sampled_from(
    [*PIECES.split(), " ", "\t", "\n", "\x00", "\u202e", "\xa0", "\ud800", "\u212a", ""]
)
near_links = st.builds(
    lambda scheme, pieces: scheme + "".join(pieces),
    st.sampled_from(["http://", "https://", "http://kubnews.ru/", "//", ""]),
    st.lists(_pieces, max_size=14),
)
any_text = st.text(st.characters(), max_size=60) | near_links


# --- canonical_link -------------------------------------------------------------

SAME_PAGE = {
    "as it is": "https://kubnews.ru/news/1",
    "http": "http://kubnews.ru/news/1",
    "www": "https://www.kubnews.ru/news/1",
    "mobile host": "https://m.kubnews.ru/news/1",
    "mobile host with www": "http://www.m.kubnews.ru/news/1",
    "amp host": "https://amp.kubnews.ru/news/1",
    "amp path, last": "https://kubnews.ru/news/1/amp/",
    "amp path, first": "https://kubnews.ru/amp/news/1",
    "amp parameter": "https://kubnews.ru/news/1?amp",
    "host's case": "HTTPS://KubNews.RU/news/1",
    "root dot": "https://kubnews.ru./news/1",
    "default port": "https://kubnews.ru:443/news/1",
    "default port of http": "http://kubnews.ru:80/news/1",
    "no port after the colon": "https://kubnews.ru:/news/1",
    "trailing slash": "https://kubnews.ru/news/1/",
    "repeated slashes": "https://kubnews.ru//news///1",
    "dot segments": "https://kubnews.ru/a/../news/./1",
    "escaped dot segments": "https://kubnews.ru/a/%2e%2E/news/1",
    "needless escapes": "https://kubnews.ru/%6Eews/1",
    "folder page": "https://kubnews.ru/news/1/index.html",
    "fragment": "https://kubnews.ru/news/1#comments",
    "empty query": "https://kubnews.ru/news/1?",
    "credentials": "https://user:secret@kubnews.ru/news/1",
    "white space and line breaks": " \thttps://kubnews.ru/ne\nws/1\r\n\xa0",
    "backslashes": "https:\\\\kubnews.ru\\news\\1",
    "one slash": "https:/kubnews.ru/news/1",
    "session": "https://kubnews.ru/news/1;jsessionid=0A1B",
    "utm": "https://kubnews.ru/news/1?utm_source=rss&utm_medium=feed",
    "utm, escaped twice": "https://kubnews.ru/news/1?utm_source=a&amp;utm_medium=b",
    "utm, percent-encoded": "https://kubnews.ru/news/1?utm%5Fsource=a",
    "utm, capitals": "https://kubnews.ru/news/1?UTM_Source=a",
    "utm_referrer": "https://kubnews.ru/news/1?utm_referrer=https%3A%2F%2Fya.ru",
    "yandex": "https://kubnews.ru/news/1?yclid=1&ysclid=lx2&_openstat=cnNz",
    "mail.ru and rambler": "https://kubnews.ru/news/1?frommail=1&rb_clickid=9",
    "telegram and vk": "https://kubnews.ru/news/1?tg_rhash=a1&vk_ref=wall",
    "matomo": "https://kubnews.ru/news/1?mtm_campaign=x&mc_cid=1&mc_eid=2",
    "from a feed": "https://kubnews.ru/news/1?from=rss",
    "from, empty": "https://kubnews.ru/news/1?from=",
    "rs of a portal": "https://kubnews.ru/news/1?rs=main",
    "ref with a host": "https://kubnews.ru/news/1?ref=yandex.ru",
    "source of a feed": "https://kubnews.ru/news/1?source=rss",
    "advertising token": "https://kubnews.ru/news/1?erid=2VtzqwZ",
}


@pytest.mark.parametrize("link", SAME_PAGE.values(), ids=SAME_PAGE.keys())
def test_spellings_of_one_page_are_one_identity(link):
    assert canonical_link(link) == "https://kubnews.ru/news/1"


DIFFERENT_PAGES = {
    "number in the query": ("https://a.ru/?id=1", "https://a.ru/?id=2"),
    "WordPress number": ("https://a.ru/?p=1", "https://a.ru/"),
    "path's case": ("https://a.ru/Jb3", "https://a.ru/jb3"),
    "query's case": ("https://a.ru/?v=Jb3", "https://a.ru/?v=jb3"),
    "from as an offset": ("https://a.ru/n?from=20", "https://a.ru/n?from=40"),
    "from as a date": ("https://a.ru/n?from=2026-01-01", "https://a.ru/n"),
    "rs as a number": ("https://a.ru/n?rs=4", "https://a.ru/n?rs=5"),
    "ref as a number": ("https://a.ru/n?ref=4", "https://a.ru/n?ref=5"),
    "source as a choice": ("https://a.ru/n?source=anons", "https://a.ru/n"),
    "subdomain": ("https://krasnodar.a.ru/1", "https://sochi.a.ru/1"),
    "host called m": ("https://m.ru/1", "https://ru/1"),
    "unusual port": ("https://a.ru:8443/1", "https://a.ru/1"),
    "escaped slash": ("https://a.ru/a%2Fb", "https://a.ru/a/b"),
    "page called amp": ("https://a.ru/amp", "https://a.ru/"),
    "a name that only begins like one": ("https://a.ru/?utmost=1", "https://a.ru/"),
}


@pytest.mark.parametrize(
    ("one", "other"), DIFFERENT_PAGES.values(), ids=DIFFERENT_PAGES.keys()
)
def test_pages_stay_apart(one, other):
    assert canonical_link(one) != canonical_link(other)


FORMS = {
    "home page": ("http://www.kubnews.ru/", "https://kubnews.ru"),
    "order of parameters kept": ("https://a.ru/?b=2&a=1", "https://a.ru?b=2&a=1"),
    "honest query untouched": (
        "https://a.ru/s?q=a+b%2fc&x[]=1&&y=",
        "https://a.ru/s?q=a+b%2fc&x[]=1&&y=",
    ),
    "only tracking goes": (
        "https://a.ru/?id=%d0%b0&utm_source=x&b=+1",
        "https://a.ru?id=%d0%b0&b=+1",
    ),
    "IDN": ("https://КУБАНЬ.рф/a", "https://xn--80ab0ao1a1d.xn--p1ai/a"),
    "punycode": (
        "https://XN--80ab0ao1a1d.xn--p1ai/a",
        "https://xn--80ab0ao1a1d.xn--p1ai/a",
    ),
    "Cyrillic path": ("https://a.ru/ж", "https://a.ru/%D0%B6"),
    "escapes' case": ("https://a.ru/%d0%b6", "https://a.ru/%D0%B6"),
    "windows-1251 escapes": ("https://a.ru/%ed%ee", "https://a.ru/%ED%EE"),
    "lonely percent": ("https://a.ru/100%", "https://a.ru/100%25"),
    "space": ("https://a.ru/a b", "https://a.ru/a%20b"),
    "IPv6": ("http://[0:0::1]:8080/a", "https://[::1]:8080/a"),
    "loopback with port": ("http://127.0.0.1:8081/a", "https://127.0.0.1:8081/a"),
    "lone surrogate": ("https://a.ru/\ud800", "https://a.ru/%3F"),
}


@pytest.mark.parametrize(("link", "canonical"), FORMS.values(), ids=FORMS.keys())
def test_canonical_form(link, canonical):
    assert canonical_link(link) == canonical


GARBAGE = {
    "nothing": "",
    "words": "смотрите на сайте",
    "unclosed bracket": "http://[::1",
    "bad address": "http://[zz]/",
    "text after the bracket": "http://[::1]x/",
    "port too high": "http://a.ru:99999/",
    "port zero": "http://a.ru:0/",
    "port in letters": "http://a.ru:port/",
    "port of other digits": "http://a.ru:٨٠/",
    "endless port": "http://a.ru:" + "8" * 5000,
    "no host": "http:///",
    "only dots": "http://.../",
    "empty label": "http://a..ru/",
    "endless host": "http://" + "a" * 5000 + ".ru/",
    "endless label": "http://" + "ж" * 200 + ".рф/",
    "space in the host": "http://a b.ru/",
    "markup in the host": "http://<b>.ru/",
    "control in the host": "http://a\x01b.ru/",
    "script": "javascript:alert(1)",
    "data": "data:text/html,<script>1</script>",
    "file": "file:///etc/passwd",
    "mail": "mailto:a@b.ru",
}


@pytest.mark.parametrize("link", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_link_is_none_and_never_an_error(link):
    assert resolve(None, link) is None
    assert canonical_link(link) == link
    assert isinstance(source_address(link), str)


@given(any_text)
@example("https://a.ru/.;jsessionid=1/x")
@example("https://a.ru?from=٣")
@example("http://a.ru:443/")
def test_canonical_link_is_total_and_idempotent(text):
    once = canonical_link(text)

    assert canonical_link(once) == once


@given(any_text, st.none() | st.just(BASE) | any_text)
def test_a_resolved_link_is_absolute_legal_and_stays(text, base):
    link = resolve(base, text)

    if link is not None:
        assert link.startswith(("http://", "https://"))
        assert link.isascii()
        assert not set(link) & set(' <>"\\^`{|}\t\n\r\x00')
        assert resolve(None, link) == link


@given(near_links)
def test_resolving_first_changes_no_identity(text):
    """explain finds an entry by the link that its source wrote."""
    link = resolve(None, text)

    if link is not None and text.lower().startswith("http"):
        assert canonical_link(link) == canonical_link(text)


# --- resolve --------------------------------------------------------------------

RESOLVED = {
    "absolute": ("https://a.ru/1?b=2#c", "https://a.ru/1?b=2#c"),
    "root-relative": ("/news/1", "https://www.kubnews.ru/news/1"),
    "relative": ("1.html", "https://www.kubnews.ru/rss/1.html"),
    "parent": ("../1", "https://www.kubnews.ru/1"),
    "query alone": ("?p=1", "https://www.kubnews.ru/rss/index.xml?p=1"),
    "other host, same scheme": ("//a.ru/1", "https://a.ru/1"),
    "www without a scheme": ("www.a.ru/1", "https://www.a.ru/1"),
    "own host without a scheme": ("kubnews.ru/1", "https://kubnews.ru/1"),
    "white space inside": ("https://a.ru/a b", "https://a.ru/a%20b"),
    "line break inside": ("https://a.ru/a\n  ", "https://a.ru/a"),
    "Cyrillic": ("https://кубань.рф/ж", "https://xn--80ab0ao1a1d.xn--p1ai/%D0%B6"),
    "advertising token stays": ("https://a.ru/?erid=2V", "https://a.ru/?erid=2V"),
    "tracking stays": ("https://a.ru/?utm_source=x", "https://a.ru/?utm_source=x"),
    "default port": ("http://a.ru:80/", "http://a.ru/"),
    "the other scheme's port": ("http://a.ru:443/", "http://a.ru:443/"),
    "credentials": ("https://kubnews.ru@evil.example/1", "https://evil.example/1"),
    "backslash before a host": (
        "https://good.example\\@evil.example/",
        "https://good.example/@evil.example/",
    ),
    "right-to-left override": ("https://a.ru/\u202egpj", "https://a.ru/%E2%80%AEgpj"),
}


@pytest.mark.parametrize(("link", "resolved"), RESOLVED.values(), ids=RESOLVED.keys())
def test_resolve(link, resolved):
    assert resolve(BASE, link) == resolved


def test_relative_links_need_a_base():
    assert resolve(None, "/news/1") is None
    assert resolve("mailto:a@b.ru", "/news/1") is None
    assert resolve(BASE, "") is None


def test_links_longer_than_servers_take_are_none():
    link = "https://a.ru/"

    assert resolve(None, link.ljust(MAX_LINK_LENGTH, "a")) is not None
    assert resolve(None, link.ljust(MAX_LINK_LENGTH + 1, "a")) is None


# --- source_address -------------------------------------------------------------

ADDRESSES = {
    "plain": ("https://kubnews.ru/rss/", "kubnews.ru/rss"),
    "http and www": ("http://www.KubNews.ru/rss", "kubnews.ru/rss"),
    "tracking": ("https://kubnews.ru/rss?utm_source=x&from=agg", "kubnews.ru/rss"),
    "home page": ("https://kubnews.ru/", "kubnews.ru"),
    "no scheme": ("kubnews.ru/rss/", "kubnews.ru/rss"),
    "mobile is another feed": ("https://m.kubnews.ru/rss", "m.kubnews.ru/rss"),
    "folder page is kept": ("https://a.ru/rss/index.php", "a.ru/rss/index.php"),
    "WordPress feed": ("https://a.ru/?feed=rss2", "a.ru?feed=rss2"),
    "rubric": ("https://a.ru/rss.php?id=5&utm_term=1", "a.ru/rss.php?id=5"),
    "port": ("http://127.0.0.1:8081/rss", "127.0.0.1:8081/rss"),
    "password": ("https://user:secret@a.ru/rss", "a.ru/rss"),
    "IDN": ("https://кубань.рф/rss", "xn--80ab0ao1a1d.xn--p1ai/rss"),
}


@pytest.mark.parametrize(("url", "address"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_source_address(url, address):
    assert source_address(url) == address


@given(any_text)
def test_source_address_is_total_and_idempotent(text):
    once = source_address(text)

    assert source_address(once) == once


# --- registrable_domain, has_ad_token -------------------------------------------

DOMAINS = {
    "domain": ("kubnews.ru", "kubnews.ru"),
    "subdomains": ("a.b.kubnews.ru", "kubnews.ru"),
    "capitals and root dot": ("WWW.KubNews.RU.", "kubnews.ru"),
    "regional suffix": ("www.theatre.spb.ru", "theatre.spb.ru"),
    "suffix itself": ("spb.ru", "spb.ru"),
    "hoster of blogs": ("a.github.io", "a.github.io"),
    "IDN": ("www.кубань.рф", "xn--80ab0ao1a1d.xn--p1ai"),
    "punycode": ("www.xn--80ab0ao1a1d.xn--p1ai", "xn--80ab0ao1a1d.xn--p1ai"),
    "IPv4": ("127.0.0.1", "127.0.0.1"),
    "short IPv4": ("127.1", "127.1"),
    "IPv6": ("::1", "::1"),
    "IPv6 in brackets": ("[0:0::1]", "::1"),
    "single label": ("localhost", "localhost"),
    "nothing": ("", ""),
    "nonsense": ("a b", "a b"),
}


@pytest.mark.parametrize(("host", "domain"), DOMAINS.values(), ids=DOMAINS.keys())
def test_registrable_domain(host, domain):
    assert registrable_domain(host) == domain


@given(any_text)
def test_registrable_domain_is_total_and_idempotent(text):
    once = registrable_domain(text)

    assert registrable_domain(once) == once


@pytest.mark.parametrize(
    ("link", "ad"),
    [
        ("https://a.ru/?erid=2VtzqwZ", True),
        ("https://a.ru/?x=1&ERID=2VtzqwZ", True),
        ("https://a.ru/?x=1&amp;erid=2VtzqwZ", True),
        ("https://a.ru/#erid=2VtzqwZ", True),
        ("https://a.ru/?erid=", False),
        ("https://a.ru/?hererid=1", False),
        ("https://a.ru/erid=1", False),
        ("https://a.ru/?q=erid", False),
    ],
)
def test_has_ad_token(link, ad):
    assert has_ad_token(link) is ad


def test_links_alone_do_not_load_the_public_suffix_list():
    """Start-up time counts: most commands never ask for a domain."""
    program = (
        "import sys, aggregator.links as links;"
        "links.canonical_link('https://www.a.ru/?utm_source=1');"
        "links.registrable_domain('127.0.0.1');"
        "assert 'publicsuffixlist' not in sys.modules;"
        "links.registrable_domain('www.a.ru');"
        "assert 'publicsuffixlist' in sys.modules"
    )

    subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], check=True
    )
