"""Entries that deceive: markup that runs, ids of others, dates, sizes, strange letters."""

from __future__ import annotations

from html import escape

from tests.hostile.behaviour import (
    NOW,
    TRAP,
    gives,
    item,
    json_feed,
    rss,
)
from tests.hostile.documents import cdata, json_item

#: Runs where it stands, without quotes or brackets that a context could break; whoever
#: ran it has «PWNED» for a title.
RUN = "document.title=/PW/.source+/NED/.source"
CALL = f"new Image().src=/{TRAP.replace('/', chr(92) + '/')}/.source+/x/.source"
#: Markup that runs something wherever it is taken for markup.
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"<img src={TRAP}/pixel onerror={RUN}>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><script>{RUN}</script></svg>",
    f"<body onload={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>' src={TRAP}/frame></iframe>",
    f"<object data=javascript:{RUN}></object><embed src={TRAP}/embed>",
    f"<a href=javascript:{RUN} autofocus tabindex=0 onfocus={RUN}>ссылка</a>",
    f"<a href='java&#10;script:{RUN}'>ссылка</a><a href='&#1;javascript:{RUN}'>a</a>",
    f"<a href=data:text/html,<script>{RUN}</script>>ссылка</a>",
    f"<input autofocus onfocus={RUN}><details open ontoggle={RUN}><video><source onerror={RUN}>",
    f"<form action={TRAP}/form><button formaction=javascript:{RUN}>x</button></form>",
    f"<meta http-equiv=refresh content='0;url={TRAP}/refresh'>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"<base href={TRAP}/base/><link rel=stylesheet href={TRAP}/css>",
    f"<style>@import '{TRAP}/css'; body {{background: url({TRAP}/bg)}}</style>",
    f"<p style=\"background:url('{TRAP}/bg');position:fixed;inset:0\">Текст",
    f"<table background={TRAP}/bg><td background={TRAP}/bg>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={RUN}&gt;'>",
    f"<svg></p><style><a id='</style><img src=1 onerror={RUN}>'>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"<!--><img src=x onerror={RUN}>-->",
    f"<![CDATA[><img src=x onerror={RUN}>]]>",
    f"<xmp></xmp><img src=x onerror={RUN}>",
    f"<title></title><img src=x onerror={RUN}><textarea></textarea>",
    f"</bdi></h4></article></main></body></html><script>{RUN}</script>",
    f"'\"><script>{RUN}</script>",
    f"--><script>{RUN}</script><!--",
    f"</style><script>{RUN}</script>",
    f"</title><script>{RUN}</script>",
    f"]]><script>{RUN}</script>",
    f"{{{{ constructor.constructor('{RUN}')() }}}} ${{{RUN}}} <%= 1 %>",
    f"<img src={TRAP}/pixel width=1 height=1><img srcset='{TRAP}/set 2x' src=//a.example/x>",
    f"<audio src={TRAP}/a autoplay></audio><video poster={TRAP}/p>",
    f"<template><script>{RUN}</script></template><slot>",
    "<plaintext>",
    "<!-- <div>",
    "</div></div></div></table><div style=display:none>",
)


def every_field(name: str, payload: str, number: int) -> str:
    """An RSS item that says ``payload`` in each of its fields."""
    text = escape(payload)
    return item(
        name,
        number,
        title=f"Новость {name} {number} {text}",
        text=f"Рассказ {name} {number} {text}",
        guid=f"{name}{number}{text}",
        more=(
            f"<author>{text}</author><category domain='{text}'>{text}</category>"
            f"<dc:creator>{text}</dc:creator><dc:language>{text}</dc:language>"
            f"<content:encoded>Рассказ {name} {number} {text}</content:encoded>"
            f"<enclosure url='http://a.example/{text}' type='{text}' length='{text}'/>"
            f"<source url='{text}'>{text}</source><comments>{text}</comments>"
        ),
    )


def _atom_entry(name: str, payload: str, number: int) -> str:
    text = escape(payload)
    return (
        f"<entry><id>{name}{number}{text}</id><title type='html'>Новость {name} {number} {text}</title>"
        f"<link href='http://{name.replace('_', '-')}.example/{number}?{text}' title='{text}' hreflang='{text}'/>"
        f"<author><name>{text}</name><uri>{text}</uri></author><category term='{text}' label='{text}'/>"
        f"<rights type='html'>{text}</rights><content type='html'>Рассказ {name} {number} {text}</content>"
        f"<updated>{NOW.isoformat()}</updated></entry>"
    )


NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
)
LAST = escape(PAYLOADS[0])

MARKUP = [
    gives("xss_rss", rss(*[every_field("xss_rss", payload, n) for n, payload in enumerate(PAYLOADS, 1)], root=NAMESPACES, channel=f"<title>{LAST}</title><link>javascript:{RUN}</link><copyright>{LAST}</copyright><language>{LAST}</language>"), len(PAYLOADS)),
    gives("xss_atom", f"<feed xmlns='http://www.w3.org/2005/Atom'><id>{LAST}</id><title type='html'>{LAST}</title><subtitle>{LAST}</subtitle><rights>{LAST}</rights>{''.join(_atom_entry('xss_atom', payload, n) for n, payload in enumerate(PAYLOADS, 1))}</feed>", len(PAYLOADS)),
    gives("xss_json", json_feed(*[json_item("xss_json", id=f"xss_json{n}{payload}", title=f"Новость xss_json {n} {payload}", content_html=f"Рассказ xss_json {n} {payload}", url=f"http://json.example/{n}", authors=[{"name": payload}], tags=[payload], language=payload) for n, payload in enumerate(PAYLOADS)], title=PAYLOADS[0], home_page_url=f"javascript:{RUN}"), len(PAYLOADS)),
    gives("xss_xhtml", f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>urn:xhtml</id><title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>Новость xss_xhtml <script>{RUN}</script></div></title><updated>{NOW.isoformat()}</updated><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p onclick='{RUN}'>Рассказ xss_xhtml</p><svg xmlns='http://www.w3.org/2000/svg'><script>{RUN}</script></svg></div></content></entry></feed>"),
    gives("xss_content_src", f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>urn:src</id><title>Новость xss_content_src</title><updated>{NOW.isoformat()}</updated><content type='text/html' src='{TRAP}/x'/></entry></feed>"),
    gives("xss_yandex", rss(item("xss_yandex", more=f"<yandex:full-text>{LAST}<p>Полный текст</p></yandex:full-text><yandex:related><link url='javascript:{RUN}'>x</link></yandex:related>"), root='xmlns:yandex="http://news.yandex.ru"')),
    gives("link_schemes", rss(*[item("link_schemes", n, link=link) for n, link in enumerate((f"javascript:{RUN}", f" JaVaScRiPt:{RUN}", f"java\tscript:{RUN}", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://a.example/", "mailto:a@b.example", "//", "http://", "http://[", "http://a b/", "http://a.example:99999/", "http://user:secretword@a.example/1", "http://127.0.0.1:1@a.example/", "https://a.example\\@evil.example/", "http://" + "a" * 300 + ".example/", "http://a.example/" + "x" * 100_000))]), 18),
    gives("terminal", rss(item("terminal", title="Новость terminal \u001b]8;;http://a.example\u0007x [/b] [link=file:///x]y[/link] %s {0} `id` $(id)".replace("\x1b", "&#155;").replace("\x07", ""), more="<category>../../../etc/passwd</category><category>feed</category><category>index.html</category><category>culture/../x</category>"))),
    gives("sql", rss(item("sql", title="Новость sql '; DROP TABLE entries; -- \" ` % _ \\", guid="'; DROP TABLE entries; --"))),
]  # fmt: skip

IDENTITY = [
    gives("squat_victim", rss(item("squat_victim", title="Хозяин ключа: новость squat_victim")), titles=("Хозяин ключа: новость squat_victim",)),
    gives("squat_thief", rss(item("squat_victim", title="Подделка squat_thief чужого ключа", text="Подмена squat_thief.", link="http://thief.example/1", more="<source url='http://squat-victim.example/'>Хозяин</source>")), titles=("Подделка squat_thief чужого ключа",)),
    gives("squat_ours", f"<feed xmlns='http://www.w3.org/2005/Atom'><id>https://news.example.org/feed.atom</id><entry><id>tag:news.example.org,2026:0000000000000001</id><title>Новость squat_ours</title><updated>{NOW.isoformat()}</updated><source><id>https://news.example.org/feed.atom</id><title>Мы</title></source></entry></feed>", titles=("Новость squat_ours",)),
    gives("ids_same", rss(*[item("ids_same", n, guid="one") for n in range(1, 31)]), 30, warnings="guids"),
    gives("ids_same_all", rss(*[item("ids_same_all", n, guid="one", link="http://same.example/") for n in range(1, 11)]), 10, warnings="guids"),
    gives("ids_empty", rss(*[item("ids_empty", n, guid=" ") for n in range(1, 4)]), 3),
    gives("ids_none", rss(*[item("ids_none", n, guid="", link="", date="") for n in range(1, 4)]), 3),
    gives("ids_nothing", rss("<item></item>", "<item><title> </title><description>&lt;p&gt;</description></item>"), 0, warnings="recovered"),
    gives("ids_long", rss(item("ids_long", guid="g" * 1_000_000))),
    gives("ids_same_item", rss(*[item("ids_same_item")] * 3)),
    gives("ids_letters", rss(item("ids_letters", 1, guid="КЛЮЧ\u202e\u200b"), item("ids_letters", 2, guid="ключ")), 2),
]  # fmt: skip

DATES = [
    gives("date_future", rss(item("date_future", date="Fri, 01 Jan 2038 00:00:00 +0000")), titles=("Новость date_future номер 1",)),
    gives("date_9999", rss(item("date_9999", date="Fri, 31 Dec 9999 23:59:59 -1400")), warnings="dates"),
    gives("date_0001", rss(item("date_0001", date="0001-01-01T00:00:00+14:00")), warnings="dates"),
    gives("date_1970", rss(item("date_1970", date="Thu, 01 Jan 1970 00:00:00 GMT")), titles=("Новость date_1970 номер 1",)),
    gives("date_1111", rss(item("date_1111", date="Mon, 11 Nov 1111 11:11:11 +0000")), warnings="dates"),
    gives("date_garbage", rss(item("date_garbage", date="вчера после обеда")), warnings="dates"),
    gives("date_32", rss(item("date_32", date="Tue, 32 Sep 2026 25:61:61 +9999")), warnings="dates"),
    gives("date_digits", rss(item("date_digits", date="9" * 30)), warnings="dates"),
    gives("date_zone", rss(item("date_zone", date="Tue, 01 Sep 2026 09:00:00 +9900"))),
    gives("date_minus", rss(item("date_minus", date="-2026-09-01T00:00:00Z")), warnings="dates"),
    gives("date_two", rss(item("date_two", more="<pubDate>Tue, 01 Sep 2026 09:00:00 MSK</pubDate><dc:date>x</dc:date>"), root=NAMESPACES), warnings="dates"),
]  # fmt: skip

SIZES = [
    gives("title_giant", rss(item("title_giant", title="Новость title_giant " + "я" * 500_000))),
    gives("title_words", rss(item("title_words", title="Новость title_words " + "слово " * 100_000))),
    gives("title_markup", rss(item("title_markup", title=cdata("<b>" * 100_000 + "Новость title_markup")))),
    gives("title_empty", rss(item("title_empty", title="")), titles=("Рассказ title_empty о том, что было 1 раз.",)),
    gives("title_invisible", rss(item("title_invisible", title="\u200b\u2060\ufeff&#160;")), titles=("Рассказ title_invisible о том, что было 1 раз.",)),
    gives("base_long", rss(*[item("base_long", n, text=cdata("<a href=z>x" * 130)) for n in range(1, 101)], root=f'xml:base="http://a.example/{"x" * 4000}/"'), 100),
    gives("links_short", rss(*[item("links_short", n, text=cdata("<a href=z>x" * 130)) for n in range(1, 201)], root=f'xml:base="http://a.example/{"x" * 400}/"'), 200, warnings="cut"),
    gives("text_giant", rss(item("text_giant", text="Слово дело. " * 80_000)), warnings="cut"),
    gives("text_one_word", rss(item("text_one_word", text="ж" * 900_000)), warnings="cut"),
    gives("redos_title", rss(item("redos_title", title="Новость redos_title " + "a" * 50_000 + "!" * 50_000 + "б" * 50_000))),
    gives("redos_sentence", rss(item("redos_sentence", text="А." * 300_000)), warnings="cut"),
    gives("redos_dashes", rss(item("redos_dashes", title="Новость redos_dashes" + " - Слово" * 100_000))),
    gives("redos_numbers", rss(item("redos_numbers", text="12.05.2026 в 10:00 " * 20_000 + "просмотров: 7 " * 10_000)), warnings="cut"),
    gives("categories_1000", rss(item("categories_1000", more="".join(f"<category>раздел {n}</category>" for n in range(1000))))),
    gives("categories_20000", rss(item("categories_20000", more="".join(f"<category>раздел {n}</category>" for n in range(20_000))))),
    gives("enclosures_1000", rss(item("enclosures_1000", more="".join(f'<enclosure url="http://a.example/{n}.jpg" type="image/jpeg" length="{"9" * 40}"/>' for n in range(1000))))),
    gives("authors_1000", f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>a</id><title>Новость authors_1000</title>{'<author><name>Имя</name></author>' * 1000}<contributor><name>Х</name></contributor></entry></feed>"),
    gives("links_1000", f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>a</id><title>Новость links_1000</title>{''.join(f'<link href={chr(34)}http://links.example/{n}{chr(34)}/>' for n in range(1000))}</entry></feed>"),
    gives("items_300", rss(*[item("items_300", n) for n in range(1, 301)]), 300, warnings="flood"),
]  # fmt: skip

LETTERS = [
    gives("bidi", rss(item("bidi", title="Новость bidi \u202egnp.exe\u202c \u2066x\u2069 \u200f")), titles=("Новость bidi gnp.exe x \u200f",)),
    gives("zalgo", rss(item("zalgo", title="Новость zalgo z" + "\u0335\u0321" * 5000))),
    gives("separators", rss(item("separators", title="Новость separators\u2028раз\u2029два", text="Рассказ\u2028separators"))),
    gives("noncharacters", rss(item("noncharacters", title="Новость noncharacters \ufdd0\U0001ffff раз")), titles=("Новость noncharacters раз",)),
    gives("emoji", rss(item("emoji", title="Новость emoji 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 раз")), titles=("Новость emoji 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 раз",)),
    gives("lookalike", rss(item("lookalike", title="Новость lookalike Ｐｒｅｓｓ ſ ﬁ ǅ İ ı ß ΐ"))),
    gives("private_use", rss(item("private_use", title="Новость private_use \ue000\U0010fffd", link="http://a.example/\ue000\u3000x"))),
]  # fmt: skip

BEHAVIOURS = [*MARKUP, *IDENTITY, *DATES, *SIZES, *LETTERS]
