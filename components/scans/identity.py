"""Identity of a scan: the subject and the site in its name, and names that are safe as file names."""

from __future__ import annotations

import hashlib
import re

# TCGA_DU_7298_19910324: project, site, case, date of the examination.
_DATED = re.compile(r"(?P<subject>[A-Za-z]+_(?P<site>[A-Za-z0-9]+)_[A-Za-z0-9]+)_\d{8}")
# TCGA-DU-7298, in TCIA's notation.
_TCIA = re.compile(r"(?P<subject>TCGA-(?P<site>[A-Z0-9]{2})-[A-Z0-9]{4})")
# Any other name that ends in the date of an examination or the number of a session; `file_name` may add a hash.
_VISIT = re.compile(
    r"(?P<subject>.+?)[\s._-]+((19|20)\d\d-?[01]\d-?[0-3]\d|ses-[A-Za-z0-9]+)(-[0-9a-f]{8})?", re.ASCII | re.DOTALL
)
# Names of public data sets that number the examinations of a person.
_COUNTED = re.compile(r"(?P<subject>BraTS-[A-Z]+-\d{4,5}(?=-\d{3})|UPENN-GBM-\d{5}(?=_)|UCSF-PDGM-\d+(?=_FU)).+")
REPEATED = "_exam"  # X_exam2: a second examination found for X in a source
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def subject_of(patient: str) -> str:
    """Return the person behind an examination's name: the name without its date or number, if any.

    All examinations of one subject stay in the same split.
    """
    return in_one_notation(_subject_as_written(patient))


def in_one_notation(subject: str) -> str:
    """Return TCIA's TCGA-DU-7298 as TCGA_DU_7298, as the public images call the same person; other names stay."""
    return subject.replace("-", "_") if _TCIA.fullmatch(subject) else subject


def _subject_as_written(patient: str) -> str:
    patient = _without_repeat(patient)
    for pattern in (_DATED, _TCIA, _COUNTED, _VISIT):
        if match := pattern.fullmatch(patient):
            return match["subject"]
    return patient


def site_of(patient: str) -> str:
    """Return the site code of a TCGA-style name: "DU" of "TCGA_DU_7298_19910324"; "unknown" for other names."""
    patient = _without_repeat(patient)
    match = _DATED.fullmatch(patient) or _TCIA.fullmatch(patient)
    return match["site"] if match else "unknown"


def _without_repeat(patient: str) -> str:
    return re.sub(rf"{REPEATED}\d+$", "", patient)


def fingerprint(patient: str) -> str:
    """16 hexadecimal digits that identify a person without naming them: all that a model keeps of its patients."""
    return hashlib.sha256(f"glioflow {subject_of(patient)}".encode()).hexdigest()[:16]


def file_name(identity: str) -> str:
    """Return `identity` if it is safe as a file name, else its safe characters and a hash that keeps names distinct.

    Renaming preserves subjects: examinations that share `subject_of` still do afterwards.
    """
    if _SAFE.fullmatch(identity) and not identity.endswith("_mask"):
        return identity
    subject = _subject_as_written(identity)
    if subject == identity:
        kept = re.sub(r"[^A-Za-z0-9.-]+", "-", identity).strip("-.")[:60]
        return f"{kept or 'patient'}-{_hash(identity)}"
    examination = identity.removeprefix(subject)
    ending = _without_repeat(examination)
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", ending)
    return file_name(subject) + safe + (f"-{_hash(ending)}" if safe != ending else "") + examination[len(ending) :]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
