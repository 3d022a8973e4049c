"""File names of the Brain Imaging Data Structure: `sub-01_ses-post_ce-gadolinium_T1w`.

A name consists of entities, `<key>-<label>`, and a final suffix. Only the suffix says what was measured, and only `ce`
says that contrast agent was given; labels of other entities (`ses-post`, `space-FLAIR`, `acq-T1ce`) say neither,
whatever they contain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.sources.words.contrast_agent import mentioned_agent

_ENTITY = re.compile(
    r"(?P<key>sub|ses|sample|task|tracer|trc|acq|ce|stain|rec|dir|run|mod|echo|flip|inv|mt|part|proc|hemi|space|split"
    r"|recording|chunk|res|den|label|desc|atlas|cohort)-(?P<label>[A-Za-z0-9+]+)"
)
# Suffixes of images and their derivatives, in lower case. None: neither a sequence that is read, nor a mask.
_SUFFIXES: dict[str, str | None] = {
    **{"flair": "flair", "t1w": "t1", "unit1": "t1", "mask": "mask", "dseg": "mask", "probseg": "mask", "seg": "mask"},
    **dict.fromkeys(("t2w", "pdw", "pdt2", "t2starw", "t2star", "inplanet1", "inplanet2", "angio", "mp2rage")),
    **dict.fromkeys(("t1map", "t2map", "t2starmap", "r1map", "r2map", "pdmap", "mtrmap", "chimap", "s0map", "t1rho")),
    **dict.fromkeys(("bold", "cbv", "sbref", "dwi", "asl", "m0scan", "epi", "fieldmap", "phasediff", "magnitude")),
    **dict.fromkeys(("magnitude1", "magnitude2", "phase1", "phase2", "defacemask", "pet", "ct", "mrsi", "svs")),
}
_NO_AGENT = re.compile(
    r"(no|non|none|0|false|pre|without|native|nativ|na)(contrast|agent|gad\w*|gd|ce)?", re.IGNORECASE
)


@dataclass(frozen=True)
class BidsName:
    """A parsed name: labels by entity, and the remaining parts between "_", in order."""

    entities: dict[str, str]
    rest: tuple[str, ...]

    @property
    def _suffix(self) -> str:
        return self.rest[-1].lower() if self.rest else ""

    @property
    def measured(self) -> str | None:
        """What the suffix says: "t1", "flair" or "mask"; "other" for BIDS' other suffixes, None for no known suffix."""
        suffix = self._suffix
        if self.entities.get("part", "mag") != "mag":  # the phase of a complex image, or its real part
            return "other"
        return (_SUFFIXES[suffix] or "other") if self.entities and suffix in _SUFFIXES else None

    @property
    def agent(self) -> bool | None:
        """Whether contrast agent was given, by the entity `ce`; None if there is no such entity."""
        label = self.entities.get("ce")
        if label is None:
            return None
        return not _NO_AGENT.fullmatch(label) and mentioned_agent(label) != "absent"

    @property
    def derived(self) -> int:
        """Number of entities that mark a derivative of an image from the scanner."""
        computed = self._suffix == "unit1"  # from the two inversions of MP2RAGE
        return len({"space", "desc", "res", "den", "atlas"} & set(self.entities)) + computed


def parse(stem: str) -> BidsName:
    """Parse a file name without its extension; a name that does not follow BIDS has no entities."""
    entities: dict[str, str] = {}
    rest: list[str] = []
    for part in stem.split("_"):
        if found := _ENTITY.fullmatch(part):
            entities[found["key"]] = found["label"]
        elif part:
            rest.append(part)
    return BidsName(entities, tuple(rest))


def patient_of(name: str) -> str | None:
    """Subject and session in a file's name, "sub-01_ses-2" or "sub-01"; None if it names no subject."""
    if found := re.match(r"(sub-[A-Za-z0-9]+)(_ses-[A-Za-z0-9]+)?(?=_)", name):
        return found[0]
    return None
