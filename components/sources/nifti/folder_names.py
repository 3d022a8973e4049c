"""What folder names mean: a person, a visit, a group of persons, or only a kind of file."""

from __future__ import annotations

import re

from components.sources.nifti.name_words import sequence
from components.sources.words.plain_text import spaced

SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
SESSION = re.compile(r"ses-[A-Za-z0-9]+")
_DATE = re.compile(r"(19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d.*")
_VISIT = re.compile(
    r"((ses|session|baseline|follow|followup|fu|tp|time|timepoint|visit|pre|post|preop|postop|before|after|month|week|day"
    r"|year)[-_ ]?(up|op|treatment|surgery|rt)?[-_ ]?\d*([-_.]\d+)?)",
    re.IGNORECASE,
)
_KIND = re.compile(
    r"anat|func|dwi|perf|fmap|swi|mri?|nii|nifti|niftis|dicom|images?|scans?|raw|data|volumes?|series|sequences|registered|preproc\w*",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"hgg|lgg|gbm|glioma|high.?grade|low.?grade|train\w*|val\w*|test\w*|site.?\w*|cent(er|re).?\w*|hospital.?\w*|batch.?\w*"
    r"|group.?\w*|patients?|subjects?|cases?|cohort.?\w*|data\w*|set.?\w*|part.?\w*|rawdata|raw",
    re.IGNORECASE,
)
_IMAGES = re.compile(r"images?(tr|ts|va|val)?|images_(?!segm)\w+", re.IGNORECASE)
_SET = re.compile(r"images(tr|ts|va|val)|images_(?!segm)\w+", re.IGNORECASE)
_MASKS = re.compile(
    r"labels?(tr|ts|va|val)?|masks?|seg(s|m|mentations?)?|images_segm|automated_segm|annotations?|ground.?truths?|gt",
    re.IGNORECASE,
)


def is_visit(name: str) -> bool:
    """Return whether a name is one of a person's examinations: "ses-2", "2019-03-01", "baseline", "fu1"."""
    return bool(SESSION.fullmatch(name) or _DATE.fullmatch(name) or _VISIT.fullmatch(name))


def visit_name(person: str, visit: str) -> str:
    """Name a person's examination so that `subject_of` recovers the person."""
    if SESSION.fullmatch(visit) or re.fullmatch(r"(19|20)\d\d-?[01]\d-?[0-3]\d", visit):
        return f"{person}_{visit}"
    return f"{person}_ses-{re.sub(r'[^A-Za-z0-9]', '', visit)}"


def is_kind(name: str) -> bool:
    """Return whether a folder is named after its kind of file rather than a person: "anat", "nifti", "FLAIR"."""
    return bool(_KIND.fullmatch(name)) or (sequence(spaced(name)) is not None and not re.search(r"\d\d", name))


def is_group(name: str) -> bool:
    """Return whether a folder holds several persons: "HGG", "train", "site-2"."""
    return bool(_GROUP.fullmatch(name))


def is_of_a_set(name: str) -> bool:
    """Return whether a folder can only be a whole set's images, not a person's: "imagesTr", but not "images"."""
    return bool(_SET.fullmatch(name))


def holds_images(name: str) -> bool:
    """Return whether a folder beside others holds everybody's images: "imagesTr", "images_structural"."""
    return bool(_IMAGES.fullmatch(name))


def holds_masks(name: str) -> bool:
    """Return whether a folder beside others holds everybody's masks: "labelsTr", "images_segm"."""
    return bool(_MASKS.fullmatch(name))
