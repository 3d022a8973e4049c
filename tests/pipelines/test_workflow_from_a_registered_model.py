"""The whole workflow, started from the networks of a registered model, which all documents then name."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from conftest import ROOT
from dvc_project import isolate, run
from whole_project import run_command

from components.scans.identity import fingerprint

pytestmark = pytest.mark.nightly  # other tests cover each of these steps by day
NETWORKS = ("classifier", "segmenter")


def test_training_starts_from_a_registered_model_and_documents_name_it(
    project_copy, monkeypatch, tmp_path_factory, warm_programs
):
    isolate(monkeypatch, tmp_path_factory)
    (project_copy / "own").unlink()  # a link to the project's own folder, which this test would fill
    shutil.copytree(ROOT / "own", project_copy / "own")
    for network in NETWORKS:
        target = f"own/weights/v1.0.0/{network}"
        run(project_copy, f"dvc get -q . artifacts/{network} --rev layered@v1.0.0 --out {target}")
        for file in ("network.json", "network.weights.h5"):
            assert (project_copy / target / file).read_bytes() == (
                project_copy / "artifacts" / network / file
            ).read_bytes()
    settings = [word for one in NETWORKS for word in ("-S", f"{one}.start=own/weights/v1.0.0/{one}")]
    result = run_command("glioflow", "run", *settings, cwd=project_copy, PATH=warm_programs[0])
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Running stage 'ingest'" not in result.stdout

    layered = project_copy / "artifacts" / "layered" / "Format-Serving" / "assets.extra" / "layered.json"
    made_from = json.loads(layered.read_text(encoding="utf-8"))["made_from"]
    splits = pd.read_csv(project_copy / "data" / "splits.csv")
    validated = (splits["split"] == "val").sum()
    assert {one["started_from"][0] for one in made_from.values()} == {f"own/weights/v1.0.0/{one}" for one in NETWORKS}
    assert {one["validation_known_to_start"] for one in made_from.values()} == {validated}
    learned = {fingerprint(name) for name in splits.loc[splits["split"] != "test", "patient"]}
    assert [set(one["people"]) for one in made_from.values()] == [learned, learned]
    findings = json.loads((project_copy / "reports" / "details.json").read_text(encoding="utf-8"))["findings"]
    assert sum("which was trained or chosen on" in sentence for sentence in findings) == 2
    for document in ("model_card.md", "report.html"):
        text = (project_copy / "reports" / document).read_text(encoding="utf-8")
        assert "started from a trained network, own/weights/v1.0.0/segmenter, and so" in text, document
    versions = project_copy / "registry" / "layered" / "dossier" / "versions.json"
    assert json.loads(versions.read_text(encoding="utf-8"))["data"] == made_from

    refused = run_command("glioflow", "run", "-S", "split.fold=0", cwd=project_copy, PATH=warm_programs[0])
    assert refused.returncode != 0
    assert "test patients, whose scores would be worthless" in refused.stdout + refused.stderr
