"""What can be wrong with a source: one kind per row, with its remedy. `ingest.policy` decides the consequence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Kind of problem: what the person who provides the scans can do about it.
REMEDIES = {
    "unreadable": "copy it again from its source",
    "shape": "export all images of a patient at one size, and masks at the size of their images",
    "intensities": "export the scanner's own values; training and prediction must see the same kind of them",
    "type": "export as the format's reader expects it: docs/how-to/real-scans.md",
    "not_finite": "replace NaN and infinity by 0",
    "position": "export all files of the patient with their position, from one examination",
    "mask_lost": "outline the tumour on the slices of FLAIR",
    "unknown": "name it by its sequence (t1, flair, t1ce, seg) if it belongs to the scan",
    "skipped": "lay it out as docs/how-to/real-scans.md says, or take it out",
    "missing_mask": "training needs it; add it, or leave such patients out with ingest.policy.missing_mask=quarantine",
    "extra_mask": "delete it, or add its image",
    "mask_values": "export masks as 0 and 255 (2-D images) or as whole numbers (volumes); all but 0 counts as tumour",
    "series": "leave one complete examination in the patient's folder",
    "choice": "leave one series of each sequence in the folder, or name the sequence in SeriesDescription",
    "identity": "give every patient one folder with one identity",
    "gap": "add the missing slices",
    "blank": "harmless at the ends of a stack; elsewhere export the slice again",
    "duplicate_slice": "remove one of the two",
    "duplicate_patient": "the same images under two names would leak between train and test; remove one of the two",
    "table": "nothing needs to be done, the table is not used; the patient is in the path",
}


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        kind: key of `REMEDIES`.
        patient: examination concerned; "" if it is the source as a whole.
        where: file or slice, relative to the source, without any identity except the patient's chosen one.
        what: reason, in words.
        remedy: remedy for this case, if it differs from the usual one for the kind.
        lost: whether a scan may have been lost; a prediction then ends with exit status 1.
    """

    kind: str
    patient: str
    where: str
    what: str
    remedy: str = ""
    lost: bool = False

    def __post_init__(self) -> None:
        if self.kind not in REMEDIES:
            raise ValueError(f"unknown kind of problem: {self.kind}")

    @property
    def advice(self) -> str:
        """What the person who provides the scans can do."""
        return self.remedy or REMEDIES[self.kind]

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.advice}"


def numbers(values: Iterable[int]) -> str:
    """Format whole numbers compactly: "1-3, 7, 9-10"."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1][-1] = value
        else:
            runs.append([value, value])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
