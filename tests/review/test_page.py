"""The page in a real browser: draw, undo, save, reject, reload; it is accessible and contacts no other host."""

from __future__ import annotations

import contextlib
import re

import nibabel as nib
import numpy as np
import pytest
from browser import CHROMIUM, axe_violations, open_browser
from nibabel.affines import apply_affine
from page_server import VIEWER, served
from review_client import KINDS, reviewing

from components.scans.scan_files import mask_path, write_mask

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no browser here: apt-get install chromium"),
    pytest.mark.skipif(not VIEWER.is_file(), reason="no viewer here: make review-setup"),
]

SOFTWARE = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # WebGL 2 without a GPU
NAMES = ("P1", "P2", "P3")
NIGHTLY_KINDS = ("kaggle", "left-handed", "turned")  # a minute each on a busy machine
# The position in millimetres of every drawn voxel, according to the viewer.
DRAWN_VOXELS = """import("/page/main.js").then(({ viewer: { nv } }) => {
  const [, width, height, depth] = nv.back.dims;
  const found = [];
  for (let z = 0; z < depth; z++) for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
    if (nv.drawBitmap[x + width * (y + height * z)])
      found.push(Array.from(nv.frac2mm(nv.vox2frac([x, y, z]), 0, true)).slice(0, 3));
  return found;
})"""


@pytest.fixture(scope="module")
def browser():
    with open_browser(*SOFTWARE) as browser:
        yield browser


@contextlib.contextmanager
def open_page(browser, address, complaints, requests, **options):
    """Open the page of a review; collects its console messages and errors, and the URLs it requests."""
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 800}, **options)) as context:
        context.set_default_timeout(120_000)  # a busy processor renders it
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        wait_until_ready(page, "P3")
        yield page


def wait_until_ready(page, patient):
    page.wait_for_selector(f"body[data-ready='{patient}']")


def wait_for_message(page, text):
    """Wait until the page shows this text as its saving status."""
    page.locator("#saving", has_text=re.compile(text)).wait_for()


def draw_stroke(page, start, end):
    """Draw a line on the canvas; start and end are fractions of its size."""
    box = page.locator("#canvas").bounding_box()
    (x, y), (to_x, to_y) = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (start, end)]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=4)
    page.mouse.up()
    wait_for_message(page, "drawing kept")


def mask_points(picture):
    """Positions of all voxels of a mask, sorted, in twentieths of a millimetre."""
    return rounded_points(apply_affine(picture.affine, np.argwhere(np.asarray(picture.dataobj) > 0)))


def rounded_points(points):
    return sorted(tuple(int(value) for value in np.round(np.multiply(point, 20))) for point in points)


@pytest.mark.parametrize(
    "kind",
    ["oblique", "dicom", *(pytest.param(one, marks=pytest.mark.nightly) for one in KINDS if one in NIGHTLY_KINDS)],
)
def test_a_drawing_is_saved_voxel_by_voxel_in_patient_space(browser, tmp_path, kind):
    complaints, requests = [], []
    with reviewing(tmp_path, kind, NAMES) as client, served(client.session) as address:
        with open_page(browser, address, complaints, requests) as page:
            page.keyboard.press("b")
            before = page.locator("#volume").inner_text()
            draw_stroke(page, (0.42, 0.3), (0.55, 0.4))
            first = page.locator("#volume").inner_text()
            assert first != before
            page.keyboard.press("z")
            assert page.locator("#volume").inner_text() == before
            assert page.locator("#dice").inner_text() == "1.000"
            draw_stroke(page, (0.5, 0.6), (0.6, 0.62))
            drawn = page.evaluate(DRAWN_VOXELS)
            page.get_by_role("button", name="Save corrected").click()
            wait_for_message(page, "P3: corrected")
            wait_until_ready(page, "P2")
            page.keyboard.press("Shift+R")
            page.keyboard.press("4")
            wait_for_message(page, "P2: rejected")
            wait_until_ready(page, "P1")
            page.reload()
            wait_until_ready(page, "P1")
            states = page.locator("[role=option] .state").all_inner_texts()
            assert states == ["corrected", "rejected", "open"]
            assert page.locator("#left").inner_text() == "1 of 3 left"
        latest = client.session.revisions.latest("P3")
        assert client.session.revisions.latest("P2").reason == "unsure"
    kept = nib.load(client.session.revisions.mask_of(latest))
    assert mask_points(kept) == rounded_points(drawn)
    assert 0.5 < latest.dice < 1
    assert complaints == []
    host = address.partition("?")[0]
    assert [url for url in requests if not url.startswith((host, "blob:", "data:"))] == []


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


def test_the_page_is_accessible_in_light_and_dark_at_both_widths(browser, shared_folder):
    with reviewing(shared_folder, "nifti", NAMES) as client, served(client.session) as address:
        for scheme in ("light", "dark"):
            with open_page(browser, address, [], [], color_scheme=scheme, bypass_csp=True) as page:
                for width in (1920, 1280):
                    page.set_viewport_size({"width": width, "height": 800})
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert axe_violations(page) == []
                page.keyboard.press("?")
                assert axe_violations(page) == []


def test_the_page_can_be_used_by_keyboard_alone(browser, shared_folder):
    """List, sequences, planes, cursor, brush, undo and decision; no shortcut of the viewer interferes."""
    with (
        reviewing(shared_folder, "nifti", NAMES, out=shared_folder / "keys") as client,
        served(client.session) as address,
    ):
        with open_page(browser, address, [], []) as page:
            page.locator("#patients").focus()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            wait_until_ready(page, "P2")
            page.locator("#canvas").focus()
            where = page.locator("#where").inner_text()
            page.keyboard.press(".")
            assert page.locator("#where").inner_text() != where
            for key in ("1", "c", "v", "z", "a", "b", "ArrowUp", "ArrowLeft", "]", "]", "]", " "):
                page.keyboard.press(key)
            wait_for_message(page, "drawing kept")
            assert page.locator("#dice").inner_text() != "1.000"
            page.keyboard.press("Shift+S")
            wait_for_message(page, "P2: corrected")
        assert client.session.revisions.latest("P2").decision == "corrected"


def test_a_failed_save_is_reported_and_the_drawing_is_kept(browser, shared_folder):
    with reviewing(shared_folder, "nifti", NAMES, out=shared_folder / "failing") as client:
        with served(client.session) as address, open_page(browser, address, [], []) as page:
            page.route("**/draft?*", lambda route: route.abort())
            page.keyboard.press("b")
            page.keyboard.press("]")
            page.keyboard.press(" ")
            wait_for_message(page, "drawing NOT kept")
            assert "does not answer" in page.get_by_role("alert").inner_text()
            page.unroute("**/draft?*")
            wait_for_message(page, "drawing kept")
            assert not page.get_by_role("alert").is_visible()
        assert client.session.revisions.drafts("P3")


@pytest.mark.nightly
def test_showing_a_held_out_prediction_changes_nothing(browser, tmp_path):
    complaints, requests = [], []
    with reviewing(tmp_path, "nifti", NAMES) as client:
        scan = client.session.open(0).scan
    (tmp_path / "folds" / "fold-0").mkdir(parents=True)
    write_mask(mask_path(tmp_path / "folds" / "fold-0", "P3"), np.roll(scan.mask, 3, 2), scan.affine)
    scores = tmp_path / "crossval.csv"
    scores.write_text("patient,volume_dice,predicted_voxels,fold\nP1,0.9,8,1\nP2,0.9,8,1\nP3,0.2,8,0\n")
    task = {"found": scores, "references": True, "folds": tmp_path / "folds", "out": tmp_path / "checked"}
    with (
        reviewing(tmp_path, **task) as client,
        served(client.session) as address,
        open_page(browser, address, complaints, requests, bypass_csp=True) as page,
    ):
        before = page.evaluate(DRAWN_VOXELS)
        with page.expect_response("**/layers/prediction"):
            page.keyboard.press("t")
        assert page.get_by_label("held-out prediction").is_checked()
        assert not page.locator("#reference").is_visible()
        assert page.evaluate(DRAWN_VOXELS) == before
        assert page.locator("#dice").inner_text() == "1.000"
        assert axe_violations(page) == []
        page.keyboard.press("j")
        wait_until_ready(page, "P1")
        assert page.get_by_label("held-out prediction").is_disabled()
    assert complaints == []


def test_the_browser_blocks_requests_to_other_hosts(browser, shared_folder):
    complaints = []
    with (
        reviewing(shared_folder, "nifti", NAMES, out=shared_folder / "closed") as client,
        served(client.session) as address,
        open_page(browser, address, complaints, []) as page,
    ):
        blocked = page.evaluate("fetch('http://127.0.0.2:9/').then(() => 'sent', () => 'refused')")
    assert blocked == "refused"
    assert any("Content Security Policy" in one for one in complaints)
