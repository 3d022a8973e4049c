"""What the text of a header says about a series: which sequence, and whether a contrast agent was there.

Protocols are named by hand, in the language of the place: English, German, French, Spanish and Italian are known here.
"""

from __future__ import annotations

import re
import unicodedata

# Neither FLAIR nor T1, whatever else the text says.
_OTHER = re.compile(
    # planning and calibration
    r"locali[sz]|lokali|\bloc\b|scout|survey|topogr|scanogr|reperage|\b3 ?-?pl(an\w*)?\b|smart ?brain|calibrat|asset cal"
    r"|\b(sense|coil|ref) ?(ref|sens|scan)|field ?map|\bb0 ?map|shim|screen ?(sa|shot)|phoenix|\breport\b"
    # diffusion, perfusion, function, spectra
    r"|\be?adc\b|apparent|\bdwi?\b|\bsdw\b|\bdiff|\bdifu|trace|\bdti\b|tensor|\bcolfa\b|\bfa ?map|\bivim\b|\bb ?[1-9]\d{2,3}\b"
    r"|\bperf\b|perfu|\bdsc\b|\bp?c?asl\b|\br?cb[fv]\b|\bmtt\b|\bttp\b|\btmax\b|\bdce\b|ktrans|\bdyn\b|dynam|dinam"
    r"|\bbold\b|\br?s?fmri\b|resting|spe[ck]tro|\bsvs\b|\bcsi\b|\bmrsi?\b"
    # blood and vessels
    r"|\bt2 ?(\*|star)|\bswi|\bswan\b|\bfsbb\b|\bsusz?cep|ven ?bold|\bha?emo\b|\bqsm\b|\bpha ?images"
    r"|angio|\btof\b|\bmra\b|\bmrv\b|\bveno?(c|gr)|qflow|csf flow|inhance|\btrance\b|\btwist\b|\btricks\b|phase ?(contrast|map|image)|\bpca\b"
    # computed from other series
    r"|\bsub\b(?! ?-?mm)|subtr|soustr|sustra|sottr|\bmn?ip\b|minip|projection|\bvrt\b|\bt1 ?-?(map|rho)|relaxomet|\binv ?[12]\b"
    # short or double inversion, steady state
    r"|\bstir\b|\bpsir\b|\bdir\b|double inv|fgatir|\bciss\b|fiesta|\bb-?(tfe|ffe)\b|\btrufi|true ?fisp"
    # another part of the body
    r"|\b[hbl]ws\b|\b[ctl]-?spine|\bspine|\bspinal|lumba|cervic|thorac|dorsal"
)
_T1 = re.compile(r"\bt1\b|mp2?-? ?rage|\bf?spgr|bravo|\btfl|\bvibe|thrive|\blava\b|\b3d ?tfe")
_T2 = re.compile(r"\bt2\b|\bpdw?\b|\bdp\b|proton|haste\b|ssfse")
_FLAIR = re.compile(r"flair|dark ?-?fl|\bda ?-?fl\b|fluid ?-?(atten|suppr)|\bspcir")
_TIRM = re.compile(r"\bt[ui]rm|\btir2d")  # Siemens' inversion recovery, for FLAIR and for STIR

# Names of the agent become "@", so that the words around it can be told in all languages at once.
_AGENT = re.compile(
    r"(?:(?:mezzo|medio|produit|agente?) d[ei] ?)?(?<!phase )(?<!transfer )(?:\bi\.?v\.? )?[ck]ontrast\w*|\bgad\w*|\bgd(?:-?dtpa)?(?![a-z])"
    r"|\bk\.?m\b\.?|\bm\.?d\.?c\b\.?|\bciv\b|\bpdc\b|\binj\w*|\biniez\w*|\biniett\w*|\binye\w*|\bce\b"
    r"|\b(?:dotarem|magnevist|multihance|prohance|omniscan|clariscan|elucirem|vueway|primovist|artirem|dotagraf)\w*"
)
_GLUED = re.compile(r"\b(pre|post|non?|un(?=[ck])|[mnosv](?=km|mdc|civ))(?=[ck]ontrast|gad|gd\b|km\b|mdc\b|civ\b|inj|ce?\b)")

_WITHOUT = r"without|w ?/ ?o|wo|ohne|sans|sin|senza|sem|zonder|utan|uden|uten|bez"
_WITH = r"with|w|mit|avec|con|com|post|nach|apres|despues|dopo|after"
_BEFORE = r"pre|vor|avant|antes|prima|before|nativ\w*|simple|basale?"
_AND = r"[ @]*(?:[/&+,]|\b(?:and|und|u|et|puis|ed?|y)\b)+\.? *"
# Of fat saturation and the like, where one of these follows; of the patient's treatment, where one of those does.
_OF_FAT = r" ?-?(?:fs\b|fat|ff\b|graisse|grasa|grasso|fett|spa?ir|flow|fc\b|mt|sat|motion|angle|gap|nav|sense)"
_OF_TREATMENT = r" ?-?(?:op\b|op?er|surg|treat|ther|rt\b|rad|che?m|chir|resec|biops|sat|scan|fossa|proc|traum|ict|part|tumou?r)"

_BOTH = re.compile(
    rf"(?:\b(?:{_WITHOUT}|{_BEFORE}){_AND}(?:{_WITH}|@)(?!\w)|\b(?:{_WITH}){_AND}(?:{_WITHOUT}|{_BEFORE})(?!\w)|\bpre ?- ?post\b"
    r"|\bw ?/? ?(?:and|&|\+)? ?w ?/? ?o\b|\+ ?/ ?-|- ?/ ?\+|\bt1-c\b) ?[/.]?@?"
)
_ABSENT = re.compile(
    rf"\bpre\b(?!{_OF_TREATMENT})[ -]?@?|\b(?:nativ\w*|plain|simple|basale?(?! ?gang)|dirett[ao]|unenh\w*|non?[ -]?enh\w*|non ?-?con)\b ?@?"
    rf"|\b(?:{_WITHOUT})\b(?!{_OF_FAT})[ /.-]*(?:@|iv\b)?"
    r"|\b(?:no|non|not|un|kein\w*|vor|v|avant|antes|prima|before|o|ss?)\b(?:[ ./-]|d(?:e|i|el|ell)\b|l')*(?:@|iv\b)"
    r"|\bs ?/ ?(?:c|cte|g|iv)\b|\bnon? ?-?c\b|@ ?[(:]*(?:-[)]?(?= |$)|(?:none|no|pre|ohne|sans|sin)\b(?!" + _OF_FAT + r"))|\bc-(?=\W|$)|(?<=\s)-c\b|\(-\) ?@"
)
_PRESENT = re.compile(
    rf"@|\bpost\b(?!{_OF_TREATMENT}|erior)|\b(?:apres|despues|dopo|tras)\b|\benh\w*|\+ ?c\b|\bc ?\+|\bt1 ?(?:c|pc|\+)(?!\w)"
    r"|\b(?:con|com|with|mit|avec) c\b|\bw ?/? ?c\b|\biv\b(?! vent)|\bc ?/ ?(?:c|cte|g)\b"
)
# How ContrastBolusAgent says that there was none.
_NO_AGENT = re.compile(
    rf"(?:n|nil|null|nein|false|f|n/?a|unknown|0+(?:[.,]0*)?(?: ?ml)?|(?:{_WITHOUT}|none?|not?|kein\w*|ningun\w*|aucun\w*|nessun\w*)\b.*)$"
)


def plain(text: str) -> str:
    """Lower case without accents, words apart: `T1wPostGd` becomes `t1 post gd`."""
    text = re.sub(r"(?<=[a-z]{2})(?=[A-Z])|(?<=[a-z]{2}W)(?=[A-Z][a-z])", " ", text.replace("_", " "))
    text = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    text = re.sub(r"(?<![a-z])(3d|2d|ax|sag|cor|tra|s)?(t[12])(?!\d)w?", r" \1 \2", text)
    text = re.sub(r"(\bt[12]|flair)(?=[a-z])", r"\1 ", text)
    return re.sub(r"\s+", " ", _GLUED.sub(r"\1 ", text)).strip()


def weighting(text: str) -> str:
    """Tell "t1", "flair", "t2", "tirm" (FLAIR or STIR), "several", "other", or "" where no word says so."""
    text = plain(text)
    if _OTHER.search(text):
        return "other"
    t1, t2 = _T1.search(text), _T2.search(text)
    if t1:  # "T1 FLAIR" is a T1
        return "several" if t2 else "t1"
    if _FLAIR.search(text):
        return "flair"
    return "tirm" if _TIRM.search(text) else "t2" if t2 else ""


def contrast(text: str) -> str:
    """Tell "absent", "present", "both", or "" where no word speaks of a contrast agent."""
    text = _AGENT.sub("@", plain(text))
    rest = _BOTH.sub(" ", text)
    left = _ABSENT.sub(" ", rest)
    absent, present = left != rest, bool(_PRESENT.search(left))
    if absent and present:
        return "both"
    return "absent" if absent else "present" if present else "both" if rest != text else ""


def agent(value: object) -> str:
    """Read ContrastBolusAgent as `contrast` does; "" where it is empty."""
    text = plain(str(value or ""))
    if not re.search(r"[a-z0-9]", text):
        return ""
    return "absent" if _NO_AGENT.match(text) else "present"
