"""Which words name a mask, and whether it can be a tumour's: brains and tissues have masks, too."""

from __future__ import annotations

import re

_MASK = re.compile(
    r"\b(mask|masks|msk|maske|masque|maschera|mascara|prediction|seg|segm|segmentation|segmentations|segmented|label|labels|labelmap|outline|contour|annotation\w*"
    r"|roi|voi|gtv\d*|gt|ot|groundtruth|ground truth|truth|dseg|glistr ?boost|brainmask|betmask|manually ?corrected)\b"
    r"|\b\w*(tumou?r|lesion)(seg|mask)\w*\b"
    r"|\bpred\b(?! (k[lsmu]?|kontr\w*|gd|gad\w*|pod\w*|apl\w*|inj\w*)\b)"  # not the Czech "T1 před KL", before
)
# Words for a mask that may also be those of a study, as in "consensus_001_flair": these count as the last word only.
_LAST = re.compile(r"\b(abnormalit\w+|hyperintensit\w+|consensus|staple|[cp]tv ?\d*)$")
# Target volumes of radiotherapy: the tumour with a margin.
_MARGIN = re.compile(r"\b[cp]tv ?\d*\b")
_TUMOUR = re.compile(
    r"\b\w*(lesion|tumou?r|tumeur|glioma)\w*\b|\b(gbm|edema|oedema|necro\w*|enhancing|core|wt|tc|et|gtv|metasta\w*)\b"
    r"|\bglistr ?boost\b"
)
# Parts of a tumour: one of them is not all of it.
_PART = re.compile(r"\b(et|tc|core|enhancing|ed|edema|oedema|ncr|net|necro\w*|cyst\w*)\b")
_ANATOMY = re.compile(
    r"\b(brain\w*|hd|bet\w*|skull\w*|head|scalp|face|deface\w*|eyes?|orbits?|ventric\w*|csf|[gw]m|gr[ae]y|white|aparc\w*|aseg|tissue\w*"
    r"|pve\w*|cerebell\w*|stem|parenchyma\w*|synth ?seg|synth ?strip|robex|strip\w*|vessels?|air|bone|fov"
    r"|fast|wmh|icv|intracranial|cerebrum|hirn\w*|foreground|background"
    r"|hemi\w*|lobes?|atlas|hippocamp\w*|thalam\w*|cavit\w*)\b"
)
_BY_HAND = re.compile(r"\b(manual\w*|corrected|expert|consensus|final|gt|groundtruth|ground truth)\b")
_BY_MACHINE = re.compile(r"\b(auto\w*|approx\w*|pred\w*|draft|raw|prob\w*)\b")


def is_mask(text: str) -> bool:
    """Return whether a name denotes a mask; `text` comes from `plain_text.spaced`.

    "tumor" or "lesion" means a mask only as the last word: "P1_flair_lesion", but not "tumor_001_flair".
    """
    named = _MASK.search(text) or _LAST.search(text)
    return bool(named) or any(found.end() == len(text) for found in _TUMOUR.finditer(text))


def names_a_tumour(text: str) -> bool:
    """Return whether the words name a tumour, or a part of one."""
    return bool(_TUMOUR.search(text))


def is_of_anatomy(text: str) -> bool:
    """Return whether the words name something other than a tumour: the brain, its tissues, the eyes, a cavity."""
    return bool(_ANATOMY.search(text)) and not _TUMOUR.search(text)


def has_a_margin(text: str) -> bool:
    """Return whether the words name a target volume of radiotherapy, which is larger than the tumour."""
    return bool(_MARGIN.search(text))


def rank(text: str) -> int:
    """How strongly the words suggest that this mask is the tumour's reference: the highest of several is taken."""
    of_a_sequence = re.search(r"\bmask\b", text) and re.search(r"\b(t1|t2|flair)\b", text)  # as brain masks are called
    return (
        (-1 if _PART.search(text) else bool(_TUMOUR.search(text)))
        - bool(of_a_sequence)
        + 2 * bool(_BY_HAND.search(text))
        - 2 * bool(_BY_MACHINE.search(text))
    )
