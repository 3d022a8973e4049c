"""Where the registry keeps what, and the names of its stages."""

from __future__ import annotations

from pathlib import Path

ARTIFACT = "layered"  # in dvc.yaml and in the tags
FOLDER = Path("registry")
MODEL = FOLDER / ARTIFACT  # the newest version, as `dvc artifacts get` brings any of them
POINTER = FOLDER / f"{ARTIFACT}.dvc"
SUMMARY = FOLDER / "dossier.json"  # what the table and promotion need; lies in Git, so that nothing has to be fetched
DOSSIER = "dossier"  # inside of MODEL
PUSHED = Path("reports/push.json")  # what the last push came to
STAGING, PROD = STAGES = ("staging", "prod")
