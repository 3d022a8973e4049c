"""The tables for `dvc plots show`, checked against independent implementations."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from made_up_run import made_up_run, made_up_scan, names_of_patients
from sklearn.metrics import auc, roc_auc_score

from components.report.curves import write_plots

pytest_plugins = ["run_fixtures"]


@pytest.fixture(scope="module")
def plots(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plots") / "plots"
    write_plots(folder, finished)
    return {path.name: pd.read_csv(path) for path in folder.iterdir()}


def test_the_area_under_the_roc_equals_the_auroc(finished, plots):
    table = plots["roc.csv"]
    area = auc(table["false_positive_rate"], table["true_positive_rate"])
    assert area == pytest.approx(roc_auc_score(finished.slices["has_tumor"], finished.slices["tumor_probability"]))
    assert (table["chance"] == table["false_positive_rate"]).all()


def test_reliability_tables_match_the_reported_calibration_errors(finished, plots):
    expected = {
        "slices": finished.metrics["classifier"]["ece"],
        "pixels": finished.metrics["calibration"]["mask_pixel_ece_from_1_percent"],
    }
    for name, value in expected.items():
        table = plots[f"reliability_{name}.csv"]
        gap = (table["calibrated"] - table["observed_frequency"]).abs()
        assert (gap * table["count"]).sum() / table["count"].sum() == pytest.approx(value)


def test_the_risk_at_full_coverage_is_one_minus_the_mean_dice(finished, plots):
    last = plots["risk_coverage.csv"].iloc[-1]
    assert last["coverage"] == 1
    for name in ("risk", "random", "oracle"):
        assert last[name] == pytest.approx(1 - finished.metrics["layered"]["volume_dice_mean"])


def test_patients_are_sorted_best_first(plots):
    assert plots["patients.csv"]["volume_dice"].is_monotonic_decreasing
    assert len(plots["patients.csv"]) == 10


def test_plots_name_no_patient(finished, tmp_path):
    """`dvc exp save` commits the plots even if Git ignores them."""
    write_plots(tmp_path / "plots", finished)
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "plots").iterdir())
    assert [name for name in finished.manifest["patient"].unique() if name in text] == []


def test_unmeasurable_curves_have_columns_and_no_rows(tmp_path, tiny_params):
    scans = [made_up_scan(name, tumor=None) for name in names_of_patients(2)]
    write_plots(tmp_path / "plots", made_up_run(tmp_path / "run", tiny_params, scans))
    for name in ("roc", "patients", "risk_coverage"):
        table = pd.read_csv(tmp_path / "plots" / f"{name}.csv")
        assert len(table) == 0
        assert len(table.columns) > 1


def test_dvc_yaml_plots_every_file_with_columns_it_has(plots):
    declared = {}
    for entry in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]:
        for settings in entry.values():
            for path, columns in settings["y"].items():
                if path.startswith("reports/plots/"):
                    several = [columns] if isinstance(columns, str) else columns
                    declared[path.rpartition("/")[2]] = {settings["x"], *several}
    assert set(declared) == set(plots)
    for name, columns in declared.items():
        assert columns <= set(plots[name]), name
