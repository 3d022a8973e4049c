"""The system's Chromium, driven by Playwright, and accessibility checks by axe; nothing is downloaded."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

from axe_playwright_python.base import AXE_SCRIPT
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CONTRAST_RULE = "color-contrast"
# Stricter than WCAG 2.2 AA: large text needs the contrast of small text, and single characters and symbols count, too.
CONTRAST = {
    "contrastRatio": {size: {"expected": 4.5} for size in ("normal", "large")},
    "ignoreUnicode": False,
    "ignoreLength": True,
}
CONFIGURATION = json.dumps({"checks": [{"id": CONTRAST_RULE, "options": CONTRAST}]})
AXE = Axe(f"{AXE_SCRIPT}; axe.configure({CONFIGURATION})")
# axe skips folded content, and can't determine the background of text that is scrolled out of sight or covered by the
# skip link. So everything is unfolded; media queries still apply.
UNFOLDED = "body { min-width: 90rem } .grid { display: block } .skip { position: static !important }"
UNFOLD = """
document.querySelectorAll("details").forEach(one => { one.open = true });
document.querySelector(".skip")?.focus();
"""
# axe treats a chart as an image. A chart's text is as readable as its caption if both have the same colours.
UNLIKE_CAPTION = """
[...document.querySelectorAll("svg text")].filter(one => {
  const [text, chart, caption] = [one, one.ownerSVGElement, one.closest("figure").querySelector("figcaption")]
    .map(part => getComputedStyle(part));
  return text.fill !== caption.color || chart.backgroundColor !== caption.backgroundColor;
}).map(one => one.outerHTML.slice(0, 80))
"""


@contextmanager
def open_browser(*flags):
    """Yield a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def axe_violations(page):
    """Unfold the page and return the violations that axe finds, as pairs of a rule and an element.

    Text whose contrast axe can't determine counts as a violation; text of charts only if it differs from the caption.
    """
    kinds = {"resultTypes": ["violations", "incomplete"]}  # otherwise every element that passed is listed
    as_it_is = AXE.run(page, options={"rules": {CONTRAST_RULE: {"enabled": False}}, **kinds}).response["violations"]
    page.add_style_tag(content=UNFOLDED)
    page.evaluate(UNFOLD)
    unfolded = AXE.run(page, options={"runOnly": [CONTRAST_RULE], **kinds}).response
    found = [(rule["id"], node["html"][:80]) for rule in as_it_is for node in rule["nodes"]]
    rules = unfolded["violations"] + unfolded["incomplete"]
    texts = [node["html"][:80] for rule in rules for node in rule["nodes"] if not node["html"].startswith("<text ")]
    return found + [(CONTRAST_RULE, text) for text in texts + page.evaluate(UNLIKE_CAPTION)]
