"""Where the stages of dvc.yaml keep their output."""

from __future__ import annotations

from pathlib import Path

DEMO = Path("data/demo")
SCANS = Path("data/scans")
MANIFEST = Path("data/manifest.csv")
PROBLEMS = Path("data/problems.csv")
SPLITS = Path("data/splits.csv")
LEDGER = Path("data/ledger.csv")
EXAMPLES = Path("data/examples")
VALIDATION = Path("data/validation")
ARTIFACTS = Path("artifacts")
LAYERED = ARTIFACTS / "layered"
PREDICTIONS = ARTIFACTS / "predictions"
FOLDS = ARTIFACTS / "crossval"  # predictions of a cross-validation, a folder for each fold
BLESSING = ARTIFACTS / "blessing"
METRICS = Path("reports/metrics.json")
DETAILS = Path("reports/details.json")
REPORT = Path("reports/report.html")
PLOTS = Path("reports/plots")
CARD = Path("reports/model_card.md")
LIVE = Path("reports/training")
