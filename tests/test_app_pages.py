"""Pages from real polls: which there are, whom they show, when their bytes change."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

from tests.test_app import Item, Portal, Site, portal, rss, site
from tests.test_publish_pages import Page

__all__ = ["portal", "site"]

PLAY = Item("1", "Премьера в театре", "Театр показал премьеру сезона. Зал был полон.")
BRIDGE = Item("2", "Мост открыли в Сочи", "Движение пустили утром. Строили два года.")
PLACES = "places: [sochi]\n"


def page(site: Site, name: str) -> Page:
    return Page((site.folder / "output" / name).read_text(encoding="utf-8"))


def test_topics_and_places_have_pages_and_blocks(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(PLAY, BRIDGE)), extra=PLACES)
    site.once()

    assert {PLAY.title, BRIDGE.title} <= set(page(site, "index.html").text("bdi"))
    for prefix in ("", "embed-"):
        culture = page(site, f"{prefix}culture.html").text("bdi")
        assert PLAY.title in culture
        assert BRIDGE.title not in culture
        assert BRIDGE.title in page(site, f"{prefix}sochi.html").text("bdi")


def test_every_file_that_pages_lead_to_is_written(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(PLAY, BRIDGE)), extra=PLACES)
    site.once()

    written = {path.name for path in (site.folder / "output").iterdir()}
    pages = sorted(name for name in written if name.endswith(".html"))
    assert len(pages) == 8
    for name in pages:
        found = page(site, name)
        elements = [attributes for _, attributes in found.elements]
        named = {each.get("href") or each.get("src") or "" for each in elements}
        ours = {address for address in named if address and ":" not in address}
        ours -= {"#main"}
        assert ours <= written, name
        for each in found.find("meta", property="og:url"):
            assert urlsplit(each["content"]).path.lstrip("/") in written | {""}


def test_without_news_no_page_changes_but_that_of_the_sources(
    site: Site, portal: Portal
):
    site.configure(portal.say("/rss", rss(PLAY, BRIDGE)), extra=PLACES)
    site.once()
    before, sources = site.documents(), page(site, "status.html").text("time")
    site.clock.moment += timedelta(hours=1)

    report = site.once()

    assert report.documents_written == 0
    assert site.documents() == before
    assert page(site, "status.html").text("time") != sources


def test_a_story_of_one_place_changes_no_page_of_another(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(PLAY)), extra=PLACES)
    site.once()
    before = site.documents()
    portal.say("/rss", rss(PLAY, BRIDGE))
    site.clock.moment += timedelta(hours=1)
    site.once()

    after = site.documents()
    changed = {name for name in before if before[name] != after[name]}
    pages = {name for name in changed if name.endswith(".html")}
    assert pages == {"index.html", "embed-feed.html", "sochi.html", "embed-sochi.html"}


def test_a_place_that_is_taken_out_takes_its_page_and_links_along(
    site: Site, portal: Portal
):
    url = portal.say("/rss", rss(BRIDGE))
    site.configure(url, extra=PLACES)
    site.once()
    assert "sochi.html" in page(site, "index.html").links()

    site.configure(url)
    site.once()

    assert "sochi.html" not in page(site, "index.html").links()
    assert "Сочи" in " ".join(page(site, "index.html").text("bdi"))
    gone = {"sochi.html", "embed-sochi.html"}
    assert not gone & {path.name for path in (site.folder / "output").iterdir()}


def test_a_topic_called_like_a_block_keeps_its_page(site: Site, portal: Portal):
    topic = "  embed-culture: {title: Блоки, threshold: 1, words: [мост]}\n"
    site.configure(portal.say("/rss", rss(PLAY, BRIDGE)), extra=topic)
    site.once()
    again = site.once()

    assert BRIDGE.title in page(site, "embed-culture.html").text("bdi")
    assert again.documents_written == 0


def test_everybody_sees_sources_without_their_secrets(site: Site, portal: Portal):
    good = portal.say("/rss", rss(PLAY))
    bad = good.replace("/rss", "/gone?key=s3cret")
    site.configure(good, bad)
    site.once()

    for name in ("status.html", "status.json", "sources.opml", "feeds.html"):
        data = (site.folder / "output" / name).read_text(encoding="utf-8")
        assert "s3cret" not in data, name
        assert "127.0.0.1" not in data, name
    assert {"отвечает", "сейчас не отвечает"} <= set(
        page(site, "status.html").text("span")
    )
    rows = json.loads((site.folder / "output" / "status.json").read_text())["sources"]
    assert [row["state"] for row in rows] == ["ok", "failing"]


def test_explain_names_the_pages_that_show_a_story(site: Site, portal: Portal):
    site.configure(portal.say("/rss", rss(PLAY, BRIDGE)), extra=PLACES)
    site.once()

    documents = set(site.explain("1")["published"]["documents"])

    assert {"index.html", "culture.html", "embed-culture.html"} <= documents
    assert not {"sochi.html", "feeds.html", "status.html"} & documents
