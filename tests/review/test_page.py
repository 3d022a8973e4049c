"""The page in a real browser: draw, undo, save, reject, reload; nobody else is asked anything, all can use it."""

from __future__ import annotations

import contextlib
import re

import nibabel as nib
import numpy as np
import pytest
from browser import CHROMIUM, faults, running
from nibabel.affines import apply_affine
from page_server import VIEWER, served
from reviewed import KINDS, reviewing

from components.scans.scan_files import mask_path, write_mask

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no browser here: apt-get install chromium"),
    pytest.mark.skipif(not VIEWER.is_file(), reason="no viewer here: make review-setup"),
]

SOFTWARE = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # WebGL 2 without a GPU
NAMES = ("P1", "P2", "P3")
OTHERS = ("kaggle", "left-handed", "turned")  # a minute each on a busy machine
# Millimetres of every voxel that is drawn, as the viewer places it.
DRAWN = """import("/page/main.js").then(({ viewer: { nv } }) => {
  const [, width, height, depth] = nv.back.dims;
  const found = [];
  for (let z = 0; z < depth; z++) for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
    if (nv.drawBitmap[x + width * (y + height * z)])
      found.push(Array.from(nv.frac2mm(nv.vox2frac([x, y, z]), 0, true)).slice(0, 3));
  return found;
})"""


@pytest.fixture(scope="module")
def browser():
    with running(*SOFTWARE) as browser:
        yield browser


@contextlib.contextmanager
def opened(browser, address, complaints, asked, **options):
    """A page of a review, with what it complains of and what it asks for."""
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 800}, **options)) as context:
        context.set_default_timeout(120_000)  # drawn by a busy processor
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        ready(page, "P3")
        yield page


def ready(page, patient):
    page.wait_for_selector(f"body[data-ready='{patient}']")


def told(page, text):
    """Wait until the page has said so where it speaks of saving."""
    page.locator("#saving", has_text=re.compile(text)).wait_for()


def stroke(page, start, end):
    """Draw from one place of the canvas to another, both as shares of its size."""
    box = page.locator("#canvas").bounding_box()
    (x, y), (to_x, to_y) = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (start, end)]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=4)
    page.mouse.up()
    told(page, "drawing kept")


def millimetres(picture):
    """Places of all voxels of a mask, sorted, in hundredths of a millimetre."""
    return as_places(apply_affine(picture.affine, np.argwhere(np.asarray(picture.dataobj) > 0)))


def as_places(points):
    return sorted(tuple(int(value) for value in np.round(np.multiply(point, 20))) for point in points)


@pytest.mark.parametrize(
    "kind", ["oblique", "dicom", *(pytest.param(one, marks=pytest.mark.nightly) for one in KINDS if one in OTHERS)]
)
def test_what_is_drawn_is_on_disk_voxel_by_voxel_in_the_patients_own_space(browser, tmp_path, kind):
    complaints, asked = [], []
    with reviewing(tmp_path, kind, NAMES) as client, served(client.desk) as address:
        with opened(browser, address, complaints, asked) as page:
            page.keyboard.press("b")
            before = page.locator("#volume").inner_text()
            stroke(page, (0.42, 0.3), (0.55, 0.4))
            first = page.locator("#volume").inner_text()
            assert first != before
            page.keyboard.press("z")
            assert page.locator("#volume").inner_text() == before
            assert page.locator("#dice").inner_text() == "1.000"
            stroke(page, (0.5, 0.6), (0.6, 0.62))
            drawn = page.evaluate(DRAWN)
            page.get_by_role("button", name="Save corrected").click()
            told(page, "P3: corrected")
            ready(page, "P2")
            page.keyboard.press("Shift+R")
            page.keyboard.press("4")
            told(page, "P2: rejected")
            ready(page, "P1")
            page.reload()
            ready(page, "P1")
            states = page.locator("[role=option] .state").all_inner_texts()
            assert states == ["corrected", "rejected", "open"]
            assert page.locator("#left").inner_text() == "1 of 3 left"
        latest = client.desk.revisions.latest("P3")
        assert client.desk.revisions.latest("P2").reason == "unsure"
    kept = nib.load(client.desk.revisions.mask_of(latest))
    assert millimetres(kept) == as_places(drawn)
    assert 0.5 < latest.dice < 1
    assert complaints == []
    host = address.partition("?")[0]
    assert [url for url in asked if not url.startswith((host, "blob:", "data:"))] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


def test_everybody_can_use_it_in_light_and_dark_at_both_widths(browser, place):
    with reviewing(place, "nifti", NAMES) as client, served(client.desk) as address:
        for dark in ("light", "dark"):
            with opened(browser, address, [], [], color_scheme=dark, bypass_csp=True) as page:
                for width in (1920, 1280):
                    page.set_viewport_size({"width": width, "height": 800})
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert faults(page) == []
                page.keyboard.press("?")
                assert faults(page) == []


def test_the_keyboard_is_enough(browser, place):
    """List, sequences, planes, cursor, brush, undo and decision; no key of the viewer's own gets in between."""
    with reviewing(place, "nifti", NAMES, out=place / "keys") as client, served(client.desk) as address:
        with opened(browser, address, [], []) as page:
            page.locator("#patients").focus()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            ready(page, "P2")
            page.locator("#canvas").focus()
            where = page.locator("#where").inner_text()
            page.keyboard.press(".")
            assert page.locator("#where").inner_text() != where
            for key in ("1", "c", "v", "z", "a", "b", "ArrowUp", "ArrowLeft", "]", "]", "]", " "):
                page.keyboard.press(key)
            told(page, "drawing kept")
            assert page.locator("#dice").inner_text() != "1.000"
            page.keyboard.press("Shift+S")
            told(page, "P2: corrected")
        assert client.desk.revisions.latest("P2").decision == "corrected"


def test_it_says_so_when_saving_fails_and_keeps_what_was_drawn(browser, place):
    with reviewing(place, "nifti", NAMES, out=place / "failing") as client:
        with served(client.desk) as address, opened(browser, address, [], []) as page:
            page.route("**/draft?*", lambda route: route.abort())
            page.keyboard.press("b")
            page.keyboard.press("]")
            page.keyboard.press(" ")
            told(page, "drawing NOT kept")
            assert "does not answer" in page.get_by_role("alert").inner_text()
            page.unroute("**/draft?*")
            told(page, "drawing kept")
            assert not page.get_by_role("alert").is_visible()
        assert client.desk.revisions.draft("P3").exists()


@pytest.mark.nightly
def test_a_held_out_prediction_is_shown_beside_the_reference_and_changes_nothing(browser, tmp_path):
    complaints, asked = [], []
    with reviewing(tmp_path, "nifti", NAMES) as client:
        scan = client.desk.open(0).scan
    (tmp_path / "folds" / "fold-0").mkdir(parents=True)
    write_mask(mask_path(tmp_path / "folds" / "fold-0", "P3"), np.roll(scan.mask, 3, 2), scan.affine)
    scores = tmp_path / "crossval.csv"
    scores.write_text("patient,volume_dice,predicted_voxels,fold\nP1,0.9,8,1\nP2,0.9,8,1\nP3,0.2,8,0\n")
    task = {"found": scores, "references": True, "folds": tmp_path / "folds", "out": tmp_path / "checked"}
    with (
        reviewing(tmp_path, **task) as client,
        served(client.desk) as address,
        opened(browser, address, complaints, asked, bypass_csp=True) as page,
    ):
        before = page.evaluate(DRAWN)
        with page.expect_response("**/layers/prediction"):
            page.keyboard.press("t")
        assert page.get_by_label("held-out prediction").is_checked()
        assert not page.locator("#reference").is_visible()
        assert page.evaluate(DRAWN) == before
        assert page.locator("#dice").inner_text() == "1.000"
        assert faults(page) == []
        page.keyboard.press("j")
        ready(page, "P1")
        assert page.get_by_label("held-out prediction").is_disabled()
    assert complaints == []


def test_the_browser_itself_refuses_requests_to_others(browser, place):
    complaints = []
    with (
        reviewing(place, "nifti", NAMES, out=place / "closed") as client,
        served(client.desk) as address,
        opened(browser, address, complaints, []) as page,
    ):
        blocked = page.evaluate("fetch('http://127.0.0.2:9/').then(() => 'sent', () => 'refused')")
    assert blocked == "refused"
    assert any("Content Security Policy" in one for one in complaints)
