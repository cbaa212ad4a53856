"""Partners' documents, from real polls: their selection, their rights, their dialects."""

from __future__ import annotations

import json
from datetime import timedelta

from tests import test_app_withdrawals as withdrawals
from tests import yandex_rss
from tests.test_app import Item, Portal, Site, portal, rss, site

__all__ = ["portal", "site"]

PLAY = Item("1", "Премьера в театре", "Театр показал премьеру сезона. Зал был полон.")
BRIDGE = Item("2", "Мост открыли", "Движение пустили утром. Строили мост два года.")
SOCHI = Item("3", "Театр приехал в Сочи", "Премьера в Сочи собрала полный зал театра.")
OLD = Item(
    "4", "Театр закрыли", "Премьера не состоится никогда.", age=timedelta(days=9)
)
SHORT = Item("5", "Спектакль", "Премьера второго источника прошла вечером в театре.")
PROFILES = """publish:
  first_sight: all
  profiles:
    yandex: {dialect: yandex, topics: [culture], genre: article, title: Для Яндекса}
    sochi-only: {dialect: json, topics: [culture], places: [sochi, anapa]}
    first: {dialect: rss, sources: [s0], content: title}
    second: {dialect: atom, not_sources: [s0], max_entries: 1}
"""


def configure(site: Site, portal: Portal) -> None:
    site.configure(
        portal.say("/a", rss(PLAY, BRIDGE, SOCHI, OLD)),
        portal.say("/b", rss(SHORT, site="https://second.example")),
        extra=PROFILES,
    )
    path = site.folder / "feeds.yaml"
    text = path.read_text("utf-8").replace("id: s0", "id: s0, content: full")
    path.write_text(text, "utf-8")


def test_every_partner_gets_what_was_agreed(site: Site, portal: Portal):
    configure(site, portal)

    site.once()

    documents = site.documents()
    yandex = documents["yandex.rss"]
    assert yandex_rss.problems(yandex) == []
    assert yandex_rss.texts(yandex) == {
        f"https://portal.example/{item.guid}": item.text for item in (PLAY, SOCHI)
    }
    assert "<title>Для Яндекса</title>" in yandex.decode()
    sochi = json.loads(documents["sochi-only.json"])
    assert [item["title"] for item in sochi["items"]] == [SOCHI.title]
    assert set(site.titles("first.rss")) == {
        item.title for item in (PLAY, BRIDGE, SOCHI, OLD)
    }
    assert PLAY.text not in documents["first.rss"].decode()
    assert site.titles("second.atom") == [SHORT.title]
    assert not any(
        name in documents["feeds.opml"].decode() for name in ("yandex", "first")
    )


def test_without_news_nothing_is_written_and_explain_names_them(
    site: Site, portal: Portal
):
    configure(site, portal)
    site.once()
    before = site.documents()

    report = site.once()

    assert (report.documents_written, site.documents()) == (0, before)
    told = site.explain(SHORT.guid)
    assert "second.atom" in told["published"]["documents"]
    assert "yandex.rss" not in told["published"]["documents"]


def test_a_profile_that_is_taken_out_takes_its_document_along(
    site: Site, portal: Portal
):
    configure(site, portal)
    site.once()
    path = site.folder / "feeds.yaml"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(x for x in lines if "yandex:" not in x), "utf-8")

    site.once()

    assert "yandex.rss" not in site.documents()
    assert "second.atom" in site.documents()


def test_search_engines_and_readers_are_told(site: Site, portal: Portal):
    configure(site, portal)

    site.once()

    documents = site.documents()
    assert b"<loc>https://news.example.org/</loc>" in documents["sitemap.xml"]
    assert b"2026-09-01T" in documents["sitemap.xml"]
    assert b"https://news.example.org/culture.atom" in documents["feeds.opml"]
    # Both sources are on this machine: nobody else could subscribe to them.
    assert b"xmlUrl" not in documents["sources.opml"]
    assert b"Sitemap: https://news.example.org/sitemap.xml" in documents["robots.txt"]


def test_a_partner_is_told_of_what_is_taken_back(site: Site, portal: Portal):
    site.configure(
        portal.say("/rss", rss(*withdrawals.ITEMS)),
        extra="publish: {profiles: {partner: {dialect: atom}}}\n",
    )
    site.once()
    gone = next(
        entry.id
        for entry in site.feed("partner.atom").entries
        if entry.title == withdrawals.PLAY.title
    )
    portal.say("/rss", rss(*withdrawals.without(withdrawals.PLAY)))

    withdrawals.polled(site, times=3)

    document = site.documents()["partner.atom"].decode()
    assert f'<at:deleted-entry ref="{gone}"' in document
    assert f"<id>{gone}</id>" not in document
