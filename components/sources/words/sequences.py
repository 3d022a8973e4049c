"""Which sequence a text names. Protocols and files are named by hand, in the local language."""

from __future__ import annotations

import re

from components.sources.words.plain_text import plain

# Neither FLAIR nor T1, whatever else the text says.
_OTHER = re.compile(
    r"""
    # planning, calibration, reports
      locali[sz] | lokali | \bloc\b | scout | survey | topogr | scanogr | reperage | \b3\s?-?pl(an\w*)?\b
    | smart\s?brain | calibrat | asset\scal | \b(sense|coil|ref)\s?(ref|sens|scan) | field\s?map | \bb[01]\s?map
    | shim | phoenix | screen\s?(sa|shot) | \breport\b | \bsummary\b | \bgsps\b
    # diffusion, perfusion, function, spectra
    | \be?\s?adc\b | apparent | \bdwi?\b | \bsdw\b | \bdiff(?!use) | \bdifu | trace | \bdti\b | tensor | \bcolfa\b
    | \bhardi\b | \bfa\s?map | \bivim\b | \bdki\b | noddi | \bb\s?[1-9]\d{2,3}\b | \bperf\b | perfu | \bdsc\b
    | \bp?c?asl\b | \b(r|rel)?cb[fv]\b | \bmtt\b
    | \bttp\b | \btmax\b | \bdce\b | ktrans | \bpwi\b | \bdyn | dinam | \bbold\b | \br?s?fmri\b | resting | spe[ck]tro
    | \b[pg]bp\b | fractional | average\sdc | \bsvs\b | \bcsi\b | \bmrsi?\b
    # blood and vessels
    | \bt2\s?(\*|star|s\b) | \bswi | \bswan\b | \bfsbb\b | \bsusz?cep | ven\s?bold | \bha?emo\b | \bqsm\b
    | \bpha\simages
    | angio | \btof\b | \bmra\b | \bmrv\b | \bveno?(c|gr) | qflow | csf\sflow | inhance | \btrance\b | \btwist\b
    | \btricks\b | phase\s?(contrast|map|image) | \bpca\b
    # computed from other series
    | \bsub\b(?!\s?-?mm) | subtr | soustr | sustra | sottr | \bminus\b | \bmn?ip\b | minip | projection | \bvrt\b
    | \bt1(\s\w+)*\s?-?(map|rho)s?\b | \bmp2-?\s?rage(\s\w+)*\st1(\simages?)?$ | relaxomet | \binv\s?[12]\b
    | \bpve\w* | jacobian | warp\w*\s?field | transform | \bbv(al|ec)\b
    # parts of a complex picture, or of fat and water, that don't look like the whole
    | \b(real|imag(inary)?|pha?)$ | \bt1(\s\w+)*\s(?<!delayed\s)phase$
    | dixon(\s\w+)*\s(f|fat|in|ip|opp?|out)\b | ^(fat|(in|out)\s?phase):
    | \b(in|out|opp|opposed)\s?-?phase\b | \bfat\s?frac
    # short or double inversion, steady state
    | \bstir\b | \bpsir\b | \bdir\b | double\sinv | fgatir | \bciss\b | fiesta | \bb-?(tfe|ffe)\b
    | \btrufi | true\s?fisp
    # another part of the body
    | \b[hbl]ws\b | \b[ctl]-?spine | \bspine | \bspinal | lumba | cervic | thorac | dorsal
    """,
    re.VERBOSE,
)
_T1 = re.compile(r"\bt1\b|mp2?-? ?rage|\b(ir ?-?)?f?spgr|bravo|\btfl|\bvibe|thrive|\blava\b|\b3d ?tfe")
_T2 = re.compile(r"\bt2\b|\bpdw?\b|\bdp\b|proton|haste\b|ssfse")
# "fla" is CaPTk's, "t2 f" that of BraTS from 2023.
_FLAIR = re.compile(
    r"flair|dark ?-?fl|\bda ?-?fl\b|fluid ?-?(atten|suppr)|\bfla\b|\bt2 f\b|\btirm(\s\w+)*\s(dark|fluid)\b"
)
_TIRM = re.compile(r"\bt[ui]rm|\btir2d|\bspcir")  # Siemens' inversion recovery, for FLAIR and for STIR


def weighting(text: str) -> str:
    """Return "t1", "flair", "t2", "tirm" (FLAIR or STIR), "several", "other", or "" if no word says so."""
    text = plain(text)
    if _OTHER.search(text):
        return "other"
    t1, t2 = _T1.search(text), _T2.search(text)
    if t1:  # "T1 FLAIR" is a T1
        return "several" if t2 else "t1"
    if _FLAIR.search(text):
        return "flair"
    return "tirm" if _TIRM.search(text) else "t2" if t2 else ""
