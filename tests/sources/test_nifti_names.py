"""Roles of files by their names, from public sets, scanners, converters and reading rooms in six languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.sources.nifti import file_names

BIDS = """
sub-01_T1w pre               sub-01_ses-post_T1w pre         sub-01_ses-preop_ce-gadolinium_T1w post
sub-01_ce-GD_T1w post                sub-01_ce-none_T1w pre               sub-01_acq-T1ce_FLAIR flair
sub-01_FLAIR flair                   sub-01_space-T1w_FLAIR flair         R_space-FLAIR_T1w pre
sub-01_run-2_T2w other               sub-01_space-FLAIR_T2w other         sub-01_task-flair_bold other
sub-01_desc-brain_mask other         sub-01_label-lesion_mask mask        sub-01_space-T1w_desc-tumor_dseg mask
sub-01_label-GM_probseg other        sub-01_mask mask                     sub-01_dir-post_dwi other
sub-01_ses-gd_acq-sag_T1w pre        sub-01_rec-flair_T1w pre             sub-01_ce-gd_flair flair
sub-01_part-phase_T1w other          sub-01_part-mag_T1w pre              sub-01_UNIT1 pre
sub-01_ses-post_t1 pre               sub-01_desc-aseg_dseg other          sub-01_T1map other
"""
WORDS = """
P_t1 pre                 P_t1ce post                 P_flair flair                 P_t2 other             P_seg mask
P-t1n pre                P-t1c post                  P-t2f flair                   P-t2w other            P_segm mask
T1_contrast post         T1_KM post                  T1_Gado post                  T1Gd post              t1c post
T1_post post            T1_mKM post                 T1_oKM pre                    T1_ohne_KM pre         T1_nach_KM post
T1_vor_KM pre            T1_sans_gado pre            T1_apres_injection post   T1_sin_contraste pre    T1_mdc post
T1_con_contraste post   T1_senza_mdc pre           T1_native pre             T1_nativ pre            T1_non_contrast pre
T1_without_contrast pre  8-AX_T1_pre_gd-14019a pre   Ax_T1_POST_GAD post           T1-CE post             T1wCE post
T1_+C post               T1C+ post                   T1_Gadovist post              T1_postop pre          T1_pre_op pre
T1_post_op_gd post       FLAIR_preop flair           FLAIR_post flair              MPRAGE pre             MPRAGE_GD post
t1_mprage_sag_p2_iso_KM post                         5_t2_tirm_tra_dark-fluid_20010203 flair              T2FLAIR flair
t2_space_dark-fluid_sag flair                        3DFLAIR flair                 3DT1 pre               T1_FLAIR pre
Sag_T1_FLAIR pre         FLAIR_to_T1 flair           T1_to_FLAIR pre               T2star other           T1map other
t2_tirm_cor_stir other   DTI_eddy_FA other           FA other                      ASL other              brain None
T1_w_wo_contrast None    T1001_flair flair           MD_001_flair flair            scan None              0000 None
bet_flair_bet_mask other brainmask other          brain_mask other          hd_bet_mask other       ventricle_mask other
flair_mask mask          tumor_segmentation mask     brain_segmentation other      tumor mask             lesion mask
tumor_001_flair flair    W39_1998.09.19_Segm mask    GlistrBoost_ManuallyCorrected mask                   gt mask
T1_après_gado post       T1_sans_produit_de_contraste pre            T1_sin_medio_de_contraste pre
T1_con_mezzo_di_contrasto post                        T1_nativo pre   T1_sem_contraste pre  CT1 post
T1_voor_contrast pre     T1_na_contrast post         T1_zonder_gado pre          T1_met_gado post
T1_bez_kontrastu pre     T1_po_kontraście post       T1_utan_kontrast pre        T1_efter_kontrast post
T1_単純 pre              T1_造影 post                T1_平扫 pre                 T1_增强 post
T1_POS_GADOLINIO post    T1_POS post                 T1_PRE pre                  T1_KM- pre
CT1_r2s_bet post         T1_r2s_bet_reg pre          fla flair                   P_FL flair           FL_to_SRI flair
mp2rage_UNI pre          mp2rage_INV2 other          FLAIR_ph other              T1_real other        T1_dixon_F other
T1_dixon_W pre           T1_Gd_minus_T1 other        P_GTV1 mask                 P_OT mask            P_masque mask
tumorseg_manual mask     P_vol_tumeur mask           P_flair_prediction mask     wmh_seg other        icv_mask other
diffuse_glioma_1_flair flair  AX_T1_FLAIR_C post     Hirnmaske_seg other         T1_SynthSeg other
FLAIR_unstripped flair   T1GD_unstripped post        T1c_bias post             brain_tumor_mask mask   T1_sub other
T1_před_KL pre           T1_pred_kontrastem pre   P_flair_pred mask        FLAIR_abnormality mask
T2_FLAIR_hyperintensity mask                       abnormality_1_flair flair  P_consensus mask
consensus_1_flair flair  P_CTV_mask other
IRSPGR pre               IR-FSPGR pre             IRSPGR_gd post           GRE None              HARDI other
P_CTV other              P_ptv2 other             CTV_1_flair flair        P_gtv mask            P_consensus_seg mask
tirm_fluid flair         t2_tirm_tra_dark flair   t2_tirm_cor other        white_matter_hyperintensities other
T1_-C pre             P_T1_-c pre              T1_-GD None               P_T1_s_KM None        NC_1_T1ce post
T1_không_tiêm pre      T1_NC pre                T1-C post                 P_-_T1_c post
"""


def table(text):
    words = text.split()
    return [pytest.param(name, what, id=name) for name, what in zip(words[::2], words[1::2], strict=True)]


@pytest.mark.parametrize(("name", "what"), table(BIDS) + table(WORDS))
def test_the_name_determines_the_role_of_a_file(name, what):
    assert str(file_names.role(f"{name}.nii.gz", "")) == what


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("GD_001_", "a patient's initials"),
        ("post_op_", "a phase"),
        ("post-", "a phase"),
        ("tumor_1_", "a study's name"),
    ],
)
def test_a_prefix_common_to_all_names_is_ignored(start, reason):
    ends = {"flair": "flair", "t1": "pre", "t1ce": "post", "seg": "mask"}
    found = file_names.roles([f"{start}{end}.nii.gz" for end in ends], "P")
    assert [one.what for one in found.values()] == list(ends.values()), reason


LABEL = st.sampled_from(["post", "pre", "T1ce", "FLAIR", "gd", "mask", "T2", "contrast", "brain", "01"])
ENTITIES = st.lists(st.tuples(st.sampled_from(["ses", "acq", "run", "space", "rec", "dir"]), LABEL), max_size=4)


@given(
    ENTITIES, st.sampled_from([("T1w", "pre"), ("FLAIR", "flair"), ("T2w", "other"), ("bold", "other")]), st.booleans()
)
def test_only_the_ce_label_of_bids_changes_the_sequence(entities, suffix, agent):
    name = "_".join(["sub-gd", *("-".join(one) for one in entities), *(["ce-gadolinium"] if agent else []), suffix[0]])
    expected = "post" if agent and suffix[1] == "pre" else suffix[1]
    assert file_names.role(f"{name}.nii.gz", "") == expected


@pytest.mark.parametrize("label", ["unenhanced", "noagent", "ohneKM", "nonenhanced", "false", "sinContraste"])
def test_a_ce_label_may_say_that_no_agent_was_given(label):
    assert file_names.role(f"sub-1_ce-{label}_T1w.nii.gz", "") == "pre"


@pytest.mark.parametrize("name", ["cT1", "P1_cT1", "CT1", "T1Wce", "T1W_CE"])
def test_short_names_of_an_enhanced_t1_are_recognised(name):
    assert file_names.role(f"{name}.nii.gz", "P1") == "post"


def test_parts_of_a_tumour_are_not_taken_for_all_of_it():
    ranks = {file_names.roles([f"P_{part}_mask.nii.gz"], "P").popitem()[1].rank for part in ("et", "ed", "ncr", "core")}
    assert len(ranks) == 1  # a tie, which is refused


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["P_automated_approx_segm", "P_segm"], "P_segm"),
        (["P_GlistrBoost", "P_GlistrBoost_ManuallyCorrected"], "P_GlistrBoost_ManuallyCorrected"),
        (["P_mask", "P_tumor_mask"], "P_tumor_mask"),
        (["P_seg_core", "P_seg"], "P_seg"),
        (["sub-1_acq-postGd_T1w", "sub-1_acq-preGd_T1w"], "sub-1_acq-preGd_T1w"),
        (["P_FLAIR", "P_FLAIR_bias", "P_FLAIR_bet"], "P_FLAIR"),
        (["sub-1_space-MNI_FLAIR", "sub-1_FLAIR"], "sub-1_FLAIR"),
    ],
)
def test_references_and_originals_are_preferred(names, best):
    found = file_names.roles([f"{name}.nii.gz" for name in names], "P")
    assert max(found, key=lambda name: found[name].rank) == f"{best}.nii.gz"
    assert len({one.what for one in found.values()}) == 1
