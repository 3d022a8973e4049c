"""The tables behind the curves of the test patients, drawn by the page and by `dvc plots show`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_curve

from components.common.files import atomic_folder
from components.metrics.risk import risk_coverage
from components.report.run_data import Run


def roc_table(run: Run) -> pd.DataFrame:
    """ROC of stage 1 on test slices: false_positive_rate, true_positive_rate, chance; no rows without both classes."""
    labels = run.slices["has_tumor"]
    if labels.nunique() < 2:
        return pd.DataFrame(columns=["false_positive_rate", "true_positive_rate", "chance"], dtype=float)
    false, true, _ = roc_curve(labels, run.slices["tumor_probability"], drop_intermediate=False)
    return pd.DataFrame({"false_positive_rate": false, "true_positive_rate": true, "chance": false})


def risk_table(run: Run) -> pd.DataFrame:
    """`risk_coverage` of the patients with a tumour."""
    with_tumor = run.with_tumor
    return risk_coverage(with_tumor["doubt"].to_numpy(), with_tumor["volume_dice"].to_numpy())


def _calibrated(table: pd.DataFrame) -> pd.DataFrame:
    """Return a reliability table with the frequency expected of calibrated probabilities."""
    return table.assign(calibrated=table["mean_probability"])


def write_plots(folder: str | Path, run: Run) -> None:
    """Write one CSV per curve into `folder`: roc, patients, reliability_slices, reliability_pixels, risk_coverage.

    Patients are numbered, best first, rather than named: `dvc exp save` commits plotted files even if Git ignores them.
    """
    numbered = run.with_tumor.assign(patient=[f"patient {number}" for number in range(1, len(run.with_tumor) + 1)])
    tables = {
        "roc": roc_table(run),
        "patients": numbered[["patient", "volume_dice", "doubt", "referred"]],
        "reliability_slices": _calibrated(run.reliability_of_slices()),
        "reliability_pixels": _calibrated(run.reliability_of_pixels()),
        "risk_coverage": risk_table(run),
    }
    with atomic_folder(folder) as part:
        for name, table in tables.items():
            table.to_csv(part / f"{name}.csv", index=False)
