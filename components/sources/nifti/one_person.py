"""Whether the files of one examination belong to one person and one space, as far as their names show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from components.sources.nifti import bids_names
from components.sources.nifti.file_names import role, stem
from components.sources.reading import Reading

_NUMBERED = re.compile(r"([a-z][a-z-]*?)[-_ ]?0*(\d+)(?=[-_. ]|$)")
# Words before a number that count a person's series, images or visits.
_COUNTED = re.compile(
    r"(s|se|ser|series?|im|img|images?|i|e|a|echo|mri?|scan|run|acq|vol|file|ax\w*|sag\w*|cor\w*|tra\w*|tp|ses\w*|visit|tse|gre"
    r"|v|t|m|y|d|brain|head|dcm|dicom|nifti|result|output|export)"
)
_TEMPLATE = re.compile(r"(mni|tal|icbm|sri|template|standard|tpl|fsaverage|unc|atlas)", re.IGNORECASE)


def check(found: Mapping[str, Path], reading: Reading) -> None:
    """Record that the files chosen for the roles in `found` seem to be of several persons, or in several spaces."""
    names = {what: stem(path.name) for what, path in found.items()}
    persons = {person for name in names.values() if (person := _person(name))}
    if len(persons) > len({word for word, _ in persons}):
        what = f"the files taken are of {len(persons)} persons by their names"
        reading.add("identity", reading.patient, what, "give each person a folder of their own, or rename the files")
    spaces = {what: bids_names.parse(name).entities.get("space", "") for what, name in names.items()}
    if len({bool(_TEMPLATE.match(space)) for space in spaces.values()}) > 1:
        listed = ", ".join(names[what] for what, space in spaces.items() if _TEMPLATE.match(space))
        what = f"{listed}: in the space of a template (space-), where the other files are in that of the patient"
        reading.add("position", reading.patient, what, "give all in one space, best that of the patient's own FLAIR")


def _person(name: str) -> tuple[str, str] | None:
    """Word and number that a file's name begins with, if these can only count persons; else None."""
    if subject := bids_names.patient_of(name):
        return "sub", subject.lower()
    numbered = _NUMBERED.match(name.lower())
    if numbered is None or _COUNTED.fullmatch(numbered[1]) or role(numbered[0], "") is not None:
        return None
    return numbered[1], numbered[2]
