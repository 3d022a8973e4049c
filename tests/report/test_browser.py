"""The report page in a real browser: no requests, a silent console, readable at any width, accessible."""

from __future__ import annotations

import pytest
from browser import CHROMIUM, axe_violations, open_browser
from made_up_run import good, made_up_run, made_up_scan, names_of_patients, over_confident

from components.report.page import write_page

pytest_plugins = ["run_fixtures"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser here: apt-get install chromium")

WIDTHS = (1280, 400)
# Elements that stick out of the window, except those inside a scrolling one.
OUTSIDE = """
[...document.querySelectorAll("body *")].filter(one =>
  one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest(".scroll, pre, .skip")
).map(one => one.outerHTML.slice(0, 80))
"""
# Stricter than axe, which takes a picture with empty alternative text, or an <svg> without a role, for decoration.
UNLABELLED = (
    "img:not([alt], [aria-hidden=true]), img[alt='']:not([aria-hidden=true]), svg:not([role=img], [aria-hidden=true])"
)


@pytest.fixture(scope="module")
def show():
    """Open files, all in one tab: a new tab takes as long as three pages in an existing one."""
    with open_browser() as browser, browser.new_page() as page:

        def open_page(path, width=1280, height=800, *, dark=False):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(media="screen", color_scheme="dark" if dark else "light")
            page.goto(path.as_uri())
            return page

        yield open_page


@pytest.fixture(scope="module")
def pages(tmp_path_factory, tiny_params, finished):
    """Pages of several runs: a plain one, one with everything on it, and one in which little was measured."""
    folder = tmp_path_factory.mktemp("pages")
    long = [made_up_scan(f"DEMO_{'A' * 40}_{i}_20200101") for i in range(15)]
    problems = [("gap", "warn", "P", "P", "slice 4 is missing", "add it")]
    runs = {
        "plain": finished,
        "full": made_up_run(folder / "b", tiny_params, long, over_confident, champion=good, problems=problems),
        "bare": made_up_run(folder / "c", tiny_params, [made_up_scan(names_of_patients(1)[0], tumor=None)]),
    }
    for name, run in runs.items():
        write_page(folder / f"{name}.html", run)
    return {name: folder / f"{name}.html" for name in runs}


def complaints(page):
    """Everything on the console, including the browser's own messages, and script errors."""
    since = {"filter": "since-navigation"}
    return [one.text for one in page.console_messages(**since)] + [str(one) for one in page.page_errors(**since)]


def requests(page):
    """Addresses requested, starting with the page's own."""
    all_requests = page.requests()
    first = max(at for at, request in enumerate(all_requests) if request.is_navigation_request())
    return [request.url for request in all_requests[first:]]


@pytest.mark.parametrize("name", ["plain", "full", "bare"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_silent_loads_nothing_fits_and_is_accessible(show, pages, name, width, dark):
    page = show(pages[name], width, dark=dark)
    assert complaints(page) == []
    assert requests(page) == [pages[name].as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    assert axe_violations(page) == []


@pytest.mark.parametrize("name", ["plain", "full", "bare"])
def test_every_picture_is_labelled_and_the_page_has_one_title(show, pages, name):
    """axe checks that pictures have names and that headings come in order."""
    page = show(pages[name])
    assert page.locator("img, svg").count() > 0
    assert page.locator(UNLABELLED).count() == 0
    headings = page.get_by_role("heading")
    assert headings.first.evaluate("one => one.tagName") == "H1"
    assert page.locator("h1").count() == 1


def test_charts_and_pictures_are_large_enough_to_read(show, pages):
    for width in WIDTHS:
        page = show(pages["full"], width)
        assert min(page.locator("svg[role=img]").evaluate_all("all => all.map(one => one.clientWidth)")) >= 240
        heights = "all => all.map(one => one.getBoundingClientRect().height)"
        assert min(page.locator("svg[role=img] text").evaluate_all(heights)) >= 9


def test_links_in_the_contents_have_targets(show, pages):
    page = show(pages["plain"])
    links = "all => all.every(one => document.querySelector(one.getAttribute('href')))"
    assert page.locator("a").evaluate_all(links)
    assert page.locator("nav a").count() > 10


def test_outlines_can_be_hidden_and_pictures_are_shown(show, pages):
    page = show(pages["plain"])
    outline = page.locator(".scan path").first
    assert outline.is_visible()
    page.locator("label[for=plain]").click()
    assert not outline.is_visible()
    width = "async one => { const i = new Image(); i.src = one.getAttribute('href'); await i.decode(); return i.width }"
    assert page.locator(".scan image").first.evaluate(width) > 0


@pytest.mark.parametrize("name", ["plain", "full"])
def test_in_print_everything_is_open_and_nothing_is_cut_off(show, pages, name):
    page = show(pages[name], 720, 1000)
    all_visible = '[...document.querySelectorAll("details > *:not(summary)")].every(one => one.checkVisibility())'
    assert not page.evaluate(all_visible)
    page.emulate_media(media="print")
    assert page.evaluate(all_visible)
    assert page.evaluate("document.documentElement.scrollWidth") <= 720


BAD = """<h1>x</h1><h3>y</h3><img src="no.png"><img src="data:," alt=""><svg></svg><svg role="img"></svg>
<div style="width:3000px">.</div><script>boom()</script>"""


def test_the_browser_checks_notice_a_bad_page(show, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(BAD, encoding="utf-8")
    page = show(bad, 400)
    assert any("boom" in one for one in complaints(page))
    assert any("ERR_FILE_NOT_FOUND" in one for one in complaints(page))
    assert any(address.endswith("no.png") for address in requests(page))
    assert page.evaluate("document.documentElement.scrollWidth") > 400
    assert len(page.evaluate(OUTSIDE)) > 0
    assert page.locator(UNLABELLED).count() == 3
    rules = {"document-title", "heading-order", "html-has-lang", "image-alt", "svg-img-alt"}
    assert rules - {rule for rule, _ in axe_violations(page)} == set()


# Grey has a contrast of 3.5 to white; the last chart's text is black on its own grey background.
UNREADABLE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Grey</title>
<style>.grey { color: #888; fill: #888 }</style><main><h1>Grey</h1>
<a class="grey skip" href="#" style="position: absolute; left: -99rem">skip</a>
<p class="grey" style="font-size: 40px">large</p>
<p class="grey">1</p>
<p class="grey">✓</p>
<details><summary>more</summary><p class="grey">folded</p></details>
<div style="width: 1300px; text-align: right"><span class="grey">far</span></div>
<figure><svg role="img" aria-label="chart"><text class="grey" y="20">tick</text></svg><figcaption>good</figcaption>
</figure><figure><svg role="img" aria-label="chart" style="background: #eee"><text y="20">own ground</text></svg>
<figcaption>good</figcaption></figure></main></html>"""


def test_unreadable_text_is_found_wherever_it_is(show, tmp_path):
    (tmp_path / "grey.html").write_text(UNREADABLE, encoding="utf-8")
    found = axe_violations(show(tmp_path / "grey.html", 400))
    assert {rule for rule, _ in found} == {"color-contrast"}
    texts = [html.partition(">")[2].partition("<")[0] for _, html in found]
    assert sorted(texts) == sorted(["skip", "large", "1", "✓", "folded", "far", "tick", "own ground"])
