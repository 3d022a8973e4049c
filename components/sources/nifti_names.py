"""What the names of NIfTI files tell.

    <patient>/<patient>_{t1,flair,t1ce,t2,seg}.nii.gz              BraTS to 2021
    <patient>/<patient>-{t1n,t2f,t1c,t2w,seg}.nii.gz               BraTS from 2023
    <patient>/.../<patient>_{T1w,FLAIR,ce-gadolinium_T1w}.nii.gz   BIDS
    <patient>.nii.gz with <patient>_mask.nii.gz                    4-D, as ingest writes it; or both in <patient>/

Which file is what stands in its name, in words apart by "_", "-" or "."; T2 is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# The first that fits decides: "sub-1_ce-gadolinium_T1w" is post, not pre.
WORDS = (
    ("mask", {"mask", "seg", "segmentation", "label", "labels", "lesion", "tumor", "tumour", "outline", "roi", "gtv"}),
    ("flair", {"flair", "t2f"}),
    ("other", {"t2", "t2w", "dwi", "adc", "pd", "swi", "bold"}),
    ("post", {"t1ce", "t1c", "t1gd", "post", "ce", "gd", "t1post", "t1wce"}),
    ("pre", {"t1", "t1n", "t1w", "pre", "t1pre"}),
)


def stem(name: str) -> str:
    """File name without `.nii` or `.nii.gz`."""
    return re.sub(r"\.nii(\.gz)?$", "", name, flags=re.IGNORECASE)


def role(name: str, patient: str) -> str | None:
    """Tell "pre", "flair", "post", "mask" or "other" from a file's name; None where no word of it says so."""
    words = set(re.split(r"[^a-z0-9]+", stem(name).removeprefix(patient).lower()))
    return next((found for found, known in WORDS if words & known), None)


def is_volume(name: str) -> bool:
    """Tell a NIfTI file by its name."""
    return name.lower().endswith((".nii", ".nii.gz"))


def any_volume(files: Iterable[str]) -> bool:
    """Tell whether there is a NIfTI file among these."""
    return any(map(is_volume, files))


def is_complete(files: Iterable[str], patient: str) -> bool:
    """Tell whether these files can be an examination: a FLAIR among them, or a file that may be 4-D."""
    return any(role(Path(file).name, patient) in ("flair", None) for file in files if is_volume(file))


def pair(names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Pair 4-D files with the masks beside them.

    Returns:
        Name of the patient to its files, the picture first; and masks that have no picture.
    """
    volumes = [name for name in names if is_volume(name)]
    pictures = {stem(name): [name] for name in volumes if role(_last_word(name), "") is None}
    strays = []
    for name in volumes:
        if role(_last_word(name), "") == "mask":
            owner = re.sub(r"[_.-][^_.-]+$", "", stem(name))
            if owner in pictures:
                pictures[owner].append(name)
            else:
                strays.append(name)
    return pictures, strays


def _last_word(name: str) -> str:
    return re.split(r"[_.-]", stem(name))[-1]
