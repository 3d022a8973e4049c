"""Words for sequences and contrast agents; the phrases of each list must be classified alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.sources.words.contrast_agent import mentioned_agent, stated_agent
from components.sources.words.sequences import weighting


def phrases(text):
    return [" ".join(phrase.split()) for phrase in text.split("|")]


ABSENT = phrases(
    """
    AX T1 PRE | PRECONTRAST | T1 pre gad | T1_preGd | T1 native | T1 nativ | T1 ohne KM | T1 vor KM | T1 o.KM | T1
    o. KM | T1 o KM | T1 NO GAD | T1 non-contrast | T1 noncontrast | T1 sans gado | T1 sans injection | T1 sin
    contraste | T1 s/c | T1 S/C | T1 senza mdc | T1 without | T1 w/o | T1 w/o contrast | T1 WO | T1 WO CONTRAST | T1
    unenhanced | T1 plain | T1 SE s/ gado | T1 sin CIV | T1 SIN GADOLINIO | T1 avant gado | T1 antes de contraste |
    T1 prima del mdc | T1 smdc | T1 S/MDC | T1 no contrast | T1 non injecte | T1 ohne Kontrast | T1 vor
    Kontrastmittel | T1 vor Gd | T1 KM ohne | T1 C- | T1 -C | T1 pre-contrast | T1 PRE-GAD | PRE T1 |
    t1_mprage_nativ | T1 basale | T1 senza contrasto | T1 SENZA M.D.C. | T1 NO C | T1 nonenhanced | T1 kein KM | T1
    ss gado | T1 ss inj | T1 without gad | T1 without gadolinium | T1 GAD- | T1 (-) KM | T1 Gd (-) | T1 NON CON | T1
    non GAD | T1 native (ohne KM) | T1 sem contraste | T1 PreC | T1 sin C | T1 s/gd | T1 pre inj | T1 pré-injection
    | T1 senza m.d.c | T1_noKM | T1noGd | T1 unkontrastiert | T1 oKM | T1_oKM | T1 vorKM | t1_vor_km | T1 no IV
    contrast | T1 kontrastsiz | T1 kontrastfrei | T1 utan kontrast | T1 voor contrast | T1 G- | T1 blanco | T1 bez
    kontrastu | T1 u. kontrast | T1 u/kontrast | T1 fara contrast | T1 tanpa kontras | T1 kontraszt nélkül | T1
    kontraszt előtt | T1 ilman tehostetta | T1 ennen varjoainetta | T1 kontrast öncesi | T1 KM'siz | T1 IV
    kontrastsız | T1 bez KL | T1 před k.l. | T1 prije kontrasta | T1 natywne | T1 w/out contrast | T1 un-enhanced |
    T1 KM: nein | T1 vor Gabe KM | T1 przed podaniem kontrastu | T1 prior to contrast | T1 pre IV | T1 (-) | T1
    before contrast injection | T1 avant injection de gadolinium | T1 sans injection de produit de contraste | T1
    sin inyección de contraste | T1 БЕЗ КОНТРАСТА | T1 до введения контраста | T1 без КУ | T1 до к/у | T1 비조영 | T1
    조영증강 전 | T1 조영제 투여 전 | T1 造影剤なし | T1 造影剤投与前 | T1 无增强 | T1 未增强 | T1 增强扫描前
    | T1 χωρίς σκιαγραφικό | T1 không tiêm | T1 không thuốc | T1 không tiêm thuốc | T1 trước tiêm | T1 không thuốc
    đối quang từ | T1 NC | T1 NC AX | T1 tra NC | T1 0 ml gd | T1 GD 0 ml
    """  # noqa: RUF001
)
PRESENT = phrases(
    """
    T1 MDC | T1 CIV | T1 inj | T1 injecté | T1CE | T1C+ | T1 C+ | T1 GD | T1 +C | T1 post gad | T1 nach KM | T1 mit
    KM | T1 con contraste | T1 avec gado | T1 con mdc | T1+C | T1+GD | T1+KM | T1 GADO | T1GAD | T1Gd | T1c | T1 c/c
    | T1 C/MDC | T1 POSTGAD | T1POST | T1 POST | T1 KM+ | T1 with contrast | T1 w contrast | T1 w/ contrast | T1
    w/gad | T1 w gad | T1 enhanced | T1 CE | T1-CE | T1_post_Gd | T1 PC | T1+ | T1 apres gado | T1 après IV | T1
    dopo mdc | T1 dopo m.d.c. | T1 tras contraste | T1 despues de gadolinio | T1 KM | T1_KM | T1KM | T1 mit
    Kontrastmittel | T1 nach Gd | T1 Gadovist | T1 Dotarem | T1 contrast | T1 contrastato | T1 con gadolinio | T1
    post-contrast | T1 postcontrast | T1 POST IV | T1 + contrast | T1 INJ | T1 injection | T1 Gd-DTPA | T1 con civ |
    T1 C/CIV | T1 gd+ | T1 post inj. | T1 fs gd | T1 post mdc | T1 MDC+ | T1 m.d.c. | T1 c/gd | POST T1 | T1 post KM
    | T1 mKM | T1_mKM | T1 m.KM | T1 m. KM | T1 nKM | T1 nach KM-Gabe | T1 KM tra | T1 CONTRASTE | T1 delayed post |
    T1 AFTER GAD | T1 con C | T1 kontrasztos | T1 efter kontr | T1 kontrastli | T1 z kontrastem | T1WI+C | T1 G+ |
    T1 +K | T1 IV | T1 c/contraste | T1 wC | T1 W C | T1 w+c | T1 m. kontrast | T1 kontraszt után | T1 tehosteinen |
    T1 po KL | T1 s KL | T1 s kontrastem | T1 sa KS | T1 ProHance | T1 GBCA | T1 p.c. | T1 (+) | T1 apres injection
    de gadolinium | T1 after contrast injection | T1 С КОНТРАСТОМ
    | T1 после КУ | T1 +КУ | T1 조영 후 | T1 造影剤 | T1 με
    σκιαγραφικό | T1 có tiêm | T1 sau tiêm thuốc | T1 có thuốc đối quang | T1 - GD | T1 amb contrast | T1 SENSE GD |
    T1 10 ml gd | T1 1.0 gd | T1 - post GD | T1 ax-gd
    """  # noqa: RUF001
)
BOTH = phrases(
    """
    T1 SE SAG C | T1 SG | T1 CG | T1 tra CC | T1-C | T1 W/WO | T1 W & WO | T1 with and without contrast | T1 sans et
    avec gado | T1 mit und ohne KM | T1 ohne und mit KM | T1 vor und nach KM | T1 nativ u. Kontrast | T1 sin y con
    contraste | T1 senza e con mdc | T1 con e senza mdc | T1 pre/post | T1 pre and post gad | T1 +/- C | T1 W WO
    CONTRAST | T1 W W/O CONTRAST | T1 w/ & w/o | T1 without/with contrast | T1 nativ + KM | T1 simple y contrastado
    | T1 W/O & W | T1 s/c y c/c | T1 -GD | T1 tra -KM | T1 0 gd | T1 0 KM | T1 sense contrast | T1 sense gadolini |
    T1 s KM
    """
)
SILENT = phrases(
    """
    T1 | AX T1 SE | t1_mprage_sag_p2_iso | T1 posterior fossa | T1 post-op | T1 preop | T1 post RT | T1 post surgery
    | T1W | sT1W_3D_TFE | T1 FS | T1 w/o fat sat | T1 ohne FS | T1 sans fatsat | T1 basal ganglia | T1 MTC | T1 AX
    OBLIQUE | T1 SENSE | T1 không xóa mỡ | NC 001 T1 | T1 COR
    | 3D T1 CUBE | T1 no fatsat | T1 non fs | T1 post op | T1 POSTOP | Ax T1 W
    """
)
FLAIR = phrases(
    """
    t2_tirm_tra_dark-fluid | T2 FLAIR | T2FLAIR | FLAIR_SPACE | CUBE FLAIR | 3DFLAIR | sag flair3d | 3D_FLAIR_VISTA
    | BrainVIEW_FLAIR | darkfluid | t2_darkfluid | t2_spc_da-fl | T2 dark fluid | TIRM dark-fluid | AX FLAIR FS |
    FLAIR LONG TR | eFLAIR_longTR | Flair tra | t2_flair_KM | FLAIRCUBE | T2-FLAIR | t2 space da-fl | SPAIR FLAIR |
    FLAIR 3D SAG | ax flair propeller | t2_blade_dark-fluid | t2_tse_dark-fl | FLAIR synthetic | SAG FLAIR MPR | AX
    FLAIR reformat | T2W_FLAIR | FLAIR fatsat | t2_qtse_flair | FLAIR transversal
    | t2 tirm fluid | tirm tra dark
    """
)
NEITHER = phrases(
    """
    DWI | ADC | ep2d_diff_b1000 | SWI | T2* | T2 star | t2_fl2d_hemo | TOF 3D | MRA COW | localizer | AX STIR | cor
    stir | PERFUSION | ASL | MIP T1 | T1 SUB | Subtraktion T1 | ADC (10^-6 mm²/s) | eADC | 3Plane Loc | FA map |
    CISS | FIESTA | 3-pl T2 FGRE | DTI 64 | rs_fMRI | MTT | AX SWAN | VENBOLD | sShot DWI | DWI FLAIR | FLAIR DWI |
    SUSTRACCION | sottrazione | T1 C-spine | T1 HWS | T1 map | MR venography | PC MRV | Angio TOF | B1000 | scout |
    SmartBrain | Topogram | T1 perfusion | MRSI | Diffusione | Difusión | Loc | LOCALISER | repérage | SURVEY | T2
    DIXON | PD TSE | HARDI
    """
)
NO_AGENT = [
    "N",
    "NO",
    "NONE",
    "0",
    "-",
    "",
    " ",
    "n/a",
    "ohne",
    "sans",
    "No contrast",
    "nein",
    "0 ml",
    "0.0",
    "none given",
    "NIL",
    "keine",
    "ninguno",
    "aucun",
    "nessuno",
    "without",
    "NO CONTRAST AGENT",
    "NOT GIVEN",
    "no KM",
    "NC",
    "sense contrast",
    "không",
    "noncontrast",
]
AN_AGENT = ["Y", "YES", "Gadovist", "10ML GADAVIST", "Dotarem", "KM", "Magnevist", "ja", "oui", "novogad", "Nordic"]


def variants(phrase):
    """The phrase in upper and lower case, and with the underscores of Siemens' protocols."""
    return {phrase, phrase.upper(), phrase.lower(), phrase.replace(" ", "_")}


@pytest.mark.parametrize(
    ("expected", "listed"),
    [("absent", ABSENT), ("present", PRESENT), ("both", BOTH), ("", SILENT)],
    ids=["absent", "present", "both", "silent"],
)
def test_contrast_words_are_recognised_in_any_spelling(expected, listed):
    found = {spelling: mentioned_agent(spelling) for phrase in listed for spelling in variants(phrase)}
    assert {spelling: result for spelling, result in found.items() if result != expected} == {}


@pytest.mark.parametrize(
    ("expected", "listed"), [({"flair"}, FLAIR), ({"other", "t2"}, NEITHER)], ids=["flair", "other"]
)
def test_sequence_names_are_recognised_in_any_spelling(expected, listed):
    found = {spelling: weighting(spelling) for phrase in listed for spelling in variants(phrase)}
    assert {spelling: result for spelling, result in found.items() if result not in expected} == {}


def test_values_meaning_no_agent_are_not_taken_for_an_agent():
    assert {value for value in NO_AGENT if stated_agent(value) == "present"} == set()
    assert {value for value in AN_AGENT if stated_agent(value) != "present"} == set()


@given(st.text(max_size=80))
def test_any_text_is_classified(text):
    assert mentioned_agent(text) in ("", "absent", "present", "both")
    assert weighting(text) in ("", "t1", "flair", "t2", "tirm", "several", "other")
    assert stated_agent(text) in ("", "absent", "present")
