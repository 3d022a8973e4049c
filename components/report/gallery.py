"""The gallery: FLAIR slices with reference and predicted outlines, of the patients worth a look."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from contourpy import contour_generator
from markupsafe import Markup, escape
from PIL import Image

from components.report.formatting import measured, number
from components.report.patient_section import referred
from components.report.run_data import Run
from components.scans.scan import FLAIR
from components.scans.scan_files import mask_path, read_mask, read_scan

MOST = 12
MARGIN = 8  # pixels around the head


@dataclass(frozen=True)
class Picture:
    """One slice: why it is shown, its patient, and its <svg>."""

    title: str
    patient: str
    caption: str
    svg: Markup


def gallery(run: Run) -> list[Picture]:
    """Best, median and worst patient by volume Dice, then the referred ones, the most doubtful first."""
    return [_picture(run, patient, reasons) for patient, reasons in picks(run).items()]


def picks(run: Run) -> dict[str, list[str]]:
    """Patients to show, at most `MOST`, and why."""
    with_tumor, doubtful = run.with_tumor["patient"].tolist(), referred(run)["patient"].tolist()
    wanted = []
    if with_tumor:
        wanted += [(with_tumor[0], "best"), (with_tumor[len(with_tumor) // 2], "median"), (with_tumor[-1], "worst")]
    wanted += [(patient, "referred") for patient in doubtful]
    found: dict[str, list[str]] = {}
    for patient, reason in wanted:
        if patient in found or len(found) < MOST:
            found.setdefault(patient, []).append(reason)
    return found


def _picture(run: Run, patient: str, reasons: list[str]) -> Picture:
    scores: pd.Series = run.patients.set_index("patient").loc[patient]
    scan = read_scan(run.scans, patient)
    prediction = read_mask(mask_path(run.predictions, patient))
    truth = np.zeros_like(prediction) if scan.mask is None else scan.mask
    at, why = shown(truth, prediction)
    dice = scores["volume_dice"]
    score = f"volume Dice {number(dice)}" if measured(dice) else "no tumour in the reference"
    doubt = f"doubt\N{NO-BREAK SPACE}{number(scores['doubt'])}"
    title = ", ".join(reasons).capitalize()
    reference, predicted, both = (int(mask[at].sum()) for mask in (truth, prediction, truth & prediction))
    words = (
        f"{title}: FLAIR slice {at + 1} of {len(prediction)} of patient {patient}, {why}. The reference outlines "
        f"{reference} pixels here, the model {predicted}, {both} of them the same; {score}, {doubt}."
    )
    caption = f"slice {at + 1} of {len(prediction)}, {score}, {doubt}"
    return Picture(title, patient, caption, overlay(scan.image[at, ..., FLAIR], truth[at], prediction[at], words))


def shown(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, str]:
    """The slice with the most tumour in the reference, else in the prediction, else the middle one; and why."""
    for mask, why in ((truth, "the one with most tumour"), (prediction, "the one in which the model draws most")):
        if mask.any():
            return int(mask.sum(axis=(1, 2)).argmax()), why
    return len(truth) // 2, "the middle one"


def overlay(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, words: str) -> Markup:
    """Draw a slice with both outlines, cropped to a square around the head.

    Args:
        image: uint8 [height, width], one channel.
        truth, prediction: bool [height, width].
        words: description of the picture.
    """
    rows, columns, side = square((image > 0.08 * image.max()) | truth | prediction)
    bright = max(1.0, float(np.percentile(image, 99.8)))
    scaled = _crop(np.clip(image * (255 / bright), 0, 255).astype(np.uint8), rows, columns, side)
    png = io.BytesIO()
    Image.fromarray(scaled).save(png, "PNG", optimize=True)
    picture = base64.b64encode(png.getvalue()).decode()
    lines = "".join(
        f'<path class="{kind}" d="{outline(_crop(mask, rows, columns, side))}"/>'
        for mask, kind in ((truth, "reference"), (prediction, "predicted"))
        if mask.any()
    )
    return Markup(  # noqa: S704  `words` are escaped, the rest is numbers
        f'<svg class="scan" role="img" aria-label="{escape(words)}" viewBox="0 0 {side} {side}">'
        f'<image width="{side}" height="{side}" href="data:image/png;base64,{picture}"/>{lines}</svg>'
    )


def square(inside: np.ndarray) -> tuple[int, int, int]:
    """First row, first column and side of the square around the True pixels, with a margin; may exceed the picture."""
    if not inside.any():
        inside = np.ones_like(inside)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    side = int(max(np.ptp(rows), np.ptp(columns))) + 1 + 2 * MARGIN
    first = [int(found[0] + found[-1] + 1 - side) // 2 for found in (rows, columns)]
    return first[0], first[1], side


def _crop(picture: np.ndarray, row: int, column: int, side: int) -> np.ndarray:
    """Cut out a square; pixels outside the picture are 0."""
    wide = np.pad(picture, side)
    return wide[row + side : row + 2 * side, column + side : column + 2 * side]


def outline(mask: np.ndarray) -> str:
    """The outlines of a mask as an SVG path; pixel centres lie at half-integer coordinates."""
    lines: Any = contour_generator(z=np.pad(mask, 1).astype(float)).lines(0.5)
    return "".join("M" + "L".join(f"{x - 0.5:g},{y - 0.5:g}" for x, y in line[:-1]) + "Z" for line in lines)
