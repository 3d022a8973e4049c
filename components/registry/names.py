"""Where the registry keeps its files, and the names of its stages."""

from __future__ import annotations

from pathlib import Path

ARTIFACT = "layered"  # in dvc.yaml and in the tags
FOLDER = Path("registry")
MODEL = FOLDER / ARTIFACT  # the newest version; `dvc artifacts get` puts any version there
POINTER = FOLDER / f"{ARTIFACT}.dvc"
SUMMARY = FOLDER / "dossier.json"  # what the table and promotion need; kept in Git, so that nothing has to be fetched
DOSSIER = "dossier"  # inside MODEL
PUSHED = Path("reports/push.json")  # result of the last push
STAGING, PROD = STAGES = ("staging", "prod")
