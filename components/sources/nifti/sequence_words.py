"""Words for sequences and contrast agent in file names given by people and scanners.

The words are those of scanners (GE, Siemens, Philips), of converters and public data sets, and of reading rooms in
English, German, French, Spanish, Italian and Portuguese. If two contradict each other, neither counts.
"""

from __future__ import annotations

import re
import unicodedata

# About the examination or the processing, not the sequence: "post-op", "pre_treatment".
_PHASE = re.compile(
    r"\b(pre|post) ?(op|operati\w*|surg\w*|treat\w*|therap\w*|radi\w*|rt|chemo\w*|resect\w*|biops\w*|proc\w*)\b"
)
# "T1_to_FLAIR", "FLAIR_reg_T1": the moved image comes first, and its target does not matter.
_TARGET = re.compile(
    r"(?<=\w) (to|2|in|onto|into|on|reg|reg2|coreg\w*|registered|warped|aligned)( to| 2| in)? (?=t1|t2|flair).*"
)
_WEIGHTING = re.compile(r"^(?:3d|co|[rwm])?(t[12])(?:weighted|w)?((?!\d).*)$")
_OTHER = re.compile(
    r"\b(dwi|adc|e ?adc|diff|diffusion|dti|dki|noddi|trace\w*|b\d{3,4}|perf\w*|dsc|dce|asl|pwi|r?cb[vf]|mtt|ttp|tmax"
    r"|ktrans|swi|swan|suscept\w*|bold|fmri|angio\w*|tof|mra|mrv|mip|mrs|mrsi|ciss|fiesta|haste|localizer|scout|survey"
    r"|subtr\w*|dynamic|fieldmap|stir|orbit\w*|spine|t2 s|t2 star|pve\w*|warp\w*field|jacobian|transform|bval|bvec)\b"
    r"|\bt1( \w+)* (sub|maps?|rho|phase)\b"
)
# Short words that may be part of a patient's name, and count only if no sequence is named.
_PERHAPS = re.compile(r"\bt2\b|\b(fa|md|ad|rd|b0|rest|phase|magn\w*|maps?|pd|pet|ct)\b")
_FLAIR = re.compile(r"flair|\bt2 f\b|\bdark ?fluid|\bda ?fl\b|\bfluid ?attenuated")
_T1 = re.compile(r"\bt1\b|\bmp ?rage|\bspgr|\bbravo\b|\btfl\b|\bvibe\b")
_T1_FLAIR = re.compile(r"\bt1( \w+)?( \w+)? (flair|dark ?fluid)")

_NAMES = "dotarem|prohance|multihance|magnevist"
_AGENT = (
    r"((iv|produit de|medio de|mezzo di|meio de) )?"
    rf"(kontrast\w*|contrast\w*|k ?m|gad\w*|gd\w*|ce|c|mdc|civ|inj\w*|enh\w*|agent|{_NAMES})"
)
_WITHOUT = re.compile(
    r"\b(pre|before|vor|avant|antes|prima|no|non|not|un|w ?o|without|ohne|o|kein\w*|sans|sin|senza|sem)"
    rf"( de| del| di| du)? ?{_AGENT}\b"
    r"|\b(pre|plain|native?|nativo|nativa|natif|basal|noncontrast\w*|unenhanced|nonenhanced|precontrast\w*|pregad\w*"
    r"|nogad\w*|nogd|nokm|okm|noce|nocontrast\w*)\b|(?<=\bt1) n\b"
)
_WITH = re.compile(
    r"\b(post|postcontrast\w*|postgad\w*|postgd|postkm|mkm|km|kontrast\w*|contrast\w*|gad\w*|gd\d*|ce|mdc|civ|inj\w*"
    rf"|iny\w*|enh|enhanced|enhancement|{_NAMES}|nach|after|apres|dopo|despues)\b|\+ ?c\b|\bc ?\+"
    r"|(?<=\bt1) c\b|\bt1( \w+)+ c$"
)
_BOTH = re.compile(r"\b(w( and)? w ?o|with and without|mit und ohne)\b")


def spaced(text: str) -> str:
    """Words in lower case, separated by one space: "5_T1Gd" is "5 t1 gd", "t1wce" is "t1 ce"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[A-CE-Z])", " ", text)
    apart = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()  # accents
    words = re.split(r"[^a-z0-9+]+", re.sub(r"\bct1\b", "t1 ce", apart.lower()))
    return " ".join(part for word in words for part in _WEIGHTING.sub(r" \1 \2", word).split())


def sequence(text: str) -> str | None:
    """Return "flair", "t1", "other", or None if no word says so; `text` comes from `spaced`."""
    text = _TARGET.sub("", text)
    if _OTHER.search(text):
        return "other"
    flair, t1 = _FLAIR.search(text), _T1.search(text)
    if flair and t1:
        return "t1" if _T1_FLAIR.search(text) else None
    if flair or t1:
        return "flair" if flair else "t1"
    return "other" if _PERHAPS.search(text) else None


def agent(text: str) -> bool | None:
    """Return whether contrast agent was given; None if no word says so.

    Raises:
        ValueError: the words say both.
    """
    text = _PHASE.sub(" ", _TARGET.sub("", text))
    without = bool(_WITHOUT.search(text))
    given = bool(_WITH.search(_WITHOUT.sub(" ", text)))
    if (without and given) or _BOTH.search(text):
        raise ValueError(text)
    return given if without or given else None
