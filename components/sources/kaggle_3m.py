"""Reader of the LGG MRI Segmentation layout (kaggle_3m).

`<patient>/<patient>_<n>.tif` (height x width x 3, uint8: pre-contrast, FLAIR, post-contrast) and
`<patient>_<n>_mask.tif` (0/255) beside it, n = 1..N. The patient is the folder's name; tables beside the folders are
never read for identity, because those in circulation name the wrong patients.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from components.common.picture_depth import is_cut
from components.common.problems import numbers
from components.scans.identity import site_of
from components.scans.scan import CHANNELS, Scan
from components.sources.reading import DAMAGE, Options, Reading
from components.sources.volumes.copies import check_slices
from components.sources.volumes.tumour_masks import can_be_a_tumour

SCALE_FIRST = "scale each sequence to 0..255 (its 99.5th percentile at 255) and save it with 8 bits"
BRAIN = 0.6  # a mask that covers more of the head than this is one of the brain, however bright the images are
SUFFIX = r"\.(?i:tiff?)"


def is_patient(name: str, files: Iterable[str]) -> bool:
    """Return whether a folder called `name` with these files has this layout."""
    return any(re.fullmatch(re.escape(name) + rf"_\d+(_mask)?{SUFFIX}", file) for file in files)


def pictures_of(files: Iterable[str]) -> list[str]:
    """Return the images among a patient's files, one per slice, in the order of their numbers."""
    found = {}
    for file in files:
        match = re.search(rf"_(\d+){SUFFIX}$", file)
        if match and re.fullmatch(re.escape(Path(file).parent.name) + match[0], Path(file).name):
            found[int(match[1])] = file
    return [file for _, file in sorted(found.items())]


def read(folder: Path, patient: str, options: Options, masks: bool = True) -> Reading:
    """Read one patient.

    Args:
        folder: folder of the patient's files.
        patient: name of the scan.
        options: ignored; 2-D images are not resampled.
        masks: whether to read the reference masks; without them the scan's mask is None.
    """
    reading = Reading(patient)
    images = _numbered(folder, reading, "")
    references = _numbered(folder, reading, "_mask") if masks else {}
    if masks:
        _compare(folder, images, references, reading)
    pictures = _read_all([path for _, path in sorted(images.items())], reading, channels=3)
    truths = _read_all([path for number, path in sorted(references.items()) if number in images], reading, channels=1)
    if not images:
        reading.add("series", folder.name, "no images in it", f"add them: {folder.name}_1.tif, ...")
    if reading.has("unreadable", "type", "series") or (references and reading.has("missing_mask")):
        return reading
    sizes = {pixels.shape[:2] for pixels in (*pictures, *truths)}
    if len(sizes) > 1:
        listed = " and ".join(f"{width} x {height}" for height, width in sorted(sizes))
        reading.add("shape", folder.name, f"its images and masks are {listed} pixels")
        return reading
    image, truth = np.stack(pictures), np.stack(truths) > 0 if truths else None
    check_slices(image, folder.name, reading)
    if truth is None or can_be_a_tumour(truth, image[..., CHANNELS.index("flair")], folder.name, reading, BRAIN):
        reading.scan = Scan(patient, site_of(patient), image, truth)
    return reading


def _compare(folder: Path, images: Mapping[int, Path], references: Mapping[int, Path], reading: Reading) -> None:
    """Record images without masks, masks without images, and gaps."""
    for number in sorted(references.keys() - images.keys()):
        reading.add("extra_mask", _name(references[number]), "a mask without its image")
    for number in sorted(images.keys() - references.keys()) if references else ():
        reading.add("missing_mask", _name(images[number]), "no mask beside it")
    if not references:
        reading.add("missing_mask", folder.name, "no reference masks")
    if gaps := set(range(1, max(images, default=0))) - images.keys():
        reading.add("gap", folder.name, f"slice {numbers(gaps)} of 1-{max(images)} is missing")


def _numbered(folder: Path, reading: Reading, ending: str) -> dict[int, Path]:
    """Files `<folder>_<n><ending>.tif` by n."""
    pattern = re.compile(re.escape(folder.name) + rf"_(\d+){ending}{SUFFIX}")
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if match := pattern.fullmatch(path.name):
            if int(match[1]) in found:
                reading.add("series", _name(path), f"a second file for slice {int(match[1])}", "keep one of the two")
            found[int(match[1])] = path
    return found


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _read_all(paths: Iterable[Path], reading: Reading, channels: int) -> list[np.ndarray]:
    """Read images; those that can't be read are recorded and left out."""
    return [pixels for path in paths if (pixels := read_picture(path, reading, channels)) is not None]


def read_picture(path: Path, reading: Reading, channels: int) -> np.ndarray | None:
    """Read an image as uint8 [height, width, 3], or a mask as [height, width]; None if it can't be read."""
    try:
        # Pillow only warns about some damage, and about images large enough to exhaust the memory.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path) as picture:
                if is_cut(picture):
                    reading.add("type", _name(path), "more than 8 bits a colour", SCALE_FIRST)
                    return None
                pixels, pages = np.asarray(picture), getattr(picture, "n_frames", 1)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        reading.add("unreadable", _name(path), "claims more pixels than any scan has", "export the slice again")
        return None
    except (*DAMAGE, Warning) as error:
        reading.add("unreadable", _name(path), f"not a readable image ({type(error).__name__})")
        return None
    if pixels.dtype not in (np.uint8, np.bool_) or pixels.shape[2:] != ((3,) if channels == 3 else ()):
        form = f"{pixels.dtype} with {pixels.shape[2] if pixels.ndim > 2 else 1} channel(s)"
        remedy = (
            "save T1, FLAIR and T1 with contrast agent as red, green and blue" if channels == 3 else "save 0 and 255"
        )
        reading.add("type", _name(path), f"{form} where uint8 with {channels} is expected", f"{remedy}, 8 bits each")
        return None
    if pages > 1:
        reading.add("type", _name(path), f"{pages} pages where one slice is expected", "save one file per slice")
        return None
    if channels == 1 and not (np.isin(pixels, (0, 255)).all() or (pixels <= 1).all()):
        reading.add("mask_values", _name(path), "a mask with values other than 0 and 255")
    return pixels
