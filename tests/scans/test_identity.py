"""Person and site from a scan's name, fingerprints, and safe file names."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from components.scans.identity import file_name, fingerprint, site_of, subject_of


@pytest.mark.parametrize(
    ("patient", "subject", "site"),
    [
        ("TCGA_DU_7298_19910324", "TCGA_DU_7298", "DU"),
        ("TCGA_DU_7298_19910324_exam2", "TCGA_DU_7298", "DU"),
        ("TCGA-DU-7298", "TCGA_DU_7298", "DU"),
        ("TCGA-DU-7298_exam3", "TCGA_DU_7298", "DU"),
        ("TCGA-DU-7298_19910324", "TCGA_DU_7298", "unknown"),
        ("BraTS-GLI-00005-101", "BraTS-GLI-00005", "unknown"),
        ("BraTS20_Training_001", "BraTS20_Training_001", "unknown"),
        ("UPENN-GBM-00006_21", "UPENN-GBM-00006", "unknown"),
        ("UCSF-PDGM-0004_FU003d", "UCSF-PDGM-0004", "unknown"),
        ("UCSF-PDGM-0004", "UCSF-PDGM-0004", "unknown"),
        ("sub-01_ses-02", "sub-01", "unknown"),
        ("P001_20200101", "P001", "unknown"),
        ("P003-20210101", "P003", "unknown"),
        ("P002_2021-01-01", "P002", "unknown"),
        ("P002 2021-01-01", "P002", "unknown"),
        ("P002.20210101", "P002", "unknown"),
        ("P002__20210101", "P002", "unknown"),
        ("glioma_s1", "glioma_s1", "unknown"),
        ("12345678", "12345678", "unknown"),
        ("P_99999999", "P_99999999", "unknown"),
    ],
)
def test_person_and_site_are_read_from_the_name(patient, subject, site):
    assert (subject_of(patient), site_of(patient)) == (subject, site)


def test_a_tcga_person_has_the_same_fingerprint_in_both_notations():
    assert fingerprint("TCGA-DU-7298") == fingerprint("TCGA_DU_7298_19910324") == fingerprint("TCGA-DU-7298_exam2")
    assert fingerprint("TCGA-DU-7298") != fingerprint("TCGA-DU-7299")
    assert fingerprint("P-DU-7298") != fingerprint("P_DU_7298")


PERSONS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ENDINGS = [
    "",
    "_20200131",
    "-2021-02-28",
    " 2021-02-28",
    "_2021-02-28",
    "_ses-1",
    "_ses-baseline",
    "_exam2",
    " 20200131_exam3",
]


@given(PERSONS, PERSONS)
@example("Müller", "M ller")
@example("TCGA-DU-7298", "TCGA-DU-7299")
@example("Patient 12", "Patient-12")
@example("UCSF-PDGM-0004_FU ä", "UCSF-PDGM-0004_FU 2")
@example("ä" * 200, "ä" * 199)
def test_safe_names_keep_the_examinations_of_a_person_together(one, other):
    names = [person + ending for person in {one, other} for ending in ENDINGS]
    assume(not any(person.endswith("_mask") for person in map(subject_of, names)))
    assert len({file_name(name) for name in names}) == len(set(names))
    before, after = ([of(name) for name in names] for of in (subject_of, lambda name: subject_of(file_name(name))))
    assert len(set(before)) == len(set(after)) == len(set(zip(before, after, strict=True)))


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=5, unique=True))
def test_file_names_are_safe_and_distinct(identities):
    names = [file_name(identity) for identity in identities]
    assert len(set(names)) == len(names)
    assert all(name and "/" not in name and not name.startswith(".") for name in names)
    assert all(not name.endswith("_mask") for name in names)
