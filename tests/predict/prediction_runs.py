"""What tests of predictions share: the options of a run, and what is in its folder."""

from __future__ import annotations

import csv

from layered_models import write_layered

from pipelines import predicting

NO_OPTIONS = {"overlays": False, "doubt": False, "resume": False, "beam_args": [], "storage": None}


def write_model(folder):
    """Write a model with specks, which the processing removes, and with pixels in slices that stage 1 rejects."""
    write_layered(folder, cut=28.0, processing={"largest": False, "min_ml": 0.02}, tumor_threshold=0.6)
    return folder


def predict_with_overlays(source, model, out):
    assert predicting.run((str(source),), str(model), str(out), **NO_OPTIONS | {"overlays": True}) == 0
    return out


def rows(folder):
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
