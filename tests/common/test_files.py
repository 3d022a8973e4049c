from __future__ import annotations

import pytest

from components.common.files import atomic_file, atomic_folder, read_json, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "table.csv"

    def fail():
        with atomic_file(path) as part:
            part.write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
    with atomic_file(path) as part:
        part.write_text("whole", encoding="utf-8")
        assert not path.exists()
        assert part.name.endswith(".csv")
    assert path.read_text(encoding="utf-8") == "whole"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    path = tmp_path / "scans"

    def write(text, fail):
        with atomic_folder(path) as part:
            (part / "a").write_text(text, encoding="utf-8")
            if fail:
                raise RuntimeError

    write("old", fail=False)
    with pytest.raises(RuntimeError):
        write("new", fail=True)
    assert (path / "a").read_text(encoding="utf-8") == "old"
    write("new", fail=False)
    assert (path / "a").read_text(encoding="utf-8") == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["scans"]


def test_json_refuses_what_is_not_a_number(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": None})
    assert read_json(tmp_path / "a.json") == {"b": 1, "a": None}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert read_json(tmp_path / "a.json") == {"b": 1, "a": None}
