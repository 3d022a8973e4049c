"""How public sets and hospitals lay NIfTI files out: who the patients are, and what belongs to whom."""

from __future__ import annotations

import json

import numpy as np
import pytest
from phantoms import phantom, put
from pydicom import dcmread
from written_scans import made_up_scan, write_dicom

from components.common.errors import UserError
from components.scans.identity import subject_of
from components.sources import open_source
from components.sources.inputs import open_input
from components.sources.reading import Options

OPTIONS = Options(size=40, spacing=6.0)
VOLUMES = {"F": "flair", "T": "t1", "C": "t1ce", "B": "seg", "H": "head"}


def lay(root, *files):
    """Write files "path=F": FLAIR, T1, T1 with contrast agent, blob, head; all of one patient's have one seed."""
    made = phantom()
    for file in files:
        path, _, what = file.partition("=")
        put(root / path, made.volumes[VOLUMES[what]], made.affine)
    return root


def full(folder, name, flair="flair", t1="t1", t1ce="t1ce", seg="seg"):
    """The files of one patient, a folder for all."""
    return [f"{folder}/{name}_{one}.nii.gz={what}" for one, what in zip((flair, t1, t1ce, seg), "FTCB", strict=True)]


def read(root, opener=open_source, **arguments):
    """Patients of a source to what they were read as, and the source's own problems."""
    with opener(str(root)) as source:
        return {name: source.read(name, OPTIONS, **arguments) for name in source.patients}, source.problems


def assert_whole(readings, *names):
    """All of these patients, and no others, have all sequences, the tumour's mask, and no problem."""
    made = phantom()
    blob = made.volumes["seg"].sum() * 5 * 6 * 11
    assert sorted(readings) == sorted(names)
    for reading in readings.values():
        assert [str(problem) for problem in reading.problems] == []
        assert not any(reading.scan.missing_sequences().values())
        assert reading.scan.mask.sum() * np.prod(reading.scan.spacing) == pytest.approx(blob, rel=0.25)


def test_brats_with_its_folders_of_grades(tmp_path):
    names = {"HGG": ["Brats18_2013_10_1", "Brats18_CBICA_AAB_1"], "LGG": ["Brats18_2013_0_1"]}
    lay(tmp_path, *(file for grade in names for name in names[grade] for file in full(f"{grade}/{name}", name)))
    readings, problems = read(tmp_path)
    assert_whole(readings, *names["HGG"], *names["LGG"])
    assert problems == []


@pytest.mark.parametrize("deep", ["", "UPENN-GBM/NIfTI-files/"])
def test_upenn_gbm_with_a_folder_a_kind_of_file(tmp_path, deep):
    names = ["UPENN-GBM-00001_11", "UPENN-GBM-00002_11"]
    for name in names:
        files = [f"{deep}images_structural/{name}/{name}_{one}.nii.gz" for one in ("FLAIR=F", "T1=T", "T1GD=C", "T2=F")]
        files = [file.replace("=F.nii.gz", ".nii.gz=F").replace("=T.nii.gz", ".nii.gz=T") for file in files]
        files = [file.replace("=C.nii.gz", ".nii.gz=C") for file in files]
        lay(
            tmp_path,
            *files,
            f"{deep}images_DTI/images_DTI/{name}/{name}_DTI_FA.nii.gz=T",
            f"{deep}images_DSC/{name}/{name}_DSC_ap-rCBV.nii.gz=T",
            f"{deep}images_segm/{name}_segm.nii.gz=B",
        )
    readings, problems = read(tmp_path)
    assert_whole(readings, *names)
    assert problems == []


def test_upenn_gbm_prefers_what_was_drawn_by_hand_and_stripped_of_the_skull(tmp_path):
    name = "UPENN-GBM-00001_11"
    lay(
        tmp_path,
        *full(f"images_structural/{name}", name, "FLAIR", "T1", "T1GD")[:3],
        f"images_structural_unstripped/{name}/{name}_FLAIR_unstripped.nii.gz=F",
        f"images_segm/{name}_segm.nii.gz=B",
        f"automated_segm/{name}_automated_approx_segm.nii.gz=H",
    )
    ((patient, reading),) = read(tmp_path)[0].items()
    assert patient == name
    assert reading.scan is not None
    said = " ".join(problem.what for problem in reading.problems)
    assert f"{name}_FLAIR.nii.gz is taken for FLAIR, and not {name}_FLAIR_unstripped.nii.gz" in said
    assert f"{name}_segm.nii.gz is taken for the mask, and not {name}_automated_approx_segm.nii.gz" in said


def test_ucsf_pdgm_with_masks_of_the_brain_and_a_person_who_came_back(tmp_path):
    for name in ("UCSF-PDGM-0004", "UCSF-PDGM-0429", "UCSF-PDGM-0429_FU003d"):
        lay(
            tmp_path,
            *full(f"{name}_nifti", name, "FLAIR", "T1", "T1c", "tumor_segmentation"),
            f"{name}_nifti/{name}_brain_segmentation.nii.gz=H",
            f"{name}_nifti/{name}_brain_parenchyma_segmentation.nii.gz=H",
            f"{name}_nifti/{name}_DTI_eddy_MD.nii.gz=T",
        )
    readings, _ = read(tmp_path)
    assert_whole(readings, "UCSF-PDGM-0004", "UCSF-PDGM-0429", "UCSF-PDGM-0429_FU003d")
    assert len({subject_of(name) for name in readings}) == 2


@pytest.mark.parametrize("pipeline", ["manual_masks/", ""])
def test_bids_with_masks_below_derivatives(tmp_path, pipeline):
    for name in ("sub-01", "sub-02"):
        lay(
            tmp_path,
            *full(f"{name}/anat", name, "FLAIR", "T1w", "ce-gadolinium_T1w")[:3],
            f"{name}/func/{name}_task-rest_bold.nii.gz=T",
            f"derivatives/{pipeline}{name}/anat/{name}_label-lesion_mask.nii.gz=B",
            f"derivatives/bet/{name}/anat/{name}_desc-brain_mask.nii.gz=H",
            f"derivatives/bet/{name}/anat/{name}_desc-preproc_T1w.nii.gz=T",
        )
    (tmp_path / "dataset_description.json").write_text("{}", encoding="utf-8")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "convert.py").write_text("", encoding="utf-8")
    readings, problems = read(tmp_path)
    assert_whole(readings, "sub-01", "sub-02")
    assert problems == []


def test_bids_sessions_get_their_own_masks(tmp_path):
    for session in ("ses-pre", "ses-post"):
        start = f"sub-01_{session}"
        lay(
            tmp_path,
            *full(f"sub-01/{session}/anat", start, "FLAIR", "T1w", "ce-gd_T1w")[:3],
            f"derivatives/lesions/sub-01/{session}/anat/{start}_label-tumor_dseg.nii.gz=B",
        )
    readings, problems = read(tmp_path)
    assert_whole(readings, "sub-01_ses-pre", "sub-01_ses-post")
    assert problems == []
    assert {subject_of(name) for name in readings} == {"sub-01"}


MODALITIES = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}


@pytest.mark.parametrize("key", ["modality", "channel_names"])
@pytest.mark.parametrize("form", ["decathlon", "nnU-Net"])
def test_images_and_labels_with_what_dataset_json_says_of_channels(tmp_path, form, key):
    made = phantom()
    stack = np.stack([made.volumes[one] for one in ("flair", "t1", "t1ce", "flair")], -1)
    for name in ("BRATS_001", "BRATS_002"):
        put(tmp_path / "labelsTr" / f"{name}.nii.gz", made.volumes["seg"], made.affine)
        if form == "decathlon":
            put(tmp_path / "imagesTr" / f"{name}.nii.gz", stack, made.affine)
        else:
            for channel in range(4):
                put(tmp_path / "imagesTr" / f"{name}_{channel:04}.nii.gz", stack[..., channel], made.affine)
    (tmp_path / "dataset.json").write_text(json.dumps({key: MODALITIES}), encoding="utf-8")
    readings, problems = read(tmp_path)
    assert_whole(readings, "BRATS_001", "BRATS_002")
    assert problems == []


@pytest.mark.parametrize("form", ["decathlon", "nnU-Net"])
def test_channels_of_which_nothing_says_what_they_are_are_refused_with_the_knob(tmp_path, form):
    made = phantom()
    stack = np.stack([made.volumes[one] for one in ("flair", "t1", "t1ce", "flair")], -1)
    if form == "decathlon":
        put(tmp_path / "imagesTr" / "B_001.nii.gz", stack, made.affine)
    else:
        for channel in range(4):
            put(tmp_path / "imagesTr" / f"B_001_{channel:04}.nii.gz", stack[..., channel], made.affine)
    put(tmp_path / "labelsTr" / "B_001.nii.gz", made.volumes["seg"], made.affine)
    readings, _ = read(tmp_path)
    (problem,) = readings["B_001"].problems
    assert readings["B_001"].scan is None
    assert "ingest.channels" in str(problem)
    with open_source(tmp_path) as source:
        told = Options(size=40, spacing=6.0, channels=("flair", "pre", "post", "t2"))
        assert_whole({"B_001": source.read("B_001", told)}, "B_001")


def test_a_folder_of_pictures_alone_is_read_by_the_dataset_json_above_it(tmp_path):
    made = phantom()
    for channel, role in enumerate(("flair", "t1", "t1ce", "flair")):
        put(tmp_path / "set" / "imagesTs" / f"B_001_{channel:04}.nii.gz", made.volumes[role], made.affine)
    (tmp_path / "set" / "dataset.json").write_text(json.dumps({"channel_names": MODALITIES}), encoding="utf-8")
    ((patient, reading),) = read(tmp_path / "set" / "imagesTs", open_input, masks=False)[0].items()
    assert (patient, reading.problems) == ("B_001", [])
    assert not any(reading.scan.missing_sequences().values())


def test_years_at_the_ends_of_names_are_no_channels(tmp_path):
    lay(tmp_path, *full("P1", "P1", "flair_2019", "t1_2019", "t1ce_2019", "seg_2019"))
    assert_whole(read(tmp_path)[0], "P1")


def test_a_file_beside_the_persons_of_a_group_is_lost_and_they_are_not(tmp_path):
    lay(tmp_path, *full("HGG/P1", "P1"), *full("HGG/P2", "P2"), *full("LGG/P3", "P3"), "HGG/atlas.nii.gz=T")
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2", "P3")
    assert [problem.lost for problem in problems] == [True]


def test_masks_without_a_word_in_a_folder_of_masks(tmp_path):
    for name in ("P1", "P2"):
        lay(tmp_path, *(f"images/{file.removeprefix('./')}" for file in full(".", name)[:3]), f"masks/{name}.nii.gz=B")
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2")
    assert problems == []


def test_erasmus_glioma_database_with_a_folder_a_scan(tmp_path):
    for name in ("EGD-0001", "EGD-0002"):
        kinds = ("1_T1", "T1=T"), ("2_T1GD", "T1GD=C"), ("3_T2", "T2=F"), ("4_FLAIR", "FLAIR=F"), ("5_MASK", "MASK=B")
        for folder, file in kinds:
            lay(tmp_path, f"{name}/{folder}/NIFTI/{file[:-2]}.nii.gz{file[-2:]}")
    assert_whole(read(tmp_path)[0], "EGD-0001", "EGD-0002")


@pytest.mark.parametrize("identity", ["", "12345"])
def test_the_dicom_that_bids_was_made_from_does_not_hide_it(tmp_path, identity):
    lay(tmp_path, *full("sub-01/anat", "sub-01", "FLAIR", "T1w", "ce-gd_T1w", "label-lesion_mask"))
    lay(tmp_path, *full("sub-02/anat", "sub-02", "FLAIR", "T1w", "ce-gd_T1w", "label-lesion_mask"))
    write_dicom(tmp_path / "sourcedata", made_up_scan("sub-01"), mask=False)
    for path in (tmp_path / "sourcedata").rglob("*.dcm"):
        data = dcmread(path)
        data.PatientID = identity
        data.save_as(path)
    readings, problems = read(tmp_path)
    assert_whole(readings, "sub-01", "sub-02")
    assert problems == []


def test_dicom_without_identity_beside_nifti_is_told_once_and_not_by_name(tmp_path):
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"))
    for name in ("DOE_JOHN/a.dcm", "DOE_JOHN/series/b.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2")
    assert [(problem.kind, problem.lost) for problem in problems] == [("identity", True)]
    assert "DOE" not in str(problems)


def test_what_brain_extraction_leaves_beside_the_scan_is_not_taken_for_the_tumour(tmp_path):
    lay(tmp_path, *full("P1", "P1"), "P1/P1_flair_mask.nii.gz=H", "P1/P1_flair_bet.nii.gz=F")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan.mask.any()
    assert sorted(problem.what for problem in reading.problems) == [
        "P1_flair.nii.gz is taken for FLAIR, and not P1_flair_bet.nii.gz",
        "P1_seg.nii.gz is taken for the mask, and not P1_flair_mask.nii.gz",
    ]


def test_a_folder_a_visit_is_one_person(tmp_path):
    for person in ("100010", "100011"):
        for visit in ("time01", "time02"):
            lay(tmp_path, *full(f"{person}/{visit}", f"{person}_{visit}"))
    readings, _ = read(tmp_path)
    assert len(readings) == 4
    assert {subject_of(name) for name in readings} == {"100010", "100011"}


def test_folders_of_which_nothing_tells_whose_they_are_stay_together(tmp_path):
    for top in ("A", "B"):
        for sub in ("x1", "x2"):
            lay(tmp_path, f"{top}/{sub}/flair.nii.gz=F", f"{top}/{sub}/seg.nii.gz=B")
    readings, problems = read(tmp_path)
    assert {subject_of(name) for name in readings} == {"A", "B"}
    assert [problem.kind for problem in problems] == ["choice", "choice"]


def test_patients_of_one_name_in_two_groups_are_two(tmp_path):
    lay(tmp_path, *full("site-1/001", "001"), *full("site-2/001", "001"), *full("site-2/002", "002"))
    assert_whole(read(tmp_path)[0], "001", "site-2_001", "002")


def test_files_side_by_side_are_sorted_by_what_their_names_have_in_common(tmp_path):
    lay(tmp_path, *(file.removeprefix("./") for name in ("P1", "P2") for file in full(".", name)))
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2")
    assert problems == []


def test_a_folder_a_sequence(tmp_path):
    for name in ("P1", "P2"):
        lay(
            tmp_path,
            *(f"{name}/{kind}/0001.nii.gz={what}" for kind, what in zip(("FLAIR", "T1", "T1_KM"), "FTC", strict=True)),
        )
        lay(tmp_path, f"{name}/seg/0001_seg.nii.gz=B")
    assert_whole(read(tmp_path)[0], "P1", "P2")


@pytest.mark.parametrize("unknown", ["brain.nii.gz", "FS_result.nii.gz", "x.nii"])
def test_a_file_without_a_word_beside_a_complete_set_is_passed_over_and_told(tmp_path, unknown):
    lay(tmp_path, *full("FS", "FS"), f"FS/{unknown}=T", "FS/FA.nii.gz=T", "FS/FS_ASL.nii.gz=T")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan.mask.any()
    (problem,) = reading.problems
    assert (problem.kind, problem.what) == ("unknown", f"{unknown}: passed over, the name tells no sequence")


@pytest.mark.parametrize("name", ["bet_flair_bet_mask", "bet_brainmask", "sub_desc-brain_mask", "hd_bet_mask"])
def test_a_mask_of_the_brain_is_told_by_its_name(tmp_path, name):
    lay(tmp_path, *full("bet", "bet")[:3], f"bet/{name}.nii.gz=H")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan.mask is None
    assert sorted(problem.kind for problem in reading.problems) == ["missing_mask", "unknown"]


@pytest.mark.parametrize("name", ["bet_flair_mask", "bet_mask", "bet_seg", "bet_tumor"])
def test_a_mask_of_the_head_by_any_name_is_refused(tmp_path, name):
    lay(tmp_path, *full("bet", "bet")[:3], f"bet/{name}.nii.gz=H")
    ((_, reading),) = read(tmp_path)[0].items()
    assert reading.scan is None
    (problem,) = reading.problems
    assert problem.kind == "mask_values"
    assert "of the head" in problem.what


@pytest.mark.parametrize("shape", [(40, 32, 12, 1, 3), (40, 32, 12, 3, 1)], ids=["channels last", "one at the end"])
def test_axes_of_one_step_behind_the_third_are_nothing(tmp_path, shape):
    made = phantom()
    stack = np.stack([made.volumes[role] for role in ("t1", "flair", "t1ce")], -1).reshape(shape)
    put(tmp_path / "P1.nii.gz", stack, made.affine)
    put(tmp_path / "P1_mask.nii.gz", made.volumes["seg"], made.affine)
    assert_whole(read(tmp_path)[0], "P1")


def test_four_dimensional_files_beside_folders_are_patients_too(tmp_path):
    made = phantom()
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"))
    stack = np.stack([made.volumes[role] for role in ("t1", "flair", "t1ce")], -1)
    put(tmp_path / "P3.nii.gz", stack, made.affine)
    put(tmp_path / "P3_mask.nii.gz", made.volumes["seg"], made.affine)
    readings, problems = read(tmp_path)
    assert_whole(readings, "P1", "P2", "P3")
    assert problems == []


@pytest.mark.parametrize("beside", ["T1_alone_t1.nii.gz", "other.mha", "IM0001.dcm", "odd/x.nrrd", "odd/y.mgz"])
def test_what_may_be_a_scan_and_is_nobodys_is_lost(tmp_path, beside):
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"))
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    (tmp_path / beside).write_bytes(b"\0" * 200)
    (problem,) = read(tmp_path)[1]
    assert (problem.kind, problem.lost) == ("skipped", True)
    assert (beside if "/" not in beside else "odd") in problem.what


@pytest.mark.parametrize(
    "beside", ["README", "participants.tsv", "docs/manual.pdf", "P1/P1.json", "derivatives/x/r.html"]
)
def test_what_is_no_scan_is_not_lost(tmp_path, beside):
    lay(tmp_path, *full("P1", "P1"), *full("P2", "P2"))
    (tmp_path / beside).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / beside).write_text("hello", encoding="utf-8")
    assert not any(problem.lost for problem in read(tmp_path)[1])


@pytest.mark.parametrize(
    ("address", "patients"),
    [
        ("sub-01", ["sub-01_ses-a", "sub-01_ses-b"]),
        ("sub-01/ses-b", ["sub-01_ses-b"]),
        ("sub-01/ses-b/anat", ["sub-01_ses-b"]),
        ("sub-02", ["sub-02"]),
        ("sub-02/anat", ["sub-02"]),
        ("sub-02/anat/sub-02_FLAIR.nii.gz", ["sub-02"]),
        ("", ["sub-01_ses-a", "sub-01_ses-b", "sub-02"]),
    ],
)
def test_a_subject_of_bids_keeps_its_name_wherever_one_points(tmp_path, address, patients):
    for folder, name in (("sub-01/ses-a", "sub-01_ses-a"), ("sub-01/ses-b", "sub-01_ses-b"), ("sub-02", "sub-02")):
        lay(tmp_path / "bids", f"{folder}/anat/{name}_FLAIR.nii.gz=F", f"{folder}/anat/{name}_T1w.nii.gz=T")
    readings, problems = read(tmp_path / "bids" / address, open_input, masks=False)
    assert (sorted(readings), problems) == (patients, [])
    assert all(reading.scan is not None and reading.problems == [] for reading in readings.values())


@pytest.mark.parametrize("inside", ["nifti", "NIfTI", "mri", "scans", "anat"])
def test_a_folder_that_says_what_its_files_are_names_nobody(tmp_path, inside):
    for name in ("P1", "P2"):
        lay(tmp_path, f"{name}/{inside}/flair.nii.gz=F", f"{name}/{inside}/t1.nii.gz=T")
        for address in (tmp_path / name, tmp_path / name / inside, tmp_path / name / inside / "flair.nii.gz"):
            assert list(read(address, open_input, masks=False)[0]) == [name]


def test_visits_of_a_person_keep_the_persons_name(tmp_path):
    for visit in ("baseline", "followup1"):
        lay(tmp_path, f"P1/{visit}/flair.nii.gz=F", f"P2/{visit}/flair.nii.gz=F")
    found = [name for person in ("P1", "P2") for name in read(tmp_path / person, open_input, masks=False)[0]]
    assert found == ["P1_ses-baseline", "P1_ses-followup1", "P2_ses-baseline", "P2_ses-followup1"]


def test_one_flair_file_is_a_scan_with_flair_for_what_is_missing(tmp_path):
    lay(tmp_path, "patient7_FLAIR.nii.gz=F", "patient7_T1.nii.gz=T")
    ((patient, reading),) = read(tmp_path / "patient7_FLAIR.nii.gz", open_input, masks=False)[0].items()
    assert (patient, reading.problems) == ("patient7", [])
    assert all(reading.scan.missing_sequences().values())


def test_one_file_of_another_sequence_or_of_none_is_refused_with_what_to_do(tmp_path):
    lay(tmp_path, "patient7_T1.nii.gz=T", "scan.nii.gz=F")
    with pytest.raises(UserError, match=r"T1 by its name; FLAIR is needed: give the patient's folder"):
        read(tmp_path / "patient7_T1.nii.gz", open_input, masks=False)
    ((_, reading),) = read(tmp_path / "scan.nii.gz", open_input, masks=False)[0].items()
    (problem,) = reading.problems
    assert problem.advice == "if it is FLAIR, call it scan_flair.nii.gz"
    (tmp_path / "scan.nii.gz").rename(tmp_path / "scan_flair.nii.gz")
    ((patient, reading),) = read(tmp_path / "scan_flair.nii.gz", open_input, masks=False)[0].items()
    assert patient == "scan"
    assert reading.scan is not None


@pytest.mark.parametrize(
    ("files", "says"),
    [(["a.mha", "b.nrrd"], "convert .mha, .nrrd to NIfTI"), (["x_t1.nii.gz"], "call it NAME_flair.nii.gz")],
)
def test_a_folder_in_which_nothing_is_known_is_told_what_to_do(tmp_path, files, says):
    for file in files:
        (tmp_path / file).write_bytes(b"x")
    with pytest.raises(UserError, match=says):
        read(tmp_path)
