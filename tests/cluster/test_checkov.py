"""Checkov finds nothing unsafe in Dockerfiles and Terraform; it starts slowly, so it checks all files in one call."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT
from validators import complaints

FOLDER = ROOT / "infra"
MAIN_RECIPE = FOLDER / "docker" / "Dockerfile"
BUCKET = 'resource "google_storage_bucket" "b" {\n  name     = "b"\n  location = "EU"\n}\n'


def run_checkov(folder):
    return complaints(
        "checkov", "--skip-download", "--quiet", "--compact", "--framework", "dockerfile", "terraform", "-d", folder
    )


def test_checkov_finds_nothing_unsafe():
    assert run_checkov(FOLDER) == []


def test_every_checkov_skip_has_a_reason():
    skips = [
        line
        for path in (*FOLDER.rglob("*.tf"), *FOLDER.rglob("*ockerfile"))
        for line in path.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert skips
    assert [line for line in skips if not re.fullmatch(r"\s*#checkov:skip=\w+:.{20,}", line)] == []


@pytest.mark.nightly
def test_checkov_finds_an_open_bucket_a_root_user_and_no_health_check(tmp_path):
    for name, text in {
        "modules/storage/main.tf": BUCKET,
        "docker/Dockerfile": MAIN_RECIPE.read_text().replace("USER 1000\n", ""),
        "docker/predict.Dockerfile": MAIN_RECIPE.read_text().replace("HEALTHCHECK", "#"),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    findings = "\n".join(run_checkov(tmp_path))
    assert [rule for rule in ("CKV_GCP_114", "CKV_DOCKER_3", "CKV_DOCKER_2") if rule not in findings] == []
