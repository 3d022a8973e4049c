"""Cohorts: which patients to look at together. A good mean can hide one bad site, or all the small tumours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from components.metrics.persons import persons_of

COLUMNS = ["patient", "cohort", "value", "patients", "few"]
# The mean of fewer persons says more about those persons than about their cohort.
FEWEST = 3
# Fixed bounds, in ml of the reference, so that "small" means the same in every run and data set. They lie near the
# terciles of the LGG set (12 and 30), whose images carry no geometry and count as 1 mm per step.
SIZES = ((10.0, "small, below 10 ml"), (30.0, "medium, 10 to 30 ml"), (np.inf, "large, above 30 ml"))
NO_TUMOR, UNKNOWN, NOT_REVIEWED = "no tumour", "unknown", "not reviewed"


def tumor_size(reference_ml: float) -> str:
    """Size class of a reference volume in ml, 0 or more; 10 and 30 ml count as medium, 0 as no tumour."""
    if reference_ml == 0:
        return NO_TUMOR
    small, medium, large = (name for _, name in SIZES)
    if reference_ml < SIZES[0][0]:
        return small
    return medium if reference_ml <= SIZES[1][0] else large


def cohorts(patients: pd.DataFrame, clinical: pd.DataFrame | None = None) -> pd.DataFrame:
    """List the cohorts of every patient.

    Args:
        patients: one row per patient: patient, site, missing_sequence, reference_ml and, optionally, review: "accepted"
            or "corrected" if a human has reviewed the reference, else "".
        clinical: result of `clinical.read_clinical`: patient, and one column of text per cohort.

    Returns:
        One row per patient and cohort: patient, cohort ("site", "missing_sequence", "tumor_size", "review" if there are
        reviewed patients, then the clinical columns), value, patients (how many share the value), few (True if they
        are of fewer than 3 persons). Unknown values are "unknown".

    Raises:
        ValueError: a patient has two rows.
    """
    if patients["patient"].duplicated().any():
        raise ValueError("a patient has more than one row")
    wide = patients[["patient", "site", "missing_sequence"]].assign(
        tumor_size=[tumor_size(ml) for ml in patients["reference_ml"]]
    )
    if "review" in patients and (patients["review"] != "").any():
        wide["review"] = patients["review"].replace("", NOT_REVIEWED)
    if clinical is not None:
        wide = wide.merge(clinical, on="patient", how="left", validate="one_to_one", suffixes=("", " (clinical)"))
    table = wide.melt("patient", var_name="cohort", value_name="value")
    table["value"] = table["value"].fillna(UNKNOWN).astype(str)
    table["patients"] = table.groupby(["cohort", "value"])["patient"].transform("size")
    persons = table.assign(person=persons_of(table["patient"])).groupby(["cohort", "value"])["person"]
    table["few"] = persons.transform("nunique") < FEWEST
    return table[COLUMNS]
