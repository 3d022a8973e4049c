"""NIfTI files of several patients side by side in one folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from components.sources.nifti import bids_names
from components.sources.nifti.file_names import is_volume, pair, role, stem
from components.sources.words.plain_text import spaced

# A plane or a processing step, possibly with the number of the series: "4_AX", "to_SRI_brain".
_STEP = (
    r"(ax\w*|tra|trans\w*|sag\w*|cor|coronal\w*|kor\w*|to|in|reg\w*|brain|bet|n4|sri\d*|mni\d*|atlas|bias"
    r"|normali[sz]ed|[23]d)"
)
_NOBODY = re.compile(rf"(\d{{1,4}} )?{_STEP}( {_STEP})*( \d{{1,4}})?|")


def plain_stem(path: str) -> str:
    """File name without folders and extension."""
    return stem(PurePosixPath(path).name)


def person_of(name: str) -> str:
    """The part of a 3-D file's name beside its sequence: "P1" of "P1_t1_post" and of "flair_P1"; "" if none is left."""
    if found := bids_names.patient_of(name):
        return found
    parts = re.split(r"(?<=[_.\- ])|(?=[_.\- ])", stem(name))
    words = [bool(re.search(r"\w", part)) and (role(part, "") is not None) for part in parts]
    first = words.index(True) if True in words else len(parts)
    before = "".join(parts[:first]).strip("_.- ")
    rest = "".join(part for part, word in zip(parts, words, strict=True) if not word).strip("_.- ")
    return next((name for name in (before, rest) if not _NOBODY.fullmatch(spaced(name))), "")


def group(paths: Sequence[str], *, channels: bool = False) -> dict[str, list[str]]:
    """Group files of one folder by patient.

    Args:
        paths: files with a folder in common.
        channels: whether a number at a name's end counts channels, as in nnU-Net's folders.

    Returns:
        Patient to files: 4-D ones with the masks beside them, and 3-D ones if a FLAIR is among them.
    """
    names = {PurePosixPath(path).name: path for path in paths if is_volume(path)}
    if channels and (found := _by_channel(names)):
        return found
    stacks, _ = pair([name for name in names if role(name, "") in (None, "mask")])
    taken = {name for files in stacks.values() for name in files}
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names.keys() - taken:
        groups[person_of(name)].append(name)
    whole = {person: files for person, files in groups.items() if any(role(file, "") == "flair" for file in files)}
    if len(whole) == 1 and not stacks and "" in whole:
        whole = {}
    # A mask may be named after a FLAIR file rather than the patient.
    return {person: [names[file] for file in sorted(files)] for person, files in (stacks | whole).items()}


def _by_channel(names: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, path in sorted(names.items()):
        if match := re.fullmatch(r"(.+)_\d{4}", stem(name)):
            found[match[1]].append(path)
    # Names are channels if some of them end in 0000; "BRATS_0017" alone is a patient.
    return found if any(stem(name).endswith("_0000") for name in names) else {}
