"""Results of `glioflow predict` name patients, so Git ignores them, whichever folder they are in."""

from __future__ import annotations

import json

from dvc_project import run
from layered_choices import CHOICES

from components.predict.local_run import claim


def test_git_ignores_results_in_any_folder(tmp_path):
    run(tmp_path, "git init -q")
    model = tmp_path / "model"
    (model / "assets.extra").mkdir(parents=True)
    (model / "assets.extra" / "layered.json").write_text(json.dumps(CHOICES), encoding="utf-8")
    for name in ("found", "results/of today"):
        claim(tmp_path / name, model)
        (tmp_path / name / "masks").mkdir()
        (tmp_path / name / "masks" / "Doe_Jane_mask.nii.gz").touch()
    untracked = run(tmp_path, "git status --porcelain --untracked-files=all").split("\n")
    assert untracked == ["?? model/assets.extra/layered.json", ""]
