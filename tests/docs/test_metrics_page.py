"""docs/reference/metrics.md says of every score what it means."""

from __future__ import annotations

import re

import numpy as np
from conftest import ROOT

from components.metrics.mask_scores import patient_scores
from components.metrics.patient_summary import summarise_patients

PAGE = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([\w.]+)`", PAGE))
# `_median` stands for what begins like the name before it, `.._low95` for the bounds of several.
ENDINGS = tuple(name.strip(".") for name in NAMED if name.startswith(("_", "..")))


def test_every_score_of_a_patient_and_every_sum_is_on_the_page():
    mask = np.ones((1, 4, 4), bool)
    scores = patient_scores(mask, mask, (1.0, 1.0, 1.0))
    names = [*scores, *summarise_patients([scores])]
    assert [name for name in names if name not in NAMED and not name.endswith(ENDINGS)] == []
