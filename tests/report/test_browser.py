"""The page in a real browser: nothing is loaded, nothing complains, and it can be read at any width."""

from __future__ import annotations

from itertools import pairwise

import pytest
from browser import Browser, chromium
from made_up_run import good, made_up_run, made_up_scan, names, over_confident

from components.report.page import write_page

pytest_plugins = ["finished_run"]

pytestmark = pytest.mark.skipif(chromium() is None, reason="no browser here: apt-get install chromium")

WIDTHS = (1280, 400)
# What stands out of the window, and does not scroll inside of itself.
OUTSIDE = """
[...document.querySelectorAll("body *")].filter(one =>
  one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest(".scroll, pre, .skip")
).map(one => one.outerHTML.slice(0, 80))
"""
MUTE = """
[...document.querySelectorAll("img, svg, [role=img]")].filter(one =>
  one.getAttribute("aria-hidden") !== "true" &&
  !(one.getAttribute("alt") || one.getAttribute("aria-label") || "").trim()
).map(one => one.outerHTML.slice(0, 80))
"""
# The least contrast of any text to what it stands on (WCAG 2.2: 4.5), and where.
CONTRAST = """
(() => {
  const even = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = c.map(v => even(v / 255));
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const ground = one => { for (; one; one = one.parentElement) { const c = parse(getComputedStyle(one).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
  let least = [99, ""];
  for (const one of document.querySelectorAll("body *")) {
    if (![...one.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(one), color = one.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(parse(color).slice(0, 3)), light(ground(one))].sort((x, y) => y - x);
    least = [[(a + .05) / (b + .05), one.outerHTML.slice(0, 80)], least].sort((x, y) => x[0] - y[0])[0];
  }
  return least;
})()
"""


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory, tiny_params, finished):
    """Pages of several runs: a plain one, one with everything on it, and one in which little was measured."""
    folder = tmp_path_factory.mktemp("pages")
    long = [made_up_scan(f"DEMO_{'A' * 40}_{i}_20200101") for i in range(15)]
    problems = [("gap", "warn", "P", "P", "slice 4 is missing", "add it")]
    runs = {
        "plain": finished,
        "full": made_up_run(folder / "b", tiny_params, long, over_confident, champion=good, problems=problems),
        "bare": made_up_run(folder / "c", tiny_params, [made_up_scan(names(1)[0], tumor=None)]),
    }
    for name, run in runs.items():
        write_page(folder / f"{name}.html", run)
    return {name: folder / f"{name}.html" for name in runs}


@pytest.mark.parametrize("name", ["plain", "full", "bare"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_quiet_loads_nothing_and_fits(browser, pages, name, width, dark):
    browser.open(pages[name], width, dark=dark)
    assert browser.complaints() == []
    asked = [address for address in browser.requests() if not address.startswith("data:")]
    assert asked == [pages[name].as_uri()]
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(OUTSIDE) == []
    contrast, where = browser.run(CONTRAST)
    assert contrast >= 4.5, where


@pytest.mark.parametrize("name", ["plain", "full", "bare"])
def test_pictures_have_alternative_texts_and_headings_come_in_order(browser, pages, name):
    browser.open(pages[name])
    assert browser.run(MUTE) == []
    levels = browser.run('[...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(one => +one.tagName[1])')
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_charts_and_pictures_are_as_wide_as_can_be_read(browser, pages):
    for width in WIDTHS:
        browser.open(pages["full"], width)
        assert (
            browser.run('Math.min(...[...document.querySelectorAll("svg[role=img]")].map(o => o.clientWidth))') >= 240
        )
        sizes = '[...document.querySelectorAll("svg[role=img] text")].map(o => o.getBoundingClientRect().height)'
        assert min(browser.run(sizes)) >= 9


def test_links_of_the_contents_lead_somewhere(browser, pages):
    browser.open(pages["plain"])
    assert browser.run('[...document.querySelectorAll("a")].every(a => document.querySelector(a.getAttribute("href")))')
    assert browser.run('document.querySelectorAll("nav a").length') > 10


def test_the_outlines_can_be_hidden_and_the_pictures_are_shown(browser, pages):
    browser.open(pages["plain"])
    shown = 'getComputedStyle(document.querySelector(".scan path")).display !== "none"'
    assert browser.run(shown)
    browser.run('document.querySelector("label[for=plain]").click()')
    assert not browser.run(shown)
    loaded = (
        "new Promise(r => { const i = new Image(); i.onload = () => r(i.width); i.onerror = () => r(0); i.src = %s; })"
    )
    assert browser.run(loaded % 'document.querySelector(".scan image").getAttribute("href")') > 0


def test_the_browser_does_notice_what_it_should(browser, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text('<h1>x</h1><h3>y</h3><img src="no.png"><div style="width:3000px">.</div><script>boom()</script>')
    browser.open(bad, 400)
    assert any("boom" in str(one) for one in browser.complaints())
    assert any(address.endswith("no.png") for address in browser.requests())
    assert browser.run("document.documentElement.scrollWidth") > 400
    assert len(browser.run(OUTSIDE)) > 0
    assert len(browser.run(MUTE)) == 1


@pytest.mark.parametrize("name", ["plain", "full"])
def test_on_paper_all_is_open_and_nothing_is_cut_off(browser, pages, name):
    browser.open(pages[name], 720, 1000)
    shown = '[...document.querySelectorAll("details > *:not(summary)")].every(one => one.checkVisibility())'
    assert not browser.run(shown)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run(shown)
    assert browser.run("document.documentElement.scrollWidth") <= 720
