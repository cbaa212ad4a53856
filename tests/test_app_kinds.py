"""Sources that are no feeds, over real HTTP: polled, published, and told when they change."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.test_app import Portal, Site, portal, site

__all__ = ["portal", "site"]

DATA = Path(__file__).parent / "data"
FIRST = "В Заречном открыли новую библиотеку"


def configure(site: Site, *sources: str) -> None:
    site.configure("https://unused.example/")
    path = site.folder / "feeds.yaml"
    head, _, _ = path.read_text("utf-8").partition("sources:")
    listed = "".join(f"  - {source}\n" for source in sources)
    path.write_text(f"{head}sources:\n{listed}", "utf-8")


def page_source(url: str) -> str:
    """The five lines of docs/feeds-yaml.md."""
    return f"""url: {url}
    id: town
    kind: page
    page: {{item: div.news-item, title: h3, summary: p}}"""


def test_a_municipal_page_is_polled_and_published(site: Site, portal: Portal):
    page = (DATA / "pages" / "municipal.html").read_text("utf-8")
    configure(site, page_source(portal.say("/news/", page)))

    report = site.once()

    assert (report.fetched, report.failed, report.entries_new) == (1, 0, 3)
    entries = {entry.title: entry for entry in site.feed().entries}
    assert len(entries) == 3
    assert "двенадцать тысяч книг" in entries[FIRST].summary


def test_what_is_new_on_a_page_is_new_alone(site: Site, portal: Portal):
    page = (DATA / "pages" / "municipal.html").read_text("utf-8")
    configure(site, page_source(portal.say("/news/", page)))
    site.once()
    before = {entry.title: entry.id for entry in site.feed().entries}
    new = '<div class="news-item"><h3>Парк закрыт на два дня</h3><p>Сажают липы.</p></div>'
    portal.say("/news/", page.replace('<div class="news-list">', f"<div>{new}"))
    site.clock.moment += timedelta(hours=1)

    report = site.once()

    assert (report.entries_new, report.entries_updated) == (1, 0)
    after = {entry.title: entry.id for entry in site.feed().entries}
    assert after.items() > before.items()
    assert site.titles()[0] == "Парк закрыт на два дня"


def test_a_page_that_changed_its_layout_fails_and_keeps_what_it_published(
    site: Site, portal: Portal
):
    page = (DATA / "pages" / "municipal.html").read_text("utf-8")
    configure(site, page_source(portal.say("/news/", page)))
    site.once()
    before = site.titles()
    portal.say("/news/", page.replace("news-item", "card"))

    report = site.once()

    assert report.failed == 1
    assert site.titles() == before
    error = site.status()["town"]["error"]
    assert error["code"] == "not_a_feed:html"
    assert "'div.news-item', matches nothing on the page" in error["message"]


def test_a_news_sitemap_is_polled_and_published(site: Site, portal: Portal):
    sitemap = (DATA / "sitemaps" / "news.xml").read_bytes()
    url = portal.say("/sitemap-news.xml", sitemap)
    configure(site, f"{{url: {url}, kind: sitemap}}")

    report = site.once()

    assert (report.fetched, report.entries_new) == (1, 2)
    assert site.titles() == [
        'Паром "Чайка" вернулся на линию',
        "Школа № 3 принимает первоклассников",
    ]


def test_a_corrected_selector_is_used_although_the_page_is_the_same(
    site: Site, portal: Portal
):
    page = (DATA / "pages" / "municipal.html").read_text("utf-8")
    source = page_source(portal.say("/news/", page, ETag='"1"'))
    configure(site, source.replace("news-item", "wrong"))
    failed = site.once().failed
    configure(site, source)

    report = site.once()

    assert (failed, report.failed, report.entries_new) == (1, 0, 3)
