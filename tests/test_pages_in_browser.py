"""Pages in a real Chromium: rendering, reach by keyboard, axe, phones, blocks elsewhere."""

from __future__ import annotations

import importlib.util
import os
import runpy
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from aggregator.publish.pages.assets import assets
from aggregator.publish.pages.embed import block_height, embed_script
from tests.served import background

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="no chromium here (apt-get install chromium)",
)

pages = runpy.run_path(str(Path(__file__).with_name("test_publish_pages.py")))
every_page, many, site = pages["every_page"], pages["many"], pages["site"]
STORIES, HERALD = pages["STORIES"], pages["HERALD"]

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1100, "height": 900}
#: WCAG 2.2 AA, and what axe takes for good practice.
RULES = [
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"),
    "best-practice",
]

#: The width to scroll, and the elements that stand out of it; a block's last lines are cut.
OUTSIDE = """() => [
    document.documentElement.scrollWidth,
    [...document.querySelectorAll("main *, header *, footer *")]
        .filter(e => e.getClientRects().length && !e.closest(".unseen, .block p"))
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.outerHTML.slice(0, 80)),
]"""

#: Titles that try to break a layout, each in its own way.
HOSTILE_TITLES = (
    "Ж" * 10_000,
    "https://" + "a" * 500 + ".example/",
    "\u202eтсет ьтсесто\u202c конец",
    "<b>жирный</b> <script>document.title='PWNED'</script>",
    "📰👨‍👩‍👧‍👦🏳️‍🌈" * 40,
    "З̸̢̛̳͇̲̟̗̱͖̱͇̩͙̺̍̈́̌̈́̾͂͆̕͝͠А̷̡̛̭̖͍̠̠̯͉̘̼̥̣̏̈́̓̾̐̊̒̽̕͠ͅЛ̵̨̛̜̼̻̦͎̱͙̞̯̈́̿̈́̓̀̐́͜͠͝ГО̶" * 10,
    "\u00a0" * 300 + "конец",
    "مرحبا بالعالم שלום עולם",
    "&nbsp;&lt;b&gt;",
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def published(folder: Path) -> Iterator[str]:
    """The folder on our own server, with its headers; gives its address."""
    with background(folder) as (host, port):
        yield f"http://{host}:{port}/"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Another origin on loopback; gives its address."""
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def write(folder: Path, stories, **fields) -> None:
    for name, html in every_page(stories, **fields).items():
        (folder / name).write_text(html, encoding="utf-8")
    for name, data in assets().items():
        (folder / name).write_bytes(data)
    (folder / "embed.js").write_bytes(embed_script(site(**fields)))


def hostile_stories():
    for number, title in enumerate(HOSTILE_TITLES):
        lead = pages["sample"]["entry"](number, title, text=f"{title} " * 3)
        yield replace(
            STORIES[0],
            id=f"tag:news.example.org,2026:{number}",
            lead=lead,
            source=replace(HERALD, name=title[:600]),
            places=("stepnoy", "lesnoy"),
        )


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    write(folder, list(many(40)))
    with published(folder) as address:
        yield address


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hostile")
    write(folder, list(hostile_stories()), title="Ы" * 300)
    with published(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, address: str, **context) -> Iterator[Page]:
    """The page, loaded; nothing may have been said on the console in the end."""
    said: list[str] = []
    with browser.new_context(**{"viewport": DESK, **context}) as fresh:
        page = fresh.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address, wait_until="load")
        yield page
    assert said == []


def violations(page: Page) -> list[tuple[str, str]]:
    """What axe finds: rule and element."""
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    page.evaluate(Path(spec.origin).with_name("axe.min.js").read_text("utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    assert len(found["passes"]) > 10
    return [
        (violation["id"], node["html"])
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


NAMES = sorted(every_page())


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(browser, address, name):
    with opened(browser, address + name) as page:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)

            assert violations(page) == []


@pytest.mark.parametrize("name", NAMES)
def test_titles_of_one_line_are_large_enough_for_a_finger(browser, tmp_path, name):
    short = [
        replace(story, lead=replace(story.lead, title=f"Мост {n}"))
        for n, story in enumerate(many(5))
    ]
    write(tmp_path, short, title="Новости степи " * 9)  # the block's own is cut

    with (
        published(tmp_path) as address,
        opened(browser, address + name, viewport=PHONE) as page,
    ):
        assert violations(page) == []


def test_axe_would_find_something(browser, address):
    with opened(browser, f"{address}index.html") as page:
        page.evaluate("document.querySelector('h1').style.color = '#fff'")
        page.evaluate("document.querySelector('time').parentNode.prepend(new Image())")

        assert {rule for rule, _ in violations(page)} >= {"color-contrast", "image-alt"}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_stands_out_of_the_screen(browser, address, hostile, name):
    for place in (address, hostile):
        with opened(browser, place + name) as page:
            for viewport in (PHONE, DESK):
                page.set_viewport_size(viewport)
                scrolled, outside = page.evaluate(OUTSIDE)

                assert scrolled <= viewport["width"]
                assert outside == []


def test_hostile_titles_stay_in_their_own_story(browser, hostile):
    with opened(browser, f"{hostile}index.html") as page:
        tops = page.evaluate(
            """() => [...document.querySelectorAll("article")].map(
                a => { const r = a.getBoundingClientRect(); return [r.top, r.bottom]; })"""
        )

        assert len(tops) == len(HOSTILE_TITLES)
        assert all(above[1] <= below[0] for above, below in pairwise(tops))
        assert page.title() != "PWNED"


def test_dark_pages_are_dark(browser, address):
    found = {}
    for scheme in ("light", "dark"):
        with opened(browser, f"{address}index.html", color_scheme=scheme) as page:
            found[scheme] = page.evaluate(
                "() => ['backgroundColor', 'color'].map(k => getComputedStyle(document.body)[k])"
            )

    assert found == {
        "light": ["rgb(251, 250, 247)", "rgb(28, 29, 31)"],
        "dark": ["rgb(21, 23, 26)", "rgb(230, 228, 223)"],
    }


def test_the_keyboard_reaches_every_link_and_shows_where_it_is(browser, address):
    with opened(browser, f"{address}index.html") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate(
            "document.activeElement.getBoundingClientRect().top"
        ) == pytest.approx(0, abs=1)
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"

        page.goto(f"{address}index.html")  # without the fragment, where Tab would begin
        links = page.evaluate("document.querySelectorAll('a').length")
        for _ in range(links):
            page.keyboard.press("Tab")
            assert page.evaluate(
                "parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2"
                " && document.activeElement.tagName === 'A'"
            )
        assert page.evaluate(
            "document.activeElement === [...document.querySelectorAll('a')].pop()"
        )


def test_every_link_of_ours_leads_to_a_page(browser, address):
    with opened(browser, f"{address}index.html") as page:
        ours = page.eval_on_selector_all(
            "a",
            "all => all.map(a => a.href).filter(h => h.startsWith(location.origin))",
        )
        titles = set()
        for link in sorted({href.partition("#")[0] for href in ours}):
            answer = page.goto(link)
            assert answer is not None
            assert answer.ok, link
            titles.add(page.title())

    assert len(titles) == 7


def test_times_of_today_are_told_from_now(browser, tmp_path):
    now = datetime.now(UTC)
    stories = [
        replace(story, published=now - ago, updated=now - ago)
        for story, ago in zip(
            many(4),
            [
                timedelta(minutes=5),
                timedelta(hours=2, minutes=1),
                timedelta(days=2),
                timedelta(hours=-3),
            ],
            strict=True,
        )
    ]
    write(tmp_path, stories)
    with published(tmp_path) as address:
        with opened(browser, f"{address}index.html") as page:
            times = page.eval_on_selector_all(
                "article time", "all => all.map(t => [t.textContent, t.title])"
            )
        with opened(browser, f"{address}index.html", java_script_enabled=False) as page:
            plain = page.locator("article time").all_text_contents()

    assert [told for told, _ in times[:2]] == ["5 минут назад", "2 часа назад"]
    assert [title for _, title in times] == plain
    assert [told for told, _ in times[2:]] == plain[2:]
    assert all(": " not in text and ":" in text for text in plain)


@pytest.mark.parametrize("name", NAMES)
def test_without_scripts_all_is_there(browser, address, name):
    with opened(browser, address + name) as page:
        with_scripts = page.locator("main").inner_text()
        times = page.locator("time").count()
    with opened(browser, address + name, java_script_enabled=False) as page:
        assert page.locator("time").count() == times
        assert page.locator("main").inner_text() == with_scripts


# --- blocks on another portal -------------------------------------------------------------


@contextmanager
def portal(folder: Path, markup: str) -> Iterator[str]:
    """Another origin with a page that holds `markup`."""
    (folder / "portal.html").write_text(
        "<!doctype html><html lang=ru><meta charset=utf-8><title>Портал</title>"
        f'<link rel="icon" href="data:,"><main><h1>Портал</h1>{markup}</main>',
        encoding="utf-8",
    )
    with serving(folder) as address:
        yield f"{address}portal.html"


def snippet(address: str, **data: str) -> str:
    attributes = "".join(f' data-{name}="{value}"' for name, value in data.items())
    return f'<script src="{address}embed.js"{attributes} async></script>'


@pytest.mark.parametrize(
    ("data", "count", "title"),
    [
        ({"topic": "culture", "count": "5"}, 5, "Новости степи: Культура"),
        ({"count": "3"}, 3, "Новости степи"),
        ({}, 5, "Новости степи"),
        ({"count": "99"}, 20, "Новости степи"),
    ],
)
def test_a_block_shows_so_many_stories(browser, address, tmp_path, data, count, title):
    with (
        portal(tmp_path, snippet(address, **data)) as elsewhere,
        opened(browser, elsewhere) as page,
    ):
        frame = page.frame_locator("iframe")
        assert frame.locator("h1").inner_text() == title
        assert frame.locator("li:visible").count() == count
        element = page.locator("iframe")
        assert element.get_attribute("sandbox") == (
            "allow-popups allow-popups-to-escape-sandbox"
        )
        assert element.get_attribute("title") == "Новости степи"
        assert element.bounding_box()["height"] == block_height(count)
        inner = page.frames[1]
        style = inner.evaluate("getComputedStyle(document.querySelector('li')).height")
        assert style == "84px"  # the style sheet applies in the sandbox too
        assert inner.evaluate(
            "document.documentElement.scrollHeight <= innerHeight && scrollY === 0"
        )
        assert page.evaluate("scrollY") == 0
        assert violations(page) == []


def test_a_block_opens_stories_outside_and_tells_them_nothing(
    browser, address, tmp_path
):
    with (
        portal(tmp_path, snippet(address, topic="culture")) as elsewhere,
        opened(browser, elsewhere) as page,
        page.expect_popup() as popup,
    ):
        page.frame_locator("iframe").locator("h1 a").click()
    assert popup.value is not None


@pytest.mark.parametrize(
    "data",
    [
        {"topic": "../evil"},
        {"topic": "https://evil.example/#"},
        {"topic": "Культура"},
        {"count": "0"},
        {"count": "5px"},
        {"count": "-1"},
    ],
)
def test_what_is_no_topic_or_number_is_told_to_who_builds_the_portal(
    browser, address, tmp_path, data
):
    said: list[str] = []
    with (
        portal(tmp_path, snippet(address, **data)) as elsewhere,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(elsewhere, wait_until="load")

        assert page.locator("iframe").count() == 0
    assert any("data-topic or data-count" in line for line in said)


def test_the_frame_without_a_script_shows_the_same(browser, address, tmp_path):
    frame = (
        f'<iframe src="{address}embed-culture.html#n4" title="Новости" '
        'sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>'
    )
    with (
        portal(tmp_path, frame) as elsewhere,
        opened(browser, elsewhere, java_script_enabled=False) as page,
    ):
        assert page.frame_locator("iframe").locator("li:visible").count() == 4
