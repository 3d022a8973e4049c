"""Paths that Beam and TensorFlow would read as patterns are passed to them under another name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.common import plain_path as links
from components.layered.predictor import Predictor

pytest_plugins = ["evaluation_fixtures"]


@pytest.mark.parametrize("name", ["plain", "with a blank", "[2024] set", "a*b", "what?"])
def test_files_in_a_folder_of_any_name_are_found(tmp_path, name):
    (tmp_path / name / "Split-train").mkdir(parents=True)
    (tmp_path / name / "Split-train" / "a.gz").touch()
    address = links.plain_path(tmp_path / name)
    (found,) = tf.io.gfile.glob(f"{address}/Split-train/*")
    assert Path(found).samefile(tmp_path / name / "Split-train" / "a.gz")
    assert (address == str(tmp_path / name)) == (name in ("plain", "with a blank"))


def test_links_are_removed_at_exit(tmp_path, monkeypatch):
    monkeypatch.setattr(links, "_LINKS", [])
    (tmp_path / "[1]").mkdir()
    link = Path(links.plain_path(tmp_path / "[1]"))
    assert link.is_symlink()
    links._LINKS[0].cleanup()  # as at exit
    assert not link.parent.exists()
    assert (tmp_path / "[1]").is_dir()


def test_a_model_in_a_folder_with_brackets_is_loaded(good_model, tmp_path):
    folder = tmp_path / "[2024] models"
    shutil.copytree(good_model.layered, folder / "layered")
    slices = np.zeros((1, 32, 32, 3), np.uint8)
    assert Predictor(folder / "layered").serve(slices)["mask"].shape == (1, 32, 32)
