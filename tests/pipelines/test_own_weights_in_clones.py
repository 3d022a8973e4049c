"""A network in own/weights reaches another clone, and so a pod, through Git and DVC, and reruns nothing there."""

from __future__ import annotations

import shutil

import yaml
from conftest import ROOT
from dvc_project import files, isolate, run

STAGES = {"train": {"cmd": "cp own/weights/v1/segmenter/network.json out", "deps": ["own/weights"], "outs": ["out"]}}


def test_a_clone_gets_the_network_by_a_pull_and_does_not_train_again(tmp_path, monkeypatch, tmp_path_factory):
    isolate(monkeypatch, tmp_path_factory)
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(ROOT / "own", here / "own", ignore=shutil.ignore_patterns("v1*"))
    shutil.copy(ROOT / ".gitignore", here)
    (here / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}), encoding="utf-8")
    network = here / "own" / "weights" / "v1" / "segmenter"
    network.mkdir(parents=True)
    (network / "network.json").write_text("{}", encoding="utf-8")
    run(here, "git init -q -b main")
    run(here, "dvc init -q")
    run(here, "dvc remote add -q -d store", str(tmp_path / "store"))
    run(here, "dvc add -q own/weights/v1")
    run(here, "dvc repro -q")
    run(here, "dvc push -q")
    run(here, "git add .")
    run(here, "git commit -q -m network")
    assert "network.json" not in run(here, "git ls-files")
    run(tmp_path, "git clone -q here there")
    assert not (there / "own" / "weights" / "v1").exists()
    run(there, "dvc pull -q")
    assert files(there / "own") == files(here / "own")
    assert "up to date" in run(there, "dvc status")
