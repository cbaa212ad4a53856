"""What comes as a document: no feed, hostile XML and JSON, encodings."""

from __future__ import annotations

import base64
import codecs

from tests.hostile.behaviour import (
    HOME,
    NOW,
    TRAP,
    Answer,
    fails,
    feed,
    gives,
    item,
    json_feed,
    rss,
)

MEGABYTE = 1_000_000


def page(body: str) -> Answer:
    return Answer(body=body.encode(), content_type="text/html")


def js(text: str | bytes) -> Answer:
    body = text.encode() if isinstance(text, str) else text
    return Answer(body=body, content_type="application/json")


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
LINKS_TO_FEED = f"<!doctype html><html><head><link rel=alternate type=application/rss+xml href={TRAP}/feed>"

NO_FEEDS = [
    fails("html_page", page("<!DOCTYPE html><html><body><h1>Новости</h1>"), "not_a_feed:html"),
    fails("html_alternate", page(LINKS_TO_FEED), "not_a_feed:html"),
    fails("html_about_feeds", page("<html><pre>&lt;rss&gt;&lt;channel&gt;"), "not_a_feed:html"),
    fails("html_xhtml", page('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>'), "not_a_feed:html"),
    fails("html_challenge", page("<html><title>DDOS-GUARD</title><script src=/__qrator/x.js>"), "not_a_feed:challenge"),
    fails("html_refresh", page(f"<meta http-equiv=refresh content='0;url={TRAP}/'>"), "not_a_feed:html"),
    fails("empty_body", b"", "empty"),
    fails("empty_spaces", b" \r\n\t" * 1000, "empty"),
    fails("empty_mark", codecs.BOM_UTF8, "empty"),
    fails("empty_declaration", b'<?xml version="1.0"?>', "not_a_feed"),
    fails("binary_png", PIXEL, "not_a_feed:binary"),
    fails("binary_pdf", b"%PDF-1.7\n" + b"x" * 500, "not_a_feed:binary"),
    fails("binary_noise", bytes(range(256)) * 20, "not_a_feed:binary"),
    fails("text_words", b"Service is down for maintenance", "not_a_feed"),
    fails("text_script", b"#!/bin/sh\nrm -rf /\n", "not_a_feed"),
    fails("xml_sitemap", b"<urlset><url><loc>http://a.example/</loc></url></urlset>", "not_a_feed"),
    fails("xml_opml", f"<opml><body><outline xmlUrl='{TRAP}/'/></body></opml>", "not_a_feed"),
    fails("xml_svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "not_a_feed"),
    fails("json_other", js('{"error": "no"}'), "not_a_feed:json"),
    fails("json_list", js("[1, 2]"), "not_a_feed:json"),
    fails("json_text", js('{"version": "https://jsonfeed.org/version/1", '), "parse:json"),
    gives("feed_no_items", rss(), 0),
    gives("feed_html_errors", f"<b>Warning</b>: mysql in <b>/x.php</b><br />\n{rss(item('feed_html_errors'))}", warnings="recovered"),
    gives("feed_stylesheet", rss(item("feed_stylesheet"), head=f'<?xml version="1.0"?><?xml-stylesheet href="{TRAP}/x.xsl" type="text/xsl"?>')),
]  # fmt: skip


# --- declarations --------------------------------------------------------------------


def declared(name: str, subset: str, use: str) -> str:
    return rss(
        item(name, title=f"Новость {name} {use} конец"),
        head=f'<?xml version="1.0"?><!DOCTYPE rss [{subset}]>',
    )


def _laughs() -> str:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!ENTITY l0 "ха">{levels}'


def without(name: str) -> tuple[str, ...]:
    return (f"Новость {name} конец",)


DECLARATIONS = [
    gives("xml_laughs", declared("xml_laughs", _laughs(), "&l9;"), titles=without("xml_laughs"), warnings="recovered"),
    gives("xml_quadratic", declared("xml_quadratic", f'<!ENTITY a "{"x" * 50_000}">', "&a;" * 20_000), titles=without("xml_quadratic"), warnings="recovered"),
    gives("xml_parameter", declared("xml_parameter", f'<!ENTITY % p SYSTEM "{TRAP}/p.dtd"> %p;', ""), titles=without("xml_parameter"), warnings="recovered"),
    gives("xxe_file", declared("xxe_file", '<!ENTITY e SYSTEM "file:///etc/passwd">', "&e;"), titles=without("xxe_file"), warnings="recovered"),
    gives("xxe_http", declared("xxe_http", f'<!ENTITY e SYSTEM "{TRAP}/e">', "&e;"), titles=without("xxe_http"), warnings="recovered"),
    gives("xxe_dtd", rss(item("xxe_dtd"), head=f'<!DOCTYPE rss PUBLIC "-//X//Y" "{TRAP}/x.dtd">')),
    gives("xxe_utf16", declared("xxe_utf16", '<!ENTITY e SYSTEM "file:///etc/passwd">', "&e;").encode("utf-16"), titles=without("xxe_utf16"), warnings="recovered"),
    gives("xxe_utf7", rss(item("xxe_utf7"), head='<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-'), warnings="recovered"),
    gives("xxe_own_lines", declared("xxe_own_lines", '\n<!ENTITY\ne\nSYSTEM\n"file:///etc/passwd"\n>\n', "&e;"), titles=without("xxe_own_lines"), warnings="recovered"),
    gives("xinclude", rss(item("xinclude", text='<xi:include href="file:///etc/passwd" parse="text"/>'), root='xmlns:xi="http://www.w3.org/2001/XInclude"')),
    gives("xml_laughs_decimal", declared("xml_laughs_decimal", '<!ENTITY l "&#38;l;">', "&l;")),
    gives("xml_many_entities", declared("xml_many_entities", "".join(f'<!ENTITY e{n} "{n}">' for n in range(300)), "&e99;&e299;"), titles=("Новость xml_many_entities 99 конец",), warnings="recovered"),
    gives("xml_elements", declared("xml_elements", "<!ELEMENT rss ANY><!ATTLIST rss version CDATA '2.0'>", ""), titles=without("xml_elements"), warnings="recovered"),
    gives("xml_html_entities", declared("xml_html_entities", '<!ENTITY % HTMLlat1 PUBLIC "-//W3C//ENTITIES Latin 1 for XHTML//EN" "http://trap.test/xhtml-lat1.ent"> %HTMLlat1;', ""), titles=without("xml_html_entities")),
    gives("entity_plain", declared("entity_plain", '<!ENTITY k "Кубань &#8212;">', "&k;"), titles=("Новость entity_plain Кубань — конец",)),
    gives("hang_doctype", rss(item("hang_doctype"), head="<!DOCTYPE rss [" + "<!ENTITY " * 50_000 + "]>"), warnings="recovered"),
    gives("hang_doctype_open", "<!DOCTYPE " + "<" * 200_000 + rss(item("hang_doctype_open")), warnings="recovered"),
]  # fmt: skip


# --- ill-formed, deep and large --------------------------------------------------------


def deep(tag: str, depth: int) -> str:
    return f"<{tag}>" * depth + f"</{tag}>" * depth


def cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"


XML = [
    fails("xml_deep_root", "<rss><channel>" + "<a>" * 100_000, "limit:depth"),
    gives("xml_deep", rss(item("xml_deep", more=deep("a", 50_000))), warnings="cut"),
    gives("xml_deep_xhtml", f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>urn:deep</id><title>Новость xml_deep_xhtml</title><content type="xhtml">{deep("div", 50_000)}</content></entry></feed>', warnings="cut"),
    gives("xml_attributes", rss(item("xml_attributes", more="<a " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>"))),
    gives("xml_same_attribute", rss(item("xml_same_attribute", more='<a b="1" b="2"/>')), warnings="recovered"),
    gives("xml_long_attribute", rss(item("xml_long_attribute", more=f'<a b="{"x" * 1_500_000}"/>'))),
    gives("xml_long_comment", rss(item("xml_long_comment", more=f"<!--{'x' * 1_500_000}-->"))),
    gives("xml_namespaces", rss(item("xml_namespaces"), root=" ".join(f'xmlns:n{n}="urn:n{n}"' for n in range(20_000)))),
    gives("xml_prefixes", rss(item("xml_prefixes", more="".join(f"<p{n}:x/>" for n in range(20_000)))), warnings="recovered"),
    gives("xml_200k_items", rss("<item/>" * 200_000), 0, warnings="cut recovered"),
    gives("xml_20k_items", rss("".join(f"<item><title>Новость xml_20k_items {n}</title><guid>{n}</guid></item>" for n in range(20_000))), 5000, warnings="cut flood"),
    gives("xml_items_in_items", rss("<item>" * 3000 + item("xml_items_in_items") + "</item>" * 3000), warnings="recovered"),
    gives("xml_no_root", item("xml_no_root") + "</channel></rss>", warnings="recovered"),
    gives("xml_broken_root", '<rss version="2.0" <channel><title>Портал</title>' + item("xml_broken_root") + "</channel></rss>", warnings="recovered"),
    gives("xml_broken_channel", rss(item("xml_broken_channel"), item("xml_broken_channel", 2), channel="<image><title>Знак</image>"), 2, warnings="recovered"),
    gives("xml_broken_item", rss(item("xml_broken_item"), "<item><title>Новость xml_broken_item</b></title></item>", item("xml_broken_item", 2)), 3, warnings="recovered guids"),
    gives("xml_cdata_open", rss(item("xml_cdata_open"), "<item><title>Б</title><description><![CDATA[x" + "y" * 1000), warnings="recovered"),
    gives("xml_many_cdata", rss(item("xml_many_cdata", text="<![CDATA[x]]>" * 50_000))),
    gives("xml_cut", rss(item("xml_cut"), item("xml_cut", 2), "<item><title>Обор"), 2, warnings="recovered"),
    gives("xml_two_roots", feed("xml_two_roots") + feed("xml_two_roots_again"), warnings="recovered"),
    gives("hang_style", rss(item("hang_style", text=cdata("<p style='" + "a:" * 80_000 + "'>Текст"))),),
    gives("hang_author", rss(item("hang_author", more=f"<author>{'a@' * 50_000}</author>"))),
    gives("hang_author_open", rss(item("hang_author_open", more=f"<author>{'(' * 100_000}</author>"))),
    gives("hang_less_than", rss(item("hang_less_than", text=cdata("<" * 300_000)))),
    gives("hang_tags_open", rss(item("hang_tags_open", text=cdata("<a " * 100_000)))),
    gives("hang_comments", rss(item("hang_comments", text=cdata("<!--" * 100_000)))),
    gives("hang_references", rss(item("hang_references", title="&amp;" * 100_000))),
    gives("hang_ill_formed", rss(item("hang_ill_formed", more="<x" * 100_000)), warnings="recovered"),
    gives("hang_ampersands", rss(item("hang_ampersands", text="&" * 300_000)), warnings="recovered"),
    gives("hang_spaces", rss(item("hang_spaces", title="Новость hang_spaces" + " " * 300_000 + "x", text=" \n" * 200_000 + "x"))),
    gives("hang_date", rss(item("hang_date", date="1 " * 100_000)), warnings="dates"),
    gives("hang_category", rss(item("hang_category", more=f"<category>{',' * 300_000}</category>"))),
    gives("html_deep", rss(item("html_deep", text=cdata("<div>" * 90_000 + "дно")))),
    gives("html_deep_inline", rss(item("html_deep_inline", text=cdata("<b><i>" * 50_000)))),
    gives("html_tables", rss(item("html_tables", text=cdata("<table><tr><td>" * 20_000)))),
    gives("ill_ampersand", rss(item("ill_ampersand", title="Новость ill_ampersand Рога & Копыта")), warnings="recovered", titles=("Новость ill_ampersand Рога & Копыта",)),
    gives("ill_less_than", rss(item("ill_less_than", title="Новость ill_less_than: 2 < 3")), warnings="recovered"),
    gives("ill_entities", rss(item("ill_entities", title="Новость ill_entities&nbsp;&mdash; &hellip;")), warnings="recovered", titles=("Новость ill_entities — …",)),
    gives("ill_tags", rss(item("ill_tags", more="<b><i></b></i>")), warnings="recovered"),
    gives("ill_control", rss(item("ill_control", title="Новость\x01 ill_control\x0b\x1f\ufffe раз")), warnings="recovered", titles=("Новость ill_control раз",)),
    gives("ill_nul", rss(item("ill_nul", title="Новость\0 ill_nul раз")), warnings="recovered", titles=("Новость ill_nul раз",)),
    gives("ill_c1", rss(item("ill_c1", title="Новость\x85 ill_c1\x9b раз")), titles=("Новость… ill_c1› раз",)),
    gives("ill_reference", rss(item("ill_reference", title="Новость ill_reference &#xD800;&#0;&#31;&#xFFFF;&#x110000;")), warnings="recovered", titles=("Новость ill_reference",)),
    gives("ill_prefix", rss(item("ill_prefix", more="<foo:bar>x</foo:bar>")), warnings="recovered"),
    gives("ill_declaration", b'<?xml version="1.0" encoding="UTF-8" standalone=?>' + feed("ill_declaration")),
]  # fmt: skip


# --- encodings -----------------------------------------------------------------------

TITLE = "Премьера в театре: {}"


def encoded(
    name: str, codec: str, *, says: str | None = None, http: str | None = None,
    warnings: str = "", mark: bytes = b"",
):  # fmt: skip
    """A feed in ``codec``, whatever it ``says`` or HTTP does; its title must be read."""
    title = TITLE.format(name)
    declaration = f'<?xml version="1.0" encoding="{says}"?>' if says else ""
    text = rss(
        item(name, title=title, text="В зале был аншлаг, спектакль удался."),
        head=declaration,
    )
    content_type = f"text/xml; charset={http}" if http else "text/xml"
    answer = Answer(body=mark + text.encode(codec), content_type=content_type)
    return gives(name, answer, warnings=warnings, titles=(title,))


def _taken(name: str, codec: str, taken: str, *, read: bool = True):  # type: ignore[no-untyped-def]
    """A feed whose text was in ``codec`` and was taken for ``taken`` before it was sent."""
    title = TITLE.format(name)
    text = "".join(
        bytes([byte]).decode(taken, "ignore") or chr(byte)
        for byte in title.encode(codec)
    )
    body = rss(item(name, title=text, text=text))
    return gives(name, body, warnings="mojibake", titles=(title,) if read else None)


ENCODINGS = [
    encoded("enc_1251", "cp1251", says="windows-1251"),
    encoded("enc_1251_unsaid", "cp1251", warnings="encoding"),
    encoded("enc_koi8_unsaid", "koi8-r", warnings="encoding"),
    encoded("enc_866_unsaid", "cp866", warnings="encoding"),
    encoded("enc_1251_as_utf8", "cp1251", says="utf-8", http="utf-8", warnings="encoding"),
    encoded("enc_utf8_as_1251", "utf-8", says="windows-1251", http="windows-1251", warnings="encoding"),
    encoded("enc_utf8_http_1251", "utf-8", says="utf-8", http="windows-1251", warnings="encoding"),
    encoded("enc_koi8_as_1251", "koi8-r", says="windows-1251", warnings="encoding"),
    encoded("enc_unknown", "utf-8", says="x-klingon", http="base64"),
    encoded("enc_rot13", "utf-8", says="rot13", http="unicode_escape"),
    encoded("enc_mark_wins", "utf-8", mark=codecs.BOM_UTF8, http="koi8-r", warnings="encoding"),
    encoded("enc_utf16_le", "utf-16-le", mark=codecs.BOM_UTF16_LE, says="utf-16"),
    encoded("enc_utf16_be", "utf-16-be", mark=codecs.BOM_UTF16_BE),
    encoded("enc_utf16_unmarked", "utf-16-le"),
    encoded("enc_utf16_as_utf8", "utf-16", says="utf-8"),
    encoded("enc_utf32", "utf-32"),
    _taken("enc_utf8_as_1251_twice", "utf-8", "cp1251"),
    _taken("enc_utf8_as_latin_twice", "utf-8", "latin-1"),
    _taken("enc_1251_as_latin_twice", "cp1251", "latin-1", read=False),
    _taken("enc_koi8_as_1251_twice", "koi8-r", "cp1251", read=False),
    gives("enc_question_marks", rss(item("enc_question_marks", title="???????? ? ??????: enc", text="? ???? ??? ??????, ????????? ??????.")), warnings="mojibake"),
    gives("enc_broken_bytes", feed("enc_broken_bytes").replace("раз".encode(), b"\xff\xfe\xd0"), warnings="encoding"),
    gives("enc_surrogates", rss(item("enc_surrogates", title="Новость enc_surrogates раз")).encode().replace("раз".encode(), b"\xed\xa0\x80"), warnings="encoding"),
    gives("enc_western_few", b"<rss><channel><item><title>Caf\xe9 enc_western_few</title><guid>c</guid><description>Plain words of enc_western_few.</description></item></channel></rss>", titles=("Café enc_western_few",), warnings="encoding"),
    encoded("enc_http_utf16", "utf-8", http="utf-16", warnings="encoding"),
    gives("enc_odd_utf16", feed("enc_odd_utf16").decode().encode("utf-16") + b"\0", warnings="recovered"),
]  # fmt: skip


# --- JSON ----------------------------------------------------------------------------


def json_item(name: str, **fields: object) -> dict[str, object]:
    return {
        "id": f"{name}-1",
        "url": f"http://{name.replace('_', '-')}.example/1",
        "title": f"Новость {name}",
        "content_text": f"Рассказ {name}.",
        "date_published": NOW.isoformat(),
    } | fields


def raw_json(name: str, fields: str) -> Answer:
    """An item with ``fields`` as they are: what json.dumps does not say."""
    return js(
        '{"version": "https://jsonfeed.org/version/1.1", "items": [{"title": '
        f'"Новость {name}", "content_text": "Рассказ {name}", {fields}}}]}}'
    )


JSON = [
    gives("json_good", json_feed(json_item("json_good")), titles=("Новость json_good",)),
    gives("json_mark", Answer(body=codecs.BOM_UTF8 + json_feed(json_item("json_mark")).body)),
    fails("json_deep", js('{"version": "https://jsonfeed.org/version/1.1", "items": ' + "[" * 200_000), "limit:depth"),
    fails("json_deep_closed", js("[" * 100_000 + "]" * 100_000), "limit:depth"),
    gives("json_cut", js(json_feed(json_item("json_cut"), json_item("json_cut", id="2")).body[:-30]), warnings="recovered"),
    gives("json_comma", js(json_feed(json_item("json_comma")).body.replace(b"}]", b"},]")), warnings="recovered"),
    gives("json_behind", js(json_feed(json_item("json_behind")).body + b"<!-- 0.1 s -->"), warnings="recovered"),
    gives("json_surrogate", json_feed(json_item("json_surrogate", title="Новость json_surrogate \ud800", id="\udc00")), titles=("Новость json_surrogate",)),
    gives("json_huge_int", raw_json("json_huge_int", f'"id": {"9" * 5000}, "attachments": [{{"url": "http://a.example/x", "mime_type": "a/b", "size_in_bytes": {"9" * 4000}}}]')),
    gives("json_nan", raw_json("json_nan", '"id": NaN, "date_published": Infinity, "attachments": [{"url": "http://a.example/x", "mime_type": "a/b", "size_in_bytes": -1e999}]'), warnings=""),
    gives("json_nul", json_feed(json_item("json_nul", title="Новость\0 json_nul \x1b[31m"), title="\0"), titles=("Новость json_nul [31m",)),
    gives("json_types", json_feed(7, None, [], {"id": {}, "title": [1], "tags": "x", "authors": 5, "attachments": {"a": 1}}, json_item("json_types", tags=[1, None, {}], authors=[7, {"name": {}}], attachments=[None, {"url": 5}]))),
    gives("json_items_object", json_feed(items={"1": json_item("json_items_object"), "7": None})),
    gives("json_same_keys", raw_json("json_same_keys", '"id": "a", "id": "b", "id": "c"')),
    gives("json_hubs", json_feed(json_item("json_hubs"), hubs=[{"type": "WebSub", "url": f"{TRAP}/hub"}], next_url=f"{TRAP}/next", feed_url=f"{TRAP}/feed", icon=f"{TRAP}/icon")),
    gives("json_break", json_feed(json_item("json_break", content_html="</script><script>alert(1)</script>\u2028\u2029"))),
    gives("links_to_trap", rss(item("links_to_trap", more=f'<enclosure url="{TRAP}/e.mp3" type="audio/mpeg" length="-1"/><comments>{TRAP}/c</comments>'), root='xmlns:a="http://www.w3.org/2005/Atom"', channel=f'<a:link rel="hub" href="{TRAP}/hub"/><a:link rel="self" href="{TRAP}/self"/><image><url>{TRAP}/i.png</url></image><cloud domain="127.66.6.6" port="80" path="/" protocol="soap"/>')),
    gives("self_elsewhere", rss(item("self_elsewhere"), root='xmlns:a="http://www.w3.org/2005/Atom"', channel=f'<a:link rel="self" href="{HOME}/other"/>')),
]  # fmt: skip

BEHAVIOURS = [*NO_FEEDS, *DECLARATIONS, *XML, *ENCODINGS, *JSON]
