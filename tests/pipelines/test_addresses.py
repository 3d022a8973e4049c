"""Paths that Beam and TensorFlow would take for patterns reach them by another name."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from pipelines import local


@pytest.mark.parametrize("name", ["plain", "with a blank", "[2024] set", "a*b", "what?"])
def test_what_lies_in_a_folder_is_found_by_its_address_whatever_its_name(tmp_path, name):
    (tmp_path / name / "Split-train").mkdir(parents=True)
    (tmp_path / name / "Split-train" / "a.gz").touch()
    address = local.address(tmp_path / name)
    (found,) = tf.io.gfile.glob(f"{address}/Split-train/*")
    assert Path(found).samefile(tmp_path / name / "Split-train" / "a.gz")
    assert (address == str(tmp_path / name)) == (name in ("plain", "with a blank"))


def test_links_are_gone_with_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "LINKS", [])
    (tmp_path / "[1]").mkdir()
    link = Path(local.address(tmp_path / "[1]"))
    assert link.is_symlink()
    local.LINKS[0].cleanup()  # as at the end
    assert not link.parent.exists()
    assert (tmp_path / "[1]").is_dir()
