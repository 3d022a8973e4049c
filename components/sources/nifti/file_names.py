"""What the names of NIfTI files say.

<patient>/<patient>_{t1,flair,t1ce,t2,seg}.nii.gz              BraTS to 2021
<patient>/<patient>-{t1n,t2f,t1c,t2w,seg}.nii.gz               BraTS from 2023
<patient>/.../<patient>_{T1w,FLAIR,ce-gadolinium_T1w}.nii.gz   BIDS, see `bids_names`
<patient>/5_t2_tirm_tra_dark-fluid.nii.gz                      a scanner's words, see `name_words`
<patient>.nii.gz with <patient>_mask.nii.gz                    4-D, as ingest writes it; or both in <patient>/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.sources.nifti import bids_names, mask_words, name_words
from components.sources.words.plain_text import spaced

# Words for processed versions of a sequence: a file without such a word is preferred.
_DERIVED = re.compile(
    r"\b((hd ?)?bet\w*|brain\w*|strip\w*|unstripped|ss|reg|registered|coreg\w*|warped|resampled|resliced|norm\w*"
    r"|zscore\w*|n4\w*|bias\w*|denois\w*|mni\w*|sri\w*|atlas|preproc\w*|processed|corrected|copy|crop\w*)\b"
)

_OTHER_PLANE = re.compile(r"\b(sag\w*|cor|coronal\w*|kor\w*)\b")
# What dcm2niix adds to the copy in which it has made distances between slices equal, or undone the gantry's tilt.
_STRAIGHTENED = re.compile(r"\b(eq|tilt) \d+$")


@dataclass(frozen=True)
class Role:
    """Role of a file: "pre", "flair", "post", "mask", "other", or None if its name doesn't say.

    Attributes:
        rank: preference; among several files of one role, the highest rank is taken.
        doubt: evidence against the role, or why the file is not read.
    """

    what: str | None
    rank: int = 0
    doubt: str = ""


def stem(name: str) -> str:
    """File name without `.nii` or `.nii.gz`."""
    return re.sub(r"\.nii(\.gz)?$", "", name, flags=re.IGNORECASE)


def role(name: str, patient: str) -> str | None:
    """Return the role of a file from its name alone; see `Role`."""
    return _role(stem(name), stem(name).removeprefix(patient)).what


def roles(names: Sequence[str], patient: str) -> dict[str, Role]:
    """Return the roles of one patient's files; the common start of all names is the patient's, and is ignored."""
    own = {name: stem(name).removeprefix(patient) for name in names}
    start = _common_start(list(own.values()))
    return {name: _role(stem(name), text[start:]) for name, text in own.items()}


def _role(whole: str, text: str) -> Role:
    """Return a file's role from its whole name, if it follows BIDS, and from what is left of it without the patient."""
    bids = bids_names.parse(whole)
    labels = [bids.entities.get(key, "") for key in ("label", "desc")]
    words = spaced("_".join(bids_names.parse(text).rest))
    measured = bids.measured
    if measured == "mask" or (measured is None and mask_words.is_mask(words)):
        words = spaced(" ".join([*labels, words]))
        if mask_words.is_of_anatomy(words):
            return Role("other", doubt="a mask of the brain or of a part of the head")
        if mask_words.has_a_margin(words):
            return Role("other", doubt="a target volume (CTV, PTV), larger than the tumour,")
        return Role("mask", mask_words.rank(words))
    if bids.agent is not None and measured is None:
        measured = name_words.sequence(words)
    elif measured is None:
        return _by_words(words)
    what = ("post" if bids.agent else "pre") if measured == "t1" else measured
    free = spaced(" ".join(bids.entities.get(key, "") for key in ("acq", "desc", "rec")))
    doubt = free if what == "pre" and bids.agent is None and _says_agent(free) else ""
    return Role(what, _rank(" ".join(labels), bids.derived) - bool(_OTHER_PLANE.search(free)) - bool(doubt), doubt)


def _by_words(words: str) -> Role:
    measured = name_words.sequence(words)
    rank = _rank(words) - bool(_OTHER_PLANE.search(words))
    try:
        given = name_words.agent(words)
    except ValueError:
        return Role(None if measured == "t1" else measured, rank)
    if measured == "t1":
        return Role("post" if given else "pre", rank)
    if measured is None and given is not None and re.fullmatch(r"(\d+ )?\w+( contrast)?( \d+)?", words):
        return Role("post" if given else "pre", rank)  # "post.nii.gz"
    return Role(measured, rank)


def _rank(words: str, derived: int = 0) -> int:
    """Preference by the words for processed versions; planes other than axial count for less than these."""
    return 2 * (bool(_STRAIGHTENED.search(words)) - derived - len(_DERIVED.findall(words)))


def _says_agent(words: str) -> bool:
    try:
        return bool(name_words.agent(words))
    except ValueError:
        return True


def _common_start(names: Sequence[str]) -> int:
    """Length of the common start of several names, in whole parts that name no sequence and no mask."""
    if len(names) < 2:
        return 0
    parts = [re.findall(r"[^_.\- ]*[_.\- ]?", name) for name in names]
    start = 0
    for common in zip(*(one[:-2] for one in parts), strict=False):  # the last part stays; findall ends in ""
        words = spaced(common[0])
        if len(set(common)) > 1 or name_words.sequence(words) or mask_words.is_mask(words):
            break
        start += len(common[0])
    return start


def is_volume(name: str) -> bool:
    """Return whether a file name has a NIfTI suffix."""
    return name.lower().endswith((".nii", ".nii.gz"))


def is_complete(files: Iterable[str], patient: str) -> bool:
    """Return whether these files can be an examination: a FLAIR among them, or a possible 4-D file."""
    names = [Path(file).name for file in files if is_volume(file)]
    return any(found.what in ("flair", None) for found in roles(names, patient).values())


def flair_folders(paths: Iterable[str]) -> set[str]:
    """Folders that contain a FLAIR; an examination has one."""
    return {str(PurePosixPath(path).parent) for path in paths if role(PurePosixPath(path).name, "") == "flair"}


def pair(names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Pair 4-D files with the masks beside them.

    Returns:
        Patient's name to its files, the image first; and masks without an image.
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
