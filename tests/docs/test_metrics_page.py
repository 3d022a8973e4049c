"""docs/reference/metrics.md explains every score."""

from __future__ import annotations

import re

import numpy as np
from conftest import ROOT

from components.metrics.mask_scores import patient_scores
from components.metrics.patient_summary import summarise_patients

PAGE = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
NAMES_ON_PAGE = set(re.findall(r"`([\w.]+)`", PAGE))
# `_median` continues the name before it, and `.._low95` stands for the bounds of several scores.
ENDINGS = tuple(name.strip(".") for name in NAMES_ON_PAGE if name.startswith(("_", "..")))


def test_every_patient_score_and_every_summary_is_on_the_page():
    mask = np.ones((1, 4, 4), bool)
    scores = patient_scores(mask, mask, (1.0, 1.0, 1.0))
    names = [*scores, *summarise_patients([scores])]
    assert [name for name in names if name not in NAMES_ON_PAGE and not name.endswith(ENDINGS)] == []
